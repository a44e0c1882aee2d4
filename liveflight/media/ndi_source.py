"""Take an NDI source as a camera."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.media.received_video import ReceivedVideo
from liveflight.system import ndi

if TYPE_CHECKING:
    from cyndilib.finder import Finder, Source
    from cyndilib.receiver import Receiver

_SEARCH_S = 5.0
"""Seconds that one search for the source takes."""

_LOST_S = 3.0
"""Seconds without a frame after which the source counts as lost."""

_WAIT_MS = 100


class NdiSource(ReceivedVideo):
    """The NDI source with this word in its name: `MACHINE (NAME)`; an empty word takes any.

    NDI finds sources by asking all networks of this machine."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._finder: Finder | None = None
        self._receiver: Receiver | None = None
        super().__init__(f"ndi:{word}")

    def open(self) -> None:
        if not ndi.installed():
            raise LiveflightError(ndi.INSTALL)
        from cyndilib.finder import Finder
        from cyndilib.receiver import ReceiveFrameType, Receiver
        from cyndilib.video_frame import VideoRecvFrame
        from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

        self._video = ReceiveFrameType.recv_video
        self._finder = Finder()
        self._finder.open()
        source = self._find(self._finder)
        self._receiver = Receiver(
            color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest
        )
        self._frame = VideoRecvFrame()
        self._receiver.set_video_frame(self._frame)
        self._receiver.set_source(source)
        self._since = time.monotonic()

    def _find(self, finder: Finder) -> Source:
        until = time.monotonic() + _SEARCH_S
        while time.monotonic() < until and not self._ends.is_set():
            finder.wait_for_sources(0.5)
            for source in finder:
                if self._word.lower() in source.name.lower():
                    return source
        found = ", ".join(finder.get_source_names()) or "nothing"
        raise LiveflightError(f"there is no such source; found: {found}; {_advice()}")

    def receive(self) -> np.ndarray | None:
        assert self._receiver
        if self._receiver.receive(self._video, _WAIT_MS) != self._video:
            if time.monotonic() - self._since > _LOST_S:
                raise LiveflightError(f"no picture for {_LOST_S:g} s")
            return None
        self._since = time.monotonic()
        width, height = self._frame.get_resolution()
        pixels = np.frombuffer(self._frame, np.uint8)
        return pixels.reshape(height, -1, 4)[:, :width, :3]

    def end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver:
            receiver.disconnect()
        finder, self._finder = self._finder, None
        if finder:
            finder.close()


def _advice() -> str:
    return ndi.discovery_trouble() or "the name is written MACHINE (NAME), or a part of it"
