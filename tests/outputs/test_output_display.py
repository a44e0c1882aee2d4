"""The audience's and the performer's window on a virtual X server with two screens."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from child_program import ChildProgram
from PIL import ImageGrab

pytestmark = [
    pytest.mark.gl,
    pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="needs an X server"),
]

PATIENCE = 20
"""Seconds: only a test that fails takes them."""

# Obeys one command a line and answers each with a line of JSON.
CHILD = """
import json, logging, sys
import numpy as np
from liveflight.core.contracts import KeyPress, LiveflightError
from liveflight.outputs import output_display
from liveflight.outputs.output_display import OutputDisplay

said = []
logging.basicConfig(handlers=[h := logging.Handler()])
h.emit = lambda record: said.append(record.getMessage())
displays = output_display._displays
clock = [0.0]
try:
    window = OutputDisplay(**json.loads(sys.argv[1]), clock=lambda: clock[0])
except LiveflightError as error:
    print(json.dumps(str(error)))
    sys.exit(2)
performer = window.open_performer((320, 180))
kept = window.ctx.texture((3, 2), 4, bytes(range(24)))
blue = np.full((90, 160, 4), (0, 0, 255, 255), np.uint8)

def events():
    found = [e.name if isinstance(e, KeyPress) else type(e).__name__ for e in window.events()]
    window.framebuffer.use()
    window.framebuffer.clear(1, 0, 0)
    window.show()
    if performer:
        performer.show(blue)
    return [name for name in found if name != "Pointer"]

def handle():
    import pygame
    return pygame.display.get_wm_info()["window"]

def is_open():
    return bool(performer and performer.is_open)

def state():
    return [window.size, performer.size, kept.read() == bytes(range(24)), window.ctx.error]

def log():
    return said

def leave():
    window.toggle_fullscreen()
    return window.size

def unplug():
    output_display._displays = lambda: displays()[:1]
    clock[0] += 2
    return events()

def plug_in():
    output_display._displays = displays
    clock[0] += 2
    return events()

def close():
    window.close()
    window.close()

told = (events, handle, is_open, state, log, leave, unplug, plug_in, close)
commands = {f.__name__: f for f in told}
print(json.dumps("open"), flush=True)
for line in sys.stdin:
    print(json.dumps(commands[line.strip()]()), flush=True)
"""


class Stage(ChildProgram):
    """Both windows in a child process, and a hand on their keyboard."""

    def __init__(self, display: int) -> None:
        super().__init__(CHILD, {"display": display})

    def until(self, happened: Callable[[], bool], name: str = "") -> None:
        """Go on until something has happened; it may be an event of this name."""
        end, found = time.monotonic() + PATIENCE, []
        while True:
            found += self.ask("events")
            if (not name or name in found) and happened():
                return
            assert time.monotonic() < end, f"{found}, {self.ask('log')}"

    def press(self, window: str, key: str) -> None:
        """Press a key while a window has the keyboard, and wait until it arrives."""
        xdotool("windowfocus", "--sync", window)
        xdotool("key", key)
        self.until(lambda: True, key)

    def performer(self) -> str:
        both = xdotool("search", "--class", "liveflight").split()
        (other,) = set(both) - {self.audience()}
        return other

    def audience(self) -> str:
        return str(self.ask("handle"))


def xdotool(*command: str) -> str:
    done = subprocess.run(["xdotool", *command], capture_output=True, text=True)
    return done.stdout.strip()


def press_close_button(window: str) -> None:
    """Do as a window manager does: it sends WM_DELETE_WINDOW."""

    class Message(ctypes.Structure):
        _fields_ = (
            *(("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int)),
            *(("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("kind", ctypes.c_ulong)),
            *(("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 20)),
        )

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x11.XOpenDisplay(None))
    protocols, delete = (
        x11.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
    )
    message = Message(type=33, window=int(window), kind=protocols, format=32)
    message.data[0] = delete
    x11.XSendEvent(server, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(server)


@pytest.fixture(scope="module")
def two_screens() -> Iterator[str]:
    """Run a virtual X server with two screens: SDL takes each for a display."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb and xdotool")
    number, theirs = os.pipe()
    screens = ["-screen", "0", "640x360x24", "-screen", "1", "640x360x24"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(theirs), "-noreset", *screens],
        pass_fds=[theirs],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    with os.fdopen(number) as answer:
        chosen = answer.readline().strip()
    yield f":{chosen}"
    server.terminate()
    server.wait()


@pytest.fixture
def stage(two_screens: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Stage]]:
    monkeypatch.setenv("DISPLAY", two_screens)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    stages: list[Stage] = []

    def start(display: int) -> Stage:
        stages.append(Stage(display))
        return stages[-1]

    yield start
    for each in stages:
        each.process.kill()
        each.process.communicate()


def seen(display: str) -> tuple[Any, Any]:
    """The pixel in the middle of the first screen, the performer's, and one in a corner."""
    with ImageGrab.grab(xdisplay=f"{display}.0") as screen:
        picture = screen.convert("RGB")
        return picture.getpixel((320, 180)), picture.getpixel((5, 5))


RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_both_windows_show_theirs_and_take_keys(
    stage: Callable[[int], Stage], two_screens: str
) -> None:
    played = stage(1)
    assert played.opened == "open"
    played.until(lambda: seen(two_screens) == (BLUE, RED))
    assert played.ask("state") == [[640, 360], [320, 180], True, "GL_NO_ERROR"]
    played.press(played.performer(), "h")
    played.press(played.audience(), "x")
    assert played.ask("log") == []


def test_the_performer_s_window_closes_alone_and_opens_with_the_next_key(
    stage: Callable[[int], Stage], two_screens: str
) -> None:
    played = stage(1)
    played.until(lambda: seen(two_screens) == (BLUE, RED))
    press_close_button(played.performer())
    played.until(lambda: not played.ask("is_open"))
    played.until(lambda: seen(two_screens) == (RED, RED))
    played.press(played.audience(), "i")
    assert played.ask("is_open")
    played.until(lambda: seen(two_screens) == (BLUE, RED))
    press_close_button(played.audience())
    played.until(lambda: True, "Quit")
    played.ask("close")
    assert played.process.communicate(timeout=60)[1] == ""


def test_a_display_that_is_gone_and_comes_back_is_filled_again(
    stage: Callable[[int], Stage],
) -> None:
    played = stage(1)
    played.ask("unplug")
    played.ask("unplug")
    assert played.ask("log") == ["display 1 is gone: the show goes on and returns to it"]
    played.ask("leave")
    played.ask("plug_in")
    played.until(lambda: played.ask("state")[0] == [640, 360])
    assert played.ask("log")[1:] == ["display 1 is back"]
    assert played.ask("state")[2:] == [True, "GL_NO_ERROR"], "the context is kept"


def test_a_display_that_is_not_there_is_named_with_those_that_are(
    stage: Callable[[int], Stage],
) -> None:
    refused = stage(2)
    assert refused.opened == "there is no display 2: there are 0 (640x360), 1 (640x360)"
    assert refused.process.wait(60) == 2
