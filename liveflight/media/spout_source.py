"""Take a Spout sender as a camera, on Windows.

Written after the documentation of Spout and SpoutGL 0.1.1, and not tried: see docs/outputs.md.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.media.received_video import ReceivedVideo

_GL_RGBA = 0x1908
_WAIT_S = 0.005
"""Seconds between two looks for a frame."""


class SpoutSource(ReceivedVideo):
    """The Spout sender of that name; an empty name takes the active one."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._receiver: Any = None
        super().__init__(f"spout:{sender}")

    def open(self) -> None:
        if sys.platform != "win32":
            raise LiveflightError("Spout works on Windows; on macOS use syphon:NAME, else ndi:NAME")
        try:
            import SpoutGL
        except ImportError as error:
            raise LiveflightError(
                'Spout needs the package SpoutGL: pip install "liveflight[spout]"'
            ) from error
        self._receiver = SpoutGL.SpoutReceiver()
        self._receiver.createOpenGL()  # a context of this thread's own
        if self._sender:
            self._receiver.setReceiverName(self._sender)
        self._pixels: np.ndarray | None = None

    def receive(self) -> np.ndarray | None:
        pixels = self._pixels
        received = self._receiver.receiveImage(pixels, _GL_RGBA, False, 0)
        if self._receiver.isUpdated():
            size = self._receiver.getSenderHeight(), self._receiver.getSenderWidth()
            self._pixels = np.zeros((*size, 4), np.uint8)
            return None
        if not self._receiver.isConnected():
            raise LiveflightError("there is no such sender")
        if pixels is None or not received or not self._receiver.isFrameNew():
            time.sleep(_WAIT_S)
            return None
        return pixels[..., :3]

    def end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.releaseReceiver()
            receiver.closeOpenGL()
