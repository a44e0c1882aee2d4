from __future__ import annotations

import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from liveflight.child import ChildError, ask

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
    """The environment in which a child finds the module `functions`."""
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
    assert failed.value.said.startswith("the library cannot be found\n")


def test_a_crash_is_said(functions: dict[str, str]) -> None:
    with pytest.raises(ChildError, match=r"^it ended with code 7$"):
        ask("functions:crashed", {}, 60, functions)


def test_what_hangs_is_ended(functions: dict[str, str]) -> None:
    start = time.monotonic()
    with pytest.raises(ChildError, match=r"^no answer within 2 seconds$"):
        ask("functions:stuck", {}, 2, functions)
    assert time.monotonic() - start < 60
