from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_sounds import stored, tone

from liveflight.controllers.audio.input import SoundInput, is_file
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.media.audio_file import AudioFile

METERS = {"sound.level", "sound.low", "sound.mid", "sound.high", "sound.onset"}


def listened(path: Path, seconds: float, fps: int = 30, **settings: Value) -> list[list[Message]]:
    """Return what was put in each frame."""
    mailbox, sound = Mailbox(), SoundInput(str(path))
    sound.open(mailbox)
    values = {
        "sound.auto": True,
        "sound.gain": 0.0,
        **{f"sound.{k}": v for k, v in settings.items()},
    }
    frames = []
    for frame in range(round(seconds * fps)):
        sound.publish(0.0, values, [])
        sound.poll(100.0 + frame / fps)
        frames.append(mailbox.drain())
    sound.close()
    return frames


def test_in_a_show_a_frame_waits_for_no_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicks = np.tile(np.concatenate([tone(0.05), np.zeros(8820, np.float32)]), 4)
    mailbox, sound = Mailbox(), SoundInput(str(stored(tmp_path / "a.wav", clicks)), background=True)
    sound.open(mailbox)
    done, read = threading.Event(), AudioFile.read
    monkeypatch.setattr(AudioFile, "read", lambda self, now: (done.wait(10), read(self, now))[1])
    frames = []
    for frame in range(20):
        sound.poll(frame / 30)
        frames.append(mailbox.drain())
        sound.publish(frame / 30, {"sound.auto": True, "sound.gain": 0.0}, [])
        if frame == 2:
            done.set()
        if done.is_set():
            sound._work.wait(10)
    sound.close()
    assert {message.value for message in frames[0] if isinstance(message, Set)} == {0.0}
    assert frames[1] == frames[2] == [] and max(shown(frames, "sound.level")) > 0.9
    onsets = shown(frames, "sound.onset")
    assert max(onsets) > 0 and not any(a and b for a, b in pairwise(onsets))


def test_after_a_late_frame_all_that_sounded_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = SoundInput(str(stored(tmp_path / "a.wav", tone(1.0))), background=True)
    sound.open(Mailbox())
    heard: list[float] = []
    read = AudioFile.read
    monkeypatch.setattr(
        AudioFile, "read", lambda self, now: (heard.append(now), read(self, now))[1]
    )
    sound.poll(0.1)
    sound.poll(0.2)
    for now in (0.1, 0.2):
        sound.publish(now, {"sound.auto": True, "sound.gain": 0.0}, [])
    assert sound._work.wait(10)
    sound.close()
    assert heard == [0.2]


def shown(frames: list[list[Message]], key: str) -> list[float]:
    """Return what the meter shows in each frame."""
    values, now = [], 0.0
    for messages in frames:
        for message in messages:
            if isinstance(message, Set) and message.key == key:
                now = float(message.value)
        values.append(now)
    return values


def test_a_file_is_heard_as_time_goes_by(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(22050, np.float32), tone(0.5), np.zeros(44100, np.float32)])
    levels = shown(listened(stored(tmp_path / "a.wav", sound), 2.0), "sound.level")
    assert max(levels[:15]) == 0.0
    assert min(levels[18:30]) > 0.9
    assert levels[45] < 0.05


def test_gain_by_hand_shows_levels_as_they_are(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.wav", tone(1.0))
    levels = shown(listened(path, 0.9, auto=False, gain=-6.0), "sound.mid")
    assert levels[-1] == pytest.approx(0.5 / np.sqrt(2) * 10 ** (-6 / 20), rel=0.02)


def test_only_meters_are_put_and_only_where_they_change(tmp_path: Path) -> None:
    frames = listened(stored(tmp_path / "a.wav", np.zeros(44100, np.float32)), 0.5)
    assert {message.key for message in frames[0]} == METERS
    assert not any(frames[1:])
    for message in frames[0]:
        assert isinstance(message, Set) and message.origin == "sound"
        assert CONTROLS[message.key].kind == "meter"


def test_clicks_at_120_bpm_are_onsets_every_half_second(tmp_path: Path) -> None:
    sound = np.zeros(44100 * 4, np.float32)
    for beat in range(1, 8):
        start = beat * 22050
        sound[start : start + 4410] = tone(0.1) * np.exp(-np.arange(4410) / 441)
    onsets = shown(listened(stored(tmp_path / "clicks.wav", sound), 4.0), "sound.onset")
    found = [frame / 30 for frame, onset in enumerate(onsets) if onset]
    assert found == pytest.approx([0.5 * beat + 0.04 for beat in range(1, 8)], abs=0.035)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.wav", None, "there is no such file"),
        ("text.wav", b"not sound at all" * 100, "cannot be heard: "),
        ("empty.wav", b"", "cannot be heard: "),
    ],
)
def test_what_cannot_be_heard_says_why_in_a_line(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    sound = SoundInput(str(path))
    with pytest.raises(LiveflightError) as refused:
        sound.open(Mailbox())
    assert reason in str(refused.value) and "\n" not in str(refused.value)
    assert name in str(refused.value)
    sound.close()


def test_files_are_told_from_devices(tmp_path: Path) -> None:
    odd = tmp_path / "take 3"
    odd.write_bytes(b"")
    assert is_file("gone.wav") and is_file("TRACK.MP3") and is_file(str(odd))
    assert not is_file("default") and not is_file("USB Audio 2.0")
