"""Show how to write a frame sink: copy a class of this file, rename it, fill in its methods.

`ExampleLiveSink` takes part in a live show; it needs a line in `requested` of loop/open_outputs.py.
`ExampleSink` takes every frame of a render; it needs a case in `open_sink` in this folder's
`__init__.py`, which chooses a sink by the name given to `--out`. Then add it to the list in
tests/outputs/sinks/test_frame_sink.py, which checks every sink against the contract.
"""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.frame_sink import FrameSink, Picture, check_picture
from liveflight.outputs.sinks.live_sink import LiveSink


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


class ExampleLiveSink(LiveSink):
    """Count the frames of a live show. All methods run on the sink's own thread."""

    def __init__(self) -> None:
        super().__init__("the live example")
        self.count = 0

    def open(self, size: Size) -> None:
        """Connect here. What is raised here or in `send` is told once, and it is tried again."""
        self.count = 0

    def send(self, picture: Picture, at: float) -> None:
        """Send the frame here, and wait as long as it takes: the show does not."""
        self.count += 1

    def end(self, *, whole: bool) -> None:
        """Disconnect here."""
