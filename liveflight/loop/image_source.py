"""Bring an image or a camera into the picture, to start from and to grow on."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import Canvas, LiveflightError, Size
from liveflight.core.controls import Controls
from liveflight.core.noise import first_canvas
from liveflight.media import image_file
from liveflight.media.ndi_source import NdiSource
from liveflight.media.spout_source import SpoutSource
from liveflight.media.syphon_source import SyphonSource
from liveflight.media.video_source import Capture, OfflineVideo, VideoSource
from liveflight.render.image_blend import ImageBlend
from liveflight.render.present import Fit
from liveflight.storage.saved_state import SavedState

if TYPE_CHECKING:
    from pathlib import Path

    import moderngl

log = logging.getLogger("liveflight.loop")


class ImageSource:
    """An image, a camera or both. A camera's frames replace the image, but not as the start."""

    def __init__(
        self,
        ctx: moderngl.Context,
        controls: Controls,
        image: Path | None,
        video: VideoSource | None,
        resume: SavedState | None = None,
    ) -> None:
        """Read the image. `resume`: the show that goes on: its picture is the first canvas.

        Raises LiveflightError where the image cannot be read; a show that goes on does without."""
        self._first = image_file.decode(resume.picture) if resume else None
        self._image: np.ndarray | None = None
        try:
            self._image = image_file.read(image) if image else None
        except LiveflightError as error:
            if not resume:
                raise
            log.warning("%s: going on without it", error)
        self._video = video
        self._newest: np.ndarray | None = None
        self._controls = controls
        self._blend = ImageBlend(ctx)
        if self._image is not None:
            self._blend.show(self._image)

    @property
    def given(self) -> bool:
        """Return whether there is an image or a camera, which may not have shown anything yet."""
        return self._image is not None or self._video is not None

    def latest_image(self) -> np.ndarray | None:
        """Return the camera's newest frame, else the image, uint8 (H, W, 3); None for neither."""
        return self._image if self._newest is None else self._newest

    def start(self, size: Size, seed: int) -> Canvas:
        """Return a first canvas of this width and height.

        It shows the image, else the camera's newest frame, else noise; the very first shows what
        was given. May be called from any thread."""
        seen = self._newest if self._image is None else self._image
        if self._first is not None:
            seen, self._first = self._first, None
        return first_canvas(size, seed) if seen is None else image_file.canvas(seen, size)

    def update(self, now: float) -> None:
        """Take the camera's newest frame. `now` is in seconds."""
        frame = self._video.newest(now) if self._video else None
        if frame is not None:
            self._newest = frame
            self._blend.show(frame)

    def lay(self, framebuffer: moderngl.Framebuffer, seconds: float, moved: np.ndarray) -> None:
        """Blend the outside picture into the canvas, with the strength for that many seconds.

        `moved` maps places of the canvas to places of the screen, in heights."""
        share = 1 - math.exp(-self._controls.number("seed.amount") * seconds)
        fit: Fit = "contain" if self._controls.word("seed.fit") == "contain" else "cover"
        self._blend.lay(framebuffer, share, fit, moved)

    def close(self) -> None:
        """Close the camera and release the texture."""
        if self._video:
            self._video.close()
        self._blend.release()


RECEIVED: dict[str, Callable[[str], VideoSource]] = {
    "ndi": NdiSource,
    "spout": SpoutSource,
    "syphon": SyphonSource,
}
"""Cameras that other programs are, by the word before the colon."""


def open_video(source: str, fps: float, *, live: bool) -> VideoSource | None:
    """Open a camera or video file by name; return None for an empty name.

    It runs in its own time when `live`, else in the time of a render at `fps`.

    Raises LiveflightError where there is no ffmpeg, and for another program in a render."""
    if not source:
        return None
    kind, colon, name = source.partition(":")
    if colon and kind in RECEIVED:
        if not live:
            raise LiveflightError(f"camera {source!r}: a render takes a file; record it first")
        return RECEIVED[kind](name)
    return Capture(source) if live else OfflineVideo(source, fps)
