"""Picture files: upright, in RGB, of a sane size, and what is refused."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.media import image_file


def colours(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_formats_without_loss_come_as_they_are(tmp_path: Path, suffix: str) -> None:
    given = colours(7, 4)
    more = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(given).save(tmp_path / f"a.{suffix}", **more)
    found = image_file.read(tmp_path / f"a.{suffix}")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, given)


def test_a_jpeg_comes_nearly_as_it_was(tmp_path: Path) -> None:
    given = np.kron(colours(4, 3), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(given).save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert np.abs(image_file.read(tmp_path / "a.jpg").astype(int) - given).mean() < 3


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
    np.testing.assert_array_equal(image_file.read(tmp_path / "a.png"), turned(given))


def test_grey_palettes_and_transparency(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 5), 77, np.uint8)).save(tmp_path / "grey.png")
    assert (image_file.read(tmp_path / "grey.png") == 77).all()
    half = np.zeros((3, 5, 4), np.uint8)
    half[:, 2:] = (200, 10, 30, 255)
    Image.fromarray(half).save(tmp_path / "half.png")
    found = image_file.read(tmp_path / "half.png")
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
    assert image_file.read(tmp_path / f"a.{suffix}")[0].tolist() == [
        [v] * 3 for v in (0, 1, 128, 255)
    ]


def profile(space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC profile, version 2."""
    kind = {b"RGB ": b"mntr", b"GRAY": b"mntr", b"CMYK": b"prtr"}[space]
    head = struct.pack(">4xII4s4s4s12x4s28x3I48x", 0, 0x02100000, kind, space, pcs, b"acsp",
                       0xF6D6, 0x10000, 0xD32D)  # fmt: skip
    place = len(head) + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, data in tags.items():
        table += struct.pack(">4sII", name, place, len(data))
        place += len(data)
    return struct.pack(">I", place) + head[4:] + table + b"".join(tags.values())


def curve(gamma: float) -> bytes:
    return struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))


def xyz(*values: float) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(value * 65536) for value in values))


ADOBE = profile(b"RGB ", b"XYZ ", {
    b"wtpt": xyz(0.9505, 1.0, 1.089), b"rXYZ": xyz(0.6097, 0.3111, 0.0195),
    b"gXYZ": xyz(0.2053, 0.6257, 0.0609), b"bXYZ": xyz(0.1492, 0.0632, 0.7446),
    b"rTRC": curve(2.2), b"gTRC": curve(2.2), b"bTRC": curve(2.2),
})  # fmt: skip
"""Wider than sRGB: Adobe RGB's primaries."""
LINEAR_GREY = profile(b"GRAY", b"XYZ ", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": curve(1.0)})
STRAIGHT = bytes(range(256))
INKS = profile(b"CMYK", b"Lab ", {b"A2B0": b"".join([
    struct.pack(">4s4x4B9i", b"mft1", 4, 3, 2, 0, *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536)),
    4 * STRAIGHT, bytes((140, 168, 88)) * 16, 3 * STRAIGHT,
])})  # fmt: skip
"""All inks and none come out purple."""


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_colours_are_what_the_embedded_profile_says(tmp_path: Path, suffix: str) -> None:
    given = Image.new("RGB", (16, 8), (60, 180, 90))
    given.save(tmp_path / f"a.{suffix}", icc_profile=ADOBE, quality=95)
    found = image_file.read(tmp_path / f"a.{suffix}").astype(int)
    assert np.abs(found - (0, 181, 83)).max() <= 4  # without it: 60, 180, 90


def test_a_profile_counts_for_palettes_transparency_greys_and_inks(tmp_path: Path) -> None:
    given = Image.new("RGB", (6, 4), (60, 180, 90))
    given.quantize(4).save(tmp_path / "palette.png", icc_profile=ADOBE)
    assert np.abs(image_file.read(tmp_path / "palette.png") - (0.0, 181, 83)).max() <= 2
    given.putalpha(128)
    given.save(tmp_path / "half.png", icc_profile=ADOBE)
    assert np.abs(image_file.read(tmp_path / "half.png") - (64.0, 155, 105)).max() <= 2
    for levels in (np.uint8([[0, 55, 128, 255]]), np.uint16([[0, 14135, 32896, 65535]])):
        Image.fromarray(levels).save(tmp_path / "grey.png", icc_profile=LINEAR_GREY)
        found = image_file.read(tmp_path / "grey.png")[0, :, 0].astype(int)
        assert np.abs(found - (0, 128, 188, 255)).max() <= 1
    Image.new("CMYK", (6, 4), (9, 99, 0, 0)).save(tmp_path / "inks.tiff", icc_profile=INKS)
    red, green, blue = image_file.read(tmp_path / "inks.tiff")[2, 3].astype(int)
    assert 200 > blue > red > green  # without it: 246, 156, 255


@pytest.mark.parametrize("broken", [ADOBE[:90], b"no profile", INKS])
def test_a_profile_that_fits_no_such_picture_is_left_out(tmp_path: Path, broken: bytes) -> None:
    given = colours(7, 4)
    Image.fromarray(given).save(tmp_path / "a.png", icc_profile=broken)
    np.testing.assert_array_equal(image_file.read(tmp_path / "a.png"), given)


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("IMG_0042.HEIC", b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "a HEIC photo: save it as JPEG"),
        ("a.jpg", b"\0\0\0\x24ftypmif1\0\0\0\0heic", "a HEIC photo"),
        ("a.svg", b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="x">', "an SVG drawing: export"),
        ("a.png", b"\xef\xbb\xbf<svg/>", "an SVG drawing"),
        ("a.svgz", b"\x1f\x8b\x08", "a zipped SVG drawing"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF: export its page as PNG"),
        ("a.ai", b"%PDF-1.5\n", "a PDF"),
        ("a.CR2", b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file: develop it"),
        ("a.tif", b"FUJIFILMCCD-RAW 0201", "a camera's raw file"),
        ("clip.mp4", b"\0\0\0\x20ftypisom\0\0\2\0", "a video: give it to --camera"),
        ("clip.webm", b"\x1a\x45\xdf\xa3", "a video: give it to --camera"),
        ("a.jxl", b"\xff\x0a\xfa", "a JPEG XL picture"),
        ("a.xcf", b"gimp xcf v011\0", "a GIMP file: export it as PNG"),
        ("a.jpg", b"<!DOCTYPE html><html><title>403", "a web page: download the picture"),
        ("._a.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X", "only macOS's note on a file"),
    ],
)  # fmt: skip
def test_other_files_are_named_as_what_they_are(
    tmp_path: Path, name: str, content: bytes, advice: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LiveflightError) as refused:
        image_file.read(tmp_path / name)
    said = f"image {str(tmp_path / name)!r} cannot be read: it is {advice}"
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("suffix", ["NEF", "dng"])
def test_the_small_preview_in_a_raw_file_is_not_taken_for_it(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(colours(16, 12)).save(tmp_path / f"a.{suffix}", "TIFF")
    with pytest.raises(LiveflightError, match="cannot be read: it is a camera's raw file: develop"):
        image_file.read(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_an_animation_shows_its_first_picture(tmp_path: Path, suffix: str) -> None:
    first, second = (Image.new("RGB", (4, 3), colour) for colour in ("#ff0000", "#0000ff"))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], lossless=True)
    assert (image_file.read(tmp_path / f"a.{suffix}") == (255, 0, 0)).all()


def test_a_program_is_not_run(tmp_path: Path) -> None:
    code = f"({tmp_path / 'mark'}) (w) file closefile"
    (tmp_path / "a.png").write_text(f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{code}\n")
    with pytest.raises(LiveflightError, match="it is PostScript, a program, which is not run"):
        image_file.read(tmp_path / "a.png")
    assert "EPS" in Image.OPEN  # Pillow itself would have begun


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match="is no file but a device or a pipe"):
        image_file.read(tmp_path / "a.png")


def test_one_at_which_pillow_gives_up_is_too_large_and_not_damaged(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("1", (200, 600)).save(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match="has far too many pixels; up to 100 million"):
        image_file.read(tmp_path / "a.png")


def test_large_ones_are_reduced_and_keep_their_shape(tmp_path: Path) -> None:
    Image.new("RGB", (4096, 1024), (10, 200, 30)).save(tmp_path / "a.jpg")
    assert image_file.read(tmp_path / "a.jpg").shape == (512, 2048, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"", "it is empty"),
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
        image_file.read(file)


def test_one_that_is_far_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(image_file, "MAX_PIXELS", 1_000_000)
    Image.new("1", (2000, 600)).save(tmp_path / "a.png")
    with pytest.raises(LiveflightError, match=r"has 2000x600 pixels; up to 1 million are allowed"):
        image_file.read(tmp_path / "a.png")


def test_a_canvas_of_it_is_filled_and_cut_alike_on_both_sides() -> None:
    given = colours(10, 4)
    canvas = image_file.canvas(given, (6, 4))
    assert (canvas.dtype, canvas.shape) == (np.float16, (4, 6, 4))
    np.testing.assert_allclose(canvas[..., :3].astype(float), given[:, 2:8] / 255, atol=1e-3)
    assert (canvas[..., 3] == 1).all()
