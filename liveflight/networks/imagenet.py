"""Name the 1,000 classes of ImageNet (ILSVRC 2012), in the order of their numbers.

The names are torchvision's (BSD-3-Clause). In a network with its classifier they are the filters of
the layer `class`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LAYER = "class"


@cache
def names() -> tuple[str, ...]:
    """Return the name of each class."""
    text = Path(__file__).with_name("imagenet.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
