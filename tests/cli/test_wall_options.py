"""Walls on the command line: the options, a wall's file, and which rank a process is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from liveflight.__main__ import main
from liveflight.cli import parser, wall_command, wall_options, wall_rank
from liveflight.core.contracts import LiveflightError
from liveflight.core.rect import Rect
from liveflight.wall.layout import Layout, Length
from liveflight.wall.place import WallPlace

WALL = ["--wall", "2x1", "--canvas", "640x180"]


@pytest.fixture(autouse=True)
def _no_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT TORCHELASTIC_USE_AGENT_STORE"
    for name in (*names.split(), "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)


def place(*words: str, command: str = "run") -> WallPlace:
    found: WallPlace | None = parser.parse([command, *words]).wall_place
    assert found
    return found


@pytest.mark.parametrize("command", ["fly", "run", "render"])
def test_a_rank_reaches_the_options_of_the_flight(command: str) -> None:
    args = parser.parse([command, *WALL, "--rank", "1", "--master", "localhost:4000"])
    options = parser.options(args)
    assert options.wall == WallPlace(Layout(2, 1).wall((640, 180)), 1, ("localhost", 4000))
    assert options.canvas == (640, 180)
    assert options.wall.tile.shown == Rect(320, 0, 320, 180)


def test_without_a_wall_there_is_no_place() -> None:
    assert parser.options(parser.parse(["fly"]), fps=60.0).wall is None


@pytest.mark.parametrize(
    "words",
    ["fly --rank 0", "run --bezel 12", "fly --wall-windows", "run --test-card", "render --tiles"],
)
def test_what_says_nothing_without_a_wall_is_refused(words: str) -> None:
    option = words.split()[1]
    with pytest.raises(LiveflightError, match=f"{option} needs --wall COLUMNSxROWS"):
        parser.parse(words.split())


def test_all_options_reach_the_wall() -> None:
    found = place("--wall", "2x2", "--canvas", "672x392", "--bezel", "8mm,32", "--pitch", "0.25",
                  "--rotations", "0,90,180,270", "--wall-displays", "3,2,1,0", "--rank", "3",
                  "--wall-windows", "--allow-unequal")  # fmt: skip
    layout = Layout(2, 2, (Length(8, "mm"), Length(32)), (0, 0), (0, 90, 180, 270), (3, 2, 1, 0),
                    pitch_mm=0.25)  # fmt: skip
    assert found == WallPlace(layout.wall((672, 392)), 3, windows=True, allow_unequal=True)
    overlapping = place(*WALL[:2], "--canvas", "600x180", "--overlap", "40", "--rank", "0")
    assert overlapping.tile.soft == (0, 0, 40, 0)


def test_a_rank_fills_its_own_display(monkeypatch: pytest.MonkeyPatch) -> None:
    args = parser.parse(["fly", *WALL, "--rank", "1", "--wall-displays", "2,3"])
    assert (args.display, args.fullscreen, args.size) == (3, True, (320, 180))
    monkeypatch.setenv("LOCAL_RANK", "1")
    args = parser.parse(["fly", *WALL, "--rank", "1"])
    assert (args.display, args.fullscreen, args.wall_place.local_rank) == (1, True, 1)
    args = parser.parse(["fly", *WALL, "--rank", "1", "--wall-windows"])
    assert (args.display, args.fullscreen) == (0, False)


def test_rank_0_alone_listens_and_sends() -> None:
    own = ["--sound", "default", "--midi", "--remote", "--link", "--ndi",
           "--dmx", "sacn", "--osc-feedback", "10.0.0.2:9001", "--record", "set.log",
           "--stream", "rtmp://example.org/live"]  # fmt: skip
    own += ["--osc-host", "0.0.0.0", "--virtual-camera", "/dev/video9", "--remote-host", "10.0.0.1"]
    found = []
    for rank in (0, 1):
        args = parser.parse(["run", *WALL, "--rank", str(rank), *own])
        found.append({**vars(parser.options(args)), **parser.controllers(args)})
    alone = parser.parse(["run"])
    without = {**vars(parser.options(alone)), **parser.controllers(alone)}
    names = ("sound midi remote remote_host link ndi dmx record streams osc_feedback "
             "osc_host virtual_camera").split()  # fmt: skip
    assert [name for name in names if found[0][name] == without[name]] == []
    assert [name for name in names if found[1][name] != without[name]] == []
    ports = [(each["osc_port"], each["oscquery_port"]) for each in found]
    assert ports == [(9000, 9000), (0, 0)]


def test_each_rank_has_a_name_and_a_health_port_of_its_own() -> None:
    words = ["run", "--wall", "3x1", "--canvas", "960x180", "--name", "hall"]
    found = [parser.parse([*words, "--rank", str(rank)]) for rank in range(3)]
    assert [args.name for args in found] == ["hall", "hall-1", "hall-2"]
    assert [args.health_port for args in found] == [9010, 9011, 9012]
    assert parser.parse([*words, "--rank", "2", "--health-port", "0"]).health_port == 0


def test_torchruns_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1",
                        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "4000"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    found = place(*WALL, command="render")
    assert (found.rank, found.local_rank, found.master) == (1, 1, ("127.0.0.1", 4000))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    assert place(*WALL, command="render").master == ("127.0.0.1", 4001)
    assert place(*WALL, "--master", "localhost:5000").master == ("localhost", 5000)
    assert parser.parse(["wall", *WALL[1:]]).command == "run"


def test_slurms_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}.items():
        monkeypatch.setenv(name, value)
    found = place(*WALL)
    assert (found.rank, found.local_rank, found.master[0]) == (1, 0, "127.0.0.1")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    with pytest.raises(LiveflightError, match="a wall of 2x1 displays has 2 ranks, and 4 were"):
        place(*WALL)
    monkeypatch.setenv("SLURM_PROCID", "first")
    with pytest.raises(LiveflightError, match="SLURM_PROCID='first' in the environment"):
        place(*WALL)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--wall", "2x1", "--rank", "0"], "a wall needs the size of its canvas: --canvas"),
        (WALL, "--wall needs to know which rank this is: start all of one machine by"),
        ([*WALL, "--rank", "2"], "rank 2: the ranks of this wall are 0 to 1"),
        ([*WALL, "--rank", "0", "--world", "3"], "has 2 ranks, and 3 were started: start 2"),
        (["--wall", "2", "--rank", "0"], "'2' is not of the form COLUMNSxROWS, such as 2x1"),
        ([*WALL, "--rank", "0", "--bezel", "1,2,3"], "'1,2,3': give one value, or two"),
        ([*WALL, "--rank", "0", "--bezel", "8mm"], "a gap in millimetres needs the size of"),
        ([*WALL, "--rank", "0", "--rotations", "0,a"], "'a' is not a whole number from 0 to 270"),
        ([*WALL, "--rank", "0", "--interface", "eth0"], "'eth0' is no address of this machine"),
        ([*WALL, "--rank", "1", "--master", "192.0.2.1:4000"],
         "--master 192.0.2.1:4000 cannot be reached from 127.0.0.1: give this machine's own"),
        (["--wall", "no.toml", "--rank", "0"], "wall no.toml: there is no such file"),
        (["--test-card", "--fullscreen", "--nonsense"], "--nonsense"),
    ],
)  # fmt: skip
def test_mistakes_are_named(words: list[str], error: str) -> None:
    with pytest.raises(LiveflightError, match=re.escape(error)):
        parser.parse(["run", *words])


def test_the_interface_towards_the_master_is_found() -> None:
    found = place(*WALL, "--rank", "1", "--master", "127.0.0.1:4000", "--interface", "auto")
    assert found.interface == "127.0.0.1"
    own = ["--interface", "192.0.2.7"]
    assert place(*WALL, "--rank", "1", "--master", "192.0.2.1:4000", *own).interface == "192.0.2.7"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hall.toml"
    path.write_text('version = 1\nwall = "2x1"\ncanvas = "640x180"\ndisplays = [1, 0]\n'
                    'options = ["--seed", "7", "--name", "hall"]\n')  # fmt: skip
    return path


def test_a_file_says_the_same_and_options_count_before_it(file: Path) -> None:
    args = parser.parse(["run", "--wall", str(file), "--rank", "1"])
    assert args.wall_place.wall == Layout(2, 1, displays=(1, 0)).wall((640, 180))
    assert (args.seed, args.name, args.display) == (7, "hall-1", 0)
    args = parser.parse(["run", "--wall", str(file), "--rank", "1", "--seed", "8",
                         "--canvas", "320x90", "--wall-displays", "0,1"])  # fmt: skip
    assert (args.seed, args.display, args.canvas) == (8, 1, (320, 90))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('wall = "2x1"', "it has no version: write version = 1 in its first line"),
        ('version = 1\nwalls = "2x1"', "there is no 'walls'; did you mean 'wall'?"),
        ("version = 1\nwall = 2x1", "line 2"),
        ('version = 1\nwall = "2x1"\noptions = ["--sed", "3"]', "--sed"),
    ],
)
def test_a_files_mistakes_name_it(file: Path, text: str, error: str) -> None:
    file.write_text(text)
    with pytest.raises(LiveflightError, match=re.escape(error)):
        parser.parse(["run", "--wall", str(file), "--rank", "0"])


def test_the_wall_is_taken_out_of_the_words_for_its_ranks() -> None:
    canvas = ["--canvas", "640x180"]
    for words in (["2x1", *canvas, "--seed", "3"], [*canvas, "--seed", "3", "2x1"]):
        args = parser.parse(["wall", *words])
        assert args.for_ranks == ["run", "--wall", "2x1", *canvas, "--seed", "3"]
    args = parser.parse(["wall", "2x1", *canvas, "--test-card", "--health-port", "0"])
    assert args.for_ranks == ["fly", "--wall", "2x1", *canvas, "--test-card"]
    named = parser.parse(["wall", "2x1", *canvas, "--name", "2x1"]).for_ranks
    assert named == ["run", "--wall", "2x1", *canvas, "--name", "2x1"]


def test_a_wall_with_a_rank_is_the_run_of_that_rank() -> None:
    words = ["wall", "2x1", "--canvas", "640x180", "--rank", "1", "--world", "2"]
    args = parser.parse([*words, "--master", "127.0.0.1:4000", "--seed", "3"])
    assert (args.command, args.wall_place.rank, args.seed) == ("run", 1, 3)
    again = parser.parse(["fly", *args.for_fly])
    assert again.wall_place == args.wall_place


def test_ranks_of_one_machine_meet_at_a_free_port() -> None:
    args = parser.parse(["wall", "2x1", "--canvas", "640x180"])
    words = wall_command.rank_words(args, 2)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", words[words.index("--master") + 1])
    chosen = parser.parse(["wall", "2x1", "--canvas", "640x180", "--master", "localhost:4000"])
    assert wall_command.rank_words(chosen, 2).count("--master") == 1
    with pytest.raises(LiveflightError, match="--world 3: this wall has 2 ranks"):
        wall_command.rank_words(parser.parse(["wall", "2x1", "--world", "3"]), 2)


@pytest.mark.parametrize(
    ("displays", "words", "line"),
    [
        ([(320, 180)], [], "rank 1: there is no display 1, only 0 (320x180)"),
        ([(320, 180), (320, 100)], [], "rank 1: display 1 has 320x100 pixels, fewer than its tile"),
        ([(320, 180), (320, 180)], ["--bezel", "3"], "is not divisible among 2 displays"),
        ([(320, 180), (320, 180)], ["--rotations", "45"], "a rotation of 45 degrees"),
    ],
)
def test_what_cannot_be_shown_starts_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    displays: list[tuple[int, int]],
    words: list[str],
    line: str,
) -> None:
    monkeypatch.setenv("DISPLAY", ":1")
    monkeypatch.setattr(wall_command, "display_sizes", lambda: displays)
    monkeypatch.setattr("liveflight.supervision.child.ChildProcess", pytest.fail)
    assert main(["wall", "2x1", "--canvas", "640x180", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("liveflight: ") and line in said and said.count("\n") == 1


def test_the_order_of_ways_to_say_a_rank() -> None:
    args = parser.parse(["doctor", *WALL, "--rank", "1"])
    assert wall_rank.rank_and_world(args, {"RANK": "0", "WORLD_SIZE": "2"}, 2) == (1, 2)
    args = parser.parse(["doctor", *WALL])
    assert wall_rank.rank_and_world(args, {"RANK": "0", "SLURM_PROCID": "1"}, 2) == (0, 2)
    assert not wall_rank.is_one_rank(args, {})
    assert wall_options.wall(wall_options.installation(args)) == Layout(2, 1).wall((640, 180))
