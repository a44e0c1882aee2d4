"""Open, poll and publish to all controllers of a show.

A controller that fails is reported once and counted afterwards, and the flight goes on. One that
cannot be opened is tried again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.controller import Controller
from liveflight.controllers.dmx.input import DmxInput
from liveflight.controllers.link import LinkInput
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.midi.unavailable import FAILED, NOT_WANTED, MidiUnavailable
from liveflight.controllers.osc.feedback import OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.replay.player import RecordingPlayer
from liveflight.controllers.replay.recorder import FlightRecorder
from liveflight.controllers.web.remote import WebRemote
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.fault_guard import FaultGuard, Report
from liveflight.core.mailbox import Mailbox, Message
from liveflight.loop.open_outputs import OpenOutputs
from liveflight.show import preset_saving
from liveflight.show.fault_reports import Mended
from liveflight.show.flight import Flight
from liveflight.show.options import Options
from liveflight.show.start_flight import start_flight
from liveflight.system.worker import Worker

log = logging.getLogger("liveflight.loop")

_FIRST_RETRY_S, _MAX_RETRY_S = 3.0, 30.0
"""Seconds until an absent controller is tried again, at first and at most; they double."""

HERE_ALONE = "web remote on this machine: link on the terminal; for a phone: --remote-host 0.0.0.0"
"""Message where the link leads nowhere from another machine."""
_LINK_S = 5.0
"""Seconds for which the window says where the web remote's link is."""

_MAX_CLOSE_WAIT_S = 2.0
"""Seconds that `close` waits for a controller that is being opened."""

Named = tuple[str, Controller]
"""The name used in messages, and the controller."""


@dataclass
class _Absent:
    """A controller that could not be opened yet."""

    name: str
    controller: Controller
    wait: float = _FIRST_RETRY_S
    due: float | None = None
    """When to try again, in seconds of the loop's clock; None until the first poll."""


class OpenControllers:
    """The list of open controllers, and of those still to be opened."""

    def __init__(
        self, mailbox: Mailbox, report: Report, guard: FaultGuard | None = None, *, background: bool
    ) -> None:
        """Start with no controllers.

        `report` gets trouble; `guard` isolates the parts of a frame, by default one of its own.
        Absent controllers are tried again on a thread where `background` is set: looking up a host
        or opening a device takes seconds."""
        self._mailbox, self._report = mailbox, report
        self._guard = guard or FaultGuard(report, live=True)
        self._lenient_guard = FaultGuard(report, live=True)
        """For publishing and closing, which spoil no picture of a render."""
        self.opened: list[Controller] = []
        self._names: dict[Controller, str] = {}
        self._unpublished: deque[tuple[float, Mapping[str, Value], Sequence[Message]]] = deque()
        self._absent: list[_Absent] = []
        self._trying: _Absent | None = None
        self._worker: Worker[None] = Worker(background, niceness=5)

    def open(self, controllers: Iterable[Named]) -> None:
        """Open each controller before taking the next; keep trying those that cannot be opened."""
        for name, controller in controllers:
            try:
                self.add(controller, name)
            except Exception as error:
                self._report(f"{_reason(name, error)}; flying on without, and trying again")
                self._absent.append(_Absent(name, controller))

    def add(self, controller: Controller, name: str = "a controller") -> None:
        """Open a controller that the show needs. Raises LiveflightError where it cannot."""
        controller.open(self._mailbox)
        self._keep(controller, name)

    def drop(self, controller: Controller) -> None:
        """Close a controller and forget it."""
        self.opened.remove(controller)
        self._close(controller)

    def poll(self, now: float) -> None:
        """Let every controller put its messages in the mailbox. `now` is in seconds."""
        self._guard.run("the search for absent controllers", self._retry, now)
        for controller in self.opened:
            self._guard.run(self._names[controller], controller.poll, now)

    def publish(
        self,
        now: float,
        values: Mapping[str, Value],
        heard: Sequence[Message],
        *,
        later: bool = False,
    ) -> None:
        """Give every controller a frame's values and messages.

        `later`: only together with the next frame, just before that one's."""
        self._lenient_guard.now = now
        self._unpublished.append((now, values, heard))
        if not later:
            self._publish_all()

    def status_lines(self) -> list[str]:
        """Return what the controllers have for the HUD."""
        each = [(f"{self._names[one]}'s status lines", one.status_lines) for one in self.opened]
        return [line for part, lines in each for line in self._lenient_guard.run(part, lines) or ()]

    def close(self) -> None:
        """Publish what is left and close every controller; may be called twice."""
        self._publish_all()
        self._worker.close(_MAX_CLOSE_WAIT_S)
        for absent in self._absent:
            self._lenient_guard.run_always(absent.name, absent.controller.close)
        self._absent.clear()
        if self._trying and self._worker.wait():
            self._end_retry(0.0)
        while self.opened:
            self._close(self.opened.pop())

    def _publish_all(self) -> None:
        while self._unpublished:
            frame = self._unpublished.popleft()
            for controller in self.opened:
                self._lenient_guard.run(self._names[controller], controller.publish, *frame)

    def _keep(self, controller: Controller, name: str) -> None:
        self.opened.append(controller)
        self._names[controller] = name

    def _close(self, controller: Controller) -> None:
        self._lenient_guard.run_always(self._names.pop(controller), controller.close)

    def _retry(self, now: float) -> None:
        """Try the next absent controller that is due; one at a time."""
        if self._trying:
            if self._worker.wait():
                self._end_retry(now)
            return
        for absent in self._absent:
            absent.due = now + absent.wait if absent.due is None else absent.due
        self._trying = next((one for one in self._absent if (one.due or 0.0) <= now), None)
        if self._trying:
            self._absent.remove(self._trying)
            self._worker.submit(partial(self._trying.controller.open, self._mailbox))

    def _end_retry(self, now: float) -> None:
        absent, self._trying = self._trying, None
        assert absent
        try:
            self._worker.result()
        except Exception:
            wait = min(2 * absent.wait, _MAX_RETRY_S)
            self._absent.append(_Absent(absent.name, absent.controller, wait, now + wait))
        else:
            self._keep(absent.controller, absent.name)
            self._report(Mended(f"{absent.name} is connected now"))


def _reason(name: str, error: Exception) -> str:
    expected = isinstance(error, LiveflightError)
    return str(error) if expected else f"{name} cannot be opened: {error!r}"


def start(flight: Flight, options: Options) -> list[Named]:
    """Start the flight; return the controllers that record it and replay a recording.

    Raises LiveflightError for unknown names."""
    recording = start_flight(flight, options)
    controllers: list[Named] = []
    if options.replay:
        controllers.append(("the replay", RecordingPlayer(options.replay)))
    if options.record:
        recorder = FlightRecorder(options.record, recording)
        flight.preset_player.navigator.on_answer = recorder.note
        flight.cues.on_named = recorder.note_list
        controllers.append(("the recording", recorder))
    if recording.cues:
        flight.cues.start(recording.cues)
    return controllers


def add_recording(
    controllers: OpenControllers, flight: Flight, options: Options, name: str, part: Controller
) -> None:
    """Open what records a flight, or flies a recording again.

    Raises LiveflightError where a file cannot be written; a show that goes on does without."""
    try:
        controllers.add(part, name)
    except LiveflightError as error:
        if not options.resume:
            raise
        log.warning("%s: going on without it", error)
        # Nobody writes these down: they must not pile up.
        flight.preset_player.navigator.on_answer = lambda question, preset: None
        flight.cues.on_named = lambda cues: None


def web_remote(flight: Flight, options: Options, show_link: Callable[[str], None]) -> WebRemote:
    """Return the web remote of a show. `show_link` gets its link, for the performer alone."""

    def announce(link: str, asked: bool) -> None:
        # The audience may see the HUD: what lets a browser in is for the terminal alone.
        plain = link.partition("?")[0]
        said = f"web remote: {plain}, link and QR code on the terminal"
        flight.last_message = HERE_ALONE if plain.startswith("http://localhost:") else said
        if asked:
            flight.prompt(flight.last_message, _LINK_S)
        show_link(link)

    return WebRemote(
        options.remote_host,
        save=options.remote_save,
        announce=announce,
        at_start=options.remote,
        renamed=partial(preset_saving.note_renamed, flight),
    )


def requested(
    options: Options, remote: WebRemote | None = None, outputs: OpenOutputs | None = None
) -> Iterator[Named]:
    """Yield the controllers that the options ask for, and the outputs, which hear the sound.

    `remote` is served beside OSCQuery."""
    if outputs:
        yield "the outputs", outputs
    osc = OscInput(options.osc_host, options.osc_port, [host for host, _ in options.osc_feedback])
    if options.osc_port:
        yield "OSC", osc
    hosts = [host for host, _ in dict.fromkeys(options.osc_feedback)]
    for host, port in dict.fromkeys(options.osc_feedback):
        # One controller each: an unknown host must not silence the others.
        yield f"OSC feedback to {host}:{port}", OscFeedback([(host, port)], osc, hosts)
    if remote:
        yield "the web remote", remote
    if options.oscquery_port:
        place = options.oscquery_host, options.oscquery_port
        yield "OSCQuery", OscQuery(*place, osc, remote, options.remote_host)
    midi = MidiInput(options.midi or "")
    if options.midi is not None:
        yield "MIDI", midi
    learners: list[MidiInput | DmxInput] = [midi]
    if options.dmx:
        learners.append(DmxInput(*options.dmx, options.dmx_host))
        yield "DMX", learners[-1]
    if not midi.listening:
        said = NOT_WANTED if options.midi is None else FAILED
        yield "MIDI learn", MidiUnavailable(said, lambda: any(one.listening for one in learners))
    if options.sound:
        once, hear = options.sound_once, outputs.hear if outputs else None
        yield "sound", SoundInput(options.sound, background=True, once=once, hear=hear)
    if options.link:
        yield "Ableton Link", LinkInput()
