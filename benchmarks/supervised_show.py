"""Run `liveflight run` on a virtual screen of its own, and see what it shows, says and leaves.

The screen is Xvfb's framebuffer file, so looking at it costs the show nothing. Every process of a
show carries a mark in its environment, by which orphans are found. Linux alone.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from liveflight.system import ffmpeg

SIZE = (480, 270)
_MARK = "LIVEFLIGHT_TRIAL"
_XWD_PIXELS = 4
"""Bytes per pixel of Xvfb's 24-bit screens."""
HELPERS = {
    "camera": r"ffmpeg.* lavfi",
    "stream": r"ffmpeg.*udp://",
    "sound file": r"ffmpeg.*tone\.wav",
    "curtain": r"curtain",
}
"""Patterns of the helpers' command lines; the sound file is `tone`'s."""
KEPT = ("show.preset", "mix.target", "cue.playing", "camera.rotation", "colour.hue", "show.master")
"""Controls that a restart must not change."""


class Screen:
    """A virtual X server whose picture can be read, and which can be killed and started again."""

    def __init__(self, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self.name = ""
        """Such as `:3`; the server chooses a free one at first, and keeps it."""
        self._folder, self._size = folder, size
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        width, height = self._size
        reading, writing = os.pipe()
        command = ["Xvfb", *([self.name] if self.name else []), "-displayfd", str(writing)]
        command += ["-screen", "0", f"{width}x{height}x24", "-noreset"]
        command += ["-fbdir", str(self._folder), "-nolisten", "tcp"]
        self.process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as said:
            self.name = f":{int(said.readline())}"

    def kill(self) -> None:
        """End the server at once, as a crash does."""
        self.process.kill()
        self.process.wait()
        for left in (f"/tmp/.X11-unix/X{self.name[1:]}", f"/tmp/.X{self.name[1:]}-lock"):
            Path(left).unlink(missing_ok=True)

    def picture(self) -> np.ndarray:
        """Return what the screen shows: uint8 (H, W, 3); zeros while there is no server."""
        width, height = self._size
        try:
            data = (self._folder / "Xvfb_screen0").read_bytes()
        except OSError:
            data = b""
        size = width * height * _XWD_PIXELS
        if len(data) < size:
            return np.zeros((height, width, 3), np.uint8)
        pixels = np.frombuffer(data, np.uint8, size, len(data) - size)
        return pixels.reshape(height, width, _XWD_PIXELS)[..., 2::-1]


class SupervisedShow:
    """One supervised show, or one whose supervisor is started again by a stand-in for systemd."""

    def __init__(
        self,
        folder: Path,
        options: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        size: tuple[int, int] = SIZE,
        state: Path | None = None,
    ) -> None:
        """Start it on a screen of its own; `state` is the folder of saved states and logs."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.mark = folder, secrets.token_hex(8)
        self.screen = Screen(folder / "screen", size)
        self.osc, self.health_port = free_port(), free_port()
        self.state = state or folder / "state"
        self._environment = {
            **os.environ,
            "DISPLAY": self.screen.name,
            _MARK: self.mark,
            "XDG_STATE_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_VIDEOS_DIR": str(folder / "videos"),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            **(environment or {}),
        }
        self._environment.pop("WAYLAND_DISPLAY", None)
        own = ["--osc-port", str(self.osc), "--health-port", str(self.health_port)]
        self._command = [sys.executable, "-m", "liveflight", "run", *own, *options]
        self._log = (folder / "said").open("ab")
        self.start()

    def start(self) -> None:
        """Start the supervisor."""
        said = {"stdout": self._log, "stderr": self._log, "stdin": subprocess.DEVNULL}
        self.supervisor = psutil.Popen(
            self._command, env=self._environment, start_new_session=True, **said
        )

    def processes(self) -> list[psutil.Process]:
        """Return every process that carries this show's mark."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(_MARK) == self.mark:
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process)
        return found

    def show(self) -> psutil.Process:
        """Return the process that shows the picture."""
        return self.helper(r" -m liveflight fly\b")

    def helper(self, pattern: str) -> psutil.Process:
        """Return the process whose command line matches. Raises LookupError."""
        for process in self.processes():
            with suppress(psutil.Error):
                if re.search(pattern, " ".join(process.cmdline())):
                    return process
        raise LookupError(f"no process is like {pattern!r}")

    def live(self) -> bool:
        """Return whether the screen shows a picture that moves all the time, for half a second.

        A picture that is followed by another still one, as under a show that ends, does not."""
        before = self.screen.picture().astype(int)
        for _ in range(3):
            time.sleep(0.17)
            after = self.screen.picture().astype(int)
            if after.std() < 8 or np.abs(after - before).mean() < 0.2:
                return False
            before = after
        return True

    def health(self) -> dict[str, Any]:
        """Return what /health says; empty where nothing answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.health_port}/health", timeout=2
            ) as answer:
                said: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            said = {"http": error.code, **json.loads(error.read() or b"{}")}
        except (OSError, ValueError):
            said = {}
        return said

    def value(self, key: str) -> Any:
        """Return a control's value as OSCQuery tells it."""
        path = "/liveflight/" + key.replace(".", "/")
        path = {"show.preset": "/liveflight/preset", "mix.target": "/liveflight/target"}.get(
            key, path
        )
        url = f"http://127.0.0.1:{self.osc}{path}?VALUE"
        with urllib.request.urlopen(url, timeout=3) as answer:
            found = json.load(answer)["VALUE"]
        return found[0] if found else None

    def values(self) -> dict[str, Any]:
        """Return the controls of KEPT and the cue's number. Raises OSError while none answers."""
        found = {key: self.value(key) for key in KEPT}
        found["cue"] = str(self.value("cue.now")).partition(":")[0]
        return found

    def send(self, address: str, *arguments: float | str) -> None:
        """Send an OSC message to `/liveflight/ADDRESS`."""
        from pythonosc.osc_message_builder import OscMessageBuilder

        message = OscMessageBuilder(f"/liveflight/{address}")
        for each in arguments:
            message.add_arg(each)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(message.build().dgram, ("127.0.0.1", self.osc))

    def stop(self) -> list[str]:
        """End the show as systemd does; return the command lines of what is left, and kill it."""
        if self.supervisor.is_running():
            self.supervisor.send_signal(signal.SIGTERM)
            with suppress(psutil.TimeoutExpired):
                self.supervisor.wait(15)
        time.sleep(0.5)
        left = []
        for process in self.processes():
            with suppress(psutil.Error):
                left.append(" ".join(process.cmdline())[:120])
                process.kill()
        self._log.close()
        self.screen.kill()
        return left

    def said(self) -> str:
        """Return what the supervisor and the show wrote."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")


def tone(folder: Path) -> Path:
    """Make a file with a sound that beeps in a folder, and return it."""
    path = folder / "tone.wav"
    made = ["-y", "-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:duration=30", str(path)]
    subprocess.run([ffmpeg.find() or "ffmpeg", *made], check=True, capture_output=True)
    return path


def free_port() -> int:
    """Return a port that is free for UDP and TCP now."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            with suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


def until(wanted: Callable[[], bool], seconds: float, why: str) -> float:
    """Wait for something and return how many seconds that took. Raises TimeoutError."""
    begun = time.monotonic()
    while not wanted():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{why}, after {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - begun
