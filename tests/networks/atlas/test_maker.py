"""Atlases: made, kept, ordered, written, read."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine
from PIL import Image

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, LiveflightError, Mix
from liveflight.networks.atlas import maker, sheets

COLOURS = {2: (2.0, -1.0, -1.0), 5: (-1.0, 2.0, -1.0), 11: (-1.0, -1.0, 2.0)}


def paint(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    """Answer with the direction of a plain colour for each filter."""
    number = flown(mix)
    painted = np.zeros_like(view)
    painted[..., :3] = COLOURS[number]
    return painted


def flown(mix: Mix) -> int:
    """Return the filter of the only target."""
    (target,) = mix
    assert target.filter is not None
    return target.filter


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("caches", "data"):
        monkeypatch.setattr(f"liveflight.system.folders.{name}", lambda name=name: tmp_path / name)
    return tmp_path


def test_an_atlas_holds_a_thumbnail_of_every_living_filter(tmp_path):
    told: list[tuple[str, int, int]] = []
    seen_at: set[tuple[int, int]] = set()

    def watch(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        seen_at.add((view.shape[1], view.shape[0]))
        return paint(view, mix, ascent)

    engine = FakeEngine(watch)
    where = maker.make(
        engine, "vgg16", layers=["conv1_1", "conv5_3"], progress=lambda *at: told.append(at)
    )
    assert where == sheets.user_folder("vgg16")
    found = sheets.find("vgg16")
    assert {name for name, sheet in found.items() if sheet.path.parent == where} == {
        *("conv1_1", "conv5_3")
    }
    sheet = found["conv5_3"]
    assert sorted(sheet.filters) == [2, 5, 11]
    picture = sheet.picture()
    assert picture.shape == (sheets.TILE, sheets.COLUMNS * sheets.TILE, 3)
    for number, colour in COLOURS.items():
        thumbnail = sheet.thumbnail(picture, number)
        assert thumbnail is not None
        strength = thumbnail.mean((0, 1)) / 255
        assert (strength > 0.6).tolist() == [each > 0 for each in colour]
    assert sheet.thumbnail(picture, 3) is None
    assert told[0] == ("conv1_1", 0, 6) and told[-1] == ("conv5_3", 6, 6)
    assert engine.plans[-1] == (frozenset({("vgg16", "conv5_3")}), (96, 96))
    assert {size for _, size in engine.plans} == seen_at  # nothing is prepared on the way


def test_a_run_that_was_stopped_goes_on_where_it_was(monkeypatch):
    painted: list[int] = []

    def until_told(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        number = flown(mix)
        if number == 11 and 11 not in painted:
            painted.append(11)
            raise KeyboardInterrupt
        painted.append(number)
        return paint(view, mix, ascent)

    monkeypatch.setattr(maker, "_SAVE_INTERVAL", 1)
    with pytest.raises(KeyboardInterrupt):
        maker.make(FakeEngine(until_told), "vgg16", layers=["conv4_1"])
    assert not sheets.user_folder("vgg16").exists()  # whole or not at all
    before = painted.count(2)
    maker.make(FakeEngine(until_told), "vgg16", layers=["conv4_1"])
    assert painted.count(2) == before and painted.count(11) == 1 + maker.ThumbnailRecipe().steps
    assert set(sheets.find("vgg16")["conv4_1"].filters) == set(COLOURS)


def test_another_recipe_is_made_again():
    names = {
        maker.ThumbnailRecipe().name,
        maker.ThumbnailRecipe(steps=33).name,
        maker.ThumbnailRecipe(version=2).name,
    }
    assert len(names) == 3
    maker.make(FakeEngine(paint), "vgg16", layers=["conv1_1"])
    assert sheets.recipe(sheets.user_folder("vgg16")) == maker.ThumbnailRecipe().name


def test_a_network_as_a_whole_leaves_out_what_repeats():
    drawn = [layer.name for layer in sheets.drawn(networks.network("vgg16"))]
    assert drawn[0] == "conv1_1" and drawn[-1] == "conv5_3" and len(drawn) == 13


def test_neighbours_look_alike():
    rng = np.random.default_rng(4)
    kinds = np.array([(230, 20, 20), (20, 230, 20), (20, 20, 230), (128, 128, 128)])
    kind = np.repeat(np.arange(4), 24)
    rng.shuffle(kind)
    stripes = np.arange(64)[None, :, None] * np.array([0, 1, 2, 4])[kind][:, None, None] % 16
    pictures = kinds[kind][:, None, None, :] + stripes[..., None] + rng.normal(
        0, 3, (96, 64, 64, 3)
    )  # fmt: skip
    order = maker.similarity_order(pictures.clip(0, 255).astype(np.uint8))
    assert sorted(order) == list(range(96))
    grid = kind[order].reshape(3, 32)
    beside = (grid[:, 1:] == grid[:, :-1]).mean()
    below = (grid[1:] == grid[:-1]).mean()
    assert beside > 0.75 and below > 0.75  # at random: 0.25


@pytest.mark.parametrize("count", [1, 2, 31, 33])
def test_a_sheet_of_any_number_is_ordered(count):
    rng = np.random.default_rng(count)
    order = maker.similarity_order(rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))
    assert sorted(order) == list(range(count))


def test_what_is_damaged_is_passed_over_or_named(tmp_path):
    maker.make(FakeEngine(paint), "vgg16", layers=["conv1_1"])
    folder = sheets.user_folder("vgg16")
    index = json.loads((folder / "atlas.json").read_text())
    sheet = sheets.find("vgg16")["conv1_1"]
    Image.new("RGB", (64, 64)).save(sheet.path)
    with pytest.raises(LiveflightError, match=r"64x64 pixels, not 2048x64.*make it again"):
        sheet.picture()
    sheet.path.write_bytes(b"RIFF")
    with pytest.raises(LiveflightError, match="make it again"):
        sheet.picture()
    for layers in ({"../conv1_1": [1]}, {"a": [1, 1]}, {"a": [-1]}, {"a": ["1"]}, [1], {"a": []}):
        (folder / "atlas.json").write_text(json.dumps({**index, "layers": layers}))
        assert str(folder) not in str([each.path for each in sheets.find("vgg16").values()])
    (folder / "atlas.json").write_text("[" * 100_000)
    assert not sheets.recipe(folder)


def remove(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_bytes(b"RIFF")


@pytest.mark.parametrize("spoil", [remove, garble])
def test_a_sheet_that_is_not_whole_keeps_no_other_from_being_made(spoil, caplog):
    maker.make(FakeEngine(paint), "vgg16", layers=["conv1_1", "conv1_2"])
    folder = sheets.user_folder("vgg16")
    spoil(folder / "conv1_1.webp")
    maker.make(FakeEngine(paint), "vgg16", layers=["conv2_1"])
    assert set(sheets.read(folder)) == {"conv1_2", "conv2_1"}
    assert "conv1_1.webp" in caplog.text and "left out" in caplog.text


def test_a_folder_that_may_not_be_written_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "liveflight.system.folders.unwritable", lambda folder: f"{folder} is closed"
    )
    engine = FakeEngine(paint)
    with pytest.raises(LiveflightError, match=r"is closed; name another folder with --out"):
        maker.make(engine, "vgg16", tmp_path / "a", ["conv1_1"])
    assert not engine.plans


@pytest.mark.parametrize(
    ("layer", "filters"), [("conv1_1", [3, 64]), ("conv9_9", [1]), ("conv5_3", [999_999])]
)
def test_sheets_of_filters_that_there_are_not_are_passed_over(layer, filters):
    folder = sheets.user_folder("vgg16")
    maker.make(FakeEngine(paint), "vgg16", layers=["conv1_2"])
    index = json.loads((folder / "atlas.json").read_text())
    index["layers"][layer] = filters
    (folder / "atlas.json").write_text(json.dumps(index))
    found = sheets.find("vgg16")
    assert found["conv1_2"].path.parent == folder
    assert layer not in found or found[layer].path.parent != folder


def test_it_is_said_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LiveflightError, match=r"cannot be written.*--out"):
        maker.make(FakeEngine(paint), "vgg16", tmp_path / "file" / "a", ["conv1_1"])
