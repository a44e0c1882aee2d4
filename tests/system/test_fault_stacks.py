"""Stacks of a process that crashes or hangs: child processes, without pytest's own handlers."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

CODE = """
import os, signal, sys, threading, time
from liveflight.system import fault_stacks, signals, terminal

def hangs():
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

def waits_elsewhere():
    threading.Event().wait()

terminal.secure(queued=True)
signals.raise_interrupts()
fault_stacks.enable()
threading.Thread(target=waits_elsewhere, daemon=True).start()
hangs()
"""


def start() -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize("fatal", ["SIGSEGV", "SIGABRT"])
def test_a_crash_leaves_the_stacks_of_all_threads(fatal: str) -> None:
    child = start()
    child.send_signal(getattr(signal, fatal))
    said = child.communicate(timeout=60)[1]
    assert child.returncode == -getattr(signal, fatal)
    assert said.startswith("Fatal Python error")
    assert "in hangs" in said and "in waits_elsewhere" in said


def test_stacks_on_request_and_the_process_goes_on() -> None:
    child = start()
    assert child.stderr
    child.send_signal(signal.SIGUSR2)
    said = ""
    while "in hangs" not in said:
        said += child.stderr.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert "in waits_elsewhere" in said
    assert child.returncode in (1, -signal.SIGINT), "the program's own signals are as they were"
