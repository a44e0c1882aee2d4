"""A child process that answers each line with a line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest


class ChildProgram:
    """Run Python code that answers commands; its first answer is `opened`."""

    def __init__(self, code: str, options: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.opened = self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"the child process ended: {self.process.communicate()[1]}")
        return json.loads(line)

    def ask(self, command: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()
