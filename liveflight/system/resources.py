"""Find shaders, presets, cue lists, weights, atlases: in the package, or atop a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def folder(name: str) -> Path:
    """The folder `shaders`, `presets`, `cues`, `weights` or `atlas`."""
    package = Path(__file__).parents[1]
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name
