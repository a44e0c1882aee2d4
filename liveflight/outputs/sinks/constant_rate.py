"""Keep a video of a constant frame rate in step with the show, whose frames come irregularly."""

from __future__ import annotations

_MAX_GAP_S = 10.0
"""Seconds of a gap that are filled by repeating a frame: a suspended machine may leave hours."""


class ConstantRate:
    """Count the frames of a video that began with the first frame shown."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._began: float | None = None
        self.frames = 0
        """Frames of the video until now."""

    @property
    def seconds(self) -> float:
        """Return the length of the video until now."""
        return self.frames / self._fps

    def copies(self, at: float) -> int:
        """Return how often the frame shown `at` this time belongs in the video: 0 drops it.

        Times are in seconds of any clock."""
        if self._began is None:
            self._began = at
        missing = round((at - self._began) * self._fps) + 1 - self.frames
        most = round(_MAX_GAP_S * self._fps) + 1
        if missing > most:  # go on from here
            self._began += (missing - most) / self._fps
        copies = min(max(missing, 0), most)
        self.frames += copies
        return copies
