"""Run fragment shaders from the `shaders` folder over a viewport."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import moderngl

from liveflight.core.contracts import LiveflightError, Size
from liveflight.render import mesa_fences
from liveflight.system.package_data import folder

Viewport = tuple[int, int, int, int]
"""Left, first row, width, height, in the framebuffer's pixels."""

Filtering = Literal["texels", "bilinear", "mipmaps"]

_FILTERS = {
    # Weights of drivers have only 8 bits, so what has to be exact weights whole texels itself.
    "texels": (moderngl.NEAREST, moderngl.NEAREST),
    "bilinear": (moderngl.LINEAR, moderngl.LINEAR),
    "mipmaps": (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR),
}

_UNITS = {
    **{"noise": 1, "displacements": 2},
    **{"shown": 1, "tracks": 2, "wanted": 3, "ages": 4, "limits": 5, "fresh": 1},
    **{"wishes": 1, "at_once": 2, "moments": 3, "gradual": 4, "slopes": 5, "told": 6},
    **{"parts": 7, "counts": 8},
}
"""Texture units of what shaders read beside their first texture; `noise` is a repeated one."""

_INCLUDE = re.compile(r'^#include "([\w.]+)"$', re.MULTILINE)


def source(name: str, generated: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a shader's text with `#include "file"` lines replaced by those files.

    `generated` has texts of includes that are no files, by name.

    Raises LiveflightError where a file is missing or is not text."""
    try:
        text = _read(folder("shaders") / name)
    except (OSError, ValueError) as error:
        raise LiveflightError(
            f"shader {name}: cannot be read ({error}); install liveflight anew"
        ) from error

    def included(found: re.Match[str]) -> str:
        # The compiler's line numbers are then those of each file, not of the combined text.
        line = text.count("\n", 0, found.start()) + 2
        part = generated.get(found[1]) or source(found[1], generated)
        return f"#line 1 1\n{part}\n#line {line} 0"

    return _INCLUDE.sub(included, text)


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _defining(names: Sequence[str], text: str) -> str:
    """Return the shader with macros defined after its `#version` line, line numbers unchanged."""
    head, version, rest = text.partition("#version 330 core\n")
    line = head.count("\n") + 2
    macros = "".join(f"#define {name}\n" for name in names)
    return f"{head}{version}{macros}#line {line} 0\n{rest}"


def _first_error(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip(" =")]
    return next((line for line in lines if re.search(r"\berror\b", line, re.I)), lines[-1])


class RenderTarget:
    """An RGBA texture and the framebuffer that draws into it."""

    def __init__(self, ctx: moderngl.Context, size: Size, dtype: str = "f2") -> None:
        """Make a target of this width and height in pixels; its first contents are undefined.

        `dtype`: `f2` for 16 bits per channel, `f1` for 8.
        Raises LiveflightError where the graphics memory cannot hold it."""
        self.size = size
        self._ctx = ctx
        texture = None
        try:
            self.texture = texture = ctx.texture(size, 4, dtype=dtype)
            self.framebuffer = ctx.framebuffer([self.texture])
        except (moderngl.Error, MemoryError) as error:
            if texture:
                texture.release()
            _ = ctx.error  # reading it clears it
            raise LiveflightError(
                f"canvas {size[0]}x{size[1]}: the graphics memory cannot hold it; "
                "try a smaller --canvas"
            ) from error

    def release(self) -> None:
        if self._ctx.fbo is self.framebuffer:
            # After a read moderngl binds the previous framebuffer; a released one is a GL error.
            self._ctx.detect_framebuffer(0).use()
        self.framebuffer.release()
        self.texture.release()


@contextmanager
def blending(ctx: moderngl.Context, *factors: int) -> Iterator[None]:
    """Blend what is drawn in this context, with these GL factors.

    Two factors: source and destination; four: the same for colour, then for alpha. Blending ends
    even where drawing fails: later passes must not be blended."""
    ctx.enable(moderngl.BLEND)
    # moderngl's annotations know only two factors.
    ctx.blend_func = factors  # type: ignore[assignment]
    try:
        yield
    finally:
        ctx.disable(moderngl.BLEND)


class Pass:
    """A compiled fragment shader, drawn as one triangle over a viewport."""

    def __init__(
        self,
        ctx: moderngl.Context,
        name: str,
        *defined: str,
        filtering: Filtering = "texels",
        generated: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Compile the fragment shader in the file `name`.

        `defined`: macros that choose parts of it. `filtering`: what the driver does between the
        texels of its first texture. `generated`: see `source`.

        Raises LiveflightError with the compiler's first error where it does not compile."""
        self._ctx = ctx
        try:
            self._program = ctx.program(
                vertex_shader=source("fullscreen.vert"),
                fragment_shader=_defining(defined, source(name, generated)),
            )
        except moderngl.Error as error:
            raise LiveflightError(f"shader {name}: {_first_error(str(error))}") from error
        self._names = frozenset(self._program)
        for name, unit in _UNITS.items():
            if name in self._names:
                self._program[name] = unit
        self._triangle = ctx.vertex_array(self._program, [])
        self._keep_fence = mesa_fences.keeper(ctx)
        filters = _FILTERS[filtering]
        self._sampler = ctx.sampler(repeat_x=False, repeat_y=False, filter=filters)
        bilinear = _FILTERS["bilinear"]
        self._tiles = ctx.sampler(filter=bilinear)
        self._smooth = ctx.sampler(repeat_x=False, repeat_y=False, filter=bilinear)

    def draw(
        self,
        framebuffer: moderngl.Framebuffer,
        viewport: Viewport,
        texture: moderngl.Texture | None,
        uniforms: Mapping[str, Any],
        more: Mapping[str, moderngl.Texture] = MappingProxyType({}),
    ) -> None:
        """Run the shader on every pixel of the viewport; leaves the framebuffer bound.

        `texture` is the shader's first texture, if it has one, clamped to its edge. `more`: others
        by name, see `_UNITS`. Matrices in `uniforms` are column-major. Uniforms that the compiler
        left out are ignored."""
        for name, value in uniforms.items():
            if name in self._names:
                self._program[name] = value
        if texture:
            texture.use(0)
            self._sampler.use(0)
        for name, other in more.items():
            other.use(_UNITS[name])
            (self._tiles if name == "noise" else self._smooth).use(_UNITS[name])
        framebuffer.use()
        framebuffer.viewport = viewport
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        self._keep_fence()

    def lay(
        self,
        framebuffer: moderngl.Framebuffer,
        viewport: Viewport,
        texture: moderngl.Texture | None,
        uniforms: Mapping[str, Any],
        more: Mapping[str, moderngl.Texture] = MappingProxyType({}),
    ) -> None:
        """Draw over the framebuffer's contents, blended by the shader's alpha.

        The framebuffer's own alpha stays. Leaves blending off."""
        factors = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA)
        with blending(self._ctx, *factors, moderngl.ZERO, moderngl.ONE):
            self.draw(framebuffer, viewport, texture, uniforms, more)

    def add(
        self,
        framebuffer: moderngl.Framebuffer,
        viewport: Viewport,
        texture: moderngl.Texture,
        uniforms: Mapping[str, Any],
        *,
        covered: bool = False,
    ) -> None:
        """Add to the framebuffer's contents, whose alpha stays. Leaves blending off.

        `covered`: what is added is multiplied by that alpha."""
        factor = moderngl.DST_ALPHA if covered else moderngl.ONE
        with blending(self._ctx, factor, moderngl.ONE, moderngl.ZERO, moderngl.ONE):
            self.draw(framebuffer, viewport, texture, uniforms)

    def release(self) -> None:
        for sampler in (self._sampler, self._tiles, self._smooth):
            sampler.release()
        self._triangle.release()
        self._program.release()


class Scaling:
    """A pass that scales along one axis with resample.glsl, compiled for growing and shrinking."""

    def __init__(self, ctx: moderngl.Context, name: str) -> None:
        self._growing = Pass(ctx, name)
        self._shrinking = Pass(ctx, name, "SHRINKING")

    def draw(
        self,
        framebuffer: moderngl.Framebuffer,
        viewport: Viewport,
        texture: moderngl.Texture,
        uniforms: Mapping[str, Any],
    ) -> None:
        """Do as `Pass.draw`; `uniforms["scale"]`, in texels per pixel, chooses the shader."""
        chosen = self._shrinking if uniforms["scale"] > 1 else self._growing
        chosen.draw(framebuffer, viewport, texture, uniforms)

    def release(self) -> None:
        self._growing.release()
        self._shrinking.release()
