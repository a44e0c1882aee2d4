from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from liveflight.supervision.systemd_notify import SystemdNotify


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_states_reach_the_socket(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify")
    place, given = (name, name) if kind == "path" else (f"\0{name}", f"@{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(place)
        ours.settimeout(5)
        SystemdNotify({"NOTIFY_SOCKET": given}).send("READY=1", "STATUS=all well")
        assert ours.recv(100) == b"READY=1\nSTATUS=all well"


def test_nothing_happens_without_systemd_or_with_one_that_is_gone(tmp_path: Path) -> None:
    SystemdNotify({}).send("READY=1")
    SystemdNotify({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")


def test_the_watchdog_is_fed_in_half_its_time() -> None:
    assert SystemdNotify({"WATCHDOG_USEC": "30000000"}).interval == 15
    own = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert SystemdNotify(own).interval == 15
    assert own == {}
    assert SystemdNotify({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).interval == 0
    assert SystemdNotify({"WATCHDOG_USEC": "soon"}).interval == 0
