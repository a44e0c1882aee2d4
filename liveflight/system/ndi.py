"""Find out whether NDI can be used on this machine, and whether others can find it."""

from __future__ import annotations

import importlib.util
import os
import sys

INSTALL = 'NDI needs the package cyndilib: pip install "liveflight[ndi]"'

_SOCKETS = {"dbus": "/run/dbus/system_bus_socket", "avahi-daemon": "/run/avahi-daemon/socket"}
"""What NDI finds sources with on Linux, and where each listens."""


def installed() -> bool:
    """Return whether the package that contains NDI is there."""
    return importlib.util.find_spec("cyndilib") is not None


def discovery_trouble() -> str:
    """Return why sources and receivers may not find each other; empty where they should."""
    if not sys.platform.startswith("linux") or os.environ.get("NDI_CONFIG_DIR"):
        return ""
    silent = [name for name, socket in _SOCKETS.items() if not os.path.exists(socket)]
    if not silent:
        return ""
    start = "apt-get install avahi-daemon, and start it"
    return f"NDI finds nothing without {' and '.join(silent)}: {start}, or set NDI_CONFIG_DIR"
