"""Find shaders, presets, cue lists and weights: in the installed package, or atop a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def folder(name: str) -> Path:
    """The folder `shaders`, `presets`, `cues` or `weights`."""
    package = Path(__file__).parent
    installed = package / "data" / name
    return installed if installed.is_dir() else package.parent / name
