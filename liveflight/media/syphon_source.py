"""Take a Syphon server as a camera, on macOS.

Written after the documentation of syphon-python 0.2, and not tried: see docs/outputs.md.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.media.received_video import ReceivedVideo

_BGRA8 = 80
"""MTLPixelFormatBGRA8Unorm."""
_WAIT_S = 0.005
"""Seconds between two looks for a frame."""


class SyphonSource(ReceivedVideo):
    """The Syphon server with this name, or of this program; an empty name takes any."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._client: Any = None
        self._copy: Any = None
        """A function that copies a Metal texture to the host's memory."""
        super().__init__(f"syphon:{server}")

    def open(self) -> None:
        if sys.platform != "darwin":
            raise LiveflightError("Syphon works on macOS; on Windows use spout:NAME, else ndi:NAME")
        try:
            import syphon
            from syphon.utils.numpy import copy_mtl_texture_to_image
        except ImportError as error:
            raise LiveflightError(
                'Syphon needs the package syphon-python: pip install "liveflight[syphon]"'
            ) from error
        self._copy = copy_mtl_texture_to_image
        with syphon.SyphonServerDirectory() as directory:
            servers = directory.servers
        named = [one for one in servers if self._server in ("", one.name, one.app_name)]
        if not named:
            found = ", ".join(one.name or one.app_name for one in servers) or "nothing"
            raise LiveflightError(f"there is no such server; found: {found}")
        self._client = syphon.SyphonMetalClient(named[0])

    def receive(self) -> np.ndarray | None:
        if not self._client.is_valid:
            raise LiveflightError("the server is gone")
        texture = self._client.new_frame_image if self._client.has_new_frame else None
        if texture is None:
            time.sleep(_WAIT_S)
            return None
        pixels: np.ndarray = self._copy(texture)
        return pixels[..., 2::-1] if texture.pixelFormat() == _BGRA8 else pixels[..., :3]

    def end(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.stop()
