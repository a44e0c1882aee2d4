"""What one listener knows of the controls, and so what it has to be told.

A value that the listener set itself is not echoed while its fader may still move: the echo of an
earlier position would pull it back under the finger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Message, Set, Trigger
from liveflight.inputs.osc_codec import bundles, encode
from liveflight.inputs.osc_value import answer

EVERY = 0.033
"""Seconds between two tellings of one listener, at least."""
HOLD = 0.2
"""Seconds for which a change is not echoed to who made it."""
SYNC = "show.sync"

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


class Echo:
    """Times in seconds of the frame loop's clock."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._held: dict[str, float] = {}

    def heard(self, now: float, key: str, value: Value, own: bool) -> None:
        """The control was set from where the listener is; `own`: surely by the listener, which so
        knows this value."""
        self._held[key] = now + HOLD
        if own:
            self._known[key] = value

    def told(self, key: str, value: Value) -> None:
        self._known[key] = value

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
