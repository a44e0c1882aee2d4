"""A flight that starts from a picture or a camera, and grows on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_engine import stay
from on_stage import CANVAS, TICK, Begin, Show, rises, sunrise
from PIL import Image

pytestmark = pytest.mark.gl


@pytest.fixture
def image(tmp_path: Path) -> Path:
    picture = (sunrise((96, 54))[..., :3].astype(np.float32) * 255).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "sunrise.png")
    return tmp_path / "sunrise.png"


def test_the_first_picture_is_the_image_and_so_is_a_new_start(begin: Begin, image: Path) -> None:
    show = begin(lambda view, *_: 1 - 2 * view, image=image, bottom_up=True)
    assert rises(show.frame())
    show.set("seed.amount", 0.0)
    show.frame(20)
    assert not rises(show.frame())
    show.engine.step = stay
    show.press("r")
    assert rises(show.frame(2))


def drift(show: Show) -> None:
    """Move to the right, by an eighth of the picture in a second."""
    show.flight.controls.set("camera.pan_x", 1 / 8)
    show.flight.controls.jump()


@pytest.mark.parametrize("live", [False, True])
def test_the_picture_stands_still_on_the_screen_while_the_canvas_moves(
    live: bool, begin: Begin, image: Path
) -> None:
    show = begin(size=CANVAS, image=image, live=live)
    show.set("seed.amount", 10.0)
    before = show.frame(2)
    drift(show)
    after = show.frame(round(3 / TICK))
    assert rises(after)
    assert np.abs(after - before).mean() < 8


def test_without_its_strength_the_picture_leaves(begin: Begin, image: Path) -> None:
    show = begin(size=CANVAS, image=image)
    show.set("seed.amount", 0.0)
    drift(show)
    assert not rises(show.frame(round(4 / TICK)))


@pytest.mark.parametrize("frames", [1, 3])
def test_it_pulls_the_same_at_every_rate(frames: int, begin: Begin, image: Path) -> None:
    show = begin(size=CANVAS)
    source = show.app.image_source
    source._blend.show(np.full((18, 32, 3), 255, np.uint8))
    show.app.feedback_loop._draw_over = source.lay
    show.set("seed.amount", 0.5)
    show.frame(2)
    show.flight.controls.jump()
    before = show.canvas[..., :3].astype(float)
    for _ in range(round(2 / TICK) * frames):
        show.now += TICK / frames - TICK
        show.frame()
    share = (show.canvas[..., :3].astype(float) - before) / (1 - before)
    assert float(np.median(share)) == pytest.approx(1 - np.exp(-1), abs=0.06)


class Reel:
    """A camera that shows one grey level after the other."""

    def __init__(self) -> None:
        self.level = 255

    def newest(self, now: float) -> np.ndarray:
        return np.full((18, 32, 3), self.level, np.uint8)

    def close(self) -> None:
        pass


def test_a_cameras_picture_is_followed(begin: Begin) -> None:
    show = begin(size=CANVAS)
    reel = Reel()
    source = show.app.image_source
    source._video = reel
    show.app.feedback_loop._draw_over = source.lay
    show.set("seed.amount", 10.0)
    for level in (255, 0, 128):
        reel.level = level
        expected = {255: 243, 0: 12, 128: 128}[level]  # the ends are compressed
        assert show.frame(round(1 / TICK)).mean() == pytest.approx(expected, abs=12)
