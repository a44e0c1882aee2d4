from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from liveflight import engines
from liveflight.cli import parser
from liveflight.core.contracts import LiveflightError, Target
from liveflight.diagnostics.bench.plan import Plan
from liveflight.outputs.sinks import stream
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.options import Options
from liveflight.show.start_flight import start_flight
from liveflight.storage import recording
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.presets import Preset
from liveflight.system import ffmpeg


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


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("artnet", ("artnet", 0)),
        ("sacn", ("sacn", 1)),
        ("ArtNet:32767", ("artnet", 32767)),
        ("sacn:63999", ("sacn", 63999)),
    ],
)
def test_dmx_reaches_the_controllers(text: str, meant: tuple[str, int]) -> None:
    given = parser.controllers(parser.parse(["--dmx", text, "--dmx-host", "10.0.0.5"]))
    assert (given["dmx"], given["dmx_host"]) == (meant, "10.0.0.5")
    assert parser.controllers(parser.parse([]))["dmx"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("artnett", "'artnett' is neither artnet nor sacn, such as sacn:1; did you mean 'artnet'?"),
        ("sacn:0", "'sacn:0': sacn's universes are 1 to 63999"),
        ("artnet:32768", "'artnet:32768': artnet's universes are 0 to 32767"),
        ("artnet:", "'artnet:': artnet's universes are 0 to 32767"),
    ],
)
def test_no_other_universe_is_taken(text: str, said: str) -> None:
    with pytest.raises(LiveflightError) as refused:
        parser.parse(["--dmx", text])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--seconds 5", "--seconds with --loop: a loop is as long as --loop says"),
        ("--replay night.log", "--replay with --loop: a recorded set ends where it ends"),
        ("--sound a.wav", "--sound with --loop: a sound does not end as it began"),
        ("--camera 0", "--camera with --loop: what a camera sees does not come back"),
        ("--record night.log", "--record with --loop: a replay would not be the loop"),
    ],
)
def test_what_makes_no_sense_in_a_loop_is_named(
    given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.wav").touch()
    args = parser.parse(["render", "--loop", "10", *given.split()])
    with pytest.raises(LiveflightError, match=said):
        parser.check_loop(args)
    parser.check_loop(parser.parse(["render", "--loop", "10", "--cues", "exhibition"]))


@pytest.mark.parametrize("length", ["1.9", "3601", "ten"])
def test_a_loop_has_a_length(length: str) -> None:
    with pytest.raises(LiveflightError, match=f"'{length}' is not a number from 2 to 3600"):
        parser.parse(["render", "--loop", length])


def test_the_outputs_reach_the_flight(tmp_path: Path) -> None:
    args = parser.parse(
        ["--stream", "rtmp://a.example/app/key", "--stream", "udp://127.0.0.1:9", "--ndi",
         "--stream-rate", "4.5", "--spout", "left", "--virtual-camera", "/dev/video10"]
    )  # fmt: skip
    given = parser.controllers(args)
    assert given["streams"] == ("rtmp://a.example/app/key", "udp://127.0.0.1:9")
    assert given["stream_megabits"] == 4.5
    assert (given["ndi"], given["spout"], given["syphon"]) == ("liveflight", "left", "")
    assert given["virtual_camera"] == "/dev/video10"
    plain = parser.controllers(parser.parse([]))
    assert not any(plain[name] for name in ("streams", "ndi", "spout", "syphon", "virtual_camera"))
    assert plain["stream_megabits"] == Options().stream_megabits == stream.DEFAULT_MEGABITS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--stream http://a/b", "allowed are rtmp://"),
        ("--stream /tmp/show%d.m3u8", "would put a number for %d"),
        ("--virtual-camera 10", "'10' is not a video device such as /dev/video10"),
        ("--stream-rate 0", "is not a number from 0.1 to 500"),
    ],
)
def test_outputs_that_cannot_be_are_refused(given: str, said: str) -> None:
    with pytest.raises(LiveflightError, match=re.escape(said)):
        parser.parse(given.split())


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
        "--view 48x32 --canvas 96x64 --size 192x128 --steps 2 --seed 5 --device cpu "
        "--weights w.pth --set warp.flow=0.1 --json out.json --markdown"
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
            view=(48, 32),
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
    with pytest.raises(
        LiveflightError, match=f"{given.split()[0]} comes from the recording: leave"
    ):
        parser.options(args)


def test_a_replay_flies_as_the_log_says_unless_asked_for_another_size_or_rate(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.log"
    look = Preset("look", {Target("vgg16", "conv4_1", 17): 1.0})
    path.write_text(
        recording.header(recording.Recording(look, {"camera.zoom": 2.0}, 7, 24.0, (96, 54)))
    )
    read = parser.options(parser.parse(["render", "--replay", str(path)]), fps=30.0)
    assert (read.seed, read.fps, read.canvas) == (7, 24.0, (96, 54))
    assert (read.settings, read.replay and read.replay.preset.name) == (
        {"camera.zoom": 2.0},
        "look",
    )
    given = f"render --replay {path} --fps 60 --canvas 192x108 --view 48x27"
    other = parser.options(parser.parse(given.split()))
    assert (other.seed, other.fps, other.canvas) == (7, 60.0, (192, 108))
    assert (read.view, other.view) == (None, (48, 27))


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("30", 30.0), ("30000/1001", 30000 / 1001), ("24/1", 24.0), ("25.0", 25.0),
        ("29.97", 30000 / 1001), ("23.976", 24000 / 1001), ("23.98", 24000 / 1001),
        ("59.94", 60000 / 1001), ("119.88", 120000 / 1001), ("47.952", 48000 / 1001),
        ("29.970", 30000 / 1001), ("29.97003", 30000 / 1001), ("29.98", 29.98), ("59.9", 59.9),
        ("12.5", 12.5), ("24.99", 24.99),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["fly", "render"])
def test_frame_rates_are_what_they_are_written_for(command: str, text: str, fps: float) -> None:
    assert parser.parse([command, "--fps", text]).fps == fps
    assert float(ffmpeg.rate(fps)) == fps


@pytest.mark.parametrize(
    "text",
    ["30/0", "1001/30000", "/", "30/", "-30/1", "30000/1001/1", "1/1e3", "9" * 400 + "/1"],
)
def test_fractions_that_are_no_rate_are_named(text: str) -> None:
    with pytest.raises(
        LiveflightError, match=f"{text!r} is not a number from 1 to 1000, or 30000/"
    ):
        parser.parse(["render", f"--fps={text}"])


# Typing errors


MISTYPED = {
    "flyy": "there is no command 'flyy'; did you mean `liveflight fly`?",
    "Presets": "there is no command 'Presets'; did you mean `liveflight presets`?",
    "reef": "there is no command 'reef'; did you mean `liveflight --preset reef`?",
    "reaf": "did you mean `liveflight --preset reef`?",
    "vgg16": "did you mean `liveflight --network vgg16`?",
    "sets/mine.toml": "did you mean `liveflight --preset sets/mine.toml`?",
    "xyzzy": "there is no command 'xyzzy'; `liveflight --help` lists them",
    "presets reef": "presets` takes no 'reef'; did you mean `liveflight --preset reef`?",
    "cues exhibtion": "takes no 'exhibtion'; did you mean `liveflight --cues exhibition`?",
    "render reef": "did you mean `liveflight render --preset reef`?",
    "--seed 3 render": "'render' is a command and comes first: liveflight render ...",
    "--full-screen": "`liveflight fly` has no option '--full-screen'; did you mean '--fullscreen'?",
    "-fullscreen": "did you mean '--fullscreen'?",
    "\u2014fullscreen": "did you mean '--fullscreen'?",  # a dash, as word processors make it
    "render --canvass=3x4": "has no option '--canvass'; did you mean '--canvas'?",
    "--seconds 5": "`liveflight fly` has no option '--seconds': it is one of `liveflight render`",
    "doctor --zzz": "has no option '--zzz'; `liveflight doctor --help` lists them",
    "--engine trch": "'trch' is none of auto, torch, onnx,",
    "bench --engine onx": "did you mean 'onnx'?",
    "--size wide": "'wide' is not of the form WIDTHxHEIGHT, such as 1280x720",
    "--canvas wide": "'wide' is not of the form WIDTHxHEIGHT, such as 320x180",
    "--view wide": "'wide' is not of the form WIDTHxHEIGHT, such as 320x180",
    "--veiw=3x4": "has no option '--veiw'; did you mean '--view'?",
    "bench --size wide": "'wide' is not of the form WIDTHxHEIGHT, such as 640x360",
}


@pytest.mark.parametrize("given", MISTYPED)
def test_a_typing_error_is_answered_with_what_was_meant(given: str) -> None:
    with pytest.raises(LiveflightError) as said:
        parser.parse(given.split())
    assert MISTYPED[given] in str(said.value)
    assert "\n" not in str(said.value)


# Paths


PATHS = {
    "fly": "weights preset cues record image camera sound",
    "render": "weights preset cues record image camera sound replay out",
    "bench": "weights json",
}


@pytest.mark.parametrize("command", PATHS)
def test_home_folders_are_found_in_every_path(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "p.toml").touch()
    for name in PATHS[command].split():
        args = parser.parse([command, f"--{name}=~/p.toml"])
        assert str(getattr(args, name)) == str(tmp_path / "p.toml"), name


@pytest.mark.skipif(sys.platform == "win32", reason="there, users' folders lie beside one's own")
def test_other_users_homes_are_found_and_unknown_users_left_as_they_are() -> None:
    root = os.path.expanduser("~root")
    assert parser.parse(["--image=~root/p.png"]).image == Path(root, "p.png")
    assert parser.parse(["--image=~nobody-here/p.png"]).image == Path("~nobody-here/p.png")


@pytest.mark.parametrize("given", ["image", "camera", "preset", "sound", "weights"])
def test_an_address_is_no_file(given: str) -> None:
    with pytest.raises(
        LiveflightError, match=rf"argument --{given}: 'https://a/b' is a web address"
    ):
        parser.parse([f"--{given}", "https://a/b"])


def started(*given: str) -> recording.Recording:
    """Return how a flight with these options starts."""
    flight = Flight(NetworkLoader(FakeEngine, background=False), seed=1)
    return start_flight(flight, parser.options(parser.parse(["--canvas", "64x36", *given])))


@pytest.mark.parametrize("name", ["SHOUT.TOML", "Notepad.toml.txt"])
def test_a_preset_or_cue_list_is_a_file_by_its_suffix(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text('version = 1\ntargets = ["vgg16:conv4_1:17"]\n')
    assert started("--preset", str(path)).preset.name == name.partition(".")[0]
    path.write_text('version = 1\n[[cue]]\npreset = "reef"\nhold = true\n')
    cues = started("--cues", str(path)).cues
    assert cues == CueList(name.partition(".")[0], (Cue("reef", hold=True),))


def test_the_web_remote_has_a_host_of_its_own_and_needs_a_port() -> None:
    def given(*words: str) -> dict[str, object]:
        return parser.controllers(parser.parse(["fly", *words]))

    plain = given()
    assert (plain["remote"], plain["remote_host"], plain["oscquery_host"]) == (
        *(False, "localhost"),
        "localhost",
    )
    assert given("--remote")["remote"] is True
    shared = given("--remote-host", "0.0.0.0")
    assert (shared["remote"], shared["remote_host"]) == (True, "0.0.0.0")
    assert (shared["oscquery_host"], shared["osc_host"]) == ("localhost", "localhost")
    with pytest.raises(LiveflightError, match="--oscquery-port 9000"):
        given("--remote", "--oscquery-port", "0")
    with pytest.raises(LiveflightError, match="--remote-host needs OSCQuery's TCP port"):
        given("--remote-host", "0.0.0.0", "--osc-port", "0")
