from __future__ import annotations

from pathlib import Path

import pytest

from liveflight import engines, parser
from liveflight.bench.plan import Plan
from liveflight.core import score
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.presets import Preset
from liveflight.takeoff import Options


def test_no_command_is_fly() -> None:
    assert parser.parse([]).command == "fly"
    assert parser.parse(["--seed", "3"]).command == "fly"
    assert parser.parse(["doctor", "--osc-port", "0"]).command == "doctor"


@pytest.mark.parametrize("command", ["fly", "render"])
@pytest.mark.parametrize("engine", engines.NAMES)
def test_the_engine_reaches_the_flight(command: str, engine: str) -> None:
    given = [command, "--engine", engine, "--preset", "reef"]
    assert parser.options(parser.parse(given), fps=30.0) == Options(
        preset="reef", engine=engine, fps=30.0
    )


def test_sound_and_link_reach_the_flight(tmp_path: Path) -> None:
    live = parser.options(parser.parse(["--sound", "USB Line", "--link"]), fps=30.0)
    assert (live.sound, live.link) == ("USB Line", True)
    (tmp_path / "a.wav").touch()
    rendered = parser.options(parser.parse(["render", "--sound", str(tmp_path / "a.wav")]))
    assert rendered.sound == str(tmp_path / "a.wav")
    with pytest.raises(LiveflightError, match="argument --sound: 'default': there is no such file"):
        parser.parse(["render", "--sound", "default"])


@pytest.mark.parametrize("command", ["fly", "render", "bench"])
def test_an_engine_that_is_not_there_is_named_with_those_that_are(command: str) -> None:
    with pytest.raises(LiveflightError, match="argument --engine: 'steam' is none of") as said:
        parser.parse([command, "--engine", "steam"])
    assert all(name in str(said.value) for name in engines.NAMES)


def test_a_plain_bench() -> None:
    assert parser.plan(parser.parse(["bench"])) == Plan()


def test_everything_a_bench_may_be_asked_for() -> None:
    given = (
        "bench --quick --peers --switches --latency --display-fps 144 --engine autograd "
        "--engine auto --engine autograd --network vgg16 --layer conv4_1 --filter 7 "
        "--canvas 96x64 --size 192x128 --steps 2 --seed 5 --device cpu --weights w.pth "
        "--set warp.flow=0.1 --json out.json --markdown"
    )
    args = parser.parse(given.split())
    assert (args.json, args.markdown) == (Path("out.json"), True)
    assert parser.plan(args) == Plan(
        quick=True,
        peers=True,
        switches=True,
        latency=True,
        engines=("autograd", "auto"),
        display_fps=144.0,
        size=(192, 128),
        flight=Options(
            network="vgg16",
            layer="conv4_1",
            filter="7",
            weights=Path("w.pth"),
            settings={"warp.flow": 0.1, "ascent.steps": 2},
            canvas=(96, 64),
            device="cpu",
            engine="autograd",
            seed=5,
        ),
    )


def test_all_is_all_three() -> None:
    everything = parser.plan(parser.parse(["bench", "--all"]))
    assert everything == Plan(peers=True, switches=True, latency=True)


@pytest.mark.parametrize("given", [
    "--preset reef", "--network vgg16", "--layer stem", "--filter 3", "--cues exhibition",
    "--set camera.zoom=2", "--steps 2", "--seed 3",
])  # fmt: skip
def test_what_a_log_says_cannot_be_said_beside_it(given: str, tmp_path: Path) -> None:
    args = parser.parse(f"render --replay {tmp_path / 'a.log'} {given}".split())
    with pytest.raises(LiveflightError, match=f"{given.split()[0]} is what the log says: leave it"):
        parser.options(args)


def test_a_replay_flies_as_the_log_says_unless_asked_for_another_size_or_rate(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.log"
    look = Preset("look", {Target("vgg16", "conv4_1", 17): 1.0})
    path.write_text(score.header(score.Score(look, {"camera.zoom": 2.0}, 7, 24.0, (96, 54))))
    read = parser.options(parser.parse(["render", "--replay", str(path)]), fps=30.0)
    assert (read.seed, read.fps, read.canvas) == (7, 24.0, (96, 54))
    assert (read.settings, read.replay and read.replay.preset.name) == (
        {"camera.zoom": 2.0},
        "look",
    )
    given = ["render", "--replay", str(path), "--fps", "60", "--canvas", "192x108"]
    other = parser.options(parser.parse(given))
    assert (other.seed, other.fps, other.canvas) == (7, 60.0, (192, 108))
