"""A list that counts living textures."""

from __future__ import annotations

import moderngl


class Textures(list[moderngl.Texture]):
    """Every texture that was made while a test watched."""

    @property
    def alive(self) -> int:
        return sum(type(texture.mglo) is not moderngl.InvalidObject for texture in self)
