"""`liveflight run` as a whole, on a virtual X server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

pytestmark = [
    pytest.mark.gl,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb, and signals of Linux"),
]

SMALL = ["--size", "160x90", "--canvas", "96x54", "--view", "64x48", "--oscquery-port", "0"]


class Run:
    """A running supervisor."""

    def __init__(self, folder: Path, *more: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        words = ["run", "--network", "efficientnet_lite0", *SMALL, *more]
        words += ["--osc-port", str(self.port), "--keep-interval", "1"]
        command = [sys.executable, "-m", "liveflight", *words, "--health-port", str(self.port)]
        homes = ("XDG_STATE_HOME", "XDG_CONFIG_HOME")
        environment = {**os.environ, **{name: str(folder / name) for name in homes}}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.supervisor = psutil.Process(self.process.pid)

    def health(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/health"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.load(error))
        except OSError:
            return {"well": False, "restarts": {}, "fps": None}

    def until(self, true: Callable[[dict[str, Any]], object], seconds: float = 90) -> float:
        """Wait; return the seconds it took."""
        began = time.monotonic()
        while not true(self.health()):
            assert time.monotonic() - began < seconds and self.process.poll() is None
            time.sleep(0.1)
        return time.monotonic() - began

    def osc(self, value: float | str) -> float:
        """Send a value, or a question, to a control; return the answer to the question."""
        message = OscMessageBuilder("/liveflight/camera/zoom/raw")
        message.add_arg(value)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.settimeout(30)
            sender.sendto(message.build().dgram, ("127.0.0.1", self.port))
            return float(OscMessage(sender.recv(999)).params[0]) if value == "?" else 0.0

    def show(self) -> psutil.Process:
        (child,) = self.supervisor.children()
        return child

    def close(self) -> None:
        left = [self.supervisor, *self.supervisor.children(recursive=True)]
        for process in left:
            process.kill()
        self.process.communicate()


@pytest.fixture
def run(display: str, tmp_path: Path) -> Iterator[Run]:
    found = Run(tmp_path)
    yield found
    if found.process.poll() is None:
        found.close()


def test_a_killed_show_is_back_and_a_signal_ends_everything(run: Run, tmp_path: Path) -> None:
    run.until(lambda health: health["well"])
    run.osc(1.75)
    state = tmp_path / "XDG_STATE_HOME" / "liveflight" / "show" / "state"
    run.until(lambda _: state.exists() and b'"camera.zoom":1.75' in state.read_bytes())
    first = run.show()
    run.process.send_signal(signal.SIGUSR2)
    log = state.parent / "log" / "liveflight.log"
    run.until(lambda _: "most recent call first" in log.read_text())
    tree = [first, *first.children(recursive=True)]
    first.kill()
    run.until(lambda health: health["restarts"] == {"signal": 1} and health["fps"])
    assert not any(process.is_running() for process in tree)
    second = run.show()
    assert run.osc("?") == 1.75
    assert "--resume" in second.cmdline() and "--resume" not in run.supervisor.cmdline()
    tree = [second, *second.children(recursive=True)]
    lock = tmp_path / "XDG_STATE_HOME" / "liveflight" / "show" / "lock"
    assert lock.read_text() == f"{run.process.pid}\n"
    run.process.send_signal(signal.SIGTERM)
    _, said = run.process.communicate(timeout=30)
    assert run.process.returncode == 130
    assert not any(process.is_running() for process in tree)
    assert lock.read_text() == ""
    assert "killed by SIGKILL" in said and "Traceback" not in said


def test_a_mistake_ends_it_with_the_shows_own_words(display: str, tmp_path: Path) -> None:
    run = Run(tmp_path, "--preset", "no-such-preset")
    _, said = run.process.communicate(timeout=60)
    assert run.process.returncode == 2
    assert said.count("there is no preset 'no-such-preset'") == 1
