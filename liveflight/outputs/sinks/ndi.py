"""Offer a show as an NDI source on the network.

NDI is a registered trademark of Vizrt NDI AB. The package cyndilib contains its library, which is
not free software: see docs/outputs.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.live_sink import LiveSink
from liveflight.system import ffmpeg, ndi

if TYPE_CHECKING:
    from cyndilib.sender import Sender

DEFAULT_NAME = "liveflight"


class NdiSender(LiveSink):
    """Send to whoever asks for this source; NDI listens on all networks of this machine."""

    def __init__(self, name: str, fps: float) -> None:
        super().__init__(f"NDI {name!r}")
        self._source, self._fps = name, fps
        self._sender: Sender | None = None

    @property
    def notice(self) -> str:
        """Return what the performer should know as it begins."""
        trouble = ndi.discovery_trouble()
        offered = f"{self.name} is offered on all networks of this machine"
        return f"{offered}; {trouble}" if trouble else offered

    def open(self, size: Size) -> None:
        if why := ndi.load():
            raise LiveflightError(why)
        from cyndilib.sender import Sender
        from cyndilib.video_frame import VideoSendFrame
        from cyndilib.wrapper.ndi_structs import FourCC

        frame = VideoSendFrame()
        frame.set_resolution(*size)
        frame.set_frame_rate(ffmpeg.rate(self._fps))
        frame.set_fourcc(FourCC.RGBX)
        # Without NDI's own clock, which would hold up frames to its rate.
        self._sender = Sender(self._source, clock_video=False, clock_audio=False)
        self._sender.set_video_frame(frame)
        self._sender.open()

    def send(self, picture: Picture, at: float) -> None:
        assert self._sender
        self._sender.write_video(np.ascontiguousarray(picture).reshape(-1))

    def end(self, *, whole: bool) -> None:
        sender, self._sender = self._sender, None
        if sender:
            sender.close()
