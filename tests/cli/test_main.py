from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import wave
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from liveflight import __version__, app, networks, outputs
from liveflight.__main__ import BUSY_NAME, main
from liveflight.cli import arguments, render_command
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import ROWS
from liveflight.diagnostics import doctor
from liveflight.diagnostics.bench import results_file, suite
from liveflight.diagnostics.bench.plan import Plan
from liveflight.diagnostics.bench.tables import Table, markdown
from liveflight.networks import weights
from liveflight.show.options import Options
from liveflight.storage import presets

SIZES = ["--view", "64x48", "--canvas", "64x48", "--size", "96x64"]
TINY = ["render", *SIZES, "--seconds", "0.2", "--fps", "20"]
STEM = ["--network", "efficientnet_lite0", "--layer", "stem", "--filter", "3"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty working folder, with the user's own folders and torch's cache in it."""
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    ours = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    handlers = {number: signal.getsignal(number) for number in ours}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def refused(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    """Return the one line on stderr of a command that ends with exit code 2."""
    assert main(given) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("liveflight: ") and error.endswith("\n")
    assert "Traceback" not in error
    return error.removeprefix("liveflight: ").removesuffix("\n")


def python(*given: str, code: str = "", **named: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(["-c", code] if code else ["-m", "liveflight"]), *given]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, capture_output=True, text=True, timeout=120, check=False, **named
    )


# What prints and ends


def printed(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    assert main(given) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert all(line == line.rstrip() for line in out.splitlines())
    return out


def test_controls_lists_the_whole_table(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "controls")
    for row in ROWS:
        (line,) = [line for line in out.splitlines() if line.endswith(f"  {row.help}")]
        assert (row.alias or row.address if row.remote else f"(keys only) {row.key}") in line
        assert row.kind in line
        assert row.kind == "trigger" or row.range in line


def test_networks_lists_them_and_where_their_weights_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, *others, empty, more = printed(capsys, "networks").splitlines()[1:]
    assert re.match(r"vgg16 +\d+ +\d+ +with the installation$", first)
    assert re.match(r"efficientnet_lite0 +\d+ +\d+ +with the installation$", second)
    assert [line.split()[0] for line in others] == list(networks.names()[2:])
    assert empty == "" and "--all" in more
    assert all(line.endswith("downloaded at first use, or --weights FILE") for line in others)


def test_a_networks_layers_with_all_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "networks", "VGG16")
    assert re.search(r"^conv4_1 +0 to 511 +8 px +features\.17, block4_conv1$", out, re.MULTILINE)
    for layer in networks.network("vgg16").layers:
        assert f"\n{layer.name} " in out


def test_presets_lists_them_and_where_ones_own_go(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    own = elsewhere / "XDG_CONFIG_HOME" / "liveflight" / "presets"
    own.mkdir(parents=True)
    (own / "broken.toml").write_text("version = 3")
    out = printed(capsys, "presets")
    for name in presets.names():
        assert re.search(rf"\b{name}\b", out)
    assert "broken.toml: version = 3: allowed is 1" in out
    assert out.endswith(f"\nYour own are saved in {own}\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--help"], ["fly", "render", "controls", "networks", "presets", "doctor", "bench"]),
        (["-h"], ["fly", "render"]),
        (["fly", "--help"], ["--fullscreen", "--osc-port", "--preset", "--seed"]),
        (["render", "--help"], ["--seconds", "--out", "--view", "--canvas", "--steps", "--engine"]),
        (["bench", "--help"], ["--peers", "--switches", "--latency", "--json", "--display-fps"]),
        (["--version"], [f"liveflight {__version__}"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_help_and_version(
    given: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert all(word in out for word in words)


def test_as_a_program_it_prints_and_says_nothing_else() -> None:
    child = python("--version")
    assert (child.returncode, child.stdout, child.stderr) == (0, f"liveflight {__version__}\n", "")


@pytest.mark.parametrize("command", ["controls", "networks"], ids=["at length", "in brief"])
def test_a_reader_who_has_seen_enough_is_no_trouble(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # what is brief is written at the end
    child = subprocess.Popen(
        [sys.executable, "-m", "liveflight", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout and child.stderr
    child.stdout.close()
    with child.stderr:
        assert child.stderr.read() == b""
    assert child.wait(60) == 0


def test_the_bench_prints_each_topic_and_keeps_its_figures(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("Steps", ("layer", "p50"), [("conv1_1", "1.23 ms")], ["counted: [both] ways"])

    def run(plan: Plan, say: Callable[[str], None]) -> Iterator[suite.Topic]:
        assert plan == Plan(quick=True)
        say("steps: autograd")
        yield suite.Topic("steps", {"engines": [1]}, [table])
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run", run)
    assert main(["bench", "--quick", "--json", "b.json"]) == 130
    out, error = capsys.readouterr()
    assert re.search(r"conv1_1 +1\.23 ms", out) and "counted: [both] ways" in out
    assert re.fullmatch(r" +\d+ s  steps: autograd\n", error)
    assert json.loads((elsewhere / "b.json").read_text())["steps"] == {"engines": [1]}
    assert main(["bench", "--quick", "--markdown"]) == 130
    assert capsys.readouterr().out == markdown(table) + "\n"


@pytest.mark.parametrize("well", [True, False])
def test_the_doctor_says_what_it_finds_and_whether_it_can_fly(
    well: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = doctor.Finding("GL in a window", well, "llvmpipe", "a newer driver", needed=True)
    monkeypatch.setattr(doctor, "examine", lambda port: iter([finding] if port == 77 else []))
    assert main(["doctor", "--osc-port", "77"]) == (0 if well else 1)
    out, error = capsys.readouterr()
    assert out.splitlines() == [*finding.lines(), doctor.verdict([finding])]
    assert error == ""


# Bad input: one line that names the value and what is allowed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nonsense"], "there is no command 'nonsense'; `liveflight --help` lists them"),
        (["--nonsense"], "`liveflight fly` has no option '--nonsense'"),
        (["render", "--out"], "argument --out: expected one argument"),
        (["networks", "vgg61"], "there is no network 'vgg61'; did you mean 'vgg1"),
        (["--size", "wide"], "'wide' is not of the form WIDTHxHEIGHT, such as 1280x720"),
        (["--size", "640"], "'640' is not of the form WIDTHxHEIGHT"),
        (["--size", "640x-2"], "'640x-2' is not of the form WIDTHxHEIGHT"),
        (["--canvas", "1.5x2"], "'1.5x2' is not of the form WIDTHxHEIGHT"),
        (["--canvas", "8x8"], "'8x8': each side is from 16 to 16384 pixels"),
        (["--canvas", "99999x16"], "'99999x16': each side is from 16 to 16384 pixels"),
        (["--view", "320"], "'320' is not of the form WIDTHxHEIGHT"),
        (["--view", "320x8"], "'320x8': each side is from 16 to 16384 pixels"),
        (["--seed", "-1"], "'-1' is not a whole number from 0 to 2147483647"),
        (["--seed", "1.5"], "'1.5' is not a whole number"),
        (["--seed", "4294967296"], "'4294967296' is not a whole number"),
        (["--fps", "0"], "'0' is not a number from 1 to 1000"),
        (["--fps", "30/0"], "'30/0' is not a number from 1 to 1000, or 30000/1001"),
        (["--fps", "fast"], "'fast' is not a number from 1 to 1000"),
        (["--fps", "nan"], "'nan' is not a number from 1 to 1000"),
        (["render", "--fps", "inf"], "'inf' is not a number from 1 to 1000"),
        (["render", "--seconds", "0"], "'0' is not a number from 0.001 to 1e+06"),
        (["render", "--seconds", "-3"], "'-3' is not a number"),
        (["render", "--seconds", "nan"], "'nan' is not a number"),
        (["--display", "one"], "'one' is not a whole number from 0 to 99"),
        (["--osc-port", "70000"], "'70000' is not a whole number from 0 to 65535"),
        (["--steps", "9"], "ascent.steps = '9': allowed is 0 to 8 views"),
        (["--steps", "1.5"], "ascent.steps = '1.5': allowed is 0 to 8 views"),
        (
            ["--set", "camera.zom=1"],
            "no control is called 'camera.zom'; did you mean 'camera.zoom'",
        ),
        (["--set", "camera.zoom"], "'camera.zoom' is not of the form GROUP.NAME=VALUE"),
        (["--set", "camera.zoom=fast"], "camera.zoom = 'fast': allowed is 0.2 to 5 x/s"),
        (["--set", "camera.zoom=nan"], "camera.zoom = 'nan': allowed is 0.2 to 5 x/s"),
        (["--set", "camera.zoom=-inf"], "camera.zoom = '-inf': allowed is 0.2 to 5 x/s"),
        (["--set", "camera.zoom=6"], "camera.zoom = '6': allowed is 0.2 to 5 x/s"),
        (["--set", "warp.mirror=up"], "warp.mirror = 'up': allowed is off, horizontal, vertical"),
        (["--set", "show.hud=2"], "show.hud = '2': allowed is true or false"),
        (["--set", "mix.target=a:b:1"], "mix.target is a text: --set takes numbers"),
        (["--set", "show.reseed=1"], "show.reseed is a trigger: --set takes"),
        (["render", "--engine", "steam"], "argument --engine: 'steam' is none of auto, torch"),
        (["bench", "--display-fps", "0"], "'0' is not a number from 1 to 1000"),
        (["bench", "--json", "no/such/file"], "cannot write 'no/such/file': there is no folder"),
        (["bench", "--preset", "reef"], "has no option '--preset': it is one of `liveflight fly`"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_is_not_allowed_is_named(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *given)
    assert words in said
    assert "\n" not in said


@pytest.mark.gl
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--network", "vgg"], "there is no network 'vgg'; did you mean 'vgg1"),
        (
            ["--network", "efficientnet_lite0", "--layer", "blok14"],
            "efficientnet_lite0 has no layer 'blok14'; did you mean 'block1",
        ),
        (
            ["--layer", "block5", "--filter", "240"],
            "filter '240' is not in block5: allowed are 0 to 39",
        ),
        (["--filter", "-1"], "allowed are 0 to"),
        (["--filter", "nan"], "filter 'nan' is not in"),
        (["--preset", "reaf"], "there is no preset 'reaf'; did you mean 'reef'?"),
        (["--preset", "../reef"], "there is no preset '../reef'"),
        (["--preset", "nowhere.toml"], "preset nowhere.toml cannot be read: No such file"),
        (["--device", "abacus"], "there is no device 'abacus' on this machine; there is: auto, "),
        (["--weights", "no.pth"], "weight file no.pth cannot be read: No such file"),
        (
            ["--weights", "no.bin"],
            "weight file no.bin: its name must end in .safetensors, .pth, .pt",
        ),
        (["--out", "flight.avi"], "output 'flight.avi' ends in '.avi': a video ends in .mp4"),
        (["--out", "no/such/flight.mp4"], "cannot write 'no/such/flight.mp4': there is no folder"),
        (["--out", "no/such/folder"], "cannot write 'no/such/folder': there is no folder"),
        (["--size", "97x64"], "size 97x64: a video needs an even width and height, such as 96x64"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_a_render_that_cannot_begin_says_why(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    said = refused(capsys, *TINY, *given)
    assert words in said
    assert "\n" not in said
    assert not list(elsewhere.glob("*.mp4"))


LONG = "a" * 300


@pytest.mark.gl
@pytest.mark.parametrize(
    "words",
    [
        ["--sound", f"{LONG}.wav"], ["--image", f"{LONG}.png"], ["--camera", LONG],
        ["--preset", LONG], ["--preset", f"{LONG}.toml"], ["--cues", f"{LONG}.toml"],
        ["--replay", f"{LONG}.log"], ["--weights", f"{LONG}.pth"], ["--out", LONG],
        ["--out", f"{LONG}.mp4"],
    ],
    ids=lambda words: f"{words[0]}{words[1][300:]}",
)  # fmt: skip
def test_a_name_that_the_system_takes_for_too_long_is_no_file(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", "--canvas", "32x18", "--size", "64x36", "--seconds", "0.1", *words]) == 2
    said = capsys.readouterr().err
    assert "liveflight: " in said and LONG[:60] in said and "Traceback" not in said


def test_nor_is_one_for_the_figures_of_a_bench() -> None:
    with pytest.raises(LiveflightError, match="cannot write"):
        results_file.check(Path(LONG, "figures.json"))


@pytest.mark.gl
def test_a_folder_with_another_flight_is_left_alone(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    (elsewhere / "frames").mkdir()
    (elsewhere / "frames" / "frame_00001.png").write_text("mine")
    assert "holds another flight's frames" in refused(capsys, *TINY, *STEM, "--out", "frames")
    (elsewhere / "flight.mp4").mkdir()
    assert "it is a folder" in refused(capsys, *TINY, *STEM, "--out", "flight.mp4")
    assert (elsewhere / "frames" / "frame_00001.png").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=["", "overwrite"])
@pytest.mark.parametrize(
    "option",
    ["image", "camera", "sound", "replay", "preset", "cues", "weights", "camera lavfi:movie="],
)
def test_an_output_is_none_of_what_the_flight_reads(
    option: str, overwrite: list[str], capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    Path("clip.mp4").write_bytes(b"mine")
    Path("other.mp4").hardlink_to("clip.mp4")
    option, _, before = option.partition(" ")
    given = [f"--{option}", f"{before}clip.mp4", "--record", "set.log"]
    for out in ("clip.mp4", "other.mp4", str(elsewhere / "clip.mp4")):
        said = refused(capsys, *TINY, *given, "--out", out, *overwrite)
        assert said == f"--out {out!r} is the file that --{option} names: choose another"
    assert Path("clip.mp4").read_bytes() == b"mine"
    assert sorted(path.name for path in elsewhere.glob("*.*")) == ["clip.mp4", "other.mp4"]


def test_a_video_and_a_recording_are_two_files(capsys: pytest.CaptureFixture[str]) -> None:
    given = [*TINY, "--record", "set.mp4", "--out", "./set.mp4", "--overwrite"]
    assert refused(capsys, *given).startswith("--out 'set.mp4' is the file that --record names")
    assert not Path("set.mp4").exists()


@pytest.mark.parametrize(
    "given", [[*TINY, "--out", "mine"], ["bench", "--quick", "--json", "mine"]], ids=["out", "json"]
)
def test_a_file_that_is_there_is_not_written_over(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").write_bytes(b"mine")
    said = refused(capsys, *given)
    assert said.endswith(
        f"{given[-2]} 'mine' is there already: choose another name, such as mine_2, or --overwrite"
    )
    assert Path("mine").read_bytes() == b"mine"


@pytest.mark.gl
def test_a_render_takes_the_next_name_or_the_one_that_it_may_overwrite(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    Path("flight.mp4").write_bytes(b"mine")
    for option, name in (([], "flight_2.mp4"), (["--overwrite"], "flight.mp4")):
        assert main([*TINY, *STEM, *option]) == 0
        assert capsys.readouterr().out == f"4 frames in {elsewhere / name}\n"
        assert len(decoded(elsewhere / name)) == 4
        assert Path("flight.mp4").read_bytes() == b"mine" or option
    assert len(list(elsewhere.glob("*.mp4"))) == 2


@pytest.mark.gl
def test_what_there_is_of_a_render_that_fails_is_named(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fly = app.App.frame

    def frame(self: app.App, now: float) -> None:
        if self.frame_counter.frames == 3:
            raise LiveflightError("the cable is out")
        fly(self, now)

    monkeypatch.setattr(app.App, "frame", frame)
    assert main([*TINY, *STEM, "--out", "flight.mp4"]) == 2
    left = elsewhere / "flight.unfinished.mp4"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"liveflight: the cable is out; the frames so far are in {left}"
    )
    assert len(decoded(left)) == 3


@pytest.mark.gl
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[camera", "line 1, '[camera': a table's name stands in brackets: [camera]"),
        ("version = 1\n[camera]\nzoom = nan", "camera.zoom = 'nan': allowed is 0.2 to 5 x/s"),
        ("version = 1\n[camera]\nzom = 1", "[camera] has no 'zom'; did you mean 'zoom'?"),
        ('version = 1\ntargets = ["efficientnet_lite0:stem:32"]', "filter 32 is not in"),
    ],
)
def test_a_preset_file_that_cannot_fly_is_named(
    text: str, words: str, capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    (elsewhere / "mine.toml").write_text(text)
    said = refused(capsys, *TINY, "--preset", "mine.toml")
    assert words in said
    assert "\n" not in said


@pytest.mark.gl
def test_weights_that_are_truncated_or_anothers_are_named(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    path = networks.network("efficientnet_lite0").find_weights()
    assert path is not None
    (elsewhere / "short.pth").write_bytes(path.read_bytes()[:5000])
    said = refused(capsys, *TINY, "--weights", "short.pth")
    assert said.startswith("short.pth cannot be read as weights: it is truncated")
    said = refused(capsys, *TINY, "--network", "vgg16", "--weights", str(path))
    assert said.startswith(f"{path} is not a vgg16 file: ")
    assert "\n" not in said


@pytest.mark.gl
def test_without_weights_and_internet_three_lines_say_what_to_do(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*given: object, **named: object) -> None:
        raise URLError("no way there")

    monkeypatch.setattr(weights, "urlopen", offline)
    said = refused(capsys, *TINY, "--network", "vgg19").splitlines()
    assert len(said) == 3
    assert said[0].startswith("no weights for vgg19: ") and "no way there" in said[0]
    assert str(elsewhere / "TORCH_HOME") in said[0]
    assert "by hand" in said[1] and "--weights" in said[1]
    assert said[2].endswith("liveflight --network efficientnet_lite0")


def test_too_little_memory_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> int:
        raise MemoryError("cannot allocate 9 GiB")

    monkeypatch.setattr(render_command, "render_video", full)
    said = refused(capsys, "render")
    assert said == "out of memory (cannot allocate 9 GiB): try a smaller --view or --canvas"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glvnd finds drivers on Linux")
def test_as_a_program_without_gl_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent")
    child = python(*TINY)
    assert (child.returncode, child.stdout) == (2, "")
    assert re.fullmatch(r"liveflight: no OpenGL 3\.3 without a window .*\n", child.stderr)


def test_as_a_program_it_refuses_in_one_line() -> None:
    child = python("render", "--fps", "nan")
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr == (
        "liveflight: argument --fps: 'nan' is not a number from 1 to 1000, or 30000/1001; "
        "`liveflight render --help` lists what is allowed\n"
    )


# What the options mean


def test_without_a_display_ten_seconds_are_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[tuple[object, ...]] = []
    monkeypatch.setattr(outputs, "has_display", lambda: False)
    monkeypatch.setattr(
        render_command,
        "render_video",
        lambda *given, notice: rendered.append((*given, notice)) or 0,
    )
    assert main(["--seed", "5", "--fps", "50"]) == 0
    Path("flight.mp4").touch()
    assert main(["--seed", "5", "--fps", "50"]) == 0
    options = Options(seed=5, fps=30.0)
    assert [given[:-1] for given in rendered] == [
        (options, 10.0, (1280, 720), Path(name)) for name in ("flight.mp4", "flight_2.mp4")
    ]
    assert [given[-1] for given in rendered] == [
        f"no display here: rendering ten seconds to {name} instead"
        for name in ("flight.mp4", "flight_2.mp4")
    ]


def test_what_is_rendered_instead_is_announced_once_it_can_be(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "has_display", lambda: False)
    for wrong in (["--preset", "nope.toml"], ["--image", "nope.png"], ["--cues", "nope.toml"]):
        assert "nope" in refused(capsys, *wrong, *STEM, "--size", "64x36")
    assert not list(elsewhere.glob("*.mp4"))


def test_without_a_display_a_render_can_be_declined(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "has_display", lambda: False)
    assert refused(capsys, "--no-render").startswith("no display: ")
    assert not list(elsewhere.glob("*.mp4"))


def test_everything_asked_for_reaches_the_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[tuple[object, ...]] = []
    monkeypatch.setattr(render_command, "render_video", lambda *given: rendered.append(given) or 0)
    given = (
        "render --preset reef --network vgg16 --layer conv4_1 --filter 17 --weights w.pth "
        "--view 48x32 --canvas 64x48 --size 96x64 --steps 3 --seed 7 --device cpu --fps 25 "
        "--out there.mp4 --set camera.zoom=2 --set warp.mirror=BOTH --set show.hud=True "
        "--set camera.pan_x=-0.5 --seconds 1.5"
    )
    assert main(given.split()) == 0
    options = Options(
        preset="reef",
        network="vgg16",
        layer="conv4_1",
        filter="17",
        weights=Path("w.pth"),
        settings={
            "camera.zoom": 2.0,
            "warp.mirror": "both",
            "show.hud": True,
            "camera.pan_x": -0.5,
            "ascent.steps": 3,
        },
        canvas=(64, 48),
        view=(48, 32),
        device="cpu",
        seed=7,
        fps=25.0,
    )
    assert rendered == [(options, 1.5, (96, 64), Path("there.mp4"), "next", False)]


def test_a_setting_is_read_as_a_preset_would_write_it() -> None:
    for row in (row for row in ROWS if row.kind == "float"):
        for value in (row.minimum, row.default, row.maximum):
            read = arguments.assignment(f" {row.key} = {value} ")
            assert read == (row.key, value), row.key
            assert type(read[1]) is float, row.key


@pytest.mark.parametrize("text", ["320x180", "320X180", "00320x0180"])
def test_sizes_are_width_and_height(text: str) -> None:
    assert arguments.size(text) == (320, 180)


@pytest.mark.parametrize("text", ["", "x", "320x", "320x180x2", "320 x 180", "9" * 9000 + "x16"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        arguments.size(text)


# Real flights


def decoded(path: Path) -> np.ndarray:
    """Return all pictures of a 96x64 video."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path)]
    child = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    assert child.stderr == b""
    return np.frombuffer(child.stdout, np.uint8).reshape(-1, 64, 96, 3)


@pytest.mark.gl
def test_a_render_is_the_same_twice_pixel_for_pixel(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    for out in ("one", "two"):
        assert main([*TINY, *STEM, "--seed", "7", "--out", out]) == 0
        assert capsys.readouterr().out == f"4 frames in {elsewhere / out}\n"
    flights = []
    for out in ("one", "two"):
        paths = sorted((elsewhere / out).iterdir())
        assert [path.name for path in paths] == [f"frame_0000{n}.png" for n in (1, 2, 3, 4)]
        flights.append(np.stack([np.asarray(Image.open(path)) for path in paths]))
    assert flights[0].shape == (4, 64, 96, 3)
    np.testing.assert_array_equal(*flights)
    assert all(picture.std() > 10 for picture in flights[0])
    moved = np.abs(np.diff(flights[0].astype(float), axis=0)).mean((1, 2, 3))
    assert (moved > 1).all()
    assert main([*TINY, *STEM, "--seed", "8", "--out", "three"]) == 0
    other = np.asarray(Image.open(elsewhere / "three" / "frame_00001.png"))
    assert np.abs(other - flights[0][0].astype(float)).mean() > 5


@pytest.mark.gl
def test_a_loop_ends_where_it_begins(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    words = [*SIZES, *STEM, "--loop", "3", "--fps", "5", "--out", "loop"]
    assert main(["render", *words]) == 0
    assert capsys.readouterr().out == f"15 frames in {elsewhere / 'loop'}\n"
    pictures = [np.asarray(Image.open(path), float) for path in sorted(Path("loop").iterdir())]
    steps = [np.abs(one - other).mean() for one, other in pairwise(pictures)]
    assert np.abs(pictures[-1] - pictures[0]).mean() <= np.percentile(steps, 95)
    assert max(steps) < 2 * np.median(steps)
    assert refused(capsys, "render", *words, "--seconds", "4").startswith("--seconds with --loop")


@pytest.mark.gl
def test_a_video_is_the_same_twice_and_plays(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    for out in ("one.mp4", "two.mp4"):
        assert main([*TINY, *STEM, "--out", out]) == 0
        assert capsys.readouterr().out == f"4 frames in {elsewhere / out}\n"
    assert (elsewhere / "one.mp4").read_bytes() == (elsewhere / "two.mp4").read_bytes()
    pictures = decoded(elsewhere / "one.mp4")
    assert len(pictures) == 4
    assert all(picture.std() > 10 for picture in pictures)


@pytest.mark.gl
def test_a_render_hears_a_file_and_sounds_like_it(elsewhere: Path) -> None:
    with wave.open("noise.wav", "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(1).bytes(2 * 44100))
    (elsewhere / "loud.toml").write_text(
        'version = 1\n[ascent]\nrate = 0.0\nnoise = 0.0\n[[modulation]]\ncontrol = "camera.zoom"\n'
        'source = "sound"\ndepth = 1.0\nsmooth = 0.0\n'
    )
    flown = [*TINY, *STEM, "--preset", "loud.toml", "--sound", "noise.wav"]
    for out in ("one.mp4", "two.mp4"):
        assert main([*flown, "--out", out]) == 0
    assert (elsewhere / "one.mp4").read_bytes() == (elsewhere / "two.mp4").read_bytes()
    assert main([*flown[:-2], "--out", "still.mp4"]) == 0
    heard, silent = decoded(elsewhere / "one.mp4"), decoded(elsewhere / "still.mp4")
    assert len(heard) == len(silent) == 4
    assert np.abs(heard[-1].astype(float) - silent[-1]).mean() > 3
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", "one.mp4"]
    command += ["-f", "s16le", "-ac", "1", "-"]
    sound = np.frombuffer(subprocess.run(command, capture_output=True).stdout, np.int16)
    assert len(sound) / 44100 == pytest.approx(0.2, abs=0.03)
    assert np.abs(sound[4410:].astype(float)).mean() > 1000


@pytest.mark.gl
def test_a_render_whose_sound_is_none_says_so_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    (elsewhere / "text.wav").write_text("no sound at all")
    assert main([*TINY, *STEM, "--sound", "text.wav", "--out", "one.mp4"]) == 2
    assert "sound 'text.wav' cannot be heard" in capsys.readouterr().err
    assert not (elsewhere / "one.mp4").exists()


def test_being_told_to_end_is_like_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        render_command, "render_video", lambda *given: signal.raise_signal(signal.SIGTERM)
    )
    assert main(["render"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_program_ends_though_a_thread_is_still_at_work(elsewhere: Path) -> None:
    code = (
        "import threading, time; from liveflight.__main__ import BUSY_NAME, program; "
        "threading.Thread(target=time.sleep, args=(60,), name=BUSY_NAME).start(); program()"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, "presets"], capture_output=True, timeout=30, check=False
    )
    assert child.returncode == 0
    assert b"reef" in child.stdout


def test_who_calls_main_goes_on_though_a_thread_is_still_at_work() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name=BUSY_NAME)
    thread.start()
    assert main(["presets"]) == 0
    done.set()
    thread.join()


STOPPED = """
import signal, sys
from liveflight import app
from liveflight.__main__ import program
fly = app.App.frame
def frame(self, now):
    if self.frame_counter.frames == 12:
        signal.raise_signal(signal.SIGINT)
    fly(self, now)
app.App.frame = frame
signal.signal(signal.SIGINT, signal.default_int_handler)
program()
"""


@pytest.mark.gl
def test_ctrl_c_leaves_a_playable_file(elsewhere: Path) -> None:
    child = python(*TINY, *STEM, "--seconds", "600", "--out", "flight.mp4", code=STOPPED)
    left = elsewhere / "flight.unfinished.mp4"
    assert child.returncode == 130
    assert child.stdout == f"stopped: 12 frames in {left}\n"
    assert "Traceback" not in child.stderr
    assert list(elsewhere.glob("*.mp4")) == [left]
    pictures = decoded(left)
    assert len(pictures) == 12
    assert all(picture.std() > 10 for picture in pictures)
