"""Receive what a live sink sends, with an ffmpeg of the test's own, and compare it."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from moving_pictures import HEIGHT, WIDTH, number_of, picture, similarity

from liveflight.outputs.sinks.live_sink import LiveSink

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
FPS = 30
_COMPARED_EVERY = 4
"""One of so many pictures is compared, which takes some milliseconds."""
_NUMBERS = 1024
"""Different pictures that there are."""


class Clock:
    """Advance by one frame per picture, at any speed."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Receiver:
    """An ffmpeg that decodes what comes to an address: pictures' numbers, and how similar."""

    def __init__(self, *source: str) -> None:
        command = [FFMPEG, "-loglevel", "error", *source]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.similarities: list[float] = []
        self.numbers: list[int] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        while len(data := self.process.stdout.read(WIDTH * HEIGHT * 3)) == WIDTH * HEIGHT * 3:
            frame = np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3)
            number = number_of(frame)
            if len(self.numbers) % _COMPARED_EVERY == 0:
                self.similarities.append(similarity(frame, picture(number)))
            self.numbers.append(number)

    def wait(self) -> None:
        """Wait until the stream ends."""
        self._thread.join()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.wait()


@contextmanager
def receiving(*source: str) -> Iterator[Receiver]:
    """Receive a stream, and analyse it as little as possible before its first picture."""
    soon = ["-analyzeduration", "100000", "-probesize", "100000", "-fflags", "nobuffer"]
    receiver = Receiver(*soon, *source)
    try:
        yield receiver
    finally:
        receiver.kill()


def decoded(path: Path) -> Receiver:
    """Return what is in a video."""
    receiver = Receiver("-i", str(path))
    receiver.wait()
    return receiver


def described(path: Path) -> str:
    """Return how ffmpeg describes a video."""
    told = subprocess.run([FFMPEG, "-hide_banner", "-i", path], capture_output=True, text=True)
    return told.stderr


def show(sink: LiveSink, clock: Clock, numbers: range) -> None:
    """Show pictures at 30 a second of the clock, each as soon as the last one was taken."""
    for number in numbers:
        clock.now = number / FPS
        before = sink.sent
        sink.write(picture(number))
        while sink.sent == before and not sink.ended and not sink.trouble:
            time.sleep(0.001)


def show_until(sink: LiveSink, wanted: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Show pictures faster than in a show until something is so."""
    end = time.monotonic() + limit_s
    for number in count():
        if wanted():
            return
        assert time.monotonic() < end, f"it never came: {sink.status_lines()}, sent {sink.sent}"
        sink.write(picture(number % _NUMBERS))
        time.sleep(0.01)
