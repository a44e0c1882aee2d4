"""Receive MIDI from every port, or from those whose name contains a word, as they come and go.

Bound knobs move controls, and are sent their values. A program change recalls the preset of that
slot. A MIDI clock leads the beat. Any control learns its knob: arm it with `midi.learn`, then move
the knob.

mido parses the bytes; `ports` opens the ports, in the child process of `subprocess_ports`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from liveflight.controllers.binding_file import armed
from liveflight.controllers.logged_once import LoggedOnce
from liveflight.controllers.midi import bindings as midi_bindings
from liveflight.controllers.midi.bindings import Binding, MidiMap, Sort, Source
from liveflight.controllers.midi.clock import MidiClock
from liveflight.controllers.midi.feedback import MidiFeedback
from liveflight.controllers.midi.learn import Learner
from liveflight.controllers.midi.ports import MISSING, Ports
from liveflight.controllers.midi.soft_takeover import SoftTakeover
from liveflight.controllers.midi.subprocess_ports import SubprocessPorts
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Beat, Mailbox, Message, Set, Trigger

log = logging.getLogger(__name__)

RESCAN_INTERVAL_S = 2.0
"""Seconds between two scans for ports."""
_MAX_LOGGED = 32
"""Faults that are logged, each once."""


class MidiInput:
    """Receive MIDI. A `controllers.controller.Controller`."""

    def __init__(
        self,
        wanted: str = "",
        bindings: Path | None = None,
        ports: Callable[[], Ports] = SubprocessPorts,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take the settings; nothing is opened yet.

        `wanted`: a word in the names of the ports to listen to; empty for all. `bindings`: the file
        of bindings, by default the user's. `clock`: the frame loop's, in seconds."""
        self._wanted = wanted.lower()
        self._path = bindings or midi_bindings.default_path()
        self._make_ports, self._clock = ports, clock
        self._lock, self._scanning = threading.Lock(), threading.Lock()
        self._beat, self._feedback = MidiClock(), MidiFeedback()
        self._learner: Learner | None = None
        self._closed = False
        self._wake = threading.Event()
        self._unsaved = False
        self._thread: threading.Thread | None = None
        self.ports_open: set[str] = set()
        """Names of the open ports."""
        self._faults = LoggedOnce(log, _MAX_LOGGED)

    @property
    def listening(self) -> bool:
        return self._thread is not None

    def open(self, mailbox: Mailbox) -> None:
        """Start to scan for ports.

        Raises LiveflightError where there is no MIDI, or the bindings cannot be read."""
        self._mailbox = mailbox
        self._takeover = SoftTakeover(midi_bindings.read(self._path))
        try:
            import mido  # takes a quarter of a second, too long for the first note
        except ImportError:
            raise LiveflightError(MISSING) from None
        self._parse = mido.parse_all
        self._ports = self._make_ports()
        thread = threading.Thread(target=self._watch, name="midi", daemon=True)
        try:
            thread.start()
        except BaseException:  # the system has no thread left: end the child process
            self._ports.close_all()
            raise
        self._thread = thread

    def poll(self, now: float) -> None:
        """Put the position of a running MIDI clock."""
        with self._lock:
            position = self._beat.at(now)
        if position:
            self._mailbox.put(Beat(*position, origin="MIDI clock"))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Update soft takeover and the devices; arm or clear a control as the messages say."""
        with self._lock:
            self._takeover.update(values, heard)
            self._show(now, values, heard)
            for message in heard:
                match message:
                    case Set("midi.learn", key):
                        self._arm(str(key), values)
                    case Trigger("midi.forget"):
                        self._forget()

    def _show(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Send devices what they should show, unless the last is still being sent."""
        of = self._takeover.bindings_of
        bound = [(port, each) for port in tuple(self.ports_open) for each in of(port)]
        self._feedback.update(bound, values, heard)
        if not self._ports.sending and (due := self._feedback.take(now)):
            for binding, _ in due:
                self._takeover.sent(binding)
            self._ports.send([message for _, message in due])

    def status_lines(self) -> list[str]:
        """Return which control is armed, and which knob has to pick up its control."""
        with self._lock:
            said = []
            if self._learner:
                key = self._learner.control.key
                said.append(f"MIDI learn: move a knob for {key} (an endless one both ways)")
            return [*said, *filter(None, [self._takeover.waiting])]

    def close(self) -> None:
        """Close the ports; save what was learned. May be called twice, and without `open`."""
        self._closed = True
        self._wake.set()
        if self._thread:
            self._thread.join()
            self._ports.close_all()
            self._thread = None

    def _watch(self) -> None:
        while not self._closed:
            try:
                self.rescan()
            except Exception as error:
                self._faults.warn(f"MIDI ports cannot be listed: {error!r}")
            self._wake.wait(RESCAN_INTERVAL_S)
            self._wake.clear()
            self._save()
        self._save()  # what was learned during the last write

    def rescan(self) -> None:
        """Open new ports and close those that are gone; log one line for each."""
        with self._scanning:
            present = self._wanted_ports()
            gone = sorted(self.ports_open - present)
            for name in gone:
                self._ports.close(name)
                self.ports_open.discard(name)
                with self._lock:
                    self._takeover.unplugged(name)
                    self._feedback.forget(name)
                log.warning("MIDI port %s is gone", name)
            for name in sorted((self._wanted_ports() if gone else present) - self.ports_open):
                self._open_port(name)

    def _wanted_ports(self) -> set[str]:
        return {name for name in self._ports.names() if self._wanted in name.lower()}

    def _open_port(self, name: str) -> None:
        try:
            self._ports.open(name, partial(self.hear, name))
        except OSError as error:
            self._faults.warn(str(error))
        else:
            with self._lock:
                self._feedback.forget(name)
            self.ports_open.add(name)
            log.warning("MIDI port %s is open", name)

    def hear(self, port: str, data: Sequence[int]) -> None:
        """Handle bytes from a port: one message, or several at once from a busy driver."""
        now = self._clock()
        try:
            messages = self._parse(data)
            with self._lock:
                for message in messages:
                    self._handle(port, message, now)
        except Exception as error:  # escaping, it would end the thread that reads all ports
            self._faults.warn(f"MIDI port {port} sends what is not MIDI: {error}")

    def _handle(self, port: str, message: Any, now: float) -> None:
        match message.type:
            case "clock":
                self._beat.tick(now)
            case "start":
                self._beat.start()
            case "stop":
                self._beat.stop()
            case "continue":
                self._beat.resume()
            case "songpos":
                self._beat.locate(message.pos)
            case "program_change":
                self._mailbox.put(Set("show.preset", str(message.program + 1), f"midi:{port}"))
            case _:
                if moved := _knob_move(port, message):
                    self._move(*moved, now)

    def _move(self, source: Source, value: int, now: float) -> None:
        bound = self._takeover.binding(source)
        if bound and self._feedback.is_echo(source.port, bound, value, now):
            return
        learner = self._learner
        if learner and (binding := learner.hear(self._lasting_source(source), value, now)):
            self._finish_learning(binding)
            return
        message = self._takeover.move(source, value)
        if message:
            self._mailbox.put(message)
        if bound:
            self._feedback.moved(source.port, bound, value, acted=message is not None)

    def _lasting_source(self, source: Source) -> Source:
        """Return the source under the name that its device will have at the next start.

        A device that stands in for one that is gone is that very device, plugged in again while its
        old port still existed."""
        first = self._takeover.bound_port(source.port)
        return source if first in self.ports_open else replace(source, port=first)

    def _finish_learning(self, binding: Binding) -> None:
        self._learner = None
        self._mailbox.put(Set("midi.learn", ""))
        try:
            self._takeover.bind(binding)
        except LiveflightError as error:
            self._faults.warn(str(error))
        else:
            log.warning("MIDI: %s moves %s from now on", binding.source, binding.control)
            self._save_soon()

    def _arm(self, key: str, values: Mapping[str, Value]) -> None:
        if not key:
            self._learner = None
            return
        try:
            self._learner = Learner(*armed(key, values))
        except LiveflightError as error:
            self._faults.warn(f"MIDI learn: {error}")

    def _forget(self) -> None:
        if self._learner:
            count = self._takeover.bindings.forget(self._learner.control.key)
            log.warning("MIDI: %s forgets %d knobs", self._learner.control.key, count)
            self._learner = None
            self._mailbox.put(Set("midi.learn", ""))
            self._save_soon()

    def _save_soon(self) -> None:
        """Have the bindings saved by the scanning thread, which may wait for the disk."""
        self._unsaved = True
        self._wake.set()

    def _save(self) -> None:
        with self._lock:
            if not self._unsaved:
                return
            self._unsaved = False
            bindings = MidiMap(self._takeover.bindings)
        text = midi_bindings.dump(bindings)  # takes longer than a frame may wait for the lock
        try:
            midi_bindings.write(text, self._path)
        except LiveflightError as error:
            self._faults.warn(str(error))


_SORTS: Mapping[str, tuple[Sort, str, str]] = {
    # mido's message type: ours, then mido's names of its number and value
    "control_change": ("cc", "control", "value"),
    "note_on": ("note", "note", "velocity"),
    "note_off": ("note", "note", ""),
}


def _knob_move(port: str, message: object) -> tuple[Source, int] | None:
    """Return the knob that moved and its value; None for messages of another kind."""
    given = vars(message)
    if given["type"] == "pitchwheel":
        return Source(port, "pitch", given["channel"] + 1, 0), given["pitch"] + 8192
    if given["type"] not in _SORTS:
        return None
    sort, number, value = _SORTS[given["type"]]
    return Source(port, sort, given["channel"] + 1, given[number]), given[value] if value else 0
