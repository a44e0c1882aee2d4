"""Scale pictures to the sizes at which networks see them, and gradients back.

Sizes are heights and widths.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_MIN_SIDE_PX = 48
"""Least side of a picture that was scaled down: below it deep layers have nothing left."""

_SCALES_PER_OCTAVE = 8
"""Fixed scales in an octave. Convolutions are planned, on some devices compiled, for each size: if
`Ascent.octaves` could glide through any size, most steps would wait for that, and the plans would
pile up."""

_UNSTRETCHED_PX, _STRETCH = 180, 0.5
"""Shorter side of a canvas up to which octaves are as asked for, and how much longer each becomes
with every doubling of that side. What a network recognises has a fixed size in pixels: without
this, ten times the pixels show ten times as many things of a tenth of the size."""


def scales(octaves: float, size: tuple[int, int]) -> list[float]:
    """Return the scales from which a step on a picture of this size chooses, 1 first.

    `octaves` as in `Ascent`. A large picture has as many scales as a small one, further apart."""
    stretch = 1 + _STRETCH * max(0.0, math.log2(min(size) / _UNSTRETCHED_PX))
    each = stretch / _SCALES_PER_OCTAVE
    return [2.0 ** (-number * each) for number in range(round(octaves * _SCALES_PER_OCTAVE) + 1)]


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return `scale` times a height and width, each side at least `_MIN_SIDE_PX`."""
    scale = max(scale, min(1.0, _MIN_SIDE_PX / min(size)))
    return (round(size[0] * scale), round(size[1] * scale)) if scale != 1.0 else size


def shrunk(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the picture at another height and width, antialiased."""
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def shrunk_backward(gradient: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the gradient with respect to the picture, of this size, that `shrunk` was given."""
    smaller = (gradient.shape[-2], gradient.shape[-1])
    if gradient.device.type != "cpu":
        shape = (*gradient.shape[:2], *size)
        return torch.ops.aten._upsample_bilinear2d_aa_backward(gradient, smaller, shape, False)
    # A quarter of the time of torch's own backward pass. Between the centres of new pixels their
    # triangle filters add up to 1, so there it is a linear interpolation.
    (rows, rows_reach), (columns, columns_reach) = map(_triangles, size, smaller)
    shares = gradient.contiguous() / (rows[:, None] * columns)
    enlarged = F.interpolate(shares, size, mode="bilinear", align_corners=False)
    return enlarged.mul_(rows_reach[:, None] * columns_reach)


@lru_cache(maxsize=64)
def _triangles(side: int, smaller: int) -> tuple[Tensor, Tensor]:
    """Return the sums of the triangle filters by which `shrunk` scales rows, or columns.

    First the sum of each new row's weights, before they are normalised: (smaller,). Second the sum
    of the weights that each old row is given, less than 1 at the edges: (side,)."""
    new = torch.arange(smaller, dtype=torch.float64)[:, None] + 0.5
    old = (torch.arange(side, dtype=torch.float64) + 0.5) * (smaller / side)
    weights = (1 - (old - new).abs()).clamp(min=0)  # (smaller, side)
    return weights.sum(1).float(), weights.sum(0).float()
