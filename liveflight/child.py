"""Asks a function of this package in a process of its own: for what may hang, crash, load much, or
has to begin from nothing. JSON there and back.

    python -m liveflight.child liveflight.module:function < given.json > answer.json
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

_SAID = 4000
"""How many of the last characters on standard error are kept."""


class ChildError(Exception):
    """The process gave no answer: the last line it said, or what became of it. `said`: the end of
    its standard error."""

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said


def ask(
    function: str,
    given: Mapping[str, Any],
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What `function` (`liveflight.module:function`) answers to `given`. `environment` is added to
    this process's.

    Raises ChildError where it raises, ends otherwise or takes longer than `seconds`."""
    command = [sys.executable, "-m", "liveflight.child", function]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        try:
            child = subprocess.run(
                command,
                input=json.dumps(given),
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                timeout=seconds,
                check=False,
                env={**os.environ, **(environment or {})},
            )
        except subprocess.TimeoutExpired:
            raise ChildError(f"no answer within {seconds:.0f} seconds", _end(said)) from None
        text = _end(said)
    if child.returncode != 0 or not child.stdout:
        last = text.strip().splitlines()[-1:] or [f"it ended with code {child.returncode}"]
        raise ChildError(last[0], text)
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def _end(said: Any) -> str:
    said.seek(0)
    text: str = said.read()
    return text[-_SAID:]


def _answer(function: str) -> None:
    # What libraries write to standard output goes to standard error: the answer stands alone.
    own = os.dup(1)
    os.dup2(2, 1)
    given = json.load(sys.stdin)
    module, _, name = function.partition(":")
    answer = getattr(importlib.import_module(module), name)(given)
    with os.fdopen(own, "w", encoding="utf-8") as out:
        json.dump(answer, out)
    # As libraries' threads are taken down, some abort the process.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    _answer(sys.argv[1])
