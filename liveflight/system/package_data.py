"""Find the shaders, presets, cue lists, weights and atlases that come with the program."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def folder(name: str) -> Path:
    """Return the folder `shaders`, `presets`, `cues`, `weights` or `atlas`.

    It is inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name
