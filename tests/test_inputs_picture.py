"""Picture files: upright, in RGB, of a sane size, and what is refused."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.inputs import picture


def colours(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_formats_without_loss_come_as_they_are(tmp_path: Path, suffix: str) -> None:
    given = colours(7, 4)
    more = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(given).save(tmp_path / f"a.{suffix}", **more)
    found = picture.read(tmp_path / f"a.{suffix}")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, given)


def test_a_jpeg_comes_nearly_as_it_was(tmp_path: Path) -> None:
    given = np.kron(colours(4, 3), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(given).save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert np.abs(picture.read(tmp_path / "a.jpg").astype(int) - given).mean() < 3


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(1, lambda p: p), (3, lambda p: p[::-1, ::-1]), (6, lambda p: np.rot90(p, -1)),
     (8, lambda p: np.rot90(p)), (2, lambda p: p[:, ::-1])],
)  # fmt: skip
def test_pictures_are_turned_as_the_camera_was_held(tmp_path: Path, orientation, turned) -> None:
    given = colours(7, 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(given).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(picture.read(tmp_path / "a.png"), turned(given))


def test_grey_palettes_and_transparency(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 5), 77, np.uint8)).save(tmp_path / "grey.png")
    assert (picture.read(tmp_path / "grey.png") == 77).all()
    half = np.zeros((3, 5, 4), np.uint8)
    half[:, 2:] = (200, 10, 30, 255)
    Image.fromarray(half).save(tmp_path / "half.png")
    found = picture.read(tmp_path / "half.png")
    assert (found[:, :2] == 128).all() and (found[:, 2:] == (200, 10, 30)).all()


@pytest.mark.parametrize(
    ("levels", "suffix"),
    [
        (np.array([[0, 257, 32896, 65535]], np.uint16), "png"),
        (np.array([[0, 257, 32896, 65535]], np.int32), "tiff"),
        (np.array([[0, 1 / 255, 128 / 255, 7]], np.float32), "tiff"),
    ],
)
def test_deep_greys_keep_all_their_shades(tmp_path: Path, levels: np.ndarray, suffix: str) -> None:
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    assert picture.read(tmp_path / f"a.{suffix}")[0].tolist() == [[v] * 3 for v in (0, 1, 128, 255)]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_an_animation_shows_its_first_picture(tmp_path: Path, suffix: str) -> None:
    first, second = (Image.new("RGB", (4, 3), colour) for colour in ("#ff0000", "#0000ff"))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], lossless=True)
    assert (picture.read(tmp_path / f"a.{suffix}") == (255, 0, 0)).all()


def test_a_program_is_not_run(tmp_path: Path) -> None:
    code = f"({tmp_path / 'mark'}) (w) file closefile"
    (tmp_path / "a.png").write_text(f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{code}\n")
    with pytest.raises(LiveflightError, match="it is no picture, or damaged"):
        picture.read(tmp_path / "a.png")
    assert "EPS" in Image.OPEN  # Pillow itself would have begun


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match="is no file but a device or a pipe"):
        picture.read(tmp_path / "a.png")


def test_one_at_which_pillow_gives_up_is_too_large_and_not_damaged(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("1", (200, 600)).save(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match="has far too many pixels; up to 100 million"):
        picture.read(tmp_path / "a.png")


def test_large_ones_are_reduced_and_keep_their_shape(tmp_path: Path) -> None:
    Image.new("RGB", (4096, 1024), (10, 200, 30)).save(tmp_path / "a.jpg")
    assert picture.read(tmp_path / "a.jpg").shape == (512, 2048, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"", "it is no picture, or damaged"),
        (b"no picture", "it is no picture, or damaged"),
        ("half", "image file is truncated|it is no picture, or damaged"),
        ("folder", "is a directory"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, content, reason) -> None:
    file = tmp_path / "a.png"
    if content == "folder":
        file.mkdir()
    elif content == "half":
        Image.fromarray(colours(64, 64)).save(file)
        file.write_bytes(file.read_bytes()[:2000])
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(LiveflightError, match=rf"^image '.*a\.png' cannot be read: ({reason})$"):
        picture.read(file)


def test_one_that_is_far_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(picture, "MOST_PIXELS", 1_000_000)
    Image.new("1", (2000, 600)).save(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match=r"has 2000x600 pixels; up to 1 million are allowed"):
        picture.read(tmp_path / "a.png")


def test_a_canvas_of_it_is_filled_and_cut_alike_on_both_sides() -> None:
    given = colours(10, 4)
    canvas = picture.canvas(given, (6, 4))
    assert (canvas.dtype, canvas.shape) == (np.float16, (4, 6, 4))
    np.testing.assert_allclose(canvas[..., :3].astype(float), given[:, 2:8] / 255, atol=1e-3)
    assert (canvas[..., 3] == 1).all()
