"""Show how to write a frame sink: copy this file, rename the class, fill in the two methods.

To use it, give an instance to `app.build(..., sinks=[...])`, or add a case to `open_sink` in this
folder's `__init__.py`, which chooses a sink by the name given to `--out`. Then add it to the list
in tests/outputs/sinks/test_frame_sink.py, which checks every sink against the contract.
"""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture, check_picture


class ExampleSink(FrameSink):
    """Keep the last frame in memory."""

    name = "the example sink"

    def __init__(self, size: Size) -> None:
        """Take frames of this width and height.

        Raises LiveflightError for a size that the sink cannot take."""
        if min(size) < 1:
            raise LiveflightError(f"size {size[0]}x{size[1]}: each side is at least 1 pixel")
        self._shape = (size[1], size[0], 3)
        self.last: Picture | None = None

    def write(self, picture: Picture) -> None:
        check_picture(picture, self._shape)
        self.last = picture.copy()  # its memory is reused for the next frame

    def close(self, *, whole: bool = True) -> None:
        self.last = None
