from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

import liveflight
from liveflight.controllers.audio import device_process
from liveflight.controllers.midi.subprocess_ports import SubprocessPorts
from liveflight.core.contracts import LiveflightError
from liveflight.engines.native import kernels
from liveflight.system import child_process, ffmpeg
from liveflight.system.child_process import ChildError, ask

FUNCTIONS = """
import os, sys, time

def double(given):
    return {"twice": 2 * given["number"], "process": os.getpid()}

def noisy(given):
    print("a banner")
    os.write(1, b"another one\\n")
    return {"word": os.environ["WORD"]}

def lost(given):
    sys.stderr.write("the library cannot be found\\n")
    raise RuntimeError("it did not load")

def crashed(given):
    os._exit(7)

def stuck(given):
    sys.stderr.write("waiting\\n")
    sys.stderr.flush()
    time.sleep(600)
"""


@pytest.fixture
def functions(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which a child finds the module `functions`."""
    (tmp_path / "functions.py").write_text(textwrap.dedent(FUNCTIONS))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    return {"PYTHONPATH": path, "WORD": "grüße"}


def test_a_function_is_asked_in_another_process(functions: dict[str, str]) -> None:
    answer = ask("functions:double", {"number": 21}, 60, functions)
    assert answer["twice"] == 42
    assert answer["process"] != os.getpid()


def test_what_libraries_print_does_not_spoil_the_answer(functions: dict[str, str]) -> None:
    assert ask("functions:noisy", {}, 60, functions) == {"word": "grüße"}


def test_a_failure_is_its_last_line_and_all_that_was_said(functions: dict[str, str]) -> None:
    with pytest.raises(ChildError, match=r"^RuntimeError: it did not load$") as failed:
        ask("functions:lost", {}, 60, functions)
    assert failed.value.messages.startswith("the library cannot be found\n")


def test_a_crash_is_said(functions: dict[str, str]) -> None:
    with pytest.raises(ChildError, match=r"^it ended with code 7$"):
        ask("functions:crashed", {}, 60, functions)


def test_what_hangs_is_ended(functions: dict[str, str]) -> None:
    start = time.monotonic()
    with pytest.raises(ChildError, match=r"^no answer within 2 seconds$"):
        ask("functions:stuck", {}, 2, functions)
    assert time.monotonic() - start < 60


def test_where_no_process_can_be_started_the_cause_is_said(
    functions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as nowhere:
        nowhere.setattr(tempfile, "tempdir", "/nowhere at all")
        with pytest.raises(ChildError, match="nowhere at all"):
            ask("functions:double", {"number": 21}, 60, functions)
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(ChildError, match="/no/python"):
        ask("functions:double", {"number": 21}, 60, functions)


# Only our code


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a current folder with modules that leave a file behind when they are run."""
    folder = tmp_path / "stick"
    folder.mkdir()
    for name in ("json", "argparse", "link", "sounddevice", "rtmidi", "numpy"):
        (folder / f"{name}.py").write_text(
            "open('RAN', 'w').close()\nraise ImportError('planted')\n"
        )
    monkeypatch.chdir(folder)
    return folder


def test_no_process_runs_what_lies_in_the_current_folder(stick: Path) -> None:
    answer = ask("liveflight.diagnostics.probes:link", {}, 60)
    assert answer["version"]
    with contextlib.suppress(LiveflightError):
        SubprocessPorts().close_all()
    with contextlib.suppress(LiveflightError):
        device_process.CaptureProcess("no such device").close()
    started = subprocess.run([sys.executable, "-m", "liveflight", "cues"], capture_output=True)
    assert (started.returncode, started.stderr) == (0, b"")
    assert not (stick / "RAN").exists()


def test_what_a_child_starts_does_not_either(stick: Path) -> None:
    command = [sys.executable, "-m", "json"]  # as some library may
    grandchild = subprocess.run(command, capture_output=True, env=child_process.environment())
    assert b"planted" not in grandchild.stderr
    assert not (stick / "RAN").exists()


@pytest.mark.skipif(os.name != "posix", reason="links may need a privilege")
def test_a_checkout_that_is_not_installed_flies_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "liveflight").symlink_to(Path(liveflight.__file__).parent)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[0] = '-m'; import liveflight;"
        "from liveflight.system.child_process import ask;"
        "ask('liveflight.diagnostics.probes:link', {}, 60);"
        "print(liveflight.__file__, sys.path[-1])"
    )
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert started.stdout == f"{tmp_path}/liveflight/__init__.py {tmp_path}\n", started.stderr


def test_the_rest_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ("DISPLAY", "XDG_RUNTIME_DIR", "JACK_DEFAULT_SERVER", "LD_LIBRARY_PATH", "PYTHONPATH")
    for name in kept:
        monkeypatch.setenv(name, f"{name.lower()}:")
    assert {name: child_process.environment()[name] for name in kept} == {
        name: f"{name.lower()}:" for name in kept
    }


@pytest.mark.skipif(os.name != "posix", reason="scripts with a first line of their own")
@pytest.mark.parametrize("listed", ["", ".", "stick", "bin:"])
def test_programs_of_the_current_folder_are_not_found(
    listed: str, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (stick, stick / "bin", stick / "stick", elsewhere):
        folder.mkdir(exist_ok=True)
        for name in ("cc", "ffmpeg"):
            (folder / name).write_text("#!/bin/sh\ntouch RAN\n")
            (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{listed}{os.pathsep}{elsewhere}")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert child_process.program("cc") == kernels.find_compiler() == str(elsewhere / "cc")
    assert ffmpeg.find() == str(elsewhere / "ffmpeg")
    assert child_process.environment()["PATH"] == str(elsewhere)
    assert child_process.program("./cc") == "./cc"  # a path is taken as it is
    assert child_process.program("no-such-program") is None
    monkeypatch.setenv("PATH", listed)
    assert child_process.program("cc") is None and not kernels.find_compiler()
