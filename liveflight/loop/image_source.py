"""What comes into the picture from outside: an image or a camera, to start from and to grow on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import Canvas
from liveflight.core.controls import Controls
from liveflight.core.noise import pink
from liveflight.media import image_file
from liveflight.media.video_source import Capture, OfflineVideo, VideoSource
from liveflight.render.image_blend import Fit, ImageBlend

if TYPE_CHECKING:
    from pathlib import Path

    import moderngl


class ImageSource:
    """A camera's frames replace the image once they come, but not what the flight starts from."""

    def __init__(
        self,
        ctx: moderngl.Context,
        controls: Controls,
        image: Path | None,
        moving: VideoSource | None,
    ) -> None:
        """Raises LiveflightError where the image cannot be read."""
        self._image = image_file.read(image) if image else None
        self._moving = moving
        self._newest: np.ndarray | None = None
        self._controls = controls
        self._seed = ImageBlend(ctx)
        if self._image is not None:
            self._seed.show(self._image)

    @property
    def given(self) -> bool:
        """Whether there is an image or a camera, which may not have shown anything yet."""
        return self._image is not None or self._moving is not None

    def seen(self) -> np.ndarray | None:
        """Return the camera's newest frame, else the image, uint8 (H, W, 3); None: nothing yet."""
        return self._image if self._newest is None else self._newest

    def start(self, size: tuple[int, int], seed: int) -> Canvas:
        """What a flight starts from, at this width and height: the image, else what the camera sees
        now, else noise. May be called from any thread."""
        seen = self._newest if self._image is None else self._image
        return pink(size, seed) if seen is None else image_file.canvas(seen, size)

    def look(self, now: float) -> None:
        """Takes in the camera's newest frame."""
        frame = self._moving.newest(now) if self._moving else None
        if frame is not None:
            self._newest = frame
            self._seed.show(frame)

    def lay(self, framebuffer: moderngl.Framebuffer, seconds: float) -> None:
        """Pulls the canvas towards what is seen, as it does in that many seconds."""
        share = 1 - math.exp(-self._controls.number("seed.amount") * seconds)
        fit: Fit = "contain" if self._controls.word("seed.fit") == "contain" else "cover"
        self._seed.lay(framebuffer, share, fit)

    def close(self) -> None:
        if self._moving:
            self._moving.close()
        self._seed.release()


def moving(source: str, fps: float, *, live: bool) -> VideoSource | None:
    """The camera or video file of that name; none where it is empty. In a show it runs in its own
    time, in a render of `fps` in the render's.

    Raises LiveflightError where there is no ffmpeg."""
    if not source:
        return None
    return Capture(source) if live else OfflineVideo(source, fps)
