"""Test the signals that end the program, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOTH = ["SIGINT", "SIGTERM"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's here")

SWALLOW = """
import os, signal, weakref
class Thing: pass
def swallow():
    "Send the signal where an exception gets lost, as in many callbacks of importlib."
    thing = Thing()
    kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{signal}))
    del thing
"""


def python(code: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(options or ["-c", code])],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **environment}, restore_signals=True,
    )  # fmt: skip


@pytest.mark.parametrize("name", BOTH)
def test_one_that_a_library_swallowed_is_raised_at_the_next_look(name: str) -> None:
    code = SWALLOW.format(signal=name) + (
        "from liveflight.system import signals\n"
        "signals.raise_interrupts()\nswallow()\nprint('swallowed')\n"
        "try:\n    signals.check()\nexcept KeyboardInterrupt:\n    print('raised')\n"
        "signals.check()\nprint('once')"
    )
    assert python(code).stdout.split() == ["swallowed", "raised", "once"]


@pytest.mark.parametrize("name", [*BOTH, "SIGHUP"])
def test_in_flight_they_are_taken_note_of_however_many_come(name: str) -> None:
    code = (
        "import os, signal\nfrom liveflight.system import signals\n"
        "with signals.deferred() as asked:\n    print(asked())\n"
        f"    for _ in range(3): os.kill(os.getpid(), signal.{name})\n    print(asked())"
    )
    assert python(code).stdout.split() == ["False", "True"]


def test_one_that_comes_long_after_the_first_ends_what_hangs() -> None:
    code = (
        "import os, signal\nfrom liveflight.system import signals\n"
        "signals.CLOSING_TIME_S = -1.0\n"
        "with signals.deferred():\n    os.kill(os.getpid(), signal.SIGTERM)\n    print('hangs')"
    )
    done = python(code)
    assert (done.returncode, done.stdout) == (130, "")


RENDERED = """
import os, signal, sys
from liveflight import app, __main__ as cli
from liveflight.outputs.sinks.video_file import VideoFile
frame, close = app.App.frame, VideoFile.close
def framed(self, now):
    frame(self, now)
    if {early} and now >= 0.1: os.kill(os.getpid(), signal.{signal})
def closed(self, *, whole=True):
    os.kill(os.getpid(), signal.{signal})
    close(self, whole=whole)
    os.kill(os.getpid(), signal.{signal})
app.App.frame, VideoFile.close = framed, closed
words = "render --network efficientnet_lite0 --engine torch --canvas 32x18 --size 64x36 --fps 20"
words += " --seconds 0.5 --out"
sys.exit(cli.main([*words.split(), sys.argv[1]]))
"""


@pytest.mark.gl
@pytest.mark.parametrize(
    ("name", "early", "code", "said", "left"),
    [
        ("SIGINT", True, 130, "stopped: 2 frames in ", "a.unfinished.mp4"),
        ("SIGTERM", False, 0, "10 frames in ", "a.mp4"),
    ],
    ids=["again as it closes", "first as it closes"],
)
def test_a_video_that_is_being_closed_is_closed_to_its_end(
    name: str, early: bool, code: int, said: str, left: str, tmp_path: Path
) -> None:
    program = RENDERED.format(signal=name, early=early)
    done = python("", "-c", program, str(tmp_path / "a.mp4"))
    assert (done.returncode, done.stdout) == (code, f"{said}{tmp_path / left}\n")
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [left]


def test_one_that_comes_when_all_is_done_leaves_the_exit_code_what_it_is() -> None:
    code = (
        "import os, signal\nfrom liveflight.system import signals\n"
        "signals.exit_at_once(2)\nos.kill(os.getpid(), signal.SIGTERM)\nprint('it went on')"
    )
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_what_nohup_switched_off_stays_off() -> None:
    code = (
        "import os, signal\nfrom liveflight.system import signals\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsignals.raise_interrupts()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nprint('on')"
    )
    assert python(code).stdout == "on\n"


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("module", ["rtoml", "pygame"])
def test_one_that_comes_while_libraries_load_ends_a_start(
    name: str, module: str, tmp_path: Path
) -> None:
    """Replace the library by a module that sends the signal and swallows the exception."""
    fake = SWALLOW.format(signal=name) + "swallow()\nprint('it went on', flush=True)\nos._exit(7)"
    (tmp_path / f"{module}.py").write_text(fake)
    given = ["-m", "liveflight", "--osc-port", "0"]
    done = python("", *given, PYTHONPATH=str(tmp_path), DISPLAY=":65000")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_one_that_comes_at_an_interpreter_s_first_breath_is_not_lost() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "liveflight", "presets"], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGTERM, 130)
