"""A kiosk in a real window on a virtual X server, played with xdotool."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from child_program import ChildProgram
from x_screen import colours, until, xdotool

from liveflight.outputs import home_display, x11
from liveflight.outputs.home_display import HomeDisplay

pytestmark = [
    pytest.mark.gl,
    pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="needs an X server"),
]

# Obeys one command a line and answers each with a line of JSON.
CHILD = """
import json, logging, sys
from liveflight.core.contracts import KeyPress
from liveflight.outputs.kiosk import Kiosk
from liveflight.outputs.window import Window
from liveflight.outputs.sdl import pygame

said, clock = [], [0.0]
logging.basicConfig(handlers=[h := logging.Handler()])
h.emit = lambda record: said.append(record.getMessage())
kiosk = Kiosk(Window(fullscreen=True), 0, clock=lambda: clock[0])

def events():
    found = [e.name if isinstance(e, KeyPress) else type(e).__name__ for e in kiosk.events()]
    kiosk.framebuffer.use()
    kiosk.framebuffer.clear(0, 0, 1)
    kiosk.show()
    return found

def later():
    clock[0] += 3
    return events()

def much_later():
    clock[0] += 400
    return events()

def state():
    kiosk.toggle_fullscreen()
    kiosk.show_pointer(True)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    return [kiosk.locked, kiosk.fullscreen, pygame.mouse.get_visible(), list(kiosk.size)]

def log():
    return [line for line in said if "go to sleep" not in line]

def focused():
    return pygame.key.get_focused()

def close():
    kiosk.close()
    kiosk.close()

commands = {f.__name__: f for f in (events, later, much_later, state, log, focused, close)}
print(json.dumps("open"), flush=True)
for line in sys.stdin:
    print(json.dumps(commands[line.strip()]()), flush=True)
"""
THIEF = """
import pygame, sys
pygame.display.init()
pygame.display.set_mode((300, 200)).fill((255, 255, 0))
pygame.display.flip()
print("open", flush=True)
sys.stdin.readline()
"""
BLUE = (0, 0, 255)


class Show(ChildProgram):
    """A kiosk in a child process, and a hand on its keyboard."""

    def __init__(self) -> None:
        super().__init__(CHILD, {})
        self.found: list[str] = []

    def play(self) -> bool:
        self.found += self.ask("events")
        return True

    def until(self, happened: Callable[[], bool], what: str) -> None:
        until(lambda: self.play() and happened(), what)

    def keys(self, *names: str) -> list[str]:
        """Press keys, the last of which is let through; return all that were."""
        self.found = []
        for name in names:
            xdotool("key", name)
        self.until(lambda: names[-1] in self.found, names[-1])
        return self.found


@pytest.fixture
def kiosk(display: str) -> Iterator[Show]:
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    show = Show()
    show.until(lambda: colours(display) == [BLUE, BLUE] and show.ask("focused"), "the kiosk")
    yield show
    show.process.kill()
    show.process.communicate()


def test_keys_mouse_and_closing_are_locked_but_for_two_chords(kiosk: Show) -> None:
    for name in ("h", "Escape", "ctrl+q", "alt+F4", "f", "q"):
        xdotool("key", name)
    xdotool("mousemove", "300", "300", "click", "1")
    assert kiosk.ask("state") == [True, False, False, [1280, 720]]
    assert kiosk.ask("events") == []
    xdotool("key", "ctrl+shift+k")
    kiosk.until(lambda: not kiosk.ask("state")[0], "unlocked keys")
    assert kiosk.keys("h", "x")[-2:] == ["h", "x"]
    xdotool("key", "ctrl+shift+k")
    kiosk.until(lambda: kiosk.ask("state")[0], "locked keys")
    assert kiosk.ask("log") == ["kiosk: the keys are unlocked", "kiosk: the keys are locked"]
    kiosk.found = []
    xdotool("key", "h", "ctrl+shift+q")
    kiosk.until(lambda: kiosk.found == ["Quit"], "the chord that quits")
    kiosk.ask("close")
    assert kiosk.process.communicate(timeout=60)[1] == ""


def test_unlocked_keys_are_locked_again_by_themselves(kiosk: Show) -> None:
    xdotool("key", "ctrl+shift+k")
    kiosk.until(lambda: not kiosk.ask("state")[0], "unlocked keys")
    kiosk.ask("later")
    assert not kiosk.ask("state")[0]
    kiosk.ask("much_later")
    assert kiosk.ask("state")[0]


def test_the_keyboard_is_taken_back(kiosk: Show, display: str) -> None:
    thief = subprocess.Popen(
        [sys.executable, "-c", THIEF], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        kiosk.until(lambda: colours(display)[1] == (255, 255, 0), "another window")
        until(
            lambda: kiosk.ask("later") == [] and colours(display) == [BLUE, BLUE],
            "the kiosk above it",
        )
        until(lambda: kiosk.ask("later") == [] and kiosk.ask("focused"), "its keyboard")
    finally:
        thief.communicate(b"\n", timeout=60)


# The display, with stand-ins for the X server's monitors and SDL's window


class SdlWindow:
    def __init__(self) -> None:
        self.position: tuple[int, int] = (1920, 0)
        self.moves: list[Any] = []

    def set_windowed(self) -> None:
        self.moves.append("windowed")

    def set_fullscreen(self, desktop: bool) -> None:
        self.moves.append(self.position)


class Desk:
    """Two monitors, and a window on the second."""

    def __init__(self, patch: pytest.MonkeyPatch, managed: bool) -> None:
        self.monitors: dict[str, x11.Area] = {}
        self.plug("HDMI-1", "DP-2")
        self.window = SdlWindow()
        self.size = (1280, 720)
        self.put: list[x11.Area] = []
        patch.setattr(x11, "monitors", lambda: self.monitors)
        patch.setattr(x11, "has_window_manager", lambda: managed)
        patch.setattr(x11, "put", lambda number, area: self.put.append(area))
        patch.setattr(home_display.pygame.display, "get_window_size", lambda: self.size)
        self.home = HomeDisplay(self.window, 7, 1, self.size)

    def plug(self, *names: str) -> None:
        known = {"HDMI-1": (0, 0, 1920, 1080), "DP-2": (1920, 0, 1280, 720)}
        self.monitors = {name: known[name] for name in names}

    def moves(self, checks: int) -> int:
        for _ in range(checks):
            self.home.check()
        return len(self.window.moves) + len(self.put)


@pytest.mark.parametrize("managed", [True, False])
def test_a_window_goes_back_to_its_display_by_name(
    managed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(monkeypatch, managed)
    assert desk.moves(3) == 0
    desk.plug("HDMI-1")
    desk.window.position, desk.size = (0, 0), (1920, 1080)  # as window managers do
    assert desk.moves(3) == 0, "it is left on the other display"
    desk.plug("DP-2", "HDMI-1")  # in another order
    assert desk.moves(1) == 0, "it may be gone again"
    desk.home.check()
    assert desk.put == ([] if managed else [(1920, 0, 1280, 720)])
    assert desk.window.moves == (["windowed", (1920, 0)] if managed else [])
    desk.window.position, desk.size = (1920, 0), (1280, 720)
    moved = desk.moves(0)
    assert desk.moves(5) == moved
    gone, moves, back = (record.getMessage() for record in caplog.records)
    assert gone == "display DP-2 is gone: the show goes on"
    assert moves == "the window moves to display DP-2, 1280x720"
    assert back == "display DP-2 is back"


def test_a_display_that_changes_at_each_check_moves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, managed=False)
    for number in range(10):
        desk.monitors = {"DP-2": (1920, 0, 1280 + number, 720)}
        assert desk.moves(1) == 0


def test_the_window_takes_the_display_s_new_size(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, managed=False)
    desk.monitors["DP-2"] = (1920, 0, 800, 600)
    desk.moves(2)
    assert desk.put == [(1920, 0, 800, 600)]


def test_the_monitors_of_a_real_server(display: str) -> None:
    assert list(x11.monitors().values()) == [(0, 0, 1280, 720)]
    assert x11.monitor(0, (1280, 720)) and not x11.monitor(0, (640, 480))
    assert not x11.monitor(1, (1280, 720)) and not x11.has_window_manager()


def test_a_window_that_is_gone_ends_no_process(display: str) -> None:
    x11.put(0x7777777, (0, 0, 10, 10))
    x11.give_keyboard(0x7777777)


def test_without_a_server_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert x11.monitors() == {} and not x11.show_below(1) and not list(x11.changes(1))
    assert not x11.has_window_manager()
