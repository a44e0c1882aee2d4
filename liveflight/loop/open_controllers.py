"""The control surfaces of a show: opened, asked and told together. One that fails is reported once,
counted afterwards, and the flight goes on. One that is absent is tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.controller import Controller
from liveflight.controllers.link import LinkInput
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.midi.unavailable import FAILED, NOT_WANTED, MidiUnavailable
from liveflight.controllers.osc.feedback import OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.replay.player import RecordingPlayer
from liveflight.controllers.replay.recorder import FlightRecorder
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.fault_guard import FaultGuard, Report
from liveflight.core.mailbox import Mailbox, Message
from liveflight.show.flight import Flight
from liveflight.show.start_flight import Options, start_flight
from liveflight.system.worker import Worker

_FIRST, _LONGEST = 3.0, 30.0
"""Seconds until one that is absent is tried again, at first and at most; they double."""

_GRACE = 2.0
"""Seconds that `close` waits for one that is being opened."""

Named = tuple[str, Controller]
"""What messages call it, and the surface."""


@dataclass
class _Absent:
    name: str
    surface: Controller
    wait: float = _FIRST
    due: float | None = None
    """Seconds of the loop's clock; None: not known before the first poll."""


class OpenControllers:
    def __init__(
        self, mailbox: Mailbox, report: Report, guard: FaultGuard | None = None, *, background: bool
    ) -> None:
        """`report` is told of trouble, by default by a `guard` of our own. Absent surfaces are
        tried again in the `background`: looking up a host or opening a device takes seconds."""
        self._mailbox, self._report = mailbox, report
        self._guard = guard or FaultGuard(report, live=True)
        self._aside = FaultGuard(report, live=True)
        """For what spoils no picture: telling, closing."""
        self.opened: list[Controller] = []
        self._names: dict[Controller, str] = {}
        self._owed: deque[tuple[float, Mapping[str, Value], Sequence[Message]]] = deque()
        self._absent: list[_Absent] = []
        self._trying: _Absent | None = None
        self._work: Worker[None] = Worker(background, niceness=5)

    def open(self, controllers: Iterable[Named]) -> None:
        """Adds those that can be opened, each before the next is asked for; the others are tried
        again for as long as the show lasts."""
        for name, surface in controllers:
            try:
                self.add(surface, name)
            except Exception as error:
                self._report(f"{_why(name, error)}; flying on without, and trying again")
                self._absent.append(_Absent(name, surface))

    def add(self, surface: Controller, name: str = "a control surface") -> None:
        """Opens one that is indispensable. Raises LiveflightError where it cannot."""
        surface.open(self._mailbox)
        self._keep(surface, name)

    def drop(self, surface: Controller) -> None:
        """Closes one."""
        self.opened.remove(surface)
        self._close(surface)

    def poll(self, now: float) -> None:
        self._guard.run("a look for absent control surfaces", self._seek, now)
        for surface in self.opened:
            self._guard.run(self._names[surface], surface.poll, now)

    def publish(
        self,
        now: float,
        values: Mapping[str, Value],
        heard: Sequence[Message],
        *,
        later: bool = False,
    ) -> None:
        """`later`: with the next frame, just before it tells of itself."""
        self._aside.now = now
        self._owed.append((now, values, heard))
        if not later:
            self._settle()

    def status_lines(self) -> list[str]:
        """What all of them have for the HUD."""
        each = [(f"{self._names[one]}'s status lines", one.status_lines) for one in self.opened]
        return [line for part, lines in each for line in self._aside.run(part, lines) or ()]

    def close(self) -> None:
        """May be called twice."""
        self._settle()
        self._work.close(_GRACE)
        for absent in self._absent:
            self._aside.attempt(absent.name, absent.surface.close)
        self._absent.clear()
        if self._trying and self._work.wait():
            self._end_trying(0.0)
        while self.opened:
            self._close(self.opened.pop())

    def _settle(self) -> None:
        while self._owed:
            frame = self._owed.popleft()
            for surface in self.opened:
                self._aside.run(self._names[surface], surface.publish, *frame)

    def _keep(self, surface: Controller, name: str) -> None:
        self.opened.append(surface)
        self._names[surface] = name

    def _close(self, surface: Controller) -> None:
        self._aside.attempt(self._names.pop(surface), surface.close)

    def _seek(self, now: float) -> None:
        """Try the next absent surface whose time has come; one at a time."""
        if self._trying:
            if self._work.wait():
                self._end_trying(now)
            return
        for absent in self._absent:
            absent.due = now + absent.wait if absent.due is None else absent.due
        self._trying = next((one for one in self._absent if (one.due or 0.0) <= now), None)
        if self._trying:
            self._absent.remove(self._trying)
            self._work.submit(partial(self._trying.surface.open, self._mailbox))

    def _end_trying(self, now: float) -> None:
        absent, self._trying = self._trying, None
        assert absent
        try:
            self._work.result()
        except Exception:
            wait = min(2 * absent.wait, _LONGEST)
            self._absent.append(_Absent(absent.name, absent.surface, wait, now + wait))
        else:
            self._keep(absent.surface, absent.name)
            self._report(f"{absent.name} is there now")


def _why(name: str, error: Exception) -> str:
    return (
        str(error) if isinstance(error, LiveflightError) else f"{name} cannot be opened: {error!r}"
    )


def start(flight: Flight, options: Options) -> list[Named]:
    """The flight begins; the surfaces that record it, and that play what was recorded.

    Raises LiveflightError for names that do not exist."""
    score = start_flight(flight, options)
    scores: list[Named] = []
    if options.replay:
        scores.append(("the replay", RecordingPlayer(options.replay)))
    if options.record:
        recorder = FlightRecorder(options.record, score)
        flight.preset_player.preset_bank.heard = recorder.note
        scores.append(("the recording", recorder))
    if score.cues:
        flight.cues.start(score.cues)
    return scores


def asked_for(options: Options) -> Iterator[Named]:
    """The control surfaces that were asked for."""
    osc = OscInput(options.osc_host, options.osc_port, [host for host, _ in options.osc_feedback])
    if options.osc_port:
        yield "OSC", osc
    hosts = [host for host, _ in dict.fromkeys(options.osc_feedback)]
    for host, port in dict.fromkeys(options.osc_feedback):
        # Each by itself: a host that is not known silences no other.
        yield f"OSC feedback to {host}:{port}", OscFeedback([(host, port)], osc, hosts)
    if options.oscquery_port:
        yield "OSCQuery", OscQuery(options.oscquery_host, options.oscquery_port, osc)
    midi = MidiInput(options.midi or "")
    if options.midi is not None:
        yield "MIDI", midi
    if not midi.listening:
        said = NOT_WANTED if options.midi is None else FAILED
        yield "MIDI learn", MidiUnavailable(said, lambda: midi.listening)
    if options.sound:
        yield "sound", SoundInput(options.sound, background=True, once=options.sound_once)
    if options.link:
        yield "Ableton Link", LinkInput()
