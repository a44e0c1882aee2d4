"""The options of unattended shows, the safe look, and services."""

from __future__ import annotations

import argparse
import sys
from datetime import time
from pathlib import Path

import pytest

from liveflight.__main__ import main
from liveflight.cli import parser, run_command, service_command
from liveflight.core.contracts import LiveflightError
from liveflight.storage import presets

FLY = ["--preset", "reef", "--set", "camera.zoom=1.1", "--cues=exhibition", "--fullscreen"]
OWN = ["--restart-at", "04:00", "--memory-limit", "3.5", "--health-port=0", "--health-host", "::1"]


@pytest.mark.parametrize(
    "given",
    [
        ["run", *FLY, *OWN],
        ["run", *OWN, *FLY],
        ["fly", "--supervised", *FLY, *OWN],
        ["fly", *OWN, *FLY, "--supervised"],
        ["--supervised", *OWN, *FLY],
        [*OWN, *FLY, "--supervised"],
        ["run", "--restart", "4:00", "--mem=3.5", *FLY, "--health-p", "0", "--health-h=::1"],
    ],
)
def test_run_takes_flys_options_and_its_own(given: list[str]) -> None:
    args = parser.parse(given)
    assert args.command == "run"
    assert args.for_fly == FLY
    assert (args.restart_at, args.memory_limit, args.health_port) == (time(4), 3.5, 0)
    assert (
        parser.parse(["fly", *args.for_fly, "--no-render", "--resume", "--safe"]).preset == "reef"
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--restart-at", "25:00"], "04:00"),
        (["--restart-at", "4"], "04:00"),
        (["--memory-limit", "-1"], "from 0"),
        (["--health-port", "70000"], "65535"),
        (["--name", "../x"], "name"),
        (["--name", ""], "name"),
        (["--presett", "reef"], "--preset"),
    ],
)
def test_mistakes_are_named(given: list[str], named: str) -> None:
    with pytest.raises(LiveflightError, match=named):
        parser.parse(["run", *given])


def test_run_alone_has_the_supervisors_options() -> None:
    with pytest.raises(LiveflightError, match=r"--restart-at.*liveflight run"):
        parser.parse(["fly", "--restart-at", "04:00"])


def test_it_needs_a_desktop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if sys.platform in ("darwin", "win32"):
        pytest.skip("there always is one")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["run", "--preset", "reef"]) == 2
    assert "no display" in capsys.readouterr().err


# The safe look

EVERYTHING = [
    *("--preset", "mine", "--network", "vgg16", "--layer", "conv4_1", "--filter", "3"),
    *("--weights", "mine.pth", "--set", "camera.zoom=1.1", "--steps", "2", "--cues", "mine"),
    *("--view", "960x540", "--canvas", "3840x2160", "--device", "cuda", "--engine", "torch"),
    *("--image", "a.jpg", "--camera", "0", "--sound", "default", "--midi", "--dmx", "artnet"),
    *("--link", "--ndi", "--spout", "--syphon", "--virtual-camera", "/dev/video9"),
    *("--stream", "udp://localhost:1", "--record", "set.log", "--resume"),
    *("--size", "640x360", "--fullscreen", "--display", "1", "--fps", "50", "--seed", "3"),
    *("--osc-port", "9100", "--osc-feedback", "localhost:9101", "--remote", "--osc-host", "::1"),
]


def test_the_safe_look_is_the_plain_one_whatever_was_asked_for() -> None:
    args = run_command.safe(parser.parse(["fly", *EVERYTHING, "--safe"]))
    given = parser.controllers(args)
    found = vars(parser.options(args, **given))
    plain = vars(parser.options(parser.parse(["fly"]), **parser.controllers(parser.parse(["fly"]))))
    stays = {"osc_host", "osc_port", "osc_feedback", "remote", "oscquery_port", "fps", "seed"}
    differ = {name for name in found if found[name] != plain[name]}
    assert differ - stays == {"preset", "network", "device"}
    assert (found["osc_port"], found["remote"], found["device"]) == (9100, True, "cpu")
    assert (args.size, args.fullscreen, args.display) == ((640, 360), True, 1)


def test_its_preset_is_the_shipped_one_and_flies_the_embedded_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path)
    (tmp_path / "reef.toml").write_text('version = 1\ntargets = ["vgg16:conv4_1:1"]\n')
    args = run_command.safe(parser.parse(["fly", "--safe"]))
    targets = presets.read(Path(args.preset)).all_targets
    assert {target.network for target in targets} == {run_command.SAFE_NETWORK}


def test_every_option_of_fly_is_thought_of() -> None:
    """A new option is either harmless in the safe look, and listed here, or taken out of it."""
    harmless = {
        *("command", "size", "fullscreen", "display", "output_display", "fps", "seed", "no_render"),
        *("osc_host", "osc_port", "osc_feedback", "oscquery_host", "oscquery_port"),
        *("remote", "remote_host", "allow_remote_save", "allow_remote_downloads"),
        *("name", "safe", "supervised", "dmx_host", "sound_once", "stream_rate"),
        *("kiosk", "hours", "hours_display_off", "resume", "keep_state", "keep_interval"),
        *("wall", "wall_place", "wall_displays", "wall_windows", "bezel", "pitch", "display_width"),
        *("overlap", "rotations", "rank", "world", "master", "interface", "allow_unequal"),
        "test_card",
    }
    taken = {*run_command._SAFE, "preset", "set", "stream"}
    assert set(vars(parser.parse(["fly"]))) - harmless == taken


# Services


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep units in a folder of the test, and only note the commands."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(service_command, "_check_machine", lambda system: None)
    done = tmp_path / "commands"
    script = tmp_path / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{done}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unit(folder: Path, name: str = "liveflight") -> Path:
    return folder / "systemd" / "user" / f"{name}.service"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for systemctl")
def test_a_service_is_written_line_by_line_and_removed(
    systemd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install-service", "--", "--cues", "exhibition", "--restart-at", "04:00"]) == 0
    out = capsys.readouterr().out
    written = unit(systemd).read_text()
    assert all(f"    {line}\n" in out for line in written.splitlines())
    assert "liveflight run --cues exhibition --restart-at 04:00" in written
    assert "systemctl --user start liveflight.service" in out
    assert (systemd / "commands").read_text().splitlines() == [
        *("--user daemon-reload", "--user enable liveflight.service"),
    ]
    assert main(["install-service", "--", "--cues", "exhibition"]) == 0  # ours: replaced
    assert "04:00" not in unit(systemd).read_text()
    assert main(["install-service", "--remove"]) == 0
    assert not unit(systemd).exists()
    assert "disable --now liveflight.service" in (systemd / "commands").read_text()
    assert main(["install-service", "--remove"]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for systemctl")
def test_somebody_elses_unit_stays(systemd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit(systemd).parent.mkdir(parents=True)
    unit(systemd).write_text("[Unit]\n")
    for more in ([], ["--remove"]):
        assert main(["install-service", *more]) == 2
        assert "not of liveflight" in capsys.readouterr().err
    assert unit(systemd).read_text() == "[Unit]\n"
    assert not (systemd / "commands").exists()


def test_mistakes_in_its_options_show_at_once(
    systemd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install-service", "--", "--presett", "reef"]) == 2
    assert "--preset" in capsys.readouterr().err
    assert not unit(systemd).exists()


def test_a_unit_can_be_printed_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-service", "--print", "--name", "hall-2", "--", "--preset", "reef"]) == 0
    out = capsys.readouterr().out
    assert "run --preset reef\n" in out and out.endswith("default.target\n")


def test_flys_arguments_reach_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    args = parser.parse(["install-service", "--system", "--", "--set", "camera.zoom=1.1"])
    assert isinstance(args, argparse.Namespace)
    assert args.options == ["--set", "camera.zoom=1.1"]
    monkeypatch.setenv("SUDO_USER", "nobody-of-this-name")
    if sys.platform != "win32":
        with pytest.raises(LiveflightError, match="no user"):
            service_command._unit(args)
