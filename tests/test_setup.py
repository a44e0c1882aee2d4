"""Test scripts/fly and scripts/test without a network; a stand-in for Python notes its calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for a POSIX shell")

# Makes an environment by copying itself. Fails, or kills the calling script, at a command that has
# the words of the file LOG.fail or LOG.kill.
STAND_IN = """#!/bin/bash
echo "$*" >>"$LOG"
case "$*" in
    -V) echo "Python 3.11.0" ;;
    "-m venv"*) mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python" ;;
    "-P -m liveflight"*) printf '<%s>' "${@:4}" ;;
esac
[[ ! -f $LOG.kill || "$*" != *"$(cat "$LOG.kill")"* ]] || kill -KILL 0
[[ ! -f $LOG.fail || "$*" != *"$(cat "$LOG.fail")"* ]]
"""


class Checkout:
    """A copy of the scripts in a folder with a space in its name, and a stand-in for python3."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my flight"
        self.log = folder / "log"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        stand_in = folder / "bin" / "python3"
        stand_in.parent.mkdir()
        stand_in.write_text(STAND_IN)
        stand_in.chmod(0o755)
        path = f"{stand_in.parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "LOG": str(self.log)}

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script; `asked` then holds the calls of Python in that run."""
        self.log.unlink(missing_ok=True)
        done = subprocess.run(
            [self.root / "scripts" / script, *arguments],
            cwd=self.elsewhere,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        self.asked = self.log.read_text() if self.log.exists() else ""
        return done

    def fail_at(self, words: str | None) -> None:
        self._trouble("fail", words)

    def kill_at(self, words: str | None) -> None:
        self._trouble("kill", words)

    def _trouble(self, kind: str, words: str | None) -> None:
        file = Path(f"{self.log}.{kind}")
        file.unlink(missing_ok=True) if words is None else file.write_text(words)

    @property
    def installed(self) -> bool:
        return "uv pip install" in self.asked


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_first_run_sets_up_and_passes_the_arguments_on(checkout: Checkout) -> None:
    done = checkout.run("fly", "--preset", "two words")
    assert (done.returncode, done.stdout) == (0, "<--preset><two words>")
    assert f"-m venv {checkout.root}/.venv" in checkout.asked
    assert checkout.installed
    assert "--group dev" not in checkout.asked


def test_second_run_goes_straight_to_python(checkout: Checkout) -> None:
    checkout.run("fly")
    checkout.run("fly", "--help")
    assert checkout.asked.splitlines() == ["-V", "-P -m liveflight --help"]


def test_whoever_can_test_can_fly_but_not_the_other_way_round(checkout: Checkout) -> None:
    checkout.run("fly")
    checkout.run("test", "-k", "camera")
    assert "--group dev" in checkout.asked
    assert checkout.asked.splitlines()[-1] == "-m pytest -k camera"
    checkout.run("fly")
    assert not checkout.installed


def test_the_whole_suite_runs_in_two_processes(checkout: Checkout) -> None:
    checkout.run("test")
    assert checkout.asked.splitlines()[-1] == "-m pytest --numprocesses 2 --dist worksteal"


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_dependencies_are_installed(checkout: Checkout, name: str) -> None:
    checkout.run("fly")
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.run("fly")
    assert checkout.installed
    assert "-m venv" not in checkout.asked


def test_moved_checkout_is_installed_again(checkout: Checkout) -> None:
    checkout.run("fly")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    checkout.run("fly")
    assert checkout.installed


def test_failed_set_up_is_redone(checkout: Checkout) -> None:
    checkout.fail_at("pip install")
    done = checkout.run("fly")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "liveflight: packages not installed"

    checkout.fail_at(None)
    assert checkout.run("fly").returncode == 0
    assert checkout.installed


@pytest.mark.parametrize("moment", ["-m venv", "-m pip", "-m uv"])
def test_set_up_that_was_cut_off_starts_from_nothing(checkout: Checkout, moment: str) -> None:
    checkout.kill_at(moment)
    assert checkout.run("fly").returncode != 0

    checkout.kill_at(None)
    assert checkout.run("fly").returncode == 0
    assert "-m venv" in checkout.asked
    assert checkout.installed


def test_pip_steps_in_for_uv(checkout: Checkout) -> None:
    checkout.fail_at("-m uv")
    assert checkout.run("test").returncode == 0
    assert "-m pip install -c constraints.txt -e . --quiet --group dev" in checkout.asked


def test_broken_environment_is_made_anew(checkout: Checkout) -> None:
    checkout.run("fly")
    python = checkout.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    done = checkout.run("fly")
    assert done.returncode == 0
    assert "-m venv" in checkout.asked
    assert checkout.installed
