"""Moving pictures, decoded by the real ffmpeg: a video file made by it, and its test sources."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.media import video_source
from liveflight.media.video_source import Capture, OfflineVideo
from liveflight.system import ffmpeg

COLOURS = ((220, 30, 30), (30, 200, 40), (40, 60, 210))
"""Of the film's three pictures; the right third of each is black, and the upper half brighter."""

WIDTH, HEIGHT = 48, 20


def still(colour: tuple[int, int, int]) -> np.ndarray:
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[: HEIGHT // 2], frame[HEIGHT // 2 :] = colour, np.array(colour) // 2
    frame[:, WIDTH * 2 // 3 :] = 0
    return frame


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Three pictures of a tenth of a second, without loss."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "10"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *raw, "-i", "-"]
    frames = b"".join(still(colour).tobytes() for colour in COLOURS)
    subprocess.run([*command, "-c:v", "ffv1", "-pix_fmt", "gbrp", path], input=frames, check=True)
    return path


@pytest.fixture
def opened() -> Iterator[Callable[[Capture | OfflineVideo], Capture | OfflineVideo]]:
    made: list[Capture | OfflineVideo] = []

    def opened(moving: Capture | OfflineVideo) -> Capture | OfflineVideo:
        made.append(moving)
        return moving

    yield opened
    for moving in made:
        moving.close()
        moving.close()


def colour_of(frame: np.ndarray | None) -> int:
    """Return which of the film's pictures this is, checked to be upright and complete."""
    assert frame is not None and frame.shape == (HEIGHT, WIDTH, 3)
    return next(n for n, colour in enumerate(COLOURS) if np.abs(frame - still(colour)).max() <= 2)


def test_a_render_sees_a_film_at_its_own_time_again_and_again(film, opened) -> None:
    footage = opened(OfflineVideo(str(film), 10.0))
    seen = [colour_of(footage.newest(number / 10)) for number in range(8)]
    assert seen == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_faster_render_sees_each_picture_longer(film, opened) -> None:
    footage = opened(OfflineVideo(str(film), 20.0))
    seen = [colour_of(footage.newest(number / 20)) for number in range(6)]
    assert seen == [0, 0, 1, 1, 2, 2]


def test_the_same_moment_again_brings_nothing_new(film, opened) -> None:
    footage = opened(OfflineVideo(str(film), 10.0))
    assert footage.newest(0.0) is not None
    assert footage.newest(0.0) is None
    assert colour_of(footage.newest(0.2)) == 2


def test_wide_frames_are_reduced(opened) -> None:
    frame = opened(OfflineVideo("lavfi:testsrc2=size=1920x1080:rate=5", 5.0)).newest(0.0)
    assert frame is not None and frame.shape == (540, 960, 3)
    assert frame.std() > 30


@pytest.mark.parametrize("source", ["/nowhere/at/all", "/dev/video77", "77", "lavfi:nothing"])
def test_a_render_without_its_source_ends_with_the_reason(source, opened) -> None:
    footage = opened(OfflineVideo(source, 10.0))
    with pytest.raises(LiveflightError) as caught:
        footage.newest(0.0)
    assert str(caught.value).startswith(f"camera {source!r}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_source_that_hangs_ends_a_render_with_the_reason(film, opened, monkeypatch) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_LIMIT_S", 0.5)
    footage = opened(OfflineVideo(str(film), 10.0))
    assert footage.newest(0.0) is not None
    footage.stream.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LiveflightError, match=r"film\.\w+': no picture for 0\.5 s$"):
        footage.newest(1000.0)


def test_a_source_that_is_slow_all_the_time_ends_no_render(film, opened, monkeypatch) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_LIMIT_S", 1.2)
    footage = opened(OfflineVideo(str(film), 10.0))
    read = footage.stream.read

    def slowly():  # a large film on a busy machine: whenever somebody looks, it is waited for
        time.sleep(0.1)
        return read()

    monkeypatch.setattr(footage.stream, "read", slowly)
    for frame in range(30):
        assert footage.newest(frame / 10) is not None
    assert not footage._watch.killed


def test_the_complaints_about_a_damaged_film_that_loops_are_bounded(
    film, opened, monkeypatch
) -> None:
    monkeypatch.setattr(ffmpeg, "MAX_KEPT_MESSAGE_BYTES", 10_000)
    footage = opened(OfflineVideo(str(film), 10.0))
    said = footage.stream._messages.fileno()
    for frame in range(100):
        os.write(said, b"[ffv1 @ 0x5] a damaged frame\n" * 10)  # as ffmpeg does, where it is
        footage.newest(frame / 10)
        assert os.fstat(said).st_size <= 10_290
    assert os.pread(said, 5, 0) == b"[ffv1", "no hole is left where the others were"


def test_what_is_no_film_ends_with_the_reason(tmp_path, opened) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(LiveflightError, match="it is no video, or its end is missing"):
        opened(OfflineVideo(str(tmp_path / "a.mp4"), 10.0)).newest(0.0)


MOVING = ["-f", "lavfi", "-i", "nullsrc=size=48x20:rate=120:duration=0.5,noise=alls=99:allf=t"]
LOSSLESS = ["-c:v", "ffv1"]


def made(path: Path, *arguments: str) -> Path:
    """Make a file with ffmpeg."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *arguments, str(path)]
    subprocess.run(command, check=True)
    return path


def test_other_sources_are_named_as_what_they_are(tmp_path, opened) -> None:
    def refusal(source: Path | str) -> str:
        with pytest.raises(LiveflightError) as refused:
            opened(OfflineVideo(str(source), 10.0)).newest(0.0)
        return str(refused.value).partition("': ")[2]

    def put(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    tone = made(tmp_path / "tone.mp4", *"-f lavfi -i sine=duration=0.1 -c:a aac".split())
    wave = made(tmp_path / "tone.wav", *"-f lavfi -i sine=duration=0.1".split())
    cover = [*MOVING, "-i", str(tone), *"-map 0:v -map 1:a -frames:v 1 -c:v png -c:a copy".split()]
    song = made(tmp_path / "song.m4a", *cover, "-disposition:v", "attached_pic")
    assert refusal(tone) == refusal(wave) == refusal(song)
    assert refusal(tone) == "it has sound and no picture: a sound file goes to --sound"
    assert refusal(put("empty.mp4", b"")) == "it is empty"
    photo = put("a.HEIC", b"\0\0\0\x24ftypheic\0\0\0\0mif1heic")
    assert refusal(photo).startswith("it is a HEIC photo: save it as JPEG or PNG")
    assert refusal(put("page.mp4", b"<!DOCTYPE html><title>404")).startswith("it is a web page")
    assert refusal(tmp_path) == "it is a folder: name a file in it"
    assert refusal(tmp_path / "none.mp4") == "there is no such file"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cameras go by other names")
def test_a_camera_that_is_none_is_named(opened) -> None:
    for source, reason in (("/dev/null", "it is no camera"), ("77", "there is no such camera: ")):
        with pytest.raises(LiveflightError, match=f"camera '{source}': {reason}"):
            opened(OfflineVideo(source, 10.0)).newest(0.0)


@pytest.mark.parametrize(
    ("options", "further"),
    [
        ([], {3, 4}),
        # As browsers record: in milliseconds, at no rate; ffmpeg takes it for 1000 a second.
        (["-vf", "settb=1/1000,setpts='N*33+mod(N*7,5)'", "-fps_mode", "vfr"], {1}),
    ],
)
def test_a_show_takes_each_frame_once_and_no_more_than_it_needs(
    tmp_path, options: list[str], further: set[int]
) -> None:
    source = str(made(tmp_path / "a.mkv", *MOVING, *options, *LOSSLESS))
    every = read(video_source.Stream(source, []), 200)
    order = {frame: n for n, frame in enumerate(dict.fromkeys(every))}
    taken = read(
        video_source.Stream(source, [], *video_source.RATE_FILTERS, rate=video_source.MAX_RATE_HZ),
        6,
    )
    places = [order[frame] for frame in taken]
    assert {b - a for a, b in pairwise(places)} <= further


def read(stream: video_source.Stream, count: int) -> list[bytes]:
    frames = [stream.read() for _ in range(count)]
    stream.close()
    return [frame.tobytes() for frame in frames if frame is not None]


def test_frames_are_upright_of_square_pixels_and_small(tmp_path, opened) -> None:
    def shape(path: Path | str) -> tuple[int, ...]:
        frame = opened(OfflineVideo(str(path), 5.0)).newest(0.0)
        assert frame is not None
        return frame.shape

    flat = made(tmp_path / "flat.mp4", *MOVING, "-frames:v", "2", "-pix_fmt", "yuv420p")
    turned = made(tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    assert (shape(flat), shape(turned)) == ((20, 48, 3), (48, 20, 3))
    wide = made(tmp_path / "wide.mkv", *MOVING, "-frames:v", "2", "-vf", "setsar=2", *LOSSLESS)
    assert shape(wide) == (20, 96, 3)
    assert shape("lavfi:testsrc2=size=200x1920:rate=5") == (960, 100, 3)
    assert shape("lavfi:testsrc2=size=2000x2:rate=5") == (1, 960, 3)


def capturing() -> bool:
    """Return whether a source is being read."""
    return any(thread.name == "capture" for thread in threading.enumerate())


def awaited(moving: Capture, seconds: float = 20.0) -> np.ndarray:
    """Its next frame, as soon as it comes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (frame := moving.newest(0.0)) is not None:
            return frame
        time.sleep(0.01)
    pytest.fail("no frame came")


def test_a_show_gets_the_newest_frame_once(opened) -> None:
    moving = opened(Capture("lavfi:testsrc2=size=64x36:rate=50"))
    frames = [awaited(moving) for _ in range(4)]
    until = time.monotonic() + 20
    while (frames[0] == frames[-1]).all() and time.monotonic() < until:  # it moves slowly
        frames.append(awaited(moving))
    assert all(frame.shape == (36, 64, 3) for frame in frames)
    assert (frames[0] != frames[-1]).any()
    assert len({id(frame) for frame in frames}) == len(frames)


def test_a_source_that_is_missing_is_said_once_and_once_more_when_it_is_back(
    film, tmp_path, monkeypatch, caplog, opened
) -> None:
    monkeypatch.setattr(video_source, "RETRY_S", (0.05, 0.1))
    caplog.set_level(logging.INFO)
    late = tmp_path / "late.mkv"
    moving = opened(Capture(str(late)))
    until = time.monotonic() + 20
    while not caplog.records and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.5)  # some more attempts
    late.write_bytes(film.read_bytes())
    colour_of(awaited(moving))
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"camera {late}: ") and first.endswith("; it is tried again")
    assert second == f"camera {late}: it is back"


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to stop a process here")
def test_a_source_that_hangs_is_said_once_and_opened_again(monkeypatch, caplog, opened) -> None:
    monkeypatch.setattr(video_source, "RETRY_S", (0.01, 0.1))
    source = "lavfi:testsrc2=size=64x36:rate=50"
    moving = opened(Capture(source))
    for episode in range(2):
        awaited(moving)
        while len(caplog.records) < 2 * episode:  # it is not back before a frame is
            time.sleep(0.01)
        hanging = moving.stream
        os.kill(hanging.process.pid, signal.SIGSTOP)
        now = last = 0.0
        while hanging.process.poll() is None:  # frames on their way may still come
            now += 1
            last = now if moving.newest(now) is not None else last
            time.sleep(0.05)
        assert now - last > video_source.HUNG_S
        while moving.stream in (hanging, None):
            time.sleep(0.01)
    while len(caplog.records) < 4:
        time.sleep(0.01)
    said = ["no picture for 10 s; it is tried again", "it is back"] * 2
    assert [each.getMessage() for each in caplog.records] == [f"camera {source}: {x}" for x in said]


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), MemoryError(), RuntimeError("no")]
)
def test_a_source_comes_back_whatever_opening_it_raised(
    error, film, monkeypatch, caplog, opened
) -> None:
    monkeypatch.setattr(video_source, "RETRY_S", (0.01, 0.05))
    attempts, start = iter(range(1000)), video_source.child_process.start

    def unlucky(*given, **named):
        if next(attempts) in (1, 2, 3):
            raise error
        return start(*given, **named)

    monkeypatch.setattr(video_source.child_process, "start", unlucky)
    moving = opened(Capture(str(film)))
    colour_of(awaited(moving))
    moving.stream.stop()
    until = time.monotonic() + 20
    while len(caplog.records) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    colour_of(awaited(moving))
    assert capturing() and next(attempts) > 4
    lost, back = (record.getMessage() for record in caplog.records)
    assert lost.endswith("; it is tried again") and back.endswith("it is back")


@pytest.mark.parametrize("hangs", ["close", "reason"])
def test_one_that_a_driver_does_not_let_go_of_keeps_no_show_from_ending(hangs, monkeypatch) -> None:
    entered, released = threading.Event(), threading.Event()

    class Held:
        def __init__(self, *given, **named) -> None: ...

        def read(self) -> None: ...

        def stop(self) -> None: ...

        def reason(self) -> str:
            return self.ends("reason")

        def close(self) -> None:
            self.ends("close")

        def ends(self, here: str) -> str:
            if here == hangs:
                entered.set()
                released.wait(60)
            return "gone"

    monkeypatch.setattr(video_source, "Stream", Held)
    moving = Capture("/dev/video0")
    assert entered.wait(20)
    moving.newest(0.0)
    moving.newest(video_source.HUNG_S + 1)
    closing = threading.Thread(target=moving.close, daemon=True)
    closing.start()
    closing.join(20)
    ended = not closing.is_alive()
    released.set()
    moving.close()
    assert ended and not capturing()


def test_closing_ends_ffmpeg_and_the_thread(opened) -> None:
    moving = opened(Capture("lavfi:testsrc2=size=64x36:rate=50"))
    awaited(moving)
    stream = moving.stream
    assert stream is not None
    moving.close()
    assert stream.process.poll() is not None
    assert not capturing()
