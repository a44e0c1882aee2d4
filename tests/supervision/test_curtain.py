"""The window that stays: on a virtual X server, and with stand-ins for its program."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from child_program import ChildProgram
from PIL import Image
from x_screen import colours, until, xdotool

from liveflight.supervision.curtain import Curtain

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="needs an X server")

BLACK, RED, BLUE, YELLOW = (0, 0, 0), (250, 0, 0), (0, 0, 255), (250, 250, 0)

SHOW = """
import json, sys
from liveflight.outputs.window import Window

window = Window(fullscreen=True)

def draw():
    window.events()
    window.framebuffer.use()
    window.framebuffer.clear(0, 0, 1)
    window.show()

print(json.dumps("open"), flush=True)
for line in sys.stdin:
    print(json.dumps(draw()), flush=True)
"""


def png(colour: tuple[int, int, int], size: tuple[int, int] = (8, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveflight.supervision.curtain._LOOK_INTERVAL_S", 0.01)


def jpeg(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 8), colour).save(file, "JPEG", quality=95)
    return file.getvalue()


def near(found: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 6 for a, b in zip(found, wanted, strict=True))


@pytest.fixture
def curtain(display: str) -> Iterator[Curtain]:
    made = Curtain(0)
    yield made
    made.close()


@pytest.mark.gl
def test_the_last_picture_stays_when_the_show_is_killed(curtain: Curtain, display: str) -> None:
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    curtain.show_picture(png(RED))
    curtain.open()
    until(lambda: colours(display) == [RED, RED], "the curtain's picture")
    before = xdotool("getwindowfocus")
    for _ in range(2):
        show = ChildProgram(SHOW, {})
        assert colours(display) == [RED, RED], "a show appears with its first frame"
        until(lambda show=show: show.ask("draw") is None and colours(display) == [BLUE] * 2, "it")
        show.process.kill()
        show.process.communicate()
        seen = [colours(display)]
        until(lambda seen=seen: seen.append(colours(display)) or seen[-1] == [RED, RED], "curtain")
        assert all(each in ([BLUE, BLUE], [RED, RED]) for each in seen)
    assert xdotool("getwindowfocus") == before, "the curtain never takes the keyboard"


@pytest.mark.gl
def test_a_curtain_that_starts_again_stays_under_the_show(curtain: Curtain, display: str) -> None:
    curtain.show_picture(png(RED))
    curtain.open()
    until(lambda: colours(display) == [RED, RED], "the curtain's picture")
    show = ChildProgram(SHOW, {})
    until(lambda: show.ask("draw") is None and colours(display) == [BLUE] * 2, "the show")
    first = curtain._process
    assert first
    first.kill()
    until(lambda: curtain._process is not first, "another process")
    until(lambda: "curtain" in window_names(), "its window")
    assert colours(display) == [BLUE, BLUE]
    show.process.kill()
    show.process.communicate()
    until(lambda: colours(display) == [RED, RED], "the picture given to the first process")


def window_names() -> str:
    return "".join(map(_name, xdotool("search", "--class", "liveflight").split()))


def _name(window: str) -> str:
    return xdotool("getwindowname", window)


def test_pictures_cover_the_display_and_bad_ones_change_nothing(
    curtain: Curtain, display: str
) -> None:
    curtain.open()
    curtain.show_picture(png(YELLOW, (4, 300)))
    until(lambda: colours(display) == [YELLOW, YELLOW], "a tall picture")
    curtain.show_picture(b"no PNG")
    curtain.show_picture(jpeg(RED))
    until(lambda: all(near(each, RED) for each in colours(display)), "a JPEG, as saved shows have")
    curtain.show_picture(png(YELLOW), 0.2)
    until(lambda: colours(display) == [(50, 50, 0)] * 2, "as dark as the show was")
    curtain.show_picture(b"")
    until(lambda: colours(display) == [BLACK, BLACK], "black")


def test_it_follows_a_file(curtain: Curtain, display: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    open_now = [True]
    curtain.follow(state, lambda: (state.read_bytes()[5:], 1.0), lambda: open_now[0])
    curtain.open()
    for colour in (RED, YELLOW):
        state.write_bytes(b"head " + png(colour))
        until(lambda colour=colour: colours(display) == [colour] * 2, "the picture in the file")
    open_now[0] = False
    until(lambda: colours(display) == [BLACK] * 2, "black outside the opening hours")
    state.write_bytes(b"head " + png(RED))
    open_now[0] = True
    until(lambda: colours(display) == [RED] * 2, "the picture again")


def test_it_sleeps_and_ends_with_its_input(display: str) -> None:
    command = [sys.executable, "-P", "-m", "liveflight.outputs.curtain_window", "0"]
    alone = subprocess.Popen(command, stdin=subprocess.PIPE)
    until(lambda: "curtain" in window_names() or not shutil.which("xdotool"), "the window")
    process = psutil.Process(alone.pid)
    began, switches = time.monotonic(), process.num_ctx_switches().voluntary
    time.sleep(0.5)
    woken = process.num_ctx_switches().voluntary - switches
    assert woken < 100 * (time.monotonic() - began), "it waits for events, and does not poll"
    alone.communicate(timeout=60)
    assert alone.returncode == 0


# Stand-ins for the window's program


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stand_in(clock: Clock) -> Iterator[Callable[[str], Curtain]]:
    """Return a function that makes a curtain around a shell command."""
    made: list[Curtain] = []

    def make(command: str) -> Curtain:
        made.append(Curtain(0, command=["sh", "-c", command], clock=clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_without_a_display_of_its_own_nothing_is_started() -> None:
    curtain = Curtain()
    curtain.open()
    curtain.show_picture(b"")
    curtain.close()
    assert curtain._process is None


def test_a_program_that_ends_at_once_is_tried_seldom(
    stand_in: Callable[[str], Curtain], clock: Clock, started: list[subprocess.Popen[bytes]]
) -> None:
    curtain = stand_in("exit 1")
    curtain.open()
    for seconds, starts in ((0, 2), (1, 2), (2.5, 3), (5, 3), (13, 4)):
        clock.seconds = seconds
        until(lambda starts=starts: len(started) == starts, f"{starts} starts")
        time.sleep(0.05)
        assert len(started) == starts


def test_a_program_that_takes_no_pictures_is_replaced(
    stand_in: Callable[[str], Curtain],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("liveflight.supervision.curtain._STUCK_S", 0.2)
    curtain = stand_in("exec sleep 1000")
    curtain.open()
    curtain.show_picture(bytes(2**20))
    until(lambda: len(started) == 2, "another process")
    assert started[0].wait(20) == -signal.SIGKILL


def test_closing_does_not_wait_for_a_stopped_program(
    stand_in: Callable[[str], Curtain], started: list[subprocess.Popen[bytes]]
) -> None:
    curtain = stand_in("exec cat >/dev/null")
    curtain.open()
    until(lambda: bool(started), "the process")
    os.kill(started[0].pid, signal.SIGSTOP)
    curtain.show_picture(bytes(2**20))
    until(lambda: curtain._sending, "a full pipe")
    curtain.close()
    assert started[0].wait(20) == -signal.SIGKILL
    assert len(started) == 1
