"""Track what one listener knows of the controls, to send it what it does not know.

A value that the listener set itself is not echoed while its fader may still move: the echo of an
earlier position would pull the fader back under the finger. Echoes that the listener sends back are
recognised, so that they move nothing here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from liveflight.controllers.osc.codec import bundles, encode
from liveflight.controllers.osc.values import to_argument
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Set, Trigger

UPDATE_INTERVAL_S = 0.033
"""Least seconds between two updates of one listener."""
HOLD_S = 0.2
"""Seconds for which a change is not echoed to its sender."""
MAX_ECHO_DELAY_S = 1.5
"""Seconds after which a listener's message no longer counts as an echo."""
SYNC = "show.sync"

_MAX_UPDATES = round(MAX_ECHO_DELAY_S / UPDATE_INTERVAL_S)
"""Largest number of updates of one control within MAX_ECHO_DELAY_S."""
_TOLERANCE = 1e-4
"""Fader travel within which positions count as equal: surfaces round them."""

FEEDBACK_CONTROLS: tuple[Control, ...] = tuple(
    sorted(
        (row for row in ROWS if row.remote and row.kind != "trigger" and row.key != "midi.learn"),
        key=lambda row: {"show.preset": 0, "pad.on": 2}.get(row.key, 1),
    )
)
"""Controls that listeners are sent, in the order of a full update.

The preset comes first: a liveflight that listens recalls it, and the rest is what has been moved
since. The pad is switched on last, once its targets are set. `midi.learn` is left out: a listener
has knobs of its own."""


def origin_address(origin: str) -> tuple[str, int]:
    """Return the host and port in a message's origin such as `osc:127.0.0.1:5005`.

    `("", 0)` for origins that are not on a network."""
    host, _, port = origin.partition(":")[2].rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else ("", 0)


def dump(values: Mapping[str, Value]) -> list[bytes]:
    """Return the values of all controls, in bundles."""
    return bundles(
        update_message(row, values[row.key]) for row in FEEDBACK_CONTROLS if row.key in values
    )


def update_message(row: Control, value: Value) -> bytes:
    """Return the message that would set a control to `value`."""
    return encode(row.address, to_argument(row, "plain", value))


def needs_full_update(heard: Sequence[Message]) -> bool:
    """Return whether the messages call for a full update of every listener.

    `show.sync` asks for it, and a preset that the performer recalls changes much at once. A preset
    over OSC may be the echo of a surface: answered by a full update, the two would never settle."""
    return any(
        (isinstance(message, Trigger) and message.key == SYNC)
        or (isinstance(message, Set) and message.key == "show.preset" and not _remote(message))
        for message in heard
    )


def _remote(message: Set) -> bool:
    return message.origin.startswith("osc")


class EchoSuppressor:
    """Decide what one listener is sent, and recognise its echoes.

    Times are seconds of the frame loop's clock. Any thread may call `is_echo`."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._held: dict[str, float] = {}
        self._lock = threading.Lock()
        self._sent: dict[str, deque[tuple[float, Value]]] = {}
        """Times and values of each control's latest updates."""

    def note_received(self, now: float, key: str, value: Value, own: bool) -> None:
        """Note that a control was set from the listener's host.

        `own`: certainly by the listener, which therefore knows the value."""
        self._held[key] = now + HOLD_S
        if own:
            self._known[key] = value

    def note_sent(self, key: str, value: Value, now: float) -> None:
        """Note that the listener was sent a value."""
        self._known[key] = value
        with self._lock:
            self._sent.setdefault(key, deque(maxlen=_MAX_UPDATES)).append((now, value))

    def is_echo(self, now: float, message: Message) -> bool:
        """Return whether a message only repeats what the listener was sent within MAX_ECHO_DELAY_S.

        Following it would swing what has changed since back and forth. Any other message for a
        control comes from a hand, and so do the messages for it that follow."""
        if not isinstance(message, Set):
            return False
        with self._lock:
            sent = list(self._sent.get(message.key, ()))
            row = CONTROLS[message.key]
            same = [
                value
                for at, value in sent
                if now - at <= MAX_ECHO_DELAY_S and _same(row, value, message)
            ]
            if not same:
                self._sent.pop(message.key, None)
            elif sent[-1][1] not in same:
                self._known.pop(message.key, None)  # in case it is a hand after all, it is updated
        return bool(same)

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Take these controls, by default all, for unknown to the listener: `due` returns them."""
        for key in list(self._known) if keys is None else keys:
            self._known.pop(key, None)

    def due(
        self, now: float, values: Mapping[str, Value], rows: Iterable[Control] = FEEDBACK_CONTROLS
    ) -> list[tuple[Control, Value]]:
        """Return the controls and values that the listener does not know and may be sent now."""
        known, held = self._known, self._held
        return [
            (row, values[row.key])
            for row in rows
            if row.key in values
            and (row.key not in known or known[row.key] != values[row.key])
            and now >= held.get(row.key, now)
        ]


def _same(row: Control, value: Value, message: Set) -> bool:
    """Return whether a message repeats a value, up to a surface's rounding."""
    if row.kind not in ("float", "int"):
        return value == message.value
    return abs(row.to_position(value) - row.to_position(message.value)) <= _TOLERANCE
