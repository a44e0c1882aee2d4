"""Receive one universe of DMX; its channels move the controls that learned them.

Any control learns its channel: arm it with `midi.learn`, then move a fader of the console.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from liveflight.controllers.binding_file import armed
from liveflight.controllers.dmx import bindings as dmx_bindings
from liveflight.controllers.dmx.artnet import ArtNet
from liveflight.controllers.dmx.bindings import ChannelBinding, DmxMap
from liveflight.controllers.dmx.learn import ChannelLearner
from liveflight.controllers.dmx.packets import CHANNELS, DmxProtocol
from liveflight.controllers.dmx.patch import Patch
from liveflight.controllers.dmx.receiver import DmxReceiver
from liveflight.controllers.dmx.sacn import Sacn
from liveflight.controllers.logged_once import LoggedOnce
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Set, Trigger

log = logging.getLogger(__name__)

PROTOCOLS: Mapping[str, Callable[[], DmxProtocol]] = {"artnet": ArtNet, "sacn": Sacn}
_MAX_LOGGED = 32
"""Faults that are logged, each once."""
_RESTLESS_S = 1.0
"""Seconds before a control is armed in which a moving channel shows that it moves by itself."""


class DmxInput:
    """Follow a universe. A `controllers.controller.Controller`."""

    def __init__(
        self,
        protocol: str,
        universe: int,
        host: str = "localhost",
        bindings: Path | None = None,
        port: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take the settings; nothing is opened yet.

        `protocol`: a key of PROTOCOLS. `host`: the address to listen on. `bindings`: the file of
        bindings, by default the user's. `port`: by default the protocol's. `clock`: in seconds."""
        self._protocol, self._universe = PROTOCOLS[protocol](), universe
        self._path = bindings or dmx_bindings.default_path()
        self._clock, self._lock = clock, threading.Lock()
        port = self._protocol.port if port is None else port
        self.receiver = DmxReceiver(self._protocol, universe, host, port, clock)
        self._patch = Patch(DmxMap(), f"dmx:{protocol} {universe}")
        self._levels = b""
        self._changed = np.full(CHANNELS, -np.inf)
        """When each channel changed last."""
        self._learner: ChannelLearner | None = None
        self._unsaved = False
        self._faults = LoggedOnce(log, _MAX_LOGGED)

    @property
    def listening(self) -> bool:
        return self.receiver.listening

    def open(self, mailbox: Mailbox) -> None:
        """Start to listen.

        Raises LiveflightError where a package is missing, the port is taken, the host is not ours,
        or the bindings cannot be read."""
        self._protocol.load()
        self._mailbox = mailbox
        self._patch.bindings = dmx_bindings.read(self._path)
        self.receiver.open(self._take, self._tick)

    def poll(self, now: float) -> None:
        """Do nothing: the thread puts the messages."""

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Update soft takeover; arm or clear a control where the frame's messages say so."""
        with self._lock:
            self._patch.update(values, heard)
            for message in heard:
                match message:
                    case Set("midi.learn", key):
                        self._arm(str(key), values)
                    case Trigger("midi.forget"):
                        self._forget()

    def status_lines(self) -> list[str]:
        """Return whether levels come, which control is armed, and which has to be picked up."""
        with self._lock:
            armed = self._learner.control.key if self._learner else ""
            lines = [self._state(), f"DMX learn: move a fader for {armed}" if armed else ""]
            refused = self.receiver.refused
            lines += [self._patch.waiting, f"{refused} DMX packets refused" if refused else ""]
        return [line for line in lines if line]

    def close(self) -> None:
        """Stop listening; save what was learned. May be called twice, and without `open`."""
        self.receiver.close()
        self._save()

    def _state(self) -> str:
        """Return what is missing where no levels come; else nothing."""
        if self.receiver.sources:
            return ""
        name = f"{self._protocol.name} universe {self._universe}"
        if self.receiver.heard:
            return f"{name} comes no more: its last levels stay"
        other = self.receiver.other
        return f"waiting for {name}" + ("" if other is None else f"; universe {other} comes")

    def _take(self, levels: bytes) -> None:
        """Take the universe's levels, on the receiving thread."""
        with self._lock:
            before = self._levels
            levels += before[len(levels) :]  # channels that no one sends any more stay
            if levels == before:
                return
            self._levels, now = levels, self._clock()
            known = len(before)
            self._changed[:known][_bytes(before) != _bytes(levels)[:known]] = now
            if self._learner:
                self._learner.hear(levels, now)
            messages = self._patch.changed(before, levels)
        if messages:
            self._mailbox.put(*messages)

    def _tick(self) -> None:
        """Finish learning once the gesture is clear, and save, on the receiving thread."""
        with self._lock:
            binding = self._learner.found(self._clock()) if self._learner else None
            messages = self._finish_learning(binding) if binding else []
        if messages:
            self._mailbox.put(*messages)
        self._save()

    def _finish_learning(self, binding: ChannelBinding) -> list[Message]:
        self._learner = None
        try:
            moved = self._patch.bind(binding, self._levels)
        except LiveflightError as error:
            self._faults.warn(str(error))
            return [Set("midi.learn", "")]
        log.warning("DMX: %s moves %s from now on", binding, binding.control)
        self._unsaved = True
        return [Set("midi.learn", ""), *moved]

    def _arm(self, key: str, values: Mapping[str, Value]) -> None:
        self._learner = None
        if not key:
            return
        try:
            control, text = armed(key, values)
            dmx_bindings.check_remote(control)
        except LiveflightError as error:
            self._faults.warn(f"DMX learn: {error}")
            return
        since = self._clock() - _RESTLESS_S
        restless = frozenset((np.flatnonzero(self._changed > since) + 1).tolist())
        self._learner = ChannelLearner(control, text, restless)
        if self._levels:
            self._learner.hear(self._levels, since)

    def _forget(self) -> None:
        if self._learner:
            count = self._patch.bindings.forget(self._learner.control.key)
            log.warning("DMX: %s forgets %d channels", self._learner.control.key, count)
            self._learner = None
            self._mailbox.put(Set("midi.learn", ""))
            self._unsaved = True

    def _save(self) -> None:
        with self._lock:
            if not self._unsaved:
                return
            self._unsaved = False
            bindings = DmxMap(self._patch.bindings)
        try:
            dmx_bindings.write(dmx_bindings.dump(bindings), self._path)
        except LiveflightError as error:
            self._faults.warn(str(error))


def _bytes(levels: bytes) -> np.ndarray:
    return np.frombuffer(levels, np.uint8)
