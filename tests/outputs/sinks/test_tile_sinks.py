"""Files for the tiles of a wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from received import described

from liveflight.cli import parser, render_command
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
        files = sorted((tmp_path / "wall" / f"tile{rank}").iterdir())
        for file, picture in zip(files, pictures(), strict=True):
            with Image.open(file) as stored:
                np.testing.assert_array_equal(np.asarray(stored), picture[:, columns])
    assert sink.path == tmp_path / "wall" / "tile0"


def test_videos_are_named_after_their_ranks(tmp_path: Path) -> None:
    with TileSinks(tmp_path / "wall.mp4", WALL, 30) as sink:
        for picture in pictures():
            sink.write(picture)
    found = sorted(tmp_path.iterdir())
    assert [each.name for each in found] == ["wall_tile0.mp4", "wall_tile1.mp4"]
    assert all("32x20" in described(each) for each in found)


def test_tiles_that_no_video_can_have_leave_nothing(tmp_path: Path) -> None:
    wall = Layout(2, 1).wall((54, 20))
    with pytest.raises(LiveflightError, match="tile 0: size 27x20: a video needs an even width"):
        TileSinks(tmp_path / "wall.mp4", wall, 30)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", ".mp4", "wall.gif"])
def test_names_are_those_of_any_render(tmp_path: Path, name: str) -> None:
    with pytest.raises(LiveflightError, match=r"has no name|ends in '\.gif'"):
        TileSinks(Path(name) if name == "." else tmp_path / name, WALL, 30)
    assert not list(tmp_path.iterdir())


def test_all_are_closed_though_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = TileSinks(tmp_path / "wall.mp4", WALL, 30)
    sink.write(pictures()[0])
    first = sink._sinks[0]

    def fail(*, whole: bool) -> None:
        first.__class__.close(first, whole=whole)
        raise LiveflightError("the disk is full")

    monkeypatch.setattr(first, "close", fail)
    with pytest.raises(LiveflightError, match="the disk is full"):
        sink.close()
    assert (tmp_path / "wall_tile1.mp4").exists()


def test_a_tile_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "wall_tile1.mp4").touch()
    args = ["render", "--wall", "2x1", "--canvas", "64x20", "--rank", "0", "--tiles"]
    taken = parser.parse([*args, "--out", str(tmp_path / "wall.mp4")])
    with pytest.raises(LiveflightError, match=r"wall_tile1\.mp4' is there already"):
        render_command.render(taken)
    with pytest.raises(LiveflightError, match="--tiles needs --out"):
        render_command.render(parser.parse(args))
