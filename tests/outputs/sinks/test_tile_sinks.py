"""Files for the tiles of a wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from received import described

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.tile_sinks import TileSinks
from liveflight.wall.layout import Layout

WALL = Layout(2, 1, overlaps=(8, 0), rotations=(90,)).wall((56, 20))


def pictures() -> list[Picture]:
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (20, 56, 3), np.uint8) for _ in range(2)]


def test_a_folder_has_one_for_each_tile_upright_with_what_both_show(tmp_path: Path) -> None:
    with TileSinks(tmp_path / "wall", WALL, 30) as sink:
        for picture in pictures():
            sink.write(picture)
    for rank, columns in enumerate((slice(0, 32), slice(24, 56))):
        files = sorted((tmp_path / "wall" / str(rank)).iterdir())
        for file, picture in zip(files, pictures(), strict=True):
            with Image.open(file) as stored:
                np.testing.assert_array_equal(np.asarray(stored), picture[:, columns])
    assert sink.path == tmp_path / "wall" / "0"


def test_videos_are_named_after_their_ranks(tmp_path: Path) -> None:
    with TileSinks(tmp_path / "wall.mp4", WALL, 30) as sink:
        for picture in pictures():
            sink.write(picture)
    found = sorted(tmp_path.iterdir())
    assert [each.name for each in found] == ["wall_0.mp4", "wall_1.mp4"]
    assert all("32x20" in described(each) for each in found)


def test_tiles_that_no_video_can_have_leave_nothing(tmp_path: Path) -> None:
    wall = Layout(2, 1).wall((54, 20))
    with pytest.raises(LiveflightError, match="27x20: a video needs an even width"):
        TileSinks(tmp_path / "wall.mp4", wall, 30)
    assert not list(tmp_path.iterdir())
