"""The panic button: a safe look at once; twice in a row, black."""

from __future__ import annotations

import math
from collections.abc import Mapping

from liveflight.core.contracts import Value
from liveflight.core.controls import ROWS

AGAIN = 2.0
"""Seconds within which a second press means black."""

_GROUPS = frozenset({"tempo", "sound", "morph"})
_STAYS = frozenset(
    {"mix.crossfade", "cue.loop", "cue.hold", "show.dwell", "show.fit", "show.hud", "show.help"}
)
"""What is no look: these, and what is in those groups."""

SAFE: Mapping[str, Value] = {
    row.key: row.default
    for row in ROWS
    if row.settable and row.kind != "text"
    if row.group not in _GROUPS and row.key not in _STAYS
}
"""Motion, effects, ascent and output at their defaults, nothing frozen, dark or on its own; what is
excited stays."""


class Panic:
    def __init__(self) -> None:
        self._pressed = -math.inf

    def press(self, now: float) -> Mapping[str, Value]:
        """What the controls are to be set to, at once; `now` in seconds."""
        black = now - self._pressed <= AGAIN
        self._pressed = now
        return {**SAFE, "show.blackout": black}
