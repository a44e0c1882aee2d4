"""Write the frames of a seamless loop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.core.loop_plan import LoopPlan
from liveflight.core.loop_pull import eased
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture, reason_of

_CORRECTED_FROM = 0.88
"""Progress of the end from which what is left of the difference is taken from the frames."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Hold a frame of the end as it was drawn, and the one of the lead-in that it becomes."""

    index: int
    """Of the frame in the end, from 0."""
    shown: Picture
    wanted: Picture


class LoopSink(FrameSink):
    """Keep the lead-in, and pass the loop's frames on; its last ones are made to meet the first.

    The lead-in is kept in a file of the system's folder for such, which has no name."""

    name = "the loop"

    def __init__(self, sink: FrameSink, plan: LoopPlan) -> None:
        """Write into `sink`, which whoever opened it closes."""
        self._sink, self.plan = sink, plan
        self.frames = 0
        """Frames that came."""
        self.written = 0
        """Frames that were passed on."""
        self.ending: Ending | None = None
        """The last frame, if it belongs to the end."""
        self.limited: Callable[[Picture], Picture] = lambda picture: picture
        """Keeps the frames from flashing, from the lead-in on: two blended ones may do so."""
        self._kept = tempfile.TemporaryFile()

    def write(self, picture: Picture) -> None:
        number, self.frames = self.frames, self.frames + 1
        if self.plan.lead_in(number) is not None:
            self._keep(picture)
        index = self.plan.ending(number)
        if index is not None:
            self.ending = Ending(index, picture.copy(), self._lead_in(index, picture.shape))
            picture = self._corrected(self.ending)
        if number >= self.plan.first - self.plan.overlap:
            picture = self.limited(picture)
        if number >= self.plan.first:
            self._sink.write(picture)
            self.written += 1

    def close(self, *, whole: bool = True) -> None:
        self._kept.close()

    def _keep(self, picture: Picture) -> None:
        try:
            self._kept.write(picture.tobytes())
        except OSError as error:
            folder = tempfile.gettempdir()
            raise LiveflightError(
                f"the frames before the loop cannot be kept in {folder}: {reason_of(error)}; "
                "make room, or set TMPDIR to another folder"
            ) from error

    def _lead_in(self, index: int, shape: tuple[int, ...]) -> Picture:
        size = int(np.prod(shape))
        self._kept.seek(index * size)
        return np.frombuffer(self._kept.read(size), np.uint8).reshape(shape)

    def _corrected(self, ending: Ending) -> Picture:
        """Return the frame, moved towards the wanted one at the very end, where both are alike.

        The last frame is the wanted one."""
        progress = self.plan.progress(ending.index + 1)
        share = float(eased((progress - _CORRECTED_FROM) / (1 - _CORRECTED_FROM)))
        if not share:
            return ending.shown
        shown, wanted = (each.astype(np.float32) for each in (ending.shown, ending.wanted))
        return np.rint(shown + share * (wanted - shown)).astype(np.uint8)
