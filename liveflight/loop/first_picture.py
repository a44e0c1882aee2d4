"""Show the picture of a saved show as soon as there is a window: building a show takes seconds."""

from __future__ import annotations

import logging

import numpy as np

from liveflight.core.contracts import Output
from liveflight.media import image_file
from liveflight.storage.saved_state import SavedState

log = logging.getLogger("liveflight.loop")


def show(output: Output, state: SavedState) -> None:
    """Show a state's picture, as bright as the show was, until the first frame replaces it.

    Needs no shaders, whose compilation would delay it. A failure is logged, and leaves black."""
    picture = image_file.decode(state.picture)
    if picture is None or state.settings.get("show.blackout"):
        return
    try:
        _draw(output, picture, state.brightness)
        output.show()
    except Exception as error:  # drivers differ, and the show itself draws in another way
        log.warning("the saved picture cannot be shown at once: %r", error)


def _draw(output: Output, picture: np.ndarray, master: float) -> None:
    levels = image_file.canvas(picture, output.size) * np.float16(master)
    draw(output, (levels * np.float16(255)).round().clip(0, 255).astype(np.uint8))


def draw(output: Output, pixels: np.ndarray) -> None:
    """Draw a picture of the output's size, uint8 (H, W, 4), row 0 on top, without shaders."""
    if output.bottom_up:
        pixels = pixels[::-1]
    texture = output.ctx.texture(output.size, 4, pixels.tobytes())
    framebuffer = output.ctx.framebuffer([texture])
    try:
        output.ctx.copy_framebuffer(output.framebuffer, framebuffer)
        output.ctx.finish()
    finally:
        output.framebuffer.use()  # moderngl binds the last one again later
        framebuffer.release()
        texture.release()
