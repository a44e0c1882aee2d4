"""A real window on a virtual X server, in its own process.

SDL's GL context cannot share a thread with those of other tests.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
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

# Obeys one command a line and answers each with a line of JSON.
CHILD = """
import json, sys
from dataclasses import astuple
from liveflight.core.contracts import KeyPress, LiveflightError, Pointer
from liveflight.outputs.window import Window

try:
    window = Window(**json.loads(sys.argv[1]))
except LiveflightError as error:
    print(json.dumps(str(error)))
    sys.exit(2)
mouse = []
kept = window.ctx.texture((3, 2), 4, bytes(range(24)))

def events():
    found = window.events()
    mouse.extend(list(astuple(e)) for e in found if isinstance(e, Pointer))
    found = [e for e in found if not isinstance(e, Pointer)]
    named = [(e.name, e.repeat) if isinstance(e, KeyPress) else "quit" for e in found]
    draw()
    return named

def pointer():
    "What the mouse did since the last time."
    events()
    done = mouse[:]
    mouse.clear()
    return done

def pointer_is_seen():
    import pygame
    return pygame.mouse.get_visible()

def show_pointer():
    window.show_pointer(True)

def hide_pointer():
    window.show_pointer(False)

def draw():
    "The upper half red, the lower half blue."
    width, height = window.size
    framebuffer = window.framebuffer
    assert window.bottom_up
    framebuffer.use()
    framebuffer.clear(0, 0, 1)
    framebuffer.clear(1, 0, 0, viewport=(0, height - height // 2, width, height // 2))
    window.show()

def state():
    framebuffer = window.framebuffer
    return {
        "size": window.size,
        "viewport": framebuffer.viewport,
        "texture kept": kept.read() == bytes(range(24)),
        "error": window.ctx.error,
        "gl 3.3": window.ctx.version_code >= 330,
    }

def handle():
    import pygame
    return pygame.display.get_wm_info()["window"]

def most():
    return window._max_size

def close():
    window.close()
    window.close()

told = (events, handle, state, most, close, pointer, pointer_is_seen, show_pointer, hide_pointer)
commands = {f.__name__: f for f in (*told, window.toggle_fullscreen)}
print(json.dumps("open"), flush=True)
for line in sys.stdin:
    print(json.dumps(commands[line.strip()]()), flush=True)
"""


PATIENCE = 20
"""Seconds: only a test that fails takes them."""


class Player(ChildProgram):
    """A window in a child process, and a hand on its keyboard."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(CHILD, options)

    def events(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Return events until they are `enough`, for PATIENCE at most."""
        found: list[Any] = []
        self.until(lambda: enough(found), found)
        return found

    def until(self, happened: Callable[[], bool], found: list[Any] | None = None) -> bool:
        """Plays on until something has happened; False where it has not after PATIENCE."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            events = self.ask("events")
            if found is not None:
                found += events
            if happened():
                return True
        return False

    def xdotool(self, *command: str) -> str:
        done = subprocess.run(["xdotool", *command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def focus(self) -> str:
        """Return the window's number, once it has the keyboard."""
        number = str(self.ask("handle"))
        self.xdotool("windowfocus", "--sync", number)
        return number

    def end(self) -> str:
        """Close the window and return its stderr."""
        if self.process.poll() is None:
            self.ask("close")
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def play(display: str) -> Iterator[Callable[..., Player]]:
    if shutil.which("xdotool") is None:
        pytest.skip("there is no xdotool here")
    players: list[Player] = []

    def start(**options: Any) -> Player:
        players.append(Player(options))
        return players[-1]

    yield start
    for player in players:
        player.process.kill()
        player.process.communicate()


def pixel(display: str, x: int, y: int) -> Any:
    with ImageGrab.grab(xdisplay=display) as screen:
        return screen.convert("RGB").getpixel((x, y))


RED, BLUE = (255, 0, 0), (0, 0, 255)
KEYS = {
    **{letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{digit: digit for digit in "0123456789"},
    **{name.title(): name for name in ("left", "right", "up", "down", "tab", "escape")},
    **{name: name for name in ("minus", "comma", "period", "space")},
    "equal": "plus",
    "plus": "shift+plus",
    "bracketleft": "leftbracket",
    "bracketright": "rightbracket",
    "KP_Add": "plus",
    "KP_Subtract": "minus",
    "F5": "f5",
    "F11": "f11",
    "Return": "return",
    "slash": "/",
    "F1": "f1",
    "End": "end",
    "Home": "home",
    "Page_Up": "pageup",
}


def test_opens_silently_upright_and_on_top(play: Callable[..., Player], display: str) -> None:
    player = play(size=(640, 360))
    assert player.opened == "open"
    assert player.ask("state") == {
        "size": [640, 360],
        "viewport": [0, 0, 640, 360],
        "texture kept": True,
        "error": "GL_NO_ERROR",
        "gl 3.3": True,
    }
    # 640x360 in the middle of 1280x720.
    assert player.until(lambda: pixel(display, 640, 190) == RED)
    assert pixel(display, 640, 359) == RED
    assert pixel(display, 640, 360) == BLUE
    assert pixel(display, 640, 530) == BLUE
    assert player.end() == ""
    assert player.process.returncode == 0


def test_keys_arrive_by_name(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    player.focus()
    # Less between two presses of one key looks like the keyboard repeating it.
    player.xdotool("key", "--delay", "5", *KEYS)
    found = player.events(lambda events: len(events) >= len(KEYS))
    assert found == [[name, False] for name in KEYS.values()]
    assert player.end() == ""


def test_held_keys_repeat_and_a_new_press_does_not(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    player.focus()
    player.xdotool("keydown", "a")
    held = player.events(lambda events: len(events) >= 3)
    player.xdotool("keyup", "a", "key", "b", "key", "a")
    after = player.events(lambda events: ["a", False] in events)
    assert held[0] == ["a", False]
    assert held[1:3] == [["a", True], ["a", True]]
    assert after[-2:] == [["b", False], ["a", False]]


def test_keys_carry_the_modifiers_that_are_held(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    player.focus()
    keys = {
        "alt+Tab": "alt+tab",
        "ctrl+c": "ctrl+c",
        "super+d": "meta+d",
        "alt+Return": "alt+return",
        "alt+KP_Enter": "alt+return",
        "shift+Return": "shift+return",
        "ctrl+alt+shift+Return": "ctrl+alt+shift+return",
        "alt+F11": "alt+f11",
        "shift+x": "shift+x",
        "shift+3": "shift+3",
        "ctrl+3": "ctrl+3",
        "underscore": "shift+minus",
    }
    player.xdotool("key", "--delay", "5", *keys, "Shift_L", "q")
    found = player.events(lambda events: ["q", False] in events)
    assert found == [[name, False] for name in (*keys.values(), "q")]


def test_a_question_mark_is_a_key_wherever_it_is_typed(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    player.focus()
    for key, name in (("question", "question"), ("slash", "/")):
        player.xdotool("key", key)
        assert player.events(lambda events: bool(events)) == [[name, False]]


def test_the_mouse_moves_presses_and_turns_its_wheel(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    number = player.focus()
    player.xdotool("mousemove", "--window", number, "40", "30")
    assert player.until(lambda: ["move", 40, 30, False, [0, 0]] in player.ask("pointer"))
    player.xdotool("click", "1", "click", "3", "click", "2", "click", "4", "click", "5")
    player.xdotool("keydown", "Shift_L", "click", "1", "click", "7", "keyup", "Shift_L")
    wanted = [
        ["left", 40, 30, False, [0, 0]],
        ["right", 40, 30, False, [0, 0]],
        ["wheel", 40, 30, False, [0, 1]],
        ["wheel", 40, 30, False, [0, -1]],
        ["left", 40, 30, True, [0, 0]],
        ["wheel", 40, 30, True, [1, 0]],
    ]
    done: list[Any] = []

    def enough() -> bool:
        done.extend(player.ask("pointer"))
        return len(done) >= len(wanted)

    assert player.until(enough), done
    assert done == wanted
    assert player.end() == ""


def test_of_moves_between_two_frames_the_last_counts(play: Callable[..., Player]) -> None:
    player = play(size=(320, 200))
    number = player.focus()
    moves = [word for x in range(10, 60) for word in ("mousemove", "--window", number, str(x), "9")]
    player.xdotool(*moves)

    def arrived() -> bool:
        seen = player.ask("pointer")
        assert len(seen) <= 2, "it has looked twice"
        return any(x == 59 for _, x, *_ in seen)

    assert player.until(arrived)


def test_the_pointer_is_hidden_in_full_screen_unless_it_is_wanted(
    play: Callable[..., Player],
) -> None:
    player = play(size=(320, 200))
    assert player.ask("pointer_is_seen")
    player.ask("toggle_fullscreen")
    assert not player.ask("pointer_is_seen")
    player.ask("show_pointer")
    assert player.ask("pointer_is_seen")
    player.ask("toggle_fullscreen")
    player.ask("toggle_fullscreen")
    assert player.ask("pointer_is_seen"), "as long as it is wanted"
    player.ask("hide_pointer")
    assert not player.ask("pointer_is_seen")
    player.ask("toggle_fullscreen")
    assert player.ask("pointer_is_seen")
    assert player.end() == ""


@pytest.mark.parametrize(
    ("character", "place", "name"),
    [
        ("ц", "W", "w"),  # Russian
        ("é", "2", "2"),  # French
        ("&", "1", "1"),
        ("z", "W", "z"),
        ("ü", "LEFTBRACKET", "leftbracket"),  # German
        ("+", "RIGHTBRACKET", "plus"),
        ("=", "EQUALS", "plus"),
    ],
)
def test_keys_go_by_character_or_else_by_place(character: str, place: str, name: str) -> None:
    from liveflight.outputs import key_names, window

    scancode = getattr(window.pygame, f"KSCAN_{place}")
    assert key_names.key_name(ord(character), scancode) == name


@pytest.mark.parametrize(
    ("place", "types", "held", "name"),
    [
        ("7", "/", "SHIFT", "shift+7"),  # German: a slot, not the search
        ("7", "7", "NONE", "7"),
        ("SLASH", "?", "SHIFT", "question"),
        ("MINUS", "?", "SHIFT", "question"),  # German
        ("KP_DIVIDE", "/", "NONE", "/"),
        ("F", "\x06", "CTRL", "ctrl+f"),
        ("LSHIFT", "", "SHIFT", ""),
    ],
)
def test_a_character_names_a_key_but_a_digit_stays_one(
    place: str, types: str, held: str, name: str
) -> None:
    from liveflight.outputs import key_names, window

    pygame = window.pygame
    event = pygame.event.Event(
        pygame.KEYDOWN,
        key=0,
        scancode=getattr(pygame, f"KSCAN_{place}"),
        unicode=types,
        mod=getattr(pygame, f"KMOD_{held}"),
    )
    assert key_names.pressed_name(event) == name


def test_resizing_changes_size_and_viewport(play: Callable[..., Player], display: str) -> None:
    player = play(size=(640, 360))
    window = player.focus()
    player.xdotool("windowsize", window, "801", "403")
    assert player.until(lambda: player.ask("state")["size"] == [801, 403])
    state = player.ask("state")
    assert state["viewport"] == [0, 0, 801, 403]
    assert state["texture kept"]
    assert state["error"] == "GL_NO_ERROR"
    left, top = 320, 180
    assert player.until(lambda: pixel(display, left + 800, top) == RED)
    assert player.until(lambda: pixel(display, left, top + 402) == BLUE)
    assert player.end() == ""


def test_fullscreen_keeps_what_the_context_holds(play: Callable[..., Player]) -> None:
    player = play(size=(640, 360))
    for size in ([1280, 720], [640, 360], [1280, 720], [640, 360]):
        player.ask("toggle_fullscreen")
        player.ask("events")
        state = player.ask("state")
        assert state["size"] == size
        assert state["viewport"] == [0, 0, *size]
        assert state["texture kept"]
        assert state["error"] == "GL_NO_ERROR"
    assert player.end() == ""


def test_starting_fullscreen_covers_the_display(play: Callable[..., Player], display: str) -> None:
    player = play(size=(640, 360), fullscreen=True)
    assert player.ask("state")["size"] == [1280, 720]
    assert player.until(lambda: pixel(display, 0, 0) == RED)
    assert player.until(lambda: pixel(display, 1279, 719) == BLUE)
    player.ask("toggle_fullscreen")
    assert player.until(lambda: player.ask("state")["size"] == [640, 360])
    assert player.ask("state")["texture kept"]
    assert player.end() == ""


def test_losing_the_focus_changes_nothing(play: Callable[..., Player], display: str) -> None:
    player, other = play(size=(640, 360)), play(size=(100, 60))
    for focused in (player, other, player, other):
        focused.focus()
        assert player.ask("events") == []
        assert other.ask("events") == []
    assert player.ask("state")["size"] == [640, 360]
    assert player.until(lambda: pixel(display, 400, 200) == RED)
    assert other.end() == ""
    assert player.end() == ""


def test_closing_the_window_is_quit(play: Callable[..., Player], display: str) -> None:
    player = play(size=(320, 200))
    ask_to_close(display, int(player.focus()))
    assert player.events(lambda events: "quit" in events) == ["quit"]
    assert player.end() == ""


def test_signals_are_left_to_the_program(play: Callable[..., Player]) -> None:
    """SDL would make an event of them, which is lost where nobody looks for events yet."""
    player = play(size=(320, 200))
    player.process.terminate()
    assert player.process.wait(PATIENCE) == -signal.SIGTERM


def test_a_window_beyond_what_the_driver_draws_is_drawn_as_far_as_it_goes(
    play: Callable[..., Player],
) -> None:
    player = play(size=(320, 200))
    most = player.ask("most")
    window = player.focus()
    player.xdotool("windowsize", window, str(most[0] + 500), "80")
    assert player.until(lambda: player.ask("state")["size"] == [most[0], 80])
    assert player.ask("state")["error"] == "GL_NO_ERROR"
    player.xdotool("windowsize", window, "300", "90")
    assert player.until(lambda: player.ask("state")["size"] == [300, 90])
    said = player.end()
    assert said.count("\n") == 1 and f"{most[0]}x80 of them" in said


def test_a_display_is_known_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from liveflight.outputs import has_display

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_display()
    monkeypatch.setenv("DISPLAY", "")
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()


def refused(player: Player) -> str:
    """Return the one line of a window that does not open."""
    assert player.process.communicate(timeout=60)[1] == ""
    assert player.process.returncode == 2
    assert "\n" not in player.opened
    return str(player.opened)


def test_a_display_that_is_not_there(play: Callable[..., Player]) -> None:
    assert refused(play(display=1)) == "there is no display 1: the only one is 0 (1280x720)"
    assert refused(play(display=-1)) == "there is no display -1: the only one is 0 (1280x720)"


def test_no_display(play: Callable[..., Player], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":65000")
    assert refused(play()).startswith("no display: ':65000' cannot be opened (x11 not available)")
    monkeypatch.delenv("DISPLAY")
    said = refused(play())
    assert said.startswith("no display: DISPLAY and WAYLAND_DISPLAY are not set; ")
    assert said.endswith("render to a file: liveflight render --out flight.mp4")


def test_no_gl_3_3(play: Callable[..., Player], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESA_GL_VERSION_OVERRIDE", "2.1")
    assert refused(play()).startswith("no window with OpenGL 3.3 (")


def ask_to_close(display: str, window: int) -> None:
    """Send what a window manager sends for a click on the close button."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    server = ctypes.c_void_p(x11.XOpenDisplay(os.fsencode(display)))
    protocols = x11.XInternAtom(server, b"WM_PROTOCOLS", 0)
    delete = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
    client_message = 33
    # struct XClientMessageEvent, in 24 longs: type, serial, send_event, display, window,
    # message_type, format, data.
    event = (ctypes.c_long * 24)(client_message, 0, 1, 0, window, protocols, 32, delete)
    x11.XSendEvent(server, ctypes.c_ulong(window), 0, ctypes.c_long(0), event)
    x11.XSync(server, 0)
    x11.XCloseDisplay(server)
