"""Show a flight as a camera to other programs, through Linux's loopback device v4l2loopback.

Not tried on a real device: see docs/outputs.md.
"""

from __future__ import annotations

from liveflight.core.contracts import Size
from liveflight.outputs.sinks import live_encoding
from liveflight.outputs.sinks.encoded_sink import EncodedSink


class VirtualCamera(EncodedSink):
    """Write to a video loopback device such as /dev/video10."""

    def __init__(self, device: str, fps: float) -> None:
        super().__init__(f"the virtual camera {device}", fps)
        self._device = device

    def command(self, size: Size) -> list[str]:
        program = live_encoding.find_ffmpeg("feed a virtual camera")
        return [
            *(program, "-hide_banner", "-loglevel", "error"),
            *live_encoding.picture_input(size, self.fps),
            # A camera cannot say how its colours are coded. Programs take them for this.
            *("-vf", "scale=out_color_matrix=bt601:out_range=tv", "-pix_fmt", "yuyv422"),
            *("-c:v", "rawvideo", "-f", "v4l2", self._device),
        ]
