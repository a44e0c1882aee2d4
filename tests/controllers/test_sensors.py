"""Whatever sound, MIDI, Link, a camera or a log send, what enters is finite and in range."""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from on_stage import TICK, Show, Stage

from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.link import LinkInput
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.replay.player import RecordingPlayer
from liveflight.core import modulation
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.controls import ROWS, Controls
from liveflight.core.mailbox import Beat, Mailbox, Nudge
from liveflight.core.spectrum import Spectrum
from liveflight.media import video_source
from liveflight.storage import recording
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording

pytestmark = pytest.mark.gl

WILD = [math.nan, math.inf, -math.inf, 1e30, -3e38]
BY_SOUND = [
    {"control": "camera.rotation", "source": "sound", "depth": 1.0, "band": "level"},
    {"control": "camera.pan_x", "source": "onset", "depth": 1.0},
    {"control": "warp.swirl", "source": "control", "depth": 1.0, "of": "sound.low"},
]


@pytest.fixture
def show(ctx: moderngl.Context) -> Iterator[Show]:
    """Yield a flight that sound modulates, in a render, where a fault ends it."""
    show = Show(Stage(ctx, (64, 36), bottom_up=False), FakeEngine(), live=False)
    show.flight.modulation.follow(modulation.read(BY_SOUND))
    yield show
    show.app.close()


def in_range(controls: Controls) -> bool:
    numbers = [row for row in ROWS if row.kind in ("float", "int", "meter")]
    return all(row.minimum <= controls.number(row.key) <= row.maximum for row in numbers)


def floats(path: Path, sound: np.ndarray, rate: int = 44100) -> Path:
    """Write a mono WAV of 32-bit floats; return its path."""
    data = sound.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, rate, rate * 4, 4, 32)
    head = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)
    return path


@pytest.mark.parametrize("sample", WILD)
def test_one_wild_sample_of_a_file_moves_nothing_out_of_range(
    sample: float, show: Show, tmp_path: Path
) -> None:
    times = np.arange(44100 * 2) / 44100
    sound = 0.5 * np.sin(2 * np.pi * 440 * times)
    sound[[11025, 33075]] = sample
    show.app.controllers.add(SoundInput(str(floats(tmp_path / "wild.wav", sound))), "sound")
    pictures = []
    for _ in range(round(1.5 / TICK)):
        pictures.append(show.frame())
        assert in_range(show.flight.controls)
    assert show.flight.controls.number("sound.level") > 0.5, "it is heard again afterwards"
    assert (pictures[-1] != pictures[-3]).any() and not show.flight.reports.counts
    assert np.isfinite(show.canvas.astype(np.float32)).all()


@pytest.mark.parametrize("gain", [None, 40.0])
@pytest.mark.parametrize("sample", WILD)
def test_a_device_that_says_nothing_else_is_heard_as_a_number(
    sample: float, gain: float | None
) -> None:
    spectrum = Spectrum(44100)
    for _ in range(20):
        spectrum.hear(np.full(735, sample, np.float32))
    heard = spectrum.features(gain)
    assert all(0 <= getattr(heard, name) <= 1 for name in ("level", "low", "mid", "high", "onset"))
    spectrum.hear(0.5 * np.sin(np.arange(88200, dtype=np.float32) * 0.06))
    assert spectrum.features(0.0).level == pytest.approx(0.5 / math.sqrt(2), rel=0.05)


def test_a_meter_is_where_a_sensor_can_be() -> None:
    level = next(row for row in ROWS if row.key == "sound.level")
    said = [-1.0, 0.25, 7.0, math.nan, math.inf, -math.inf, 10**400]
    assert [level.clip_sensor(value) for value in said] == [0.0, 0.25, 1.0, 0.0, 1.0, 0.0, 1.0]


def test_a_control_without_a_glide_is_at_once_where_it_goes() -> None:
    controls = Controls()
    controls.set_immediately("sound.level", math.nan)  # never equal to itself, so it always glides
    controls.advance(0.1)
    controls.set("sound.level", 0.5)
    controls.advance(0.1)
    assert controls.number("sound.level") == 0.5


LOOK = Preset("look", {Target("efficientnet_lite0", "stem", 3): 1.0}, {})


def played(path: Path, *said: list[Any]) -> Recording:
    """Return a recording of these messages, one every 0.1 s."""
    start = Recording(LOOK, {}, 0, 30.0)
    rows = [json.dumps({"t": 0.1 * index, "say": [each]}) for index, each in enumerate(said)]
    path.write_text(recording.header(start) + "".join(row + "\n" for row in rows))
    return recording.read(path)


def test_a_log_s_wild_meters_and_beats_move_nothing_out_of_range(
    show: Show, tmp_path: Path
) -> None:
    meters = [["Set", f"sound.{name}", value] for name in ("level", "low", "onset")
              for value in (1e299, -1e299, 7)]  # fmt: skip
    beats = [["Beat", 1e299, 120.0, True], ["Beat", 4.0, -1e299, True], ["Beat", 0.0, 1e299, False]]
    steps = [["Nudge", row.key, sign * 1e299] for sign in (1, -1) for row in ROWS
             if row.settable and row.kind != "text"]  # fmt: skip
    log = played(tmp_path / "wild.log", *meters, *beats, *steps)
    show.app.controllers.add(RecordingPlayer(log), "the replay")
    for _ in range(round(log.seconds / TICK) + 4):
        show.frame()
        assert in_range(show.flight.controls)
    assert not show.flight.reports.counts


@pytest.mark.parametrize(
    "said",
    [["Nudge", "camera.zoom", 10**400], ["Beat", 10**400, 120.0, True],
     ["Set", "sound.level", -(10**400)], ["Set", "sound.level", True], ["Set", "sound.level", "a"]],
    ids=lambda said: f"{said[0]} {str(said[2])[:6]}",
)  # fmt: skip
def test_a_log_s_numbers_that_no_float_can_hold_are_refused(
    said: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(LiveflightError, match="line 2"):
        played(tmp_path / "wild.log", said)


@pytest.fixture
def midi(tmp_path: Path) -> Iterator[tuple[MidiInput, Mailbox]]:
    ports = SimpleNamespace(names=list, close_all=lambda: None)
    midi, mailbox = MidiInput("", tmp_path / "midi.toml", lambda: ports, lambda: 5.0), Mailbox()  # type: ignore[arg-type, return-value]
    midi.open(mailbox)
    yield midi, mailbox
    midi.close()


def test_a_clock_whose_ticks_all_come_at_once_has_no_tempo(
    midi: tuple[MidiInput, Mailbox],
) -> None:
    surface, mailbox = midi
    surface.hear("box", [0xFA] + [0xF8] * 48)
    surface.poll(5.0)
    assert mailbox.drain() == []


@pytest.mark.parametrize(
    "data", [[300], [-1], [0xB0, 999, 5], ["x"], [0.5], [None], [math.nan], [[0xF8]], 7, None]
)
def test_midi_that_is_none_is_said_once_and_the_next_is_heard(
    data: Any, midi: tuple[MidiInput, Mailbox], caplog: pytest.LogCaptureFixture
) -> None:
    surface, mailbox = midi
    for _ in range(3):
        surface.hear("box", data)
    assert len(caplog.records) <= 1
    surface.hear("box", [0xC0, 4])
    assert [message.value for message in mailbox.drain()] == ["5"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("beats", "tempo"), [(math.nan, 120.0), (math.inf, 120.0), (1.0, math.nan)]
)
def test_a_link_session_without_a_time_is_passed_over(
    beats: float, tempo: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = SimpleNamespace(beatAtTime=lambda *_: beats, tempo=lambda: tempo)
    session.setTempo = lambda bpm, _: told.append(bpm)
    link = SimpleNamespace(enabled=True, numPeers=lambda: 1, captureSessionState=lambda: session)
    link.clock, link.commitSessionState = lambda: SimpleNamespace(micros=int), lambda _: None
    told: list[float] = []
    monkeypatch.setitem(sys.modules, "link", SimpleNamespace(Link=lambda bpm: link))
    surface, mailbox = LinkInput(), Mailbox()
    surface.open(mailbox)
    surface.poll(1.0)
    assert mailbox.drain() == []
    values = {"tempo.bpm": 120.0, "tempo.beats_per_bar": 4}
    surface.publish(1.0, values, [Nudge("tempo.bpm", 0.1)])
    assert all(20 <= bpm <= 300 for bpm in told)


def test_a_beat_that_is_no_number_leaves_the_tempo(show: Show) -> None:
    show.app.mailbox.put(Beat(math.nan, math.nan, origin="x"))
    show.frame(3)
    assert in_range(show.flight.controls) and math.isfinite(show.flight.tempo.position)


@pytest.mark.parametrize("size", [b"0 5", b"5 0", b"-3 5", b"99999999 99999999", b"20000 1"])
def test_a_frame_of_no_possible_size_is_refused(size: bytes) -> None:
    with pytest.raises(LiveflightError, match="a frame of"):
        video_source._ppm(BytesIO(b"P6\n" + size + b"\n255\n" + bytes(100)))
