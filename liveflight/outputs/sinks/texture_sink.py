"""Define the contract of sinks that share the picture with other programs within the GPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import moderngl


class TextureSink(ABC):
    """Share each frame as a texture, which never leaves the GPU.

    All calls come from the frame loop's thread, with its GL context current."""

    name = "a texture sink"
    """The sink's name in messages."""

    @abstractmethod
    def write(self, texture: moderngl.Texture, *, bottom_up: bool) -> None:
        """Share a frame, RGBA of 8 bits; a copy within the GPU, never a wait.

        `bottom_up`: row 0 of the texture is the bottom of the picture.

        Raises LiveflightError where it cannot be shared."""

    @abstractmethod
    def close(self) -> None:
        """Stop sharing; may be called twice, and without `write`."""
