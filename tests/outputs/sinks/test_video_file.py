from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
import pytest
from full_disk import NEEDS_DEV_FULL, use_ffmpeg_on_a_full_disk
from PIL import Image

from liveflight.cli.arguments import rate
from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import open_sink
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.png_folder import PngFolder
from liveflight.outputs.sinks.video_encoding import Soundtrack
from liveflight.outputs.sinks.video_file import VideoFile
from liveflight.storage.new_files import IfTaken
from liveflight.system import ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT = 64, 48
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and devices of POSIX")


def picture(number: int) -> Picture:
    """Return a picture bright above and dark below, with the number as colour at the left."""
    made = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    made[: HEIGHT // 2], made[HEIGHT // 2 :] = 230, 30
    made[:, : WIDTH // 4] = (20 * number, 128, 240 - 20 * number)
    return made


def noise(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def decoded(path: Path) -> Picture:
    """Return every frame of a video, uint8 (N, H, W, 3); ffmpeg must not complain."""
    raw = [FFMPEG, "-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(raw, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stderr == b""
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def decoded_quietly(path: Path) -> Picture:
    """Return the decodable frames of a video that breaks off."""
    raw = [FFMPEG, "-loglevel", "quiet", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(raw, capture_output=True, stdin=subprocess.DEVNULL)
    whole = len(done.stdout) // (WIDTH * HEIGHT * 3) * (WIDTH * HEIGHT * 3)
    return np.frombuffer(done.stdout[:whole], np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def described(path: Path) -> str:
    told = subprocess.run([FFMPEG, "-hide_banner", "-i", path], capture_output=True, text=True)
    return told.stderr


def test_video_keeps_count_size_colours_and_up(tmp_path: Path) -> None:
    with open_sink(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink:
        for number in range(12):
            sink.write(picture(number))
    frames = decoded(tmp_path / "flight.mp4")
    assert frames.shape == (12, HEIGHT, WIDTH, 3)
    for number, frame in enumerate(frames):
        # Away from the edges, where the halved chroma mixes the colours.
        for rows in (slice(4, 20), slice(28, 44)):
            for columns in (slice(4, 12), slice(20, 60)):
                wanted = picture(number)[rows, columns].reshape(-1, 3).mean(0)
                found = frame[rows, columns].reshape(-1, 3).mean(0)
                np.testing.assert_allclose(found, wanted, atol=4)


def test_video_says_how_it_is_coded(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 25) as sink:
        for number in range(10):
            sink.write(picture(number))
    told = described(tmp_path / "flight.mp4")
    assert "h264 (High)" in told
    assert "yuvj420p(pc, bt709/bt709/iec61966-2-1, progressive), 64x48" in told
    assert "25 fps" in told
    assert "Duration: 00:00:00.40, start: 0.000000" in told


def test_fractional_rates_are_exact(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30000 / 1001) as sink:
        for number in range(10):
            sink.write(picture(number))
    assert "29.97 fps" in described(tmp_path / "flight.mp4")


def test_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        with VideoFile(tmp_path / name, (WIDTH, HEIGHT), 30) as sink:
            for seed in range(20):
                sink.write(noise(seed))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_view_that_is_not_contiguous_is_written_right(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink:
        sink.write(picture(0)[::-1])
    assert decoded(tmp_path / "flight.mp4")[0, 4:20, 20:60].mean() == pytest.approx(30, abs=3)


@pytest.mark.parametrize("if_taken", ["next", "replace"])
def test_an_older_file_stays_unless_it_is_to_be_replaced(tmp_path: Path, if_taken: IfTaken) -> None:
    path = tmp_path / "flight.mp4"
    path.write_bytes(b"mine")
    with VideoFile(path, (WIDTH, HEIGHT), 30, if_taken=if_taken) as sink:
        sink.write(picture(1))
        assert path.read_bytes() == b"mine"
        assert sink.path == tmp_path / "flight.unfinished.mp4"
    assert sink.path == path.with_name("flight_2.mp4" if if_taken == "next" else "flight.mp4")
    assert len(decoded(sink.path)) == 1
    assert path.read_bytes() == b"mine" or if_taken == "replace"
    assert not list(tmp_path.glob("*unfinished*"))


def test_two_flights_of_one_name_at_once_are_two_files(tmp_path: Path) -> None:
    path = tmp_path / "flight.mp4"
    with VideoFile(path, (WIDTH, HEIGHT), 30) as one, VideoFile(path, (WIDTH, HEIGHT), 30) as two:
        one.write(picture(1))
        for number in range(2):
            two.write(picture(number))
    assert (two.path.name, one.path.name) == ("flight.mp4", "flight_2.mp4")
    assert (len(decoded(two.path)), len(decoded(one.path))) == (2, 1)
    with PngFolder(tmp_path / "shots", (WIDTH, HEIGHT)) as first:
        second = PngFolder(tmp_path / "shots", (WIDTH, HEIGHT))
        first.write(noise(1))
        with pytest.raises(LiveflightError, match=r"frame_00001\.png': file exists"):
            second.write(noise(2))
    with Image.open(tmp_path / "shots" / "frame_00001.png") as stored:
        np.testing.assert_array_equal(np.asarray(stored), noise(1))


def test_a_link_is_written_to_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "flight.mp4").symlink_to(tmp_path / "disk" / "big.mp4")
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink:
        sink.write(picture(1))
        assert sink.path == tmp_path / "disk" / "big.unfinished.mp4"
    assert (tmp_path / "flight.mp4").is_symlink()
    assert len(decoded(tmp_path / "flight.mp4")) == 1


WRITER = """
import signal, sys, time
import numpy as np
from liveflight.outputs.sinks import open_sink
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind a shell
def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
try:
    with open_sink(sys.argv[1], (64, 48), 30) as sink:
        for number in range(200):
            sink.write(picture(number))
        print("written", flush=True)
        while True:  # signal.pause would miss one that comes right before it
            time.sleep(0.05)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def start_writer(path: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a process in its own session; return it, with 200 pictures written, and its ffmpeg."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    (ffmpeg,) = psutil.Process(writer.pid).children()
    return writer, ffmpeg


@POSIX
def test_ctrl_c_leaves_every_frame(tmp_path: Path) -> None:
    writer, encoder = start_writer(tmp_path / "flight.mp4")
    os.killpg(writer.pid, signal.SIGINT)  # what the terminal does
    assert writer.communicate(timeout=60) == ("stopped\n", "")
    assert not encoder.is_running()
    assert len(decoded(tmp_path / "flight.unfinished.mp4")) == 200


@POSIX
def test_a_killed_flight_leaves_every_frame(tmp_path: Path) -> None:
    writer, encoder = start_writer(tmp_path / "flight.mp4")
    writer.kill()
    writer.communicate(timeout=60)
    encoder.wait(timeout=60)
    assert len(decoded(tmp_path / "flight.unfinished.mp4")) == 200


@POSIX
def test_a_killed_ffmpeg_leaves_all_but_the_last_seconds(tmp_path: Path) -> None:
    writer, encoder = start_writer(tmp_path / "flight.mp4")
    known = subprocess.run([FFMPEG, "-h", "muxer=mp4"], capture_output=True, text=True).stdout
    if "hybrid_fragmented" not in known:
        writer.kill()
        writer.communicate(timeout=60)
        pytest.skip("this ffmpeg knows no hybrid fragments")
    recovered = decoded_quietly(tmp_path / "flight.unfinished.mp4")
    for _ in range(200):  # the encoder may lag a little behind what was written
        if len(recovered) >= 60:
            break
        recovered = decoded_quietly(tmp_path / "flight.unfinished.mp4")
    encoder.kill()
    writer.kill()
    writer.communicate(timeout=60)
    assert len(decoded_quietly(tmp_path / "flight.unfinished.mp4")) >= len(recovered) >= 60


def kill_ffmpeg() -> None:
    (ffmpeg,) = (child for child in psutil.Process().children() if "ffmpeg" in child.name())
    ffmpeg.kill()


@POSIX
def test_a_dead_ffmpeg_is_one_clear_line(tmp_path: Path) -> None:
    sink = VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30)
    sink.write(picture(0))
    kill_ffmpeg()
    with pytest.raises(
        LiveflightError, match=r"flight.mp4' broke off after \d+ pictures: ffmpeg: "
    ):
        for _ in range(1000):
            sink.write(picture(1))
    sink.close()


@NEEDS_DEV_FULL
@pytest.mark.parametrize("count", [2, 300])
def test_a_full_disk_is_named(tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    program = use_ffmpeg_on_a_full_disk(tmp_path, monkeypatch)
    with (
        pytest.raises(LiveflightError, match=r"flight.mp4' broke off .*: No space left on device$"),
        VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink,
    ):
        for seed in range(count):
            sink.write(noise(seed))
    assert list(tmp_path.iterdir()) == [program], "nothing is left of nothing"


@POSIX
@pytest.mark.parametrize("when", ["writing", "finishing"])
def test_an_ffmpeg_that_hangs_is_ended_and_named(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_LIMIT_S", 1.0)
    sink = VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30)
    sink.write(picture(0))
    (process,) = (child for child in psutil.Process().children() if "ffmpeg" in child.name())
    process.suspend()
    with pytest.raises(LiveflightError, match=r"flight.mp4' broke .*: it hung for 1 s and was"):
        for _ in range(1000 if when == "writing" else 0):
            sink.write(picture(1))
        sink.close()
    assert not process.is_running()


def test_what_is_being_raised_is_not_hidden_by_closing(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink,
    ):
        sink.write(picture(0))
        kill_ffmpeg()
        raise ZeroDivisionError


def test_a_flight_of_no_pictures_closes_quietly_and_leaves_nothing(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30) as sink:
        sink.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("size", "even"), [((641, 360), "640x360"), ((64, 47), "64x46"), ((1, 1), "2x2")]
)
def test_odd_sizes_name_the_nearest_even_one(
    tmp_path: Path, size: tuple[int, int], even: str
) -> None:
    with pytest.raises(LiveflightError, match=f"size {size[0]}x{size[1]}: .* such as {even}$"):
        open_sink(tmp_path / "flight.mp4", size, 30)
    assert not (tmp_path / "flight.mp4").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("flight.gif", "ends in '.gif': a video ends in .mp4"),
        ("missing/flight.mp4", "there is no folder '.*missing'"),
        ("missing/flight", "there is no folder '.*missing'"),
        ("folder.mp4", "it is a folder"),
        ("file/flight.mp4", "cannot write '.*flight.mp4': "),
        ("file", "cannot write '.*file': file exists"),
        ("flown", "holds another flight's frames"),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "flown").mkdir()
    (tmp_path / "flown" / "frame_00001.png").touch()
    with pytest.raises(LiveflightError, match=said) as caught:
        open_sink(tmp_path / name, (WIDTH, HEIGHT), 30)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def sound(path: Path, seconds: float) -> Path:
    """Write a 1 kHz tone as a WAV."""
    tone = f"sine=frequency=1000:duration={seconds}"
    subprocess.run([FFMPEG, "-loglevel", "error", "-f", "lavfi", "-i", tone, path], check=True)
    return path


@pytest.mark.parametrize("seconds", [0.4, 5.0], ids=["shorter", "longer"])
def test_a_video_has_the_sound_of_the_file_as_long_as_its_pictures(
    tmp_path: Path, seconds: float
) -> None:
    path = tmp_path / "flight.mp4"
    track = Soundtrack(sound(tmp_path / "tone.wav", seconds), 30)
    with open_sink(path, (WIDTH, HEIGHT), 30, track) as sink:
        for number in range(30):
            sink.write(picture(number % 12))
    assert len(decoded(path)) == 30
    raw = [FFMPEG, "-loglevel", "error", "-i", path, "-f", "s16le", "-ac", "1", "-"]
    done = subprocess.run(raw, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    heard = np.abs(np.frombuffer(done.stdout, np.int16).astype(float))
    assert len(heard) / 44100 == pytest.approx(1.0, abs=0.05)
    assert heard[2000 : round(0.35 * 44100)].mean() > 1000
    assert bool(heard[round(0.5 * 44100) :].mean() > 1000) is (seconds > 1)


def channels(path: Path, count: int) -> Path:
    """Write a 440 Hz tone of 0.3 s in `count` channels without speaker positions."""
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(13230) / 44100)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(count)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(np.repeat(tone.astype(np.int16)[:, None], count, 1).tobytes())
    return path


@pytest.mark.parametrize("count", [1, 6, 9, 10, 16, 60])
def test_a_sound_of_any_number_of_channels_is_the_videos(tmp_path: Path, count: int) -> None:
    track = Soundtrack(channels(tmp_path / "many.wav", count), 6)
    with open_sink(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30, track) as sink:
        for number in range(6):
            sink.write(picture(number))
    told = described(sink.path)
    assert ("mono" if count in (1, 9, 60) else "5.1" if count == 6 else "stereo") in told
    raw = [FFMPEG, "-loglevel", "error", "-i", sink.path, "-f", "s16le", "-ac", "1", "-"]
    done = subprocess.run(raw, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    assert np.abs(np.frombuffer(done.stdout, np.int16)[2000:].astype(float)).mean() > 1000


@pytest.mark.parametrize("wild", [np.nan, np.inf, 1e30])
def test_a_sound_with_samples_that_are_no_numbers_is_the_videos(
    tmp_path: Path, wild: float
) -> None:
    samples = (0.5 * np.sin(2 * np.pi * 440 * np.arange(13230) / 44100)).astype("<f4")
    samples[5000] = wild
    made = [FFMPEG, "-loglevel", "error", "-f", "f32le", "-ar", "44100", "-ac", "1", "-i", "-",
            "-c:a", "pcm_f32le", str(tmp_path / "wild.wav")]  # fmt: skip
    subprocess.run(made, check=True, input=samples.tobytes())
    track = Soundtrack(tmp_path / "wild.wav", 6)
    with open_sink(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30, track) as sink:
        for number in range(6):
            sink.write(picture(number))
    assert len(decoded(sink.path)) == 6


@pytest.mark.parametrize("fps", ["29.97", "23.976", "60000/1001", "142.857", "4.3333"])
def test_a_video_with_sound_has_every_picture_at_any_rate(tmp_path: Path, fps: str) -> None:
    track = Soundtrack(channels(tmp_path / "tone.wav", 2), 10)
    with VideoFile(tmp_path / "flight.mp4", (WIDTH, HEIGHT), rate(fps), track) as sink:
        for number in range(10):
            sink.write(picture(number))
    assert len(decoded(sink.path)) == 10


@POSIX
@pytest.mark.parametrize("name", ["flight.mp4", "flight"])
def test_a_folder_without_permission(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(LiveflightError, match="permission denied"):
        open_sink(tmp_path / name, (WIDTH, HEIGHT), 30)


def test_no_ffmpeg_offers_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LiveflightError, match="pip install imageio-ffmpeg, or name a folder"):
        open_sink(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30)


def test_an_ffmpeg_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nothing"))
    with pytest.raises(LiveflightError, match=r"ffmpeg '.*nothing' does not start: no such file"):
        open_sink(tmp_path / "flight.mp4", (WIDTH, HEIGHT), 30)


@pytest.mark.parametrize("name", ["flight", "flight.mp4"])
def test_a_picture_of_another_size_is_refused(tmp_path: Path, name: str) -> None:
    with open_sink(tmp_path / name, (WIDTH, HEIGHT), 30) as sink:
        with pytest.raises(ValueError, match=r"uint8 \(64, 48, 3\), not uint8 \(48, 64, 3\)"):
            sink.write(np.zeros((WIDTH, HEIGHT, 3), np.uint8))
        sink.write(picture(0))
