"""Share a show with other programs through Spout, on Windows.

Written after the documentation of Spout and SpoutGL 0.1.1, and not tried: see docs/outputs.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.texture_sink import TextureSink

if TYPE_CHECKING:
    import moderngl

_GL_TEXTURE_2D = 0x0DE1


class SpoutSender(TextureSink):
    """Offer frames under a name that Spout receivers list."""

    def __init__(self, name: str) -> None:
        """Begin. Raises LiveflightError on other systems, and without SpoutGL."""
        self.name = f"Spout {name!r}"
        self._source, self._sender = name, _new_sender()
        self._sender.setSenderName(name)

    def write(self, texture: moderngl.Texture, *, bottom_up: bool) -> None:
        # Spout's textures have row 0 at the top.
        sent = self._sender.sendTexture(
            texture.glo, _GL_TEXTURE_2D, texture.width, texture.height, bottom_up, 0
        )
        if not sent:
            raise LiveflightError(f"{self.name}: this graphics driver shares no texture")
        self._sender.setFrameSync(self._source)

    def close(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.releaseSender()


def _new_sender() -> Any:
    if sys.platform != "win32":
        raise LiveflightError("--spout works on Windows; on macOS use --syphon, else --ndi")
    try:
        import SpoutGL
    except ImportError as error:
        raise LiveflightError(
            'Spout needs the package SpoutGL: pip install "liveflight[spout]"'
        ) from error
    return SpoutGL.SpoutSender()
