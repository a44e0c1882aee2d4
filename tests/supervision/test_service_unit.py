from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.supervision.service_unit import MARK, ServiceUnit, quoted

COMMAND = [sys.executable, "-P", "-m", "liveflight", "run"]
ODD = ["--set", "a b=50%", "--cues", 'Möwe "x" \\ $HOME.toml', "--name", "{}", "--preset", ""]


def test_it_says_what_a_show_needs() -> None:
    text = ServiceUnit(COMMAND, "/srv/show", {"DISPLAY": ":0"}).text()
    assert text.startswith(MARK)
    for line in (
        *("Type=notify", "Restart=always", "RestartSec=1", "StartLimitIntervalSec=0"),
        *("KillMode=control-group", "WatchdogSec=15", "RestartPreventExitStatus=0"),
        *("WorkingDirectory=/srv/show", "Environment=DISPLAY=:0"),
        "WantedBy=graphical-session.target default.target",
    ):
        assert line in text.splitlines(), line
    assert "User=" not in text
    system = ServiceUnit(COMMAND, "/srv/show", {}, "anna").text().splitlines()
    assert {"User=anna", "WantedBy=graphical.target"} <= set(system)
    assert "graphical-session" not in "".join(system)


def test_what_would_break_the_file_is_refused() -> None:
    for unit in (
        ServiceUnit([*COMMAND, "a\nExecStartPre=/bin/evil"], "/"),
        ServiceUnit(COMMAND, "/a\nb"),
        ServiceUnit(COMMAND, "/", {"DISPLAY": ":0\nx"}),
    ):
        with pytest.raises(LiveflightError, match="unprintable"):
            unit.text()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("--preset", "--preset"),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$HOME", '"$$HOME"'),
        ('say "x"', r'"say \"x\""'),
        ("back\\slash", r'"back\\slash"'),
        ("", '""'),
        (";", '";"'),
        ("~/x", '"~/x"'),
    ],
)
def test_arguments_are_quoted(text: str, found: str) -> None:
    assert quoted(text) == found


@pytest.mark.parametrize("user", ["", "root"])
def test_systemd_accepts_it_and_reads_the_arguments_as_given(tmp_path: Path, user: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    folder = tmp_path / "50% of it"
    folder.mkdir()
    unit = ServiceUnit([*COMMAND, *ODD], str(folder), {"XAUTHORITY": "/home/a b/%h"}, user)
    file = tmp_path / "liveflight-test.service"
    file.write_text(unit.text(), encoding="utf-8")
    scope = [] if user else ["--user"]
    run = subprocess.run(
        [analyze, *scope, "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    ours = [line for line in run.stderr.splitlines() if file.name in line]
    assert ours == []
    assert run.returncode == 0, run.stderr


def test_the_sections_are_those_of_a_unit() -> None:
    parsed = configparser.RawConfigParser(strict=True)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    text = ServiceUnit(COMMAND, "/", {"A": "1"}).text()
    parsed.read_string(re.sub(r"(?m)^After=.*\n", "", text))
    assert parsed.sections() == ["Unit", "Service", "Install"]
