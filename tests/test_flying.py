"""The whole instrument: a real window on a virtual X server, played with keys and OSC.

The screen's picture is judged.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageGrab
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight.core.thumbnail_grid import ThumbnailGrid
from liveflight.render.atlas_page import ACCENT

pytestmark = [
    pytest.mark.gl,
    pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="needs an X server"),
]

PATIENCE = 60
"""Seconds; only a test that fails takes them."""

NOWHERE = ""

DITHER = 3
"""Levels by which two pictures of a still canvas may differ."""


class Show:
    """A running liveflight and a hand on its controls."""

    def __init__(self, display: str, folder: Path) -> None:
        self.display = display
        self.port = _free_port()
        command = [sys.executable, "-m", "liveflight", "--size", "320x180", "--canvas", "96x54"]
        command += ["--osc-port", str(self.port), "--set", "show.autopilot=false"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "XDG_CONFIG_HOME": str(folder),
                "XDG_PICTURES_DIR": str(folder),
            },
        )
        self.window = ""

    def open(self) -> None:
        """Wait for the window and put it into the screen's corner."""
        self.window = self._under_pointer("640", "360")
        self.xdotool("windowmove", "--sync", self.window, "0", "0")
        self.focus()
        self.until(lambda picture: picture.std() > 20, "showed a picture")

    def _under_pointer(self, x: str, y: str) -> str:
        """Return the window, once there is one: without a window manager none has a name."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self._location(x, y)
            if found not in (NOWHERE, self._location("1279", "719")):
                return found
            time.sleep(0.1)
        pytest.fail(f"no window opened: {self.process.poll()}")

    def _location(self, x: str, y: str) -> str:
        """Return the window; NOWHERE while it is being made, of which xdotool complains."""
        command = ["xdotool", "mousemove", x, y, "getmouselocation", "--shell"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        return said.stdout.partition("WINDOW=")[2].split("\n")[0] or NOWHERE

    def focus(self) -> None:
        self.xdotool("windowfocus", "--sync", self.window)

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words], check=True, timeout=PATIENCE, capture_output=True, text=True
        )
        return done.stdout

    def osc(self, address: str, value: float | str) -> None:
        message = OscMessageBuilder(address)
        message.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.build().dgram, ("127.0.0.1", self.port))

    def ask(self, address: str) -> str:
        """Return the text that answers a question."""
        question = OscMessageBuilder(address)
        question.add_arg("?")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(PATIENCE)
            asker.sendto(question.build().dgram, ("127.0.0.1", self.port))
            return str(OscMessage(asker.recv(2048)).params[0])

    def key(self, name: str) -> None:
        self.xdotool("key", name)

    def seen(self, size: tuple[int, int] = (320, 180)) -> np.ndarray:
        """Return the window's corner of the screen: uint8 (H, W, 3), row 0 at the top."""
        picture = ImageGrab.grab((0, 0, *size), xdisplay=self.display)
        return np.asarray(picture.convert("RGB"))

    def until(self, happened: Callable[[np.ndarray], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not happened(self.seen()):
            if self.process.poll() is not None:
                pytest.fail(f"ended before {what}: {self.process.communicate()[1]}")
            if time.monotonic() > end:
                pytest.fail(f"never {what}")
            time.sleep(0.05)  # looking takes the time that the flight needs

    def press_until(self, happened: Callable[[np.ndarray], bool], what: str, *keys: str) -> None:
        """Press these keys, and every five seconds again, until it has happened."""
        due = time.monotonic()

        def pressed(picture: np.ndarray) -> bool:
            nonlocal due
            if happened(picture):
                return True
            if time.monotonic() >= due:
                due = time.monotonic() + 5
                self.xdotool("key", *keys)
            return False

        self.until(pressed, what)

    def still(self) -> bool:
        """Whether two pictures some frames apart are the same but for the dither."""
        before = self.seen().astype(int)
        self.until(lambda picture: (picture != before).any(), "drew another frame")
        return int(np.abs(self.seen() - before).max()) <= DITHER


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def show(display: str, tmp_path: Path) -> Iterator[Show]:
    if shutil.which("xdotool") is None:
        pytest.skip("there is no xdotool here")
    show = Show(display, tmp_path)
    try:
        show.open()
        yield show
    finally:
        show.process.kill()
        show.process.communicate()


def black(picture: np.ndarray) -> bool:
    return not picture.any()


def bright(picture: np.ndarray) -> bool:
    return picture.mean() > 40


def test_a_show_from_its_window_to_escape(show: Show) -> None:
    """One flight for all of it, since a start takes seconds."""
    keys_and_osc_change_the_picture(show)
    freezing_holds_it_and_help_covers_it(show)
    the_atlas_and_the_search_are_played_with_keys_and_mouse(show)
    resizing_and_losing_the_focus_do_not_end_it(show)
    show.focus()
    looks_are_stored_named_and_recalled(show)
    show.xdotool("key", "Escape", "Escape")
    out, err = show.process.communicate(timeout=PATIENCE)
    assert (show.process.returncode, out, err) == (0, "", "")


def keys_and_osc_change_the_picture(show: Show) -> None:
    show.key("b")
    show.until(black, "was black after B")
    show.key("b")
    show.until(bright, "was back after B")
    show.osc("/liveflight/show/master", 0.0)
    show.until(black, "was black after OSC")
    show.osc("/liveflight/show/master", 1.0)
    show.until(bright, "was back after OSC")


def freezing_holds_it_and_help_covers_it(show: Show) -> None:
    show.osc("/liveflight/target", "efficientnet_lite0:block7_expand:46")
    show.key("space")
    show.until(lambda picture: show.still(), "stood still after space")
    frozen = show.seen()
    show.key("h")
    show.until(
        lambda picture: np.abs(picture - frozen.astype(int)).mean() > 15, "showed the help after H"
    )
    show.key("h")
    show.key("space")
    show.until(lambda picture: np.abs(picture - frozen.astype(int)).mean() > 10, "flew on")


def the_atlas_and_the_search_are_played_with_keys_and_mouse(show: Show) -> None:
    def accents(picture: np.ndarray) -> int:
        return int((picture == ACCENT).all(-1).sum())

    show.osc("/liveflight/target", "vgg16:conv3_1:7")
    show.until(lambda _: show.ask("/liveflight/target") == "vgg16:conv3_1:7", "went by OSC")
    show.key("o")
    show.until(lambda picture: accents(picture) > 100, "opened the atlas")
    grid = ThumbnailGrid((320, 180), 256, 32)
    show.xdotool("mousemove", str(grid.left + 3 * 32 + 9), "60")
    show.xdotool("click", "1")
    show.until(lambda picture: accents(picture) == 0, "closed it after a click")
    chosen = show.ask("/liveflight/target")
    assert chosen.startswith("vgg16:conv3_1:") and chosen != "vgg16:conv3_1:7"
    show.xdotool("key", "slash", *"volcano", "Return")
    show.until(lambda _: show.ask("/liveflight/target").endswith("class:980"), "found a class")


def looks_are_stored_named_and_recalled(show: Show) -> None:
    def flown(name: str) -> Callable[[object], bool]:
        return lambda _: show.ask("/liveflight/preset").startswith(name)

    # SDL takes a moment to notice that it has the focus again, and loses keys until then.
    show.press_until(flown("slot 13"), "stored a look", "ctrl+2", "shift+3")
    show.xdotool("key", "F9", *"mine", "Return")
    show.until(flown("mine"), "named it")
    show.xdotool("key", "ctrl+1", "4")
    show.until(flown("argus"), "recalled another")
    show.xdotool("key", "ctrl+2", "3")
    show.until(flown("mine"), "recalled its own")


def resizing_and_losing_the_focus_do_not_end_it(show: Show) -> None:
    show.xdotool("windowsize", "--sync", show.window, "500", "300")
    show.until(lambda _: show.seen((500, 300))[200:, 350:].std() > 10, "filled the larger window")
    root = show.xdotool("search", "--maxdepth", "0", "--class", ".*").split()[0]
    show.xdotool("windowfocus", root)
    before = show.seen((500, 300))[200:, 350:].astype(int)
    show.until(
        lambda _: np.abs(show.seen((500, 300))[200:, 350:] - before).mean() > 10,
        "flew on without the focus",
    )
