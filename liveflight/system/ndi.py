"""Find out whether NDI can be used on this machine, and whether others can find it."""

from __future__ import annotations

import os
import sys
import threading

INSTALL = 'NDI needs the package cyndilib: pip install "liveflight[ndi]"'

_SOCKETS = {"dbus": "/run/dbus/system_bus_socket", "avahi-daemon": "/run/avahi-daemon/socket"}
"""The services with which NDI finds sources on Linux, and where each listens."""


_loading = threading.Lock()


def load() -> str:
    """Import the package that contains NDI; return why it cannot be used, empty where it can.

    Two threads that import it at once would see it half made."""
    with _loading:
        try:
            import cyndilib  # noqa: F401
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError)
            return INSTALL if missing else f"NDI cannot be loaded: {error}"
    return ""


def discovery_trouble() -> str:
    """Return why sources and receivers may not find each other; empty where they should."""
    if not sys.platform.startswith("linux") or os.environ.get("NDI_CONFIG_DIR"):
        return ""
    silent = [name for name, socket in _SOCKETS.items() if not os.path.exists(socket)]
    if not silent:
        return ""
    start = "apt-get install avahi-daemon, and start it"
    return f"NDI finds nothing without {' and '.join(silent)}: {start}, or set NDI_CONFIG_DIR"
