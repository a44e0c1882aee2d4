"""MIDI in: every port, or those whose name holds a word, picked up as they come and go. Bound knobs
move controls, a program change recalls the preset of that slot, a clock leads the beat, and any
control learns its knob: arm it by `midi.learn`, move the knob.

mido reads the bytes; `midi_ports` has the ports, in a process that `midi_process` starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from liveflight.controllers.midi import bindings as midi_map
from liveflight.controllers.midi.bindings import Binding, MidiMap, Sort, Source
from liveflight.controllers.midi.clock import MidiClock
from liveflight.controllers.midi.learn import Learner
from liveflight.controllers.midi.ports import MISSING, Ports
from liveflight.controllers.midi.soft_takeover import SoftTakeover
from liveflight.controllers.midi.subprocess_ports import SubprocessPorts
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import find
from liveflight.core.mailbox import Beat, Mailbox, Message, Set, Trigger

log = logging.getLogger(__name__)

RESCAN = 2.0
"""Seconds between two looks at which ports there are."""


class MidiInput:
    def __init__(
        self,
        wanted: str = "",
        bindings: Path | None = None,
        ports: Callable[[], Ports] = SubprocessPorts,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`wanted`: a word in the names of the ports to listen to; empty: all. `bindings`: the file
        that keeps them, by default the user's. `clock`: that of the frame loop."""
        self._wanted = wanted.lower()
        self._path = bindings or midi_map.default_path()
        self._make_ports, self._clock = ports, clock
        self._lock, self._scanning = threading.Lock(), threading.Lock()
        self._beat = MidiClock()
        self._learner: Learner | None = None
        self._closed = False
        self._wake = threading.Event()
        self._unsaved = False
        self._thread: threading.Thread | None = None
        self.ports_open: set[str] = set()
        """Names of the ports that are listened to."""
        self._troubles: Counter[str] = Counter()

    @property
    def listening(self) -> bool:
        return self._thread is not None

    def open(self, mailbox: Mailbox) -> None:
        """Starts to look for ports. Raises LiveflightError where there is no MIDI here, or the
        bindings cannot be read."""
        self._mailbox = mailbox
        self._knobs = SoftTakeover(midi_map.read(self._path))
        try:
            import mido  # a quarter of a second, which the first note has not
        except ImportError:
            raise LiveflightError(MISSING) from None
        self._parse = mido.parse_all
        self._ports = self._make_ports()
        thread = threading.Thread(target=self._watch, name="midi", daemon=True)
        try:
            thread.start()
        except BaseException:  # no more threads: its process is not to be left behind
            self._ports.close_all()
            raise
        self._thread = thread

    def poll(self, now: float) -> None:
        """Says where a running MIDI clock is."""
        with self._lock:
            place = self._beat.at(now)
        if place:
            self._mailbox.put(Beat(*place, origin="MIDI clock"))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        with self._lock:
            self._knobs.told(values, heard)
            for message in heard:
                match message:
                    case Set("midi.learn", key):
                        self._arm(str(key), values)
                    case Trigger("midi.forget"):
                        self._forget()

    def status_lines(self) -> list[str]:
        """What is armed, and which knob has to be picked up."""
        with self._lock:
            said = []
            if self._learner:
                armed = self._learner.control.key
                said.append(f"MIDI learn: move a knob for {armed} (an endless one both ways)")
            return [*said, *filter(None, [self._knobs.waiting])]

    def close(self) -> None:
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
                self._trouble(f"MIDI ports cannot be listed: {error!r}")
            self._wake.wait(RESCAN)
            self._wake.clear()
            self._save()
        self._save()  # what was learned while the last was written

    def rescan(self) -> None:
        """Opens what has come, lets go of what is gone; one line of log for each."""
        with self._scanning:
            there = self._there()
            gone = sorted(self.ports_open - there)
            for name in gone:
                self._ports.close(name)
                self.ports_open.discard(name)
                with self._lock:
                    self._knobs.unplugged(name)
                log.warning("MIDI port %s is gone", name)
            for name in sorted((self._there() if gone else there) - self.ports_open):
                self._plug(name)

    def _there(self) -> set[str]:
        return {name for name in self._ports.names() if self._wanted in name.lower()}

    def _plug(self, name: str) -> None:
        try:
            self._ports.open(name, partial(self.hear, name))
        except OSError as error:
            self._trouble(str(error))
        else:
            self.ports_open.add(name)
            log.warning("MIDI port %s is open", name)

    def hear(self, port: str, data: Sequence[int]) -> None:
        """Bytes from that port: a message, or, as busy drivers hand them on, several at once."""
        now = self._clock()
        try:
            messages = self._parse(data)
            with self._lock:
                for message in messages:
                    self._hear(port, message, now)
        except Exception as error:  # raised on, it would end the thread that hears all ports
            self._trouble(f"MIDI port {port} sends nonsense: {error}")

    def _hear(self, port: str, message: Any, now: float) -> None:
        match message.type:
            case "clock":
                self._beat.tick(now)
            case "start":
                self._beat.start()
            case "stop":
                self._beat.stop()
            case "continue":
                self._beat.go_on()
            case "songpos":
                self._beat.locate(message.pos)
            case "program_change":
                self._mailbox.put(Set("show.preset", str(message.program + 1), f"midi:{port}"))
            case _:
                if moved := _moved(port, message):
                    self._turn(*moved, now)

    def _turn(self, source: Source, value: int, now: float) -> None:
        learner = self._learner
        if learner and (binding := learner.hear(self._lasting(source), value, now)):
            self._learnt(binding)
        elif message := self._knobs.turn(source, value):
            self._mailbox.put(message)

    def _lasting(self, source: Source) -> Source:
        """By the name that its box has at the next plug: one that stands in for a box that is gone
        was plugged in while that one's old port was still there."""
        first = self._knobs.meant(source.port)
        return source if first in self.ports_open else replace(source, port=first)

    def _learnt(self, binding: Binding) -> None:
        self._learner = None
        self._mailbox.put(Set("midi.learn", ""))
        try:
            self._knobs.bind(binding)
        except LiveflightError as error:
            self._trouble(str(error))
        else:
            log.warning("MIDI: %s moves %s from now on", binding.source, binding.control)
            self._changed()

    def _arm(self, key: str, values: Mapping[str, Value]) -> None:
        if not key:
            self._learner = None
            return
        try:
            control = find(key)
            if not control.movable:
                raise LiveflightError(f"{key} cannot be set: there is nothing to learn")
            value = str(values.get(key, "")) if control.kind == "text" else ""
            if control.kind == "text" and not value:
                raise LiveflightError(f"{key} is empty: set it to what the knob shall set it to")
            self._learner = Learner(control, value)
        except LiveflightError as error:
            self._trouble(f"MIDI learn: {error}")

    def _forget(self) -> None:
        if self._learner:
            count = self._knobs.bindings.forget(self._learner.control.key)
            log.warning("MIDI: %s forgets %d knobs", self._learner.control.key, count)
            self._learner = None
            self._mailbox.put(Set("midi.learn", ""))
            self._changed()

    def _changed(self) -> None:
        """Has the bindings saved, by the thread that may wait for a disk."""
        self._unsaved = True
        self._wake.set()

    def _save(self) -> None:
        with self._lock:
            if not self._unsaved:
                return
            self._unsaved = False
            bindings = MidiMap(self._knobs.bindings)
        text = midi_map.dump(bindings)  # takes longer than a frame may wait for the lock
        try:
            midi_map.write(text, self._path)
        except LiveflightError as error:
            self._trouble(str(error))

    def _trouble(self, text: str) -> None:
        self._troubles[text] += 1
        if self._troubles[text] == 1 and len(self._troubles) < 32:
            log.warning("%s", text)


_SORTS: Mapping[str, tuple[Sort, str, str]] = {
    # mido's type: ours, and what its number and value are called there
    "control_change": ("cc", "control", "value"),
    "note_on": ("note", "note", "velocity"),
    "note_off": ("note", "note", ""),
}


def _moved(port: str, message: object) -> tuple[Source, int] | None:
    """What moved, and to where; None for messages that are no knob's."""
    given = vars(message)
    if given["type"] == "pitchwheel":
        return Source(port, "pitch", given["channel"] + 1, 0), given["pitch"] + 8192
    if given["type"] not in _SORTS:
        return None
    sort, number, value = _SORTS[given["type"]]
    return Source(port, sort, given["channel"] + 1, given[number]), given[value] if value else 0
