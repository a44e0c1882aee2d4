from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import open_sink
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.png_folder import PngFolder, save_png
from liveflight.outputs.sinks.video_encoding import Soundtrack

WIDTH, HEIGHT = 64, 48


def noise(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("name", ["flight", "flight.2/"])
def test_png_folder_is_exact(tmp_path: Path, name: str) -> None:
    with open_sink(f"{tmp_path}/{name}", (WIDTH, HEIGHT), 30) as sink:
        assert isinstance(sink, PngFolder)
        for number in range(3):
            sink.write(noise(number))
    files = sorted((tmp_path / name).iterdir())
    assert [file.name for file in files] == [f"frame_{n:05}.png" for n in (1, 2, 3)]
    for number, file in enumerate(files):
        with Image.open(file) as stored:
            assert stored.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(stored), noise(number))


def test_a_screenshot_leaves_an_older_one_alone(tmp_path: Path) -> None:
    for seed, name in ((1, "shot.png"), (2, "shot_2.png")):
        assert save_png(tmp_path / "shot.png", noise(seed)) == tmp_path / name
        with Image.open(tmp_path / name) as stored:
            np.testing.assert_array_equal(np.asarray(stored), noise(seed))
    assert len(list(tmp_path.iterdir())) == 2


def test_screenshot_that_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(LiveflightError, match=r"there is no folder '.*missing'"):
        save_png(tmp_path / "missing" / "shot.png", noise(0))
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(LiveflightError, match="taken"):
        save_png(tmp_path / "taken.png", noise(0), "replace")
    assert [file.name for file in tmp_path.iterdir()] == ["taken.png"]


def test_pictures_in_a_folder_have_no_sound(tmp_path: Path) -> None:
    track = Soundtrack(tmp_path / "tone.wav", 1)
    with open_sink(tmp_path / "flight", (WIDTH, HEIGHT), 30, track) as sink:
        sink.write(noise(0))
    assert len(list((tmp_path / "flight").iterdir())) == 1
