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

_LOOK_S, _POLL_S = 0.1, 0.004
"""Seconds between two looks for sources, and for a frame.

The package's own waits would hold Python's lock, and with it the frame loop."""


class NdiSource(ReceivedVideo):
    """The NDI source with this word in its name: `MACHINE (NAME)`; an empty word takes any.

    NDI finds sources by asking all networks of this machine."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._finder: Finder | None = None
        self._receiver: Receiver | None = None
        super().__init__(f"ndi:{word}")

    def open(self) -> None:
        if why := ndi.load():
            raise LiveflightError(why)
        from cyndilib.finder import Finder
        from cyndilib.receiver import Receiver
        from cyndilib.video_frame import VideoFrameSync
        from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

        self._finder = Finder()
        self._finder.open()
        source = self._find(self._finder)
        self._receiver = Receiver(
            color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest
        )
        self._frame = VideoFrameSync()
        self._receiver.frame_sync.set_video_frame(self._frame)
        self._receiver.set_source(source)
        self._stamp, self._since = 0.0, time.monotonic()

    def _find(self, finder: Finder) -> Source:
        until = time.monotonic() + _SEARCH_S
        while time.monotonic() < until and not self._ends.is_set():
            finder.wait_for_sources(0)
            for source in finder:
                if self._word.lower() in source.name.lower():
                    return source
            self._ends.wait(_LOOK_S)
        found = ", ".join(finder.get_source_names()) or "nothing"
        raise LiveflightError(f"there is no such source; found: {found}; {_advice()}")

    def receive(self) -> np.ndarray | None:
        assert self._receiver
        # It hands out the newest frame, the same one again where there is no newer one.
        self._receiver.frame_sync.capture_video()
        width, height = self._frame.get_resolution()
        stamp = self._frame.get_timestamp_posix() if width and height else self._stamp
        if stamp == self._stamp:
            if time.monotonic() - self._since > _LOST_S:
                raise LiveflightError(f"no picture for {_LOST_S:g} s")
            self._ends.wait(_POLL_S)
            return None
        self._stamp, self._since = stamp, time.monotonic()
        return self._frame.get_array().reshape(height, -1, 4)[:, :width, :3]

    def end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver:
            receiver.disconnect()
        finder, self._finder = self._finder, None
        if finder:
            finder.close()


def _advice() -> str:
    return ndi.discovery_trouble() or "the name is written MACHINE (NAME), or a part of it"
