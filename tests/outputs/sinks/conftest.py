from __future__ import annotations

import json
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let NDI look for sources on this machine alone: that needs neither dbus nor avahi-daemon.

    It reads this once in a process, when the first source is offered or looked for."""
    folder = tmp_path_factory.mktemp("ndi")
    config = {"ndi": {"networks": {"ips": "127.0.0.1"}}}
    (folder / "ndi-config.v1.json").write_text(json.dumps(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NDI_CONFIG_DIR", str(folder))
        yield
