from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_atlas
from small_atlas import colour

from liveflight.core.contracts import LiveflightError, Target
from liveflight.networks.atlas import sheets
from liveflight.show.thumbnails import Thumbnails


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_atlas.lay_out(tmp_path, monkeypatch)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (Target("vgg16", "conv3_1", 50), 49),
        (Target("VGG16", "relu3_1", 99), 0),
        (Target("efficientnet_lite0", "stem", 0), 3),
    ],
)
def test_a_target_s_own_is_found(target: Target, place: int) -> None:
    found = Thumbnails().of(target)
    assert found is not None and found.shape == (sheets.TILE, sheets.TILE, 3)
    assert np.abs(found.mean((0, 1)) - colour(place)).max() < 6


@pytest.mark.parametrize(
    "target",
    [
        Target("vgg16", "conv3_1", 5),
        Target("vgg16", "conv3_1", None),
        Target("vgg16", "conv5_1", 5),
        Target("googlenet", "inception4c", 5),
    ],
)
def test_one_that_is_in_no_atlas_has_none(target: Target) -> None:
    assert Thumbnails().of(target) is None


def test_a_damaged_sheet_is_said_to_who_wants_it_whole(folder: Path) -> None:
    path = folder / "vgg16" / "conv3_1.webp"
    path.write_bytes(path.read_bytes()[:200])
    thumbnails = Thumbnails()
    assert thumbnails.of(Target("vgg16", "conv3_1", 50)) is None
    assert "make it again" in thumbnails.trouble
    with pytest.raises(LiveflightError, match="make it again"):
        thumbnails.sheet(sheets.find("vgg16")["conv3_1"])
    path.unlink()
    assert thumbnails.of(Target("vgg16", "conv3_1", 50)) is None


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The sheets that were decoded, in their order."""
    decoded: list[Path] = []
    picture = sheets.Sheet.picture

    def watched(sheet: sheets.Sheet) -> np.ndarray:
        decoded.append(sheet.path)
        return picture(sheet)

    monkeypatch.setattr(sheets.Sheet, "picture", watched)
    return decoded


def test_a_sheet_is_decoded_once_and_again_when_it_was_made_anew(
    folder: Path, decoded: list[Path]
) -> None:
    thumbnails, target = Thumbnails(), Target("vgg16", "conv4_1", 3)
    first = thumbnails.of(target)
    thumbnails.of(target)
    assert len(decoded) == 1
    made = {"conv4_1": (range(40), small_atlas.thumbnails(41)[1:])}
    sheets.write(folder / "vgg16", made, "another recipe")
    second = thumbnails.of(target)
    assert len(decoded) == 2 and not np.array_equal(first, second)


def test_only_a_few_are_kept(folder: Path, decoded: list[Path]) -> None:
    names = [f"conv{block}_1" for block in range(1, 6)] + ["conv2_2", "conv3_2"]
    one = (range(1), small_atlas.thumbnails(1))
    sheets.write(folder / "vgg16", dict.fromkeys(names, one), "made by hand")
    thumbnails = Thumbnails()
    for name in names:
        assert thumbnails.of(Target("vgg16", name, 0)) is not None
    for name in reversed(names):
        assert thumbnails.of(Target("vgg16", name, 0)) is not None
    assert len(decoded) == len(names) + len(names) - 4
