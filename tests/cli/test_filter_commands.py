"""Test `liveflight atlas` and `liveflight find`, from the command line to files and terminals."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine
from PIL import Image
from rich.console import Console
from tiny_network import register, tiny_module

from liveflight import engines
from liveflight.__main__ import main
from liveflight.cli import filter_table, fly_command
from liveflight.core.contracts import Ascent, Canvas, Mix
from liveflight.networks.atlas import maker, sheets

LITE = "efficientnet_lite0"
RED, BLUE = (200, 30, 10), (10, 20, 220)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with the user's folders and an empty working folder in it."""
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    terminate = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(engines, "load", lambda *asked, **more: engine)
    return engine


@pytest.fixture
def photo(home: Path) -> Path:
    """Return a picture of stripes, not square."""
    wave = np.sin(np.arange(90) * 0.9) * 100 + 128
    picture = np.broadcast_to(wave[None, :, None], (60, 90, 3)).astype(np.uint8)
    Image.fromarray(picture).save(home / "stripes.png")
    return home / "stripes.png"


# atlas


def test_a_small_network_is_drawn_by_the_real_engine(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register(monkeypatch, "tiny", lambda: tiny_module(3))
    given = ["atlas", "tiny", "--layers", "shapes", "--engine", "torch", "--device", "cpu"]
    assert main([*given, "--out", "small"]) == 0
    out, error = capsys.readouterr()
    where = home / "here" / "small"
    assert re.fullmatch(rf"7 filters of 1 layers, \d\S* MB: {re.escape(str(where))}\n", out)
    assert "7/7" in error
    sheet = sheets.read(where)["shapes"]
    assert sorted(sheet.filters) == [0, 1, 2, 4, 5, 6, 7]  # 3 answers to nothing
    picture = sheet.picture()
    one, other = (sheet.thumbnail(picture, number) for number in (4, 7))
    assert one is not None and other is not None
    assert np.abs(one.astype(int) - other).mean() > 10


def test_layers_that_are_there_by_the_same_recipe_stay(
    fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", "VGG16", "--layers", "conv1_1"]) == 0
    first = sheets.find("vgg16")["conv1_1"].path
    before = first.read_bytes()
    assert main(["atlas", "vgg16", "--layers", "block1_conv2", "conv1_2"]) == 0
    assert set(sheets.read(first.parent)) == {"conv1_1", "conv1_2"}
    assert first.read_bytes() == before
    assert "6 filters of 2 layers" in capsys.readouterr().out
    assert fake.closed == 2


def test_an_atlas_by_an_earlier_recipe_is_made_again(
    fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", "vgg16", "--layers", "conv1_1", "conv1_2"]) == 0
    index = sheets.user_folder("vgg16") / "atlas.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "recipe": "0123456789ab"}))
    capsys.readouterr()
    assert main(["atlas", "vgg16", "--layers", "conv1_2"]) == 0
    assert "was made with other settings: it is made again\n" in capsys.readouterr().out
    assert list(sheets.read(index.parent)) == ["conv1_2"]
    assert sheets.recipe(index.parent) == maker.ThumbnailRecipe().name


def nothing_else(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")


def a_look_alike(folder: Path) -> None:
    folder.mkdir()
    (folder / "atlas.json").write_text('{"maps": []}')


def an_atlas_and_more(folder: Path) -> None:
    assert main(["atlas", "vgg16", "--layers", "conv1_1", "--out", str(folder)]) == 0
    (folder / "photos").mkdir()
    (folder / "photos" / "one.jpg").write_text("mine")


def a_file(folder: Path) -> None:
    folder.write_text("mine")


def a_link(folder: Path) -> None:
    nothing_else(folder.with_name("behind"))
    folder.symlink_to(folder.with_name("behind"))


@pytest.mark.parametrize(
    ("lay", "named"),
    [
        (nothing_else, "holds 'thesis.txt'"),
        (a_look_alike, "holds 'atlas.json'"),
        (an_atlas_and_more, "holds 'photos'"),
        (a_file, "Not a directory"),
        (a_link, "holds 'thesis.txt'"),
    ],
)
def test_nothing_that_is_no_atlas_is_replaced(
    lay: Callable[[Path], None],
    named: str,
    home: Path,
    fake: FakeEngine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay(home / "out")
    before = tree(home / "out")
    prepared = list(fake.prepared)
    capsys.readouterr()
    assert main(["atlas", "vgg16", "--layers", "conv1_1", "--out", str(home / "out")]) == 2
    out, error = capsys.readouterr()
    assert (out, len(error.splitlines())) == ("", 1)
    assert named in error and error.startswith("liveflight: ")
    assert tree(home / "out") == before
    assert fake.prepared == prepared, "it is found out before anything is made"


def tree(folder: Path) -> dict[str, bytes]:
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in files}


def test_an_empty_folder_and_a_link_to_one_are_filled(home: Path, fake: FakeEngine) -> None:
    (home / "empty").mkdir()
    (home / "link").symlink_to(home / "empty")
    assert main(["atlas", "vgg16", "--layers", "conv1_1", "--out", str(home / "link")]) == 0
    assert list(sheets.read(home / "empty")) == ["conv1_1"]
    assert (home / "link").is_symlink()
    assert not [path for path in home.iterdir() if "partial" in path.name]


def test_an_atlas_that_cannot_take_its_place_leaves_the_old_one(
    home: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["atlas", "vgg16", "--out", str(home / "out"), "--layers"]
    assert main([*given, "conv1_1"]) == 0
    before = tree(home / "out")
    replace, calls = os.replace, []

    def breaks(one: Path, other: Path) -> None:
        calls.append(one)
        if Path(one).suffix == ".partial" and Path(one).is_dir():
            raise KeyboardInterrupt
        replace(one, other)

    monkeypatch.setattr(os, "replace", breaks)
    assert main([*given, "conv1_2"]) == 130
    assert calls and tree(home / "out") == before
    assert sorted(path.name for path in home.iterdir() if "out" in path.name) == ["out"]


def test_ctrl_c_says_how_far_it_is_and_the_next_run_goes_on(
    fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    ascended: list[int] = []

    def until(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        (target,) = mix
        assert target.filter is not None
        if target.filter == 11 and 5 in ascended:
            raise KeyboardInterrupt
        ascended.append(target.filter)
        return np.zeros_like(view)

    fake.step = until
    assert main(["atlas", "vgg16", "--layers", "conv1_1"]) == 130
    kept = "stopped: 2 of 3 are made and kept: the same command continues from there\n"
    assert capsys.readouterr().out == kept
    assert not sheets.user_folder("vgg16").exists()
    ascended.clear()
    assert main(["atlas", "vgg16", "--layers", "conv1_1"]) == 0
    assert set(ascended) == {11}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["vgg61"], "there is no network 'vgg61'"),
        (["vgg16", "--layers", "conv9_1"], "vgg16 has no layer 'conv9_1'"),
        (["vgg16", "--engine", "steam"], "steam"),
    ],
)
def test_wrong_names_are_one_line(
    given: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", *given]) == 2
    out, error = capsys.readouterr()
    assert reason in error and (out, error.count("\n")) == ("", 1)


def test_a_network_without_weights_says_the_usual(
    fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.missing.add("vgg19")
    assert main(["atlas", "vgg19"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "liveflight: no weights for vgg19"


# find


def test_a_pipe_gets_plain_columns(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["find", str(photo), "--layers", "conv1_1", "conv2_1", "--most", "2"]
    assert main(given) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["TARGET", "DEVIATIONS", "NAME"]
    targets, scores = zip(*(row.split() for row in rows), strict=True)
    assert [each.rpartition(":")[0] for each in targets] == ["vgg16:conv2_1"] * 2 + [
        "vgg16:conv1_1"
    ] * 2
    assert float(scores[0]) >= float(scores[1]) > 0


def test_classes_are_found_by_name_and_flown_from_noise(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flown: list[tuple[str, str, str, object]] = []

    def fly(args: object) -> int:
        flown.append((args.network, args.layer, args.filter, args.image))  # type: ignore[attr-defined]
        return 0

    monkeypatch.setattr(fly_command, "fly", fly)
    given = ["find", str(photo), "--network", LITE, "--layers", "stem", "class", "--most", "1"]
    assert main([*given, "--fly"]) == 0
    out = capsys.readouterr().out
    found = re.search(rf"^{LITE}:class:(\d+) +\S+ +([a-z].*)$", out, re.MULTILINE)
    assert found
    assert f"flying {LITE}:class:{found[1]} {found[2]}, from noise: liveflight --network" in out
    assert flown == [(LITE, "class", found[1], None)]


@pytest.mark.parametrize(
    ("picture", "given", "reason"),
    [
        ("none.png", [], "image 'none.png' cannot be read: no such file"),
        ("text.png", [], "it is no picture, or damaged"),
        (".", [], "cannot be read"),
        ("", ["--layers", "class"], "vgg16 has no layer 'class'"),
        ("", ["--most", "0"], "'0' is not a whole number from 1 to 100"),
    ],
)
def test_what_cannot_be_found_is_one_line(
    picture: str,
    given: list[str],
    reason: str,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("text.png").write_text("no picture")
    assert main(["find", picture or str(photo), *given]) == 2
    out, error = capsys.readouterr()
    assert reason in error and (out, error.count("\n")) == ("", 1)


def draw(home: Path, **colours: tuple[int, int, int]) -> None:
    """Make conv1_1's atlas of filters in plain colours."""
    numbers = [int(name.lstrip("f")) for name in colours]
    tiles = np.stack([np.full((64, 64, 3), colour, np.uint8) for colour in colours.values()])
    sheets.write(
        home / "data" / "liveflight" / "atlas" / "vgg16", {"conv1_1": (numbers, tiles)}, ""
    )


PROGRAM = """
import platformdirs, sys
from pathlib import Path
platformdirs.user_data_path = lambda name: Path(sys.argv[1], "data", name)
from liveflight import __main__ as cli, engines
from liveflight.show import filter_ranking as finding
from liveflight.core.contracts import Target
engines.preload = lambda: None  # what is found is no matter here, and torch takes seconds
finding.find = lambda *given: [
    finding.Found(Target("vgg16", "conv1_1", n), 9.0 - n) for n in range(3)
]
cli.terminal.secure(queued=True)
sys.exit(cli.main(sys.argv[2:]))
"""


def on_a_terminal(home: Path, *given: str) -> str:
    """Return what a command writes to a terminal of 60 columns."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 60))
    environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "LC_ALL")}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), *given],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**kept, **environment},
    )  # fmt: skip
    os.close(theirs)
    came = b""
    try:
        while part := _read(ours):
            came += part
        assert child.wait(60) == 0
    finally:
        child.kill()
        os.close(ours)
    return came.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_with_colours_shows_thumbnails(home: Path, photo: Path) -> None:
    every = {f"f{number}": RED if number % 2 else BLUE for number in range(64)}
    draw(home, **every)
    given = ["find", str(photo), "--layers", "conv1_1", "--most", "3"]
    came = on_a_terminal(home, *given)
    assert "vgg16:conv1_1" in came and "\u2580" in came
    assert re.search(r"\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m\u2580", came)
    assert "fly one, from noise: liveflight --network vgg16 --layer conv1_1 --filter " in came
    drawn = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in came.splitlines() if "\u2580" in line]
    assert 3 <= len(drawn) <= 12 and max(map(len, drawn)) <= 60


@pytest.mark.parametrize(
    ("encoding", "variables", "fits"),
    [
        ("utf-8", {}, True),
        ("cp437", {}, True),
        ("latin-1", {}, False),
        ("ascii", {}, False),
        ("utf-8", {"NO_COLOR": "1"}, False),
        ("utf-8", {"TERM": "dumb"}, False),
        ("utf-8", {"TERM": "linux", "COLORTERM": ""}, False),
    ],
)
def test_thumbnails_need_colours_and_the_half_block(
    encoding: str, variables: dict[str, str], fits: bool
) -> None:
    environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    stream.isatty = lambda: True  # type: ignore[method-assign]
    assert filter_table.fits(Console(file=stream, _environ=environment)) is fits


def test_half_blocks_are_two_pixels_each() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32] = RED
    picture[32:, :32] = BLUE
    text = filter_table.half_blocks(picture, 4)
    assert text.plain == "\u2580" * 4 + "\n" + "\u2580" * 4
    upper, lower = text.spans[0].style, text.spans[4].style
    assert upper.color.triplet == upper.bgcolor.triplet == RED  # type: ignore[union-attr]
    assert lower.color.triplet == BLUE  # type: ignore[union-attr]
    assert text.spans[7].style.color.triplet == (0, 0, 0)  # type: ignore[union-attr]
    assert filter_table.half_blocks(None, 4).plain == ""


def test_a_damaged_sheet_costs_the_thumbnails_alone(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from liveflight.core.contracts import Target
    from liveflight.show.filter_ranking import Found

    draw(home, f3=RED)
    found = [Found(Target("vgg16", "conv1_1", 3), 5.0)]
    assert len(list(filter_table.blocks(found, 60))) == 2
    sheets.find("vgg16")["conv1_1"].path.write_bytes(b"RIFF")
    assert len(list(filter_table.blocks(found, 60))) == 2
    assert "make it again: liveflight atlas" in caplog.text


# names


def test_a_layers_filters_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", LITE, "class"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1001 and "107     jellyfish" in lines
    assert main(["networks", "vgg16", "conv5_3"]) == 2
    assert "have no names, only the numbers 0 to 511" in capsys.readouterr().err
    assert main(["networks", "vgg16", "konv"]) == 2
    assert "vgg16 has no layer 'konv'" in capsys.readouterr().err
