"""Hold the picture's brightness and contrast by a gain and an offset. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_GAINS = 0.25, 4.0
"""Smallest and largest gain."""

_LEAST_DEVIATION = 1e-3
"""A flat picture has no contrast to enlarge."""


@dataclass(frozen=True, slots=True)
class Tone:
    """Multiply all channels by `gain`, then add `offset`."""

    gain: float = 1.0
    offset: float = 0.0

    def then(self, later: Tone) -> Tone:
        """Return the tone that does this one and then `later`."""
        return Tone(self.gain * later.gain, self.offset * later.gain + later.offset)

    def pulled(
        self, mean: float, deviation: float, brightness: float, contrast: float, share: float
    ) -> Tone:
        """Return this tone, pulled so that the picture's statistics come nearer to the wanted ones.

        `mean` and `deviation` are those of the picture with this tone, of all channels together,
        and `brightness` and `contrast` the wanted ones; `share`: part of the way, 0..1."""
        return self.then(self.pull(mean, deviation, brightness, contrast, share))

    def pull(
        self, mean: float, deviation: float, brightness: float, contrast: float, share: float
    ) -> Tone:
        """Return what `pulled` does to this tone."""
        wider = contrast / max(deviation, _LEAST_DEVIATION) - 1
        gain = min(max(1 + share * wider, _GAINS[0] / self.gain), _GAINS[1] / self.gain)
        return Tone(gain, mean * (1 - gain) + share * (brightness - mean))


NEUTRAL = Tone()


class ToneHold:
    """Pull tones by statistics that arrive one frame late: what was done since is added to them.

    Otherwise a firm pull, or a slow display, would make the brightness swing."""

    def __init__(self) -> None:
        self._since = NEUTRAL
        """The pull since the last measurement."""

    def pulled(
        self,
        tone: Tone,
        found: tuple[float, float] | None,
        brightness: float,
        contrast: float,
        share: float,
    ) -> Tone:
        """Return the tone, pulled as `Tone.pulled` does.

        `found`: mean and deviation of the picture before the last pull; None is nothing known."""
        pull = NEUTRAL
        if found:
            gain, offset = self._since.gain, self._since.offset
            now = found[0] * gain + offset, found[1] * gain
            pull = tone.pull(*now, brightness, contrast, share)
        self._since = pull
        return tone.then(pull)
