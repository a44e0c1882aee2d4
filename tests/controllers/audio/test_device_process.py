"""PortAudio in a real process, on a JACK server with a made-up sound card."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from jack_box import server, until

from liveflight.controllers.audio import device_process
from liveflight.controllers.audio.device import Device
from liveflight.controllers.audio.device_process import CaptureProcess, load_sounddevice
from liveflight.core.contracts import LiveflightError
from liveflight.system import child_process


@pytest.fixture(scope="module")
def portaudio() -> None:
    """Skip without PortAudio, tried in a child: it aborts a process whose JACK server ends."""
    try:
        child_process.ask("liveflight.diagnostics.probes:sound", {}, 30)
    except child_process.ChildError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("jack", "portaudio")
def test_what_is_heard_comes_at_the_rate_that_is_said(
    started: list[subprocess.Popen[bytes]],
) -> None:
    capture = CaptureProcess("system")
    assert capture.rate == 48000
    until(lambda: len(capture.take()) > 0)
    began, heard = time.perf_counter(), 0
    while time.perf_counter() - began < 1:
        block = capture.take()
        assert block.dtype == np.float32
        heard += len(block)
        time.sleep(0.01)
    assert 0.7 < heard / 48000 < 1.3
    assert not capture.ended
    capture.close()
    capture.close()
    assert capture.ended
    assert started[-1].returncode == 0


@pytest.mark.usefixtures("jack", "portaudio")
def test_a_device_that_is_not_there_says_which_are() -> None:
    with pytest.raises(LiveflightError, match=r"'Micro' cannot be opened .*there is .*system"):
        CaptureProcess("Micro")


@pytest.mark.usefixtures("portaudio")
def test_a_show_outlives_the_sound_server_and_hears_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not shutil.which("jackd"):
        pytest.skip("needs jackd (Debian: jackd2)")
    name = f"liveflight-test-short-{os.getpid()}"
    device = Device("system")

    def opens() -> bool:
        with suppress(LiveflightError):
            device.open()
            return True
        return False

    hears: Callable[[], bool] = lambda: len(device.read(time.monotonic())) > 0  # noqa: E731
    with server(name, monkeypatch):
        until(opens)
        until(lambda: hears() and not device.lost)
    until(lambda: hears() and device.lost)
    with server(name, monkeypatch):
        until(lambda: hears() and not device.lost)
        device.close()


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("import os; os._exit(3)", "'Line' ended as it was opened, with code 3"),
        ("import os; os.abort()", "'Line' ended as it was opened, with code -"),
        ("import os; os.write(3, b'5\\n')", "'Line' ended as it was opened, with code 0"),
        ("import os; os.write(3, b'hello\\n')", "'Line' ended as it was opened, with code 0"),
        ("import time; time.sleep(60)", "'Line' does not answer"),
        ("raise RuntimeError('a driver')", r"'Line' cannot be opened: RuntimeError\('a driver'\)"),
    ],
)
def test_a_library_that_fails_in_its_own_way_is_an_error_and_leaves_nothing_behind(
    does: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: list[subprocess.Popen[bytes]],
) -> None:
    (tmp_path / "sounddevice.py").write_text(does)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(device_process, "_OPEN_TIMEOUT_S", 5.0)
    threads = threading.active_count()
    with pytest.raises(LiveflightError, match=said):
        CaptureProcess("Line")
    assert started[0].returncode is not None
    assert threading.active_count() == threads


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[audio\]"'):
        load_sounddevice()
