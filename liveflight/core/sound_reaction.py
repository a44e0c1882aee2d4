"""Let any preset move with the sound, on top of its own modulation. Pure.

Motion and growth follow the sound, brightness and contrast never: a whole picture that flashes is
tiring, and dangerous to some.
"""

from __future__ import annotations

from collections.abc import Mapping

from liveflight.core.controls import Controls
from liveflight.core.modulation import Modulation, ModulationRow

ADVICE = "no sound is heard: start with --sound default"


def _rows(speed: float, growth: float, hue: float, kick: float) -> tuple[ModulationRow, ...]:
    """Return rows of these depths, in fader distances."""
    return (
        # Times, not amounts: a preset that flies backward or stands still keeps doing so.
        ModulationRow("camera.speed", "sound", speed, band="low", smooth=0.15),
        ModulationRow("ascent.rate", "sound", growth, band="mid", smooth=0.3),
        ModulationRow("colour.hue", "sound", hue, band="high", smooth=0.4),
        ModulationRow("camera.zoom", "onset", kick, attack=0.06, decay=0.35, smooth=0.03),
    )


_ROWS: Mapping[str, tuple[ModulationRow, ...]] = {
    "off": (),
    "gentle": _rows(speed=0.12, growth=0.06, hue=0.015, kick=0.03),
    "strong": _rows(speed=0.3, growth=0.15, hue=0.05, kick=0.08),
}
"""Rows by the choices of `sound.react`."""


class SoundReaction:
    """Add the offsets of `sound.react` to those of the preset's own modulation."""

    def __init__(self) -> None:
        self._modulation = Modulation()
        self._chosen = "off"
        self._heard = False
        """Whether there was any sound since the start."""

    def advance(self, dt: float, own: Mapping[str, float], controls: Controls) -> None:
        """Advance by `dt` seconds; `own` are the offsets of the preset's modulation."""
        self._heard = self._heard or controls.number("sound.level") > 0
        if (chosen := controls.word("sound.react")) != self._chosen:
            self._chosen = chosen
            self._modulation.follow(_ROWS[chosen])
        self._modulation.advance(dt, 0.0, controls)
        added = self._modulation.offsets
        keys = own.keys() | added.keys()
        controls.offsets = {key: own.get(key, 0.0) + added.get(key, 0.0) for key in keys}

    def advice(self, controls: Controls) -> str:
        """Return what is missing for a reaction that was chosen; empty where nothing is."""
        wanted = controls.setting("sound.react") != "off"
        return ADVICE if wanted and not self._heard else ""
