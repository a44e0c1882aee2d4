"""Compiled shader programs, kept for the next test that asks for the same source."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import Any

import moderngl


class ProgramPool:
    """Make a context's programs from released ones, with all uniforms zero as in new ones.

    A software driver compiles the forty programs of a show in a fifth of a second."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._compile = ctx.program
        self._free: dict[str, list[moderngl.Program]] = defaultdict(list)
        ctx.program = self._program  # type: ignore[method-assign]

    def _program(self, **source: Any) -> moderngl.Program:
        free = self._free[repr(source)]
        if free:
            program = free.pop()
            for name in program:
                _zero(program[name])
        else:
            program = self._compile(**source)
        given = copy(program)

        def release() -> None:
            if not isinstance(given.mglo, moderngl.InvalidObject):
                given.mglo = moderngl.InvalidObject()
                free.append(program)

        given.release = release  # type: ignore[method-assign]
        return given


def _zero(member: Any) -> None:
    if isinstance(member, moderngl.Uniform):
        member.write(bytes(member.array_length * member.element_size))
