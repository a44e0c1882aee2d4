"""A recorded flight, flown again: from messages to pictures, through all that is between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from fake_engine import FakeEngine
from kept_frames import KeptFrames
from tiny_network import register, tiny_module

from liveflight import app, engines
from liveflight.cli import parser
from liveflight.core.contracts import Ascent, Canvas, LiveflightError, Mix
from liveflight.core.mailbox import Beat, Message, Nudge, Set, Trigger
from liveflight.outputs.offscreen import Offscreen
from liveflight.storage import cue_lists, presets
from liveflight.storage.recording import read

pytestmark = pytest.mark.gl

FPS = 20.0
CUES = """
version = 1
[[cue]]
preset = "one"
beats = 2
transition_beats = 1
[[cue]]
preset = "other"
seconds = 1
"""
ONE = """
version = 1
journey = ["tiny:shapes:4", "tiny:deep:2", "tiny:shapes:1"]
[show]
autopilot = true
dwell = 1.0
[mix]
crossfade = 0.5
[[modulation]]
control = "camera.rotation"
source = "onset"
depth = 0.5
"""
OTHER = """
version = 1
slot = 5
corners = ["tiny:shapes:4", "tiny:deep:2", "tiny:edges:1", "tiny:shapes:1"]
[camera]
zoom = 2.0
[[modulation]]
control = "camera.pan_x"
source = "walk"
depth = 0.5
"""
SCRIPT: Mapping[int, Sequence[Message]] = {
    3: [Set("camera.zoom", 2.0), Set("sound.onset", 0.9)],
    4: [Set("sound.onset", 0.0)],
    5: [Set("sound.react", "strong"), Set("sound.low", 0.8), Set("show.bank", 2)],
    6: [Set("morph.time", 0.5), Trigger("show.preset_random")],
    12: [Trigger("show.undo")],
    14: [Set("show.store", "12")],  # not in the log
    16: [Beat(3.5, 150.0), Nudge("pad.x", 0.3), Trigger("mix.random")],
    20: [Set("tempo.quantise", "beat"), Trigger("show.preset_next")],
    24: [Trigger("mix.random"), Set("show.autopilot", True)],
    27: [Trigger("mix.random")],
    29: [Nudge("show.autopilot", 1)],
    30: [Set("show.preset", "5"), Trigger("cue.go")],
    36: [Trigger("show.panic"), Trigger("mix.random")],
}


def dreamt(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    """Let every target, weight and control of the ascent change the picture."""
    direction = np.zeros(view.shape, np.float32)
    for target, weight in mix.items():
        colour = np.random.default_rng([*str(target).encode()]).normal(size=3)
        direction[..., :3] += ascent.smoothing * weight * colour * np.roll(view[..., :3], 1, 1)
    return direction.astype(np.float16)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the presets `one` and `other` of a tiny network, and a cue list of them."""
    register(monkeypatch, "tiny", lambda: tiny_module(3))
    alive = range(8)
    monkeypatch.setattr(engines, "load", lambda *asked, **more: FakeEngine(dreamt, alive=alive))
    folder = tmp_path / "liveflight" / "presets"
    folder.mkdir(parents=True)
    monkeypatch.setattr(presets, "user_folder", lambda: folder)
    monkeypatch.setattr(presets, "folder", lambda name: tmp_path / "none")
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    (folder / "one.toml").write_text(ONE)
    (folder / "other.toml").write_text(OTHER)
    (tmp_path / "set.toml").write_text(CUES)
    return folder


def flown(
    arguments: Sequence[str], script: Mapping[int, Sequence[Message]], frames: int
) -> list[np.ndarray]:
    """Return the pictures of a render with these arguments, each message at its frame."""
    args = parser.parse(["render", "--view", "48x32", *arguments])
    options = parser.options(args, fps=args.fps or FPS)
    shown = KeptFrames()
    flight = app.build(options, Offscreen((48, 32)), live=False, sinks=[shown])
    try:
        for frame in range(frames):
            flight.mailbox.put(*script.get(frame, ()))
            flight.frame(frame / options.fps)
        assert not flight.flight.reports.counts
    finally:
        flight.close()
    return shown.pictures


def same(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_the_same_pictures_come_again_and_at_any_size_every_time(folder: Path) -> None:
    log = folder.parent / "set.log"
    given = ["--preset", "one", "--cues", str(folder.parent.parent / "set.toml"), "--seed", "4"]
    first = flown([*given, "--canvas", "48x32", "--record", str(log)], SCRIPT, 44)
    for name in ("one", "other"):  # the log alone says what was flown
        (folder / f"{name}.toml").unlink()
    again = ["--replay", str(log)]
    assert same(first, flown(again, {}, 44))
    assert read(log).seconds == pytest.approx(43 / FPS)
    wide, twice = (flown([*again, "--canvas", "96x64"], {}, 44) for _ in range(2))
    assert same(wide, twice)
    assert not same(first, wide)


def test_a_cue_list_that_was_started_is_in_the_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, lists = folder.parent / "set.log", folder.parent / "cues"
    lists.mkdir()
    (lists / "tonight.toml").write_text(CUES)
    monkeypatch.setattr(cue_lists, "user_folder", lambda: lists)
    script = {4: [Set("cue.list", "tonight")], 30: [Trigger("cue.go")]}
    given = ["--preset", "other", "--canvas", "48x32", "--record", str(log)]
    first = flown(given, script, 44)
    (lists / "tonight.toml").unlink()
    assert same(first, flown(["--replay", str(log)], {}, 44))
    assert [each.name for each in read(log).lists] == ["tonight"]


def test_a_replay_that_is_recorded_is_the_same_once_more(folder: Path) -> None:
    one, two = folder.parent / "one.log", folder.parent / "two.log"
    given = ["--preset", "one", "--canvas", "48x32"]
    first = flown([*given, "--record", str(one)], SCRIPT, 24)
    flown(["--replay", str(one), "--record", str(two)], {}, 24)
    assert same(first, flown(["--replay", str(two)], {}, 24))
    assert one.read_text().splitlines()[1:] == two.read_text().splitlines()[1:]


def test_a_replay_at_another_rate_flies_the_same_way(folder: Path) -> None:
    log = folder.parent / "set.log"
    given = ["--preset", "one", "--cues", str(folder.parent.parent / "set.toml")]
    flown([*given, "--canvas", "48x32", "--record", str(log)], SCRIPT, 40)
    for fps, frames in (("10", 20), ("40", 80)):
        assert len(flown(["--replay", str(log), "--fps", fps], {}, frames)) == frames


def test_a_replay_whose_sound_is_none_says_so_before_it_begins(folder: Path) -> None:
    log, sound = folder.parent / "set.log", folder.parent / "noise.wav"
    flown(["--preset", "one", "--canvas", "48x32", "--record", str(log)], {}, 2)
    sound.write_text("nothing to be heard")
    with pytest.raises(LiveflightError, match=r"noise\.wav' cannot be heard"):
        flown(["--replay", str(log), "--sound", str(sound)], {}, 2)


def test_what_was_refused_in_the_flight_is_no_trouble_of_its_replay(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = folder.parent / "set.log"
    wrong = {4: [Set("show.preset", "77")], 9: [Set("show.preset", "othr")]}
    with pytest.raises(AssertionError, match="77"):  # reported as it is played
        flown(["--preset", "one", "--canvas", "48x32", "--record", str(log)], wrong, 14)
    caplog.clear()
    assert len(flown(["--replay", str(log)], {}, 14)) == 14
    assert not caplog.records
