"""Test output on any terminal, pipe, closed stream or full device, with real programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these are POSIX's descriptors")

SHELL = 'exec "$0" "$@"'


def run(code: str, redirect: str = "", **named: object) -> subprocess.CompletedProcess[bytes]:
    """Run code in this Python with a shell's redirection."""
    command = ["sh", "-c", f"{SHELL} {redirect}", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **named)  # type: ignore[call-overload, no-any-return]


def program(*given: str, before: str = "pass") -> str:
    """Return code that runs `liveflight` with these arguments."""
    start = "from liveflight import __main__ as cli; from liveflight.cli import render_command"
    return f"import sys; {start}; {before}; sys.argv[1:] = {list(given)!r}; cli.program()"


RENDERED = (
    "render_command.render_video = lambda *given: print('4 frames in', 'caf\\udce9 \\u591c') or 0"
)
"""Replaces the render by one that succeeds, with a file of that name."""


@pytest.mark.parametrize("encoding", ["cp1252", "ISO-8859-1", "utf-8"])
def test_any_title_and_file_name_is_listed(encoding: str, tmp_path: Path) -> None:
    own = tmp_path / "liveflight" / "presets"
    own.mkdir(parents=True)
    (own / "yoru.toml").write_text('version = 1\ntitle = "夜"\n', encoding="utf-8")
    if sys.platform == "linux":
        (own / os.fsdecode(b"caf\xe9.toml")).write_text("version = 1\n")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "XDG_CONFIG_HOME": str(tmp_path)}
    ended = run(program("presets"), env=environment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    shown = "夜".encode(encoding, "backslashreplace")
    assert re.search(rb"^ +yoru .*" + re.escape(shown) + b"$", ended.stdout, re.MULTILINE)
    assert sys.platform != "linux" or rb"caf\udce9" in ended.stdout


@pytest.mark.parametrize(
    ("given", "redirect", "code", "said"),
    [
        (["presets"], ">&-", 0, b""),
        (["presets"], ">/dev/full", 2, b"liveflight: the list cannot be written: No space left"),
        (["networks", "nope"], "2>&-", 2, b""),
        (["networks", "nope"], "2>/dev/full", 2, b""),
        (["networks", "nope"], ">&- 2>&- <&-", 2, b""),
        (["--help"], ">/dev/full", 0, b""),
        (["render"], ">&-", 0, b""),
        (["render"], ">/dev/full", 0, b""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_stream_that_takes_nothing_changes_no_work(
    given: list[str], redirect: str, code: int, said: bytes
) -> None:
    if "/dev/full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    ended = run(program(*given, before=RENDERED), redirect)
    assert ended.returncode == code
    assert ended.stderr.startswith(said)
    assert b"Traceback" not in ended.stderr and b"Error" not in ended.stderr


def test_the_name_of_what_was_rendered_prints_in_any_encoding() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = run(program("render", before=RENDERED), env=environment)
    assert (ended.returncode, ended.stdout) == (0, b"4 frames in caf\\udce9 \\u591c\n")


def test_a_pipe_that_another_program_made_non_blocking_gets_the_whole_list() -> None:
    fcntl = pytest.importorskip("fcntl")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    if sys.platform == "linux":
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    code = program("controls")
    child = subprocess.Popen([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, error = child.communicate(timeout=60)
    assert (child.returncode, error) == (0, b"")
    whole = run(code).stdout
    assert said == whole and len(whole) > 8192


def test_a_file_takes_no_closed_streams_number(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    code = (
        "import os; from liveflight.system import terminal; terminal.secure(queued=True); "
        f"file = open({str(path)!r}, 'wb'); os.write(2, b'a library speaks')"
    )
    assert run(code, "2>&- >&- <&-").returncode == 0
    assert path.read_bytes() == b""


LINES = 3000
FLOOD = f"""
import sys
from liveflight.system import terminal
terminal.secure(queued=True)
for number in range({LINES}):
    print(f"line {{number:04}}", "x" * 90, file=sys.stderr)
print("all written")
"""


def test_standard_error_that_nobody_reads_delays_nothing_and_drops_are_counted() -> None:
    command = [sys.executable, "-u", "-c", FLOOD]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    with child.stdout, child.stderr:
        assert child.stdout.readline() == b"all written\n"  # while nothing was read from the other
        said = child.stderr.read().decode().splitlines()
    assert child.wait(60) == 0
    came = [line for line in said if line.startswith("line ")]
    assert came[0].startswith("line 0000")
    told = r"liveflight: (\d+) lines dropped: nobody read them"  # once, or more often under load
    dropped = sum(int(found[1]) for line in said if (found := re.fullmatch(told, line)))
    assert dropped and len(came) + dropped == LINES


def test_a_bar_on_a_terminal_that_stands_still_delays_nothing() -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)  # Ctrl-S
    before = "from liveflight.cli import console; cli.terminal.secure(queued=True); "
    before += "shown = console.Downloads(); "
    before += "[shown('weights', 1, 1) for _ in range(3)]"
    child = subprocess.Popen(
        [sys.executable, "-c", program("--version", before=before)],
        stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    try:
        out, _ = child.communicate(timeout=60)
        assert (child.returncode, out[:10]) == (0, b"liveflight")
    finally:
        child.kill()
        os.close(ours)


def test_a_fork_speaks_too() -> None:
    code = """
import os, sys
from liveflight.system import terminal
terminal.secure(queued=True)
if os.fork() == 0:
    print("from the fork", file=sys.stderr)
    os._exit(0)
os.wait()
"""
    assert b"from the fork\n" in run(code).stderr


def test_the_last_words_of_a_program_arrive() -> None:
    code = """
import atexit, logging, sys
from liveflight.system import logs; from liveflight.system import terminal
terminal.secure(queued=True)
logs.start()
for number in range(40):
    logging.getLogger("x").warning("port %d is gone", number)
raise RuntimeError("and this")
"""
    said = run(code).stderr.decode().splitlines()
    assert said[0] == "liveflight: port 0 is gone"
    assert "RuntimeError: and this" in said
    assert said[-1] == "liveflight: port 0 is gone (39 more like this)"


def test_warnings_are_one_line_each() -> None:
    code = """
import warnings
from liveflight.system import logs; from liveflight.system import terminal
terminal.secure(queued=True)
logs.start()
warnings.simplefilter("always")
for number in range(500):
    warnings.warn(f"frame {number} is late")
"""
    said = run(code).stderr.decode()
    assert said.count("frame 0 is late") == 2 and "(499 more like this)" in said
    assert "frame 1 is late" not in said
