"""The display is turned off and on by a stand-in for xset."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from liveflight.outputs import display_power

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


@pytest.fixture
def xset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program on PATH that notes its arguments beside itself."""
    program = tmp_path / "xset"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/said"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(display_power, "start_thread", lambda job: job())
    display_power._say.cache_clear()
    return program


def test_it_goes_off_and_on(xset: Path, caplog: pytest.LogCaptureFixture) -> None:
    display_power.turn(False)
    display_power.turn(True)
    said = xset.with_name("said").read_text().splitlines()
    assert said == ["dpms 0 0 0 dpms force off", "dpms force on"]
    assert not caplog.records


def test_a_server_without_it_is_said_once(xset: Path, caplog: pytest.LogCaptureFixture) -> None:
    xset.write_text("#!/bin/sh\necho server does not have extension for dpms option >&2\n")
    for on in (False, True, False):
        display_power.turn(on)
    assert [each.message for each in caplog.records] == [
        "the display cannot be turned off, and shows black instead: "
        "server does not have extension for dpms option"
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("WAYLAND_DISPLAY", "wayland-0", "on X11 alone"), ("DISPLAY", "", "on X11 alone"),
     ("PATH", "", "xset is missing")],
)  # fmt: skip
def test_where_there_is_no_way_it_says_so(
    name: str,
    value: str,
    why: str,
    xset: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(name, value)
    display_power.turn(False)
    [line] = [each.message for each in caplog.records]
    assert why in line
    assert not xset.with_name("said").exists()
