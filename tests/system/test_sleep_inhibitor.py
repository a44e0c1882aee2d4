"""The machine stays awake: with a stand-in for systemd-inhibit."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from liveflight.system import sleep_inhibitor
from liveflight.system.sleep_inhibitor import SleepInhibitor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="is for systemd")


def use(program: str, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Have `systemd-inhibit` be this shell program; return the file that it writes into."""
    file, notes = folder / "systemd-inhibit", folder / "notes"
    file.write_text(f'#!/bin/sh\nnotes="{notes}"\n{program}\n')
    file.chmod(0o755)
    patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return notes


def test_the_lock_is_held_until_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    program = 'echo "$@" > "$notes"; while [ "$1" != cat ]; do shift; done; exec "$@"'
    notes = use(program, tmp_path, monkeypatch)
    inhibitor = SleepInhibitor()
    while not (notes.exists() and notes.read_text().endswith("\n")):
        assert inhibitor.trouble() == ""
    assert "--what=idle:sleep" in notes.read_text() and "--mode=block" in notes.read_text()
    assert started[0].poll() is None
    inhibitor.close()
    assert started[0].returncode == 0, "it ends with its input, also when a show is killed"
    inhibitor.close()


def test_a_system_that_refuses_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("exit 1", tmp_path, monkeypatch)
    inhibitor = SleepInhibitor()
    end = time.monotonic() + 20
    while not (said := inhibitor.trouble()):
        assert time.monotonic() < end
    assert "systemd-inhibit ended with code 1: switch sleep and screen saver off" in said
    assert inhibitor.trouble() == ""
    inhibitor.close()


def test_a_system_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sleep_inhibitor.child_process, "program", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    inhibitor = SleepInhibitor()
    assert "No such file" in inhibitor.trouble()
    inhibitor.close()
