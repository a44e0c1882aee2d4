"""What a flight starts from and grows on."""

from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import pytest
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import Controls
from liveflight.core.noise import first_canvas
from liveflight.loop import image_source
from liveflight.loop.image_source import ImageSource, open_video
from liveflight.render.passes import RenderTarget
from liveflight.storage.saved_state import SavedState

SIZE = (6, 4)


class Reel:
    """Shows these frames, one at each call."""

    def __init__(self, *frames: np.ndarray | None) -> None:
        self.frames = list(frames)
        self.closed = 0

    def newest(self, now: float) -> np.ndarray | None:
        return self.frames.pop(0) if self.frames else None

    def close(self) -> None:
        self.closed += 1


def plain(value: int) -> np.ndarray:
    return np.full((4, 6, 3), value, np.uint8)


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.fixture
def surface(ctx: moderngl.Context) -> Iterator[RenderTarget]:
    surface = RenderTarget(ctx, SIZE)
    surface.framebuffer.clear(0.0, 0.0, 0.0, 1.0)
    yield surface
    surface.release()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(plain(255)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def level(surface: RenderTarget) -> float:
    return float(np.frombuffer(surface.texture.read(), np.float16)[0])


def test_without_anything_it_starts_from_noise_and_changes_nothing(ctx, controls, surface) -> None:
    image_source = ImageSource(ctx, controls, None, None)
    np.testing.assert_array_equal(image_source.start(SIZE, 7), first_canvas(SIZE, 7))
    image_source.update(0.0)
    image_source.lay(surface.framebuffer, 1.0, np.eye(3))
    assert level(surface) == 0.0
    image_source.close()


def test_it_starts_from_the_image_whatever_the_seed(ctx, controls, image) -> None:
    image_source = ImageSource(ctx, controls, image, None)
    assert (image_source.start((8, 2), 7) == 1).all()
    assert image_source.start((8, 2), 8).shape == (2, 8, 4)
    image_source.close()


@pytest.mark.parametrize("frames", [1, 4, 60])
def test_the_pull_is_the_same_at_every_rate(ctx, controls, image, surface, frames) -> None:
    controls.set("seed.amount", 2.0)
    controls.jump()
    image_source = ImageSource(ctx, controls, image, None)
    for _ in range(frames):
        image_source.lay(surface.framebuffer, 0.5 / frames, np.eye(3))
    assert level(surface) == pytest.approx(1 - np.exp(-1), abs=0.01)
    image_source.close()


def test_an_amount_of_zero_is_off(ctx, controls, image, surface) -> None:
    controls.set("seed.amount", 0.0)
    controls.jump()
    image_source = ImageSource(ctx, controls, image, None)
    image_source.lay(surface.framebuffer, 100.0, np.eye(3))
    assert level(surface) == 0.0
    image_source.close()


def test_a_camera_replaces_the_image_as_its_frames_come(ctx, controls, image, surface) -> None:
    reel = Reel(None, plain(51), None)
    image_source = ImageSource(ctx, controls, image, reel)
    for expected in (1.0, 0.2, 0.2):
        image_source.update(0.0)
        image_source.lay(surface.framebuffer, 100.0, np.eye(3))
        assert level(surface) == pytest.approx(expected, abs=0.002)
    assert (image_source.start(SIZE, 0) == 1).all(), "the image is what it starts from"
    image_source.close()
    assert reel.closed == 1


def test_a_camera_alone_is_started_from_once_it_sees(ctx, controls) -> None:
    image_source = ImageSource(ctx, controls, None, Reel(plain(51)))
    np.testing.assert_array_equal(image_source.start(SIZE, 7), first_canvas(SIZE, 7))
    image_source.update(0.0)
    np.testing.assert_allclose(image_source.start(SIZE, 7)[..., :3], 0.2, atol=1e-3)
    image_source.close()


def test_all_of_a_picture_leaves_a_margin(ctx, controls, tmp_path, surface) -> None:
    Image.fromarray(np.full((4, 2, 3), 255, np.uint8)).save(tmp_path / "a.png")
    controls.set("seed.fit", "contain")
    controls.jump()
    image_source = ImageSource(ctx, controls, tmp_path / "a.png", None)
    image_source.lay(surface.framebuffer, 100.0, np.eye(3))
    rows = np.frombuffer(surface.texture.read(), np.float16).reshape(4, 6, 4)[..., 0]
    assert (rows == [0, 0, 1, 1, 0, 0]).all()
    image_source.close()


def test_a_missing_image_is_refused(ctx, controls, tmp_path) -> None:
    with pytest.raises(LiveflightError, match="cannot be read"):
        ImageSource(ctx, controls, tmp_path / "none.png", None)


def test_a_show_that_goes_on_does_without_a_missing_image(ctx, controls, tmp_path, caplog) -> None:
    image_source = ImageSource(ctx, controls, tmp_path / "none.png", None, SavedState())
    assert not image_source.given
    assert "going on without it" in caplog.text
    image_source.close()


def test_no_camera_is_none() -> None:
    assert open_video("", 30.0, live=True) is None


@pytest.mark.parametrize("kind", ["ndi", "spout", "syphon"])
def test_another_program_is_a_camera_in_a_show_only(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def received(name: str) -> Reel:
        opened.append(name)
        return Reel()

    monkeypatch.setitem(image_source.RECEIVED, kind, received)
    assert isinstance(open_video(f"{kind}:LAPTOP (deck)", 30, live=True), Reel)
    assert opened == ["LAPTOP (deck)"]
    with pytest.raises(LiveflightError, match="a render takes a file; record it first"):
        open_video(f"{kind}:LAPTOP (deck)", 30, live=False)
