from __future__ import annotations

import os
import signal
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from made_sounds import stored, tone

from liveflight.core.contracts import LiveflightError
from liveflight.media.audio_file import AudioFile
from liveflight.system import ffmpeg

Started = list[subprocess.Popen[bytes]]
"""The decoders, as they were started."""


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
def test_a_file_that_shall_not_loop_ends_in_silence(
    tmp_path: Path, live: bool, started: Started
) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(0.3)), live=live)
    source.open()
    (process,) = started
    parts = [source.read(frame / 20) for frame in range(40)]
    assert np.abs(np.concatenate(parts[10:])).max() == 0.0
    assert process.returncode == 0, "it leaves no zombie"
    source.close()


def test_a_decoder_that_breaks_off_in_a_show_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, started: Started
) -> None:
    path = stored(tmp_path / "a.wav", tone(20.0))
    source = AudioFile(path, loop=True, live=True)
    source.open()
    levels = []
    for frame in range(80):
        if frame in (10, 40):
            started[-1].kill()
            started[-1].wait()
            path.rename(tmp_path / "unmounted")
        if frame in (20, 50):
            (tmp_path / "unmounted").rename(path)
        levels.append(np.abs(source.read(frame / 4)).max(initial=0.0))
    assert levels[9] > 0.4 and levels[39] > 0.4 and levels[79] > 0.4
    assert 0.0 in levels[10:20] and 0.0 in levels[40:50]
    (record,) = caplog.records
    assert record.getMessage().endswith("broke off: ffmpeg ended with code -9; it is started again")
    source.close()


def test_a_decoder_that_breaks_off_ends_a_render(tmp_path: Path, started: Started) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(60.0)))
    source.open()
    source.read(0.0)
    started[0].kill()
    with pytest.raises(LiveflightError, match=r"a\.wav' broke off: ffmpeg ended with code"):
        for frame in range(600):
            source.read(frame / 10)
    source.close()


def test_a_decoder_that_hangs_ends_a_render_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_LIMIT_S", 0.5)
    source = AudioFile(stored(tmp_path / "a.wav", tone(60.0)))
    source.open()
    source.read(0.0)
    started[0].send_signal(signal.SIGSTOP)
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    source = AudioFile(stored(tmp_path / "a.wav", tone(1.0)))
    source.open()
    (process,) = started
    wait = process.wait

    def held(timeout: float | None = None) -> int:
        assert timeout is not None, "it would wait for ever"
        raise subprocess.TimeoutExpired("ffmpeg", timeout)

    monkeypatch.setattr(process, "wait", held)
    source.close()
    source.close()
    monkeypatch.setattr(process, "wait", wait)
    wait(60)
    assert process.stdout
    process.stdout.close()


def test_the_complaints_about_a_damaged_sound_that_loops_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "MAX_KEPT_MESSAGE_BYTES", 10_000)
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
