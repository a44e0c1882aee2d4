"""What one listener knows of the controls, and so what it has to be told.

A value that the listener set itself is not echoed while its fader may still move: the echo of an
earlier position would pull it back under the finger. Nor is a listener followed that says again,
too late, what it was told.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from liveflight.controllers.osc.codec import bundles, encode
from liveflight.controllers.osc.values import answer
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Set, Trigger

EVERY = 0.033
"""Seconds between two tellings of one listener, at least."""
HOLD = 0.2
"""Seconds for which a change is not echoed to who made it."""
LATE = 1.5
"""Seconds after which what a listener says is no echo of what it was told."""
SYNC = "show.sync"

_LATELY = round(LATE / EVERY)
"""How often a control is told within LATE."""
_ALIKE = 1e-4
"""Of a fader's way: what surfaces leave of a position."""

TOLD: tuple[Control, ...] = tuple(
    sorted(
        (row for row in ROWS if row.remote and row.kind != "trigger" and row.key != "midi.learn"),
        key=lambda row: {"show.preset": 0, "pad.on": 2}.get(row.key, 1),
    )
)
"""What listeners hear of. The preset comes first: a liveflight that listens recalls it, and what
follows is what has been moved since. The pad is switched on last, once its targets are there. Which
control learns is left out: whoever listens has knobs of its own."""


def place_of(origin: str) -> tuple[str, int]:
    """Host and port of who spoke over a network, from a message's origin such as
    `osc:127.0.0.1:5005`; of others, no host."""
    host, _, port = origin.partition(":")[2].rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else ("", 0)


def dump(values: Mapping[str, Value]) -> list[bytes]:
    """Where everything stands, in bundles."""
    return bundles(told(row, values[row.key]) for row in TOLD if row.key in values)


def told(row: Control, value: Value) -> bytes:
    """The message that says where a control stands, as one would send it to set it so."""
    return encode(row.address, answer(row, "plain", value))


def wants_all(heard: Sequence[Message]) -> bool:
    """Whether listeners are to be told everything: they were asked to, or the performer's preset
    has changed much of it. A preset over OSC may be what a surface was told and says again: were
    it told everything in turn, the two would never come to rest."""
    return any(
        (isinstance(message, Trigger) and message.key == SYNC)
        or (isinstance(message, Set) and message.key == "show.preset" and not _remote(message))
        for message in heard
    )


def _remote(message: Set) -> bool:
    return message.origin.startswith("osc")


class EchoSuppressor:
    """Times in seconds of the frame loop's clock. `repeats` may be called by any thread."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()
        self._told: dict[str, deque[tuple[float, Value]]] = {}
        """What was told of a control lately, and when."""

    def heard(self, now: float, key: str, value: Value, own: bool) -> None:
        """The control was set from where the listener is; `own`: surely by the listener, which so
        knows this value."""
        self._held[key] = now + HOLD
        if own:
            self._known[key] = value

    def told(self, key: str, value: Value, now: float) -> None:
        self._known[key] = value
        with self._lock:
            self._told.setdefault(key, deque(maxlen=_LATELY)).append((now, value))

    def repeats(self, now: float, message: Message) -> bool:
        """Return whether a message from where the listener is says no more than it was told within
        LATE. What has changed since then would swing back and forth, were it followed. Anything
        else that is said of a control is a hand's, and so is what follows it."""
        if not isinstance(message, Set):
            return False
        with self._lock:
            told = list(self._told.get(message.key, ()))
            row = CONTROLS[message.key]
            alike = [
                value for at, value in told if now - at <= LATE and _alike(row, value, message)
            ]
            if not alike:
                self._told.pop(message.key, None)
            elif told[-1][1] not in alike:
                self._known.pop(message.key, None)  # should it be a hand all the same, it is told
        return bool(alike)

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """The listener is to be told these again, or all."""
        for key in list(self._known) if keys is None else keys:
            self._known.pop(key, None)

    def due(
        self, now: float, values: Mapping[str, Value], rows: Iterable[Control] = TOLD
    ) -> list[tuple[Control, Value]]:
        """What the listener does not know yet and may be told now."""
        known, held = self._known, self._held
        return [
            (row, values[row.key])
            for row in rows
            if row.key in values
            and (row.key not in known or known[row.key] != values[row.key])
            and now >= held.get(row.key, now)
        ]


def _alike(row: Control, value: Value, message: Set) -> bool:
    """Return whether a message says what was told, as far as a surface can repeat it."""
    if row.kind not in ("float", "int"):
        return value == message.value
    return abs(row.to_unit(value) - row.to_unit(message.value)) <= _ALIKE
