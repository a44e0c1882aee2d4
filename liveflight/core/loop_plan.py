"""Plan the frames of a seamless loop. Pure.

A loop has a lead-in: frames that are drawn before it begins and are not part of it. The end of the
loop is as long, and each of its frames becomes the frame of the lead-in that is one loop earlier.
So the frame after the last would be the first.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_S, LONGEST_S = 2.0, 3600.0
"""Lengths of a loop."""
_RUN_UP_S = 5.0
"""Seconds flown before the lead-in: a loop shows grown pictures, not their growth from noise."""
_OVERLAP, _MAX_OVERLAP_S = 0.4, 4.0
"""Length of the lead-in as a part of the loop, and its most in seconds."""


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """Say what each frame of the flight is for; frames count from 0."""

    seconds: float
    """Length of the loop."""
    fps: float

    @property
    def frames(self) -> int:
        """Return how many frames the loop has."""
        return max(round(self.seconds * self.fps), 2)

    @property
    def overlap(self) -> int:
        """Return how many frames the lead-in has, and the end."""
        return max(round(min(_OVERLAP * self.seconds, _MAX_OVERLAP_S) * self.fps), 1)

    @property
    def first(self) -> int:
        """Return the number of the loop's first frame."""
        return round(_RUN_UP_S * self.fps) + self.overlap

    @property
    def total(self) -> int:
        """Return how many frames are flown in all."""
        return self.first + self.frames

    def lead_in(self, frame: int) -> int | None:
        """Return which frame of the lead-in it is, from 0; None for others."""
        index = frame - self.first + self.overlap
        return index if 0 <= index < self.overlap else None

    def ending(self, frame: int) -> int | None:
        """Return which frame of the lead-in it becomes, as part of the end; None for others."""
        return self.lead_in(frame - self.frames)

    def progress(self, index: int) -> float:
        """Return how far the end has come at its frame `index`, 0..1."""
        return index / self.overlap
