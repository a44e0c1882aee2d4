from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from liveflight.supervision.display_probe import is_ready

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="they have a desktop")


def test_a_running_x_server_is_found_and_stays(x_server: str) -> None:
    for _ in range(5):
        assert is_ready({"DISPLAY": x_server})
        assert is_ready({"DISPLAY": f"unix{x_server}.0"})


@pytest.mark.parametrize("display", [":987", ":987.0", "localhost:987", "", ":", "nonsense", ":x"])
def test_one_that_does_not_run_is_not(display: str) -> None:
    assert not is_ready({"DISPLAY": display})
    assert not is_ready({})


def test_wayland(tmp_path: Path) -> None:
    given = {"XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":987"}
    assert not is_ready(given)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desktop:
        desktop.bind(str(tmp_path / "wayland-0"))
        assert not is_ready(given)
        desktop.listen()
        assert is_ready(given)
    assert is_ready({"SDL_VIDEODRIVER": "offscreen"})
