"""Define the panic button: a safe look at once; twice in a row, black."""

from __future__ import annotations

from collections.abc import Mapping

from liveflight.core.contracts import Value
from liveflight.core.controls import ROWS
from liveflight.core.double_press import DoublePress

_KEPT_GROUPS = frozenset({"tempo", "sound", "morph"})
_KEPT = frozenset(
    {"mix.crossfade", "cue.loop", "cue.hold", "show.dwell", "show.fit", "show.hud", "show.help"}
    | {"show.bank"}
)
"""Groups and controls that are not part of a look."""
_ENDED = "sound.react"
"""Control of a kept group that moves the picture."""

SAFE: Mapping[str, Value] = {
    row.key: row.default
    for row in ROWS
    if row.settable and row.kind != "text"
    if (row.group not in _KEPT_GROUPS and row.key not in _KEPT) or row.key == _ENDED
}
"""Settings of the safe look: motion, effects, ascent and output at their defaults.

Freeze, blackout and autopilot are off. The targets stay."""


class Panic:
    """Make a safe look; of two presses in a row, a black one."""

    def __init__(self) -> None:
        self._presses = DoublePress()

    def press(self, now: float) -> Mapping[str, Value]:
        """Return what the controls have to be set to at once; `now` in seconds."""
        return {**SAFE, "show.blackout": self._presses.press(now)}
