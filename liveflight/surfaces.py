"""The control surfaces of a show: opened, asked and told together. One that fails is reported once,
counted afterwards, and the flight goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from liveflight import takeoff
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message
from liveflight.core.surface import Surface
from liveflight.flight import Flight
from liveflight.inputs.link import LinkInput
from liveflight.inputs.midi import MidiInput
from liveflight.inputs.midi_absent import FAILED, NOT_WANTED, NoMidi
from liveflight.inputs.osc import OscInput
from liveflight.inputs.osc_feedback import OscFeedback
from liveflight.inputs.oscquery import OscQuery
from liveflight.inputs.score_player import ScorePlayer
from liveflight.inputs.score_recorder import ScoreRecorder
from liveflight.inputs.sound import SoundInput
from liveflight.takeoff import Options

Report = Callable[[object], None]
T = TypeVar("T")


class Surfaces:
    def __init__(self, mailbox: Mailbox, report: Report) -> None:
        """`report` is told of trouble."""
        self._mailbox, self._report = mailbox, report
        self.opened: list[Surface] = []
        self._owed: deque[tuple[float, Mapping[str, Value], Sequence[Message]]] = deque()

    def open(self, surfaces: Iterable[Surface]) -> None:
        """Adds those that can be opened, each before the next is asked for."""
        for surface in surfaces:
            try:
                self.add(surface)
            except LiveflightError as error:
                self._report(f"{error}; flying on without")
            except Exception as error:
                self._report(f"a control surface cannot be opened: {error!r}; flying on without")

    def add(self, surface: Surface) -> None:
        """Opens one that is indispensable. Raises LiveflightError where it cannot."""
        surface.open(self._mailbox)
        self.opened.append(surface)

    def drop(self, surface: Surface) -> None:
        """Closes one."""
        self.opened.remove(surface)
        self._guarded(surface.close)

    def poll(self, now: float) -> None:
        for surface in self.opened:
            self._guarded(partial(surface.poll, now))

    def tell(
        self,
        now: float,
        values: Mapping[str, Value],
        heard: Sequence[Message],
        *,
        later: bool = False,
    ) -> None:
        """`later`: with the next frame, just before it tells of itself."""
        self._owed.append((now, values, heard))
        if not later:
            self._settle()

    def lines(self) -> list[str]:
        """What all of them have for the HUD."""
        return [line for surface in self.opened for line in self._guarded(surface.lines) or ()]

    def close(self) -> None:
        """May be called twice."""
        self._settle()
        while self.opened:
            self._guarded(self.opened.pop().close)

    def _settle(self) -> None:
        while self._owed:
            frame = self._owed.popleft()
            for surface in self.opened:
                self._guarded(partial(surface.tell, *frame))

    def _guarded(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except LiveflightError as error:
            self._report(error)
            return None
        except Exception as error:
            self._report(f"a control surface failed: {error!r}")
            return None


def take_off(flight: Flight, options: Options) -> list[Surface]:
    """The flight begins; the surfaces that record it, and that play what was recorded.

    Raises LiveflightError for names that do not exist."""
    score = takeoff.take_off(flight, options)
    scores: list[Surface] = [ScorePlayer(options.replay)] if options.replay else []
    if options.record:
        recorder = ScoreRecorder(options.record, score)
        flight.looks.shelf.heard = recorder.note
        scores.append(recorder)
    if score.cues:
        flight.cues.start(score.cues)
    return scores


def asked_for(options: Options) -> Iterator[Surface]:
    """The control surfaces that were asked for."""
    osc = OscInput(options.osc_host, options.osc_port, [host for host, _ in options.osc_feedback])
    if options.osc_port:
        yield osc
    if options.osc_feedback:
        yield OscFeedback(options.osc_feedback, osc)
    if options.oscquery_port:
        yield OscQuery(options.oscquery_host, options.oscquery_port, osc)
    midi = MidiInput(options.midi or "")
    if options.midi is not None:
        yield midi
    if not midi.listening:
        yield NoMidi(NOT_WANTED if options.midi is None else FAILED)
    if options.sound:
        yield SoundInput(options.sound, background=True)
    if options.link:
        yield LinkInput()
