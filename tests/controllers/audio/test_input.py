from __future__ import annotations

import os
import signal
import subprocess
import threading
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from liveflight.controllers.audio.input import SoundInput, is_file
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.core.spectrum import Samples
from liveflight.media.audio_file import AudioFile
from liveflight.system import ffmpeg

METERS = {"sound.level", "sound.low", "sound.mid", "sound.high", "sound.onset"}


def stored(path: Path, sound: Samples, rate: int = 44100) -> Path:
    """A stereo WAV of 16 bits with the sound in both channels."""
    both = np.repeat((sound * 32767).astype("<i2")[:, None], 2, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(both.tobytes())
    return path


def tone(seconds: float, rate: int = 44100) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)


def listened(path: Path, seconds: float, fps: int = 30, **settings: Value) -> list[list[Message]]:
    """What each frame put."""
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


def test_in_a_show_a_frame_waits_for_no_sound(tmp_path: Path) -> None:
    clicks = np.tile(np.concatenate([tone(0.05), np.zeros(8820, np.float32)]), 4)
    mailbox, sound = Mailbox(), SoundInput(str(stored(tmp_path / "a.wav", clicks)), background=True)
    sound.open(mailbox)
    done = threading.Event()
    hear = sound._hear
    sound._hear = lambda now: (done.wait(10), hear(now))[1]  # type: ignore[method-assign]
    frames = []
    for frame in range(20):
        sound.poll(frame / 30)
        frames.append(mailbox.drain())
        sound.publish(frame / 30, {"sound.auto": True, "sound.gain": 0.0}, [])
        if frame == 2:
            done.set()
        if done.is_set():
            sound._work._done.wait(10)
    sound.close()
    assert {message.value for message in frames[0] if isinstance(message, Set)} == {0.0}
    assert frames[1] == frames[2] == [] and max(shown(frames, "sound.level")) > 0.9
    onsets = shown(frames, "sound.onset")
    assert max(onsets) > 0 and not any(a and b for a, b in pairwise(onsets))


def test_after_a_late_frame_all_that_sounded_is_heard(tmp_path: Path) -> None:
    sound = SoundInput(str(stored(tmp_path / "a.wav", tone(1.0))), background=True)
    sound.open(Mailbox())
    heard: list[float] = []
    hear = sound._hear
    sound._hear = lambda now: (heard.append(now), hear(now))[1]  # type: ignore[method-assign, func-returns-value]
    sound.poll(0.1)
    sound.poll(0.2)
    for now in (0.1, 0.2):
        sound.publish(now, {"sound.auto": True, "sound.gain": 0.0}, [])
    assert sound._work.wait(10)
    sound.close()
    assert heard == [0.2]


def shown(frames: list[list[Message]], key: str) -> list[float]:
    """What the meter shows in each frame."""
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


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_the_same_file_is_heard_to_the_sample_at_every_rate(tmp_path: Path, fps: int) -> None:
    sound = tone(1.0, 22050)
    source = AudioFile(stored(tmp_path / "a.wav", sound, 22050))
    source.open()
    parts = [source.read(5.0 + frame / fps) for frame in range(2 * fps + 1)]
    source.close()
    assert len(parts[0]) == 0 and {len(part) for part in parts[1:]} <= {
        44100 // fps,
        44100 // fps + 1,
    }
    whole = np.concatenate(parts)
    assert len(whole) == 2 * 44100
    assert np.abs(whole[:44000]).max() == pytest.approx(0.5, abs=0.01)
    assert np.abs(whole[44200:]).max() == 0.0, "after its end there is silence"


@pytest.mark.parametrize("channels", [1, 6, 9, 10, 16, 60])
def test_the_mean_of_all_channels_is_heard_however_many(tmp_path: Path, channels: int) -> None:
    """One in three sounds, so that a channel left out, or counted twice, is heard."""
    parts = np.zeros((22050, channels), np.float32)
    parts[:, ::3] = tone(0.5)[:, None]
    path = tmp_path / "many.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes((parts * 32767).astype("<i2").tobytes())
    source = AudioFile(path)
    source.open()
    source.read(0.0)
    heard = source.read(0.5)
    source.close()
    share = len(range(0, channels, 3)) / channels
    assert np.abs(heard[1000:-1000]).max() == pytest.approx(0.5 * share, rel=0.02)


def test_a_file_of_a_show_begins_again_at_its_end(tmp_path: Path) -> None:
    sound = tone(0.3)
    sound[:1000] = 0.0
    source = AudioFile(stored(tmp_path / "a.wav", sound), loop=True, live=True)
    source.open()
    whole = np.concatenate([source.read(frame / 20) for frame in range(40)])
    source.close()
    quiet = [np.abs(whole[at : at + 1000]).max() for at in range(0, 44100, len(sound))]
    assert max(quiet) < 0.01, "to the sample"
    assert np.abs(whole[-4410:]).max() > 0.4


@pytest.mark.parametrize("live", [False, True])
def test_a_file_that_shall_not_loop_ends_in_silence(tmp_path: Path, live: bool) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(0.3)), live=live)
    source.open()
    process = source._process
    assert process
    parts = [source.read(frame / 20) for frame in range(40)]
    assert np.abs(np.concatenate(parts[10:])).max() == 0.0
    assert process.returncode == 0 and source._process is None, "it leaves no zombie"
    source.close()


def test_a_decoder_that_breaks_off_in_a_show_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = stored(tmp_path / "a.wav", tone(20.0))
    source = AudioFile(path, loop=True, live=True)
    source.open()
    levels = []
    for frame in range(80):
        if frame in (10, 40):
            process = source._process
            assert process
            process.kill()
            process.wait()
            path.rename(tmp_path / "unmounted")
        if frame in (20, 50):
            (tmp_path / "unmounted").rename(path)
        levels.append(np.abs(source.read(frame / 4)).max(initial=0.0))
    assert levels[9] > 0.4 and levels[39] > 0.4 and levels[79] > 0.4
    assert 0.0 in levels[10:20] and 0.0 in levels[40:50]
    (record,) = caplog.records
    assert record.getMessage().endswith("broke off: ffmpeg ended with code -9; it is started again")
    source.close()


def test_a_decoder_that_breaks_off_ends_a_render(tmp_path: Path) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(60.0)))
    source.open()
    source.read(0.0)
    assert source._process
    source._process.kill()
    with pytest.raises(LiveflightError, match=r"a\.wav' broke off: ffmpeg ended with code"):
        for frame in range(600):
            source.read(frame / 10)
    source.close()


def test_a_decoder_that_hangs_ends_a_render_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "PATIENCE", 0.5)
    source = AudioFile(stored(tmp_path / "a.wav", tone(60.0)))
    source.open()
    source.read(0.0)
    assert source._process
    source._process.send_signal(signal.SIGSTOP)
    with pytest.raises(LiveflightError, match=r"a\.wav' broke off: ffmpeg gave nothing for 0\.5 s"):
        for frame in range(600):
            source.read(frame / 10)
    source.close()


def test_after_a_stall_it_is_where_time_is(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(44100 * 5, np.float32), tone(1.0)])
    source = AudioFile(stored(tmp_path / "a.wav", sound))
    source.open()
    source.read(0.0)
    assert len(source.read(5.5)) == 2 * 44100
    assert np.abs(source.read(5.6)).max() == pytest.approx(0.5, abs=0.01)
    source.close()
    source.close()


def test_a_decoder_that_a_disk_does_not_let_go_of_keeps_no_show_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(1.0)))
    source.open()
    process = source._process
    assert process
    wait = process.wait

    def held(timeout: float | None = None) -> int:
        assert timeout is not None, "it would wait for ever"
        raise subprocess.TimeoutExpired("ffmpeg", timeout)

    monkeypatch.setattr(process, "wait", held)
    source.close()
    source.close()
    monkeypatch.undo()
    wait(60)
    assert process.stdout
    process.stdout.close()


def test_the_complaints_about_a_damaged_sound_that_loops_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "_MOST_SAID", 10_000)
    source = AudioFile(stored(tmp_path / "a.wav", tone(1.0)), loop=True, live=True)
    source.open()
    assert source._messages
    said = source._messages.fileno()
    for frame in range(100):
        os.write(said, b"[mp3float @ 0x5] Header missing\n" * 10)
        source.read(frame / 10)
        assert os.fstat(said).st_size <= 10_330
    source.close()
    assert source._messages.closed


def test_hours_that_a_stall_has_missed_are_skipped_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(10.0)), loop=True, live=True)
    source.open()
    source.read(0.0)
    asked: list[int] = []
    whole = source._read_bytes
    monkeypatch.setattr(source, "_read_bytes", lambda count: asked.append(count) or whole(count))
    assert len(source.read(300.0)) == 2 * 44100
    assert max(asked) <= 1 << 20, "of an hour it would be 600 MB"
    assert sum(asked) == 300 * 44100 * 4
    assert np.abs(source.read(300.1)).max() == pytest.approx(0.5, abs=0.01)
    source.close()


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
