from __future__ import annotations

from collections.abc import Callable

import moderngl
import numpy as np
import pytest

from liveflight.core.noise import first_canvas
from liveflight.render.passes import RenderTarget
from liveflight.render.present import PresentPass
from liveflight.render.preview import PreviewPass, preview_size

pytestmark = pytest.mark.gl


def taken(preview: PreviewPass) -> np.ndarray:
    """Return the picture of the second frame at the latest."""
    first = preview.take()
    found = preview.take() if first is None else first
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("output", "preview"),
    [
        ((1280, 720), (320, 180)),
        ((640, 360), (320, 180)),
        ((1080, 1920), (180, 320)),
        ((1000, 1000), (240, 240)),
        ((7680, 1080), (480, 120)),
        ((9000, 100), (480, 120)),
    ],
)
def test_a_preview_has_the_outputs_shape(output: tuple[int, int], preview: tuple[int, int]) -> None:
    assert preview_size(output) == preview


def test_a_preview_is_what_the_output_shows(ctx: moderngl.Context) -> None:
    canvas = RenderTarget(ctx, (640, 360))
    canvas.texture.write(first_canvas((640, 360), 4).tobytes())
    present = PresentPass(ctx)
    preview = PreviewPass(ctx)

    def drawn(master: float) -> Callable[[moderngl.Framebuffer, tuple[int, int]], None]:
        return lambda framebuffer, size: present.draw(
            *(canvas.texture, framebuffer, size),
            bottom_up=False,
            master=master,
            frame=3,
            sharp=False,
            sketch=True,
        )

    try:
        assert preview.take() is None
        for master in (1.0, 0.5, 0.0):
            preview.draw((1280, 720), drawn(master))
            found = taken(preview)
            assert found.shape == (180, 320, 3)
            # From a canvas of twice the size, one bilinear read is the mean of all that it covers.
            whole = present.picture(canvas.texture, (320, 180)).astype(np.float64)
            assert np.abs(found - master * whole).max() <= 2.5  # two dithers
            assert preview.take() is None
        preview.draw((400, 800), drawn(1.0))
        assert taken(preview).shape[:2] == preview_size((400, 800))[::-1]
    finally:
        preview.release()
        present.release()
        canvas.release()
