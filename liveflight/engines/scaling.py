"""The sizes at which networks look at a picture, and the way there and back."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_SMALLEST = 48
"""Pixels below which no side of what the network sees is scaled down: deep layers would have
nothing left."""

_PER_OCTAVE = 8
"""Scales to an octave of what is asked for: always the same ones. Convolutions are planned, on some
devices compiled, anew for each size: among sizes without end, as a gliding `Ascent.octaves` would
bring, most steps would wait for that, and the plans would pile up."""


_PLAIN, _STRETCH = 180, 0.5
"""Pixels of a canvas' shorter side up to which octaves are as asked for, and how much more there
are of each with every doubling of it. What a network recognises is so many pixels large: without
this, ten times the pixels show ten times as many things of a tenth of the size."""


def scales(octaves: float, size: tuple[int, int]) -> list[float]:
    """Those that `Ascent.octaves` lets steps on a picture of this height and width choose from, 1
    first: as many for a large picture as for a small one, further apart."""
    stretch = 1 + _STRETCH * max(0.0, math.log2(min(size) / _PLAIN))
    each = stretch / _PER_OCTAVE
    return [2.0 ** (-number * each) for number in range(round(octaves * _PER_OCTAVE) + 1)]


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """A height and width at `scale` times their size, each side at least `_SMALLEST`."""
    scale = max(scale, min(1.0, _SMALLEST / min(size)))
    return (round(size[0] * scale), round(size[1] * scale)) if scale != 1.0 else size


def shrunk(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture at another height and width, antialiased."""
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def shrunk_backward(gradient: Tensor, size: tuple[int, int]) -> Tensor:
    """The gradient with respect to a picture of this height and width of what `shrunk` made."""
    smaller = (gradient.shape[-2], gradient.shape[-1])
    if gradient.device.type == "cpu":  # where products take half the time of torch's own way back
        rows, columns = (_weights(*sides) for sides in zip(size, smaller, strict=True))
        return rows.T @ (gradient @ columns)
    shape = (*gradient.shape[:2], *size)
    return torch.ops.aten._upsample_bilinear2d_aa_backward(gradient, smaller, shape, False)


@lru_cache(maxsize=64)
def _weights(side: int, smaller: int) -> Tensor:
    """What `shrunk` takes of each old row (or column) for each new one: (smaller, side)."""
    return shrunk(torch.eye(side)[None, None], (smaller, side))[0, 0]
