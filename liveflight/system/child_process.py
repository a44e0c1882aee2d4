"""Start other processes, and call functions of this package in a process of their own.

`ask` is for functions that may hang, crash, load much or need a fresh process. Arguments and
answers travel as JSON.

    python -m liveflight.system.child_process liveflight.module:function < given.json > answer.json
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from liveflight.system import terminal

_KEPT_STDERR_CHARACTERS = 4000
"""Length of the end of standard error that is kept."""


class ChildError(Exception):
    """Report that a process gave no answer.

    The text is the last line it wrote, or how it ended. `messages` is the end of its standard
    error."""

    def __init__(self, text: str, messages: str = "") -> None:
        super().__init__(text)
        self.messages = messages


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package.

    The current folder is not on its path, since anybody's json.py may lie there. `-I` would do too
    much: it leaves out the user's packages."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment for a child.

    Neither the child nor what it starts takes modules or programs from the current folder."""
    safe = {"PYTHONSAFEPATH": "1", "NoDefaultCurrentDirectoryInExePath": "1"}
    return {**os.environ, **safe, "PATH": os.pathsep.join(_folders())}


def program(name: str) -> str | None:
    """Return the absolute path of a program on PATH, or None where there is none.

    The current folder is never searched. A `name` with a folder in it is taken as it is."""
    if os.path.dirname(name):
        return shutil.which(name)
    file = f"{name}.exe" if sys.platform == "win32" and not name.endswith(".exe") else name
    found = (shutil.which(os.path.join(folder, file)) for folder in _folders())
    return next(filter(None, found), None)


def _folders() -> list[str]:
    """Return the folders of PATH without the relative and empty ones: they depend on the caller."""
    listed = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [folder for folder in listed if os.path.isabs(folder)]


def start(command: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    """Start a program with these `stdin`, `stdout` and `stderr`, in a process group of its own.

    `env` is `environment()` unless it is given. Ctrl-C at the terminal then reaches this process
    alone, which ends the program. Raises OSError."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return subprocess.Popen(command, **{"env": environment(), **pipes, **group})


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Close the standard input of a process that ends with it, and kill it after `seconds`.

    A process that a driver keeps alive even so is left alone. May be called twice."""
    assert process.stdin
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Yield standard output for the caller alone.

    From now on, what libraries write to standard output goes to standard error."""
    terminal.secure(queued=False)
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "w", encoding="utf-8") as out:
        yield out


def ask(
    function: str,
    given: Mapping[str, Any],
    seconds: float,
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the answer of `function` (`liveflight.module:function`) to `given`.

    `more` is added to this process's environment. Raises ChildError where the function raises, its
    process ends otherwise, or it takes longer than `seconds`."""
    command = python("liveflight.system.child_process", function)
    try:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as messages:
            try:
                child = subprocess.run(
                    command,
                    input=json.dumps(given),
                    stdout=subprocess.PIPE,
                    stderr=messages,
                    text=True,
                    timeout=seconds,
                    check=False,
                    env={**environment(), **(more or {})},
                )
            except subprocess.TimeoutExpired:
                raise ChildError(
                    f"no answer within {seconds:.0f} seconds", _end(messages)
                ) from None
            text = _end(messages)
    except OSError as error:  # no temporary folder, no more processes
        raise ChildError(f"no process can be started: {error}") from error
    if child.returncode != 0 or not child.stdout:
        last = text.strip().splitlines()[-1:] or [f"it ended with code {child.returncode}"]
        raise ChildError(last[0], text)
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def _end(messages: Any) -> str:
    messages.seek(0)
    text: str = messages.read()
    return text[-_KEPT_STDERR_CHARACTERS:]


def _answer(function: str) -> None:
    with standard_output() as out:
        given = json.load(sys.stdin)
        module, _, name = function.partition(":")
        json.dump(getattr(importlib.import_module(module), name)(given), out)
    # Threads of some libraries abort the process while Python shuts down.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    _answer(sys.argv[1])
