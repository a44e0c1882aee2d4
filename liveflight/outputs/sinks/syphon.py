"""Share a show with other programs through Syphon, on macOS.

Written after the documentation of syphon-python 0.2, and not tried: see docs/outputs.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.texture_sink import TextureSink

if TYPE_CHECKING:
    import moderngl


class SyphonServer(TextureSink):
    """Offer frames under a name that Syphon clients list."""

    def __init__(self, name: str) -> None:
        """Begin. Raises LiveflightError on other systems, and without syphon-python."""
        self.name = f"Syphon {name!r}"
        self._server = _new_server(name)

    def write(self, texture: moderngl.Texture, *, bottom_up: bool) -> None:
        # Syphon's textures have row 0 at the bottom.
        self._server.publish_frame_texture(texture.glo, size=texture.size, is_flipped=not bottom_up)

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def _new_server(name: str) -> Any:
    """Return a server in the current GL context."""
    if sys.platform != "darwin":
        raise LiveflightError("--syphon works on macOS; on Windows use --spout, else --ndi")
    try:
        import syphon
    except ImportError as error:
        raise LiveflightError(
            'Syphon needs the package syphon-python: pip install "liveflight[syphon]"'
        ) from error
    return syphon.SyphonOpenGLServer(name)
