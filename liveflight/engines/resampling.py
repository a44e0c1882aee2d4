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
    if gradient.device.type != "cpu":
        shape = (*gradient.shape[:2], *size)
        return torch.ops.aten._upsample_bilinear2d_aa_backward(gradient, smaller, shape, False)
    # A quarter of the time of torch's own way back: between the middles of new pixels their
    # triangles add up to 1, so there it is a linear interpolation.
    (rows, rows_reach), (columns, columns_reach) = map(_triangles, size, smaller)
    shares = gradient.contiguous() / (rows[:, None] * columns)
    spread = F.interpolate(shares, size, mode="bilinear", align_corners=False)
    return spread.mul_(rows_reach[:, None] * columns_reach)


@lru_cache(maxsize=64)
def _triangles(side: int, smaller: int) -> tuple[Tensor, Tensor]:
    """How much of old rows (or columns) each new one of `shrunk` takes before that is made 1, and
    how much new ones take of each old one: less than 1 at the edges."""
    new = torch.arange(smaller, dtype=torch.float64)[:, None] + 0.5
    old = (torch.arange(side, dtype=torch.float64) + 0.5) * (smaller / side)
    weights = (1 - (old - new).abs()).clamp(min=0)  # (smaller, side)
    return weights.sum(1).float(), weights.sum(0).float()
