"""3x3 convolutions by Winograd's minimal filtering, for processors whose only fast format is
float32.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015: a tile of m x m outputs
takes (m + 2)^2 multiplications per pair of channels where the plain way takes 9 m^2, so 2.25 to 5
times fewer, and these are matrix products. What it takes besides is passes over memory, so it works
through the picture in blocks of rows of tiles that stay in the cache.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from liveflight.engines.rectifier import IDENTITY, Rectifier

_POINTS = {4: (0.0, 1.0, -1.0, 2.0, -2.0), 6: (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)}
"""Where the polynomials are evaluated, by m; the last point is at infinity."""

_MOST_FOR_LARGE_TILES = 128
"""Channels up to which m is 6. Beyond, its weights, 64 numbers for a filter's 9, cost more than its
fewer multiplications save."""


def matrices(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Output (m, m + 2), filter (m + 2, 3) and input transform (m + 2, m + 2), float64, by the
    construction of Cook and Toom."""
    points, size = _POINTS[tile], tile + 2

    def powers(count: int) -> Tensor:
        rows = [[point**power for power in range(count)] for point in points]
        return torch.tensor([*rows, [0.0] * (count - 1) + [1.0]], dtype=torch.float64)

    products = [math.prod(p - other for other in points if other != p) for p in points]
    scale = torch.tensor([*products, 1.0], dtype=torch.float64)[:, None]
    return powers(tile).T, powers(3) / scale, torch.linalg.inv(powers(size)).T * scale


class Winograd:
    """One 3x3 convolution of stride 1 and padding 1 over channels-last float32 on the CPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """`weight`: (filters, channels, 3, 3)."""
        self.tile = 6 if max(weight.shape[:2]) <= _MOST_FOR_LARGE_TILES else 4
        filters, channels = weight.shape[:2]
        output, transform, self._input = (matrix.float() for matrix in matrices(self.tile))
        self._output = output.contiguous()
        transformed = torch.einsum("ia,ocab,jb->ijco", transform, weight.float(), transform)
        self._weight = transformed.reshape(-1, channels, filters).contiguous()
        self._bias = bias

    def __call__(
        self,
        x: Tensor,
        rectifier: Rectifier = IDENTITY,
        masked: tuple[Rectifier, Tensor] | None = None,
    ) -> Tensor:
        """The rectified convolution of x (1, channels, H, W), channels-last; or of what the mask
        lets through of it, where it is a gradient: of a rectifier and what that made."""
        pixels = x[0].permute(1, 2, 0)  # (H, W, channels)
        clamp, mask = masked or (IDENTITY, None)
        mask = None if mask is None else mask[0].permute(1, 2, 0)
        shape = (1, self._weight.shape[-1], *x.shape[2:])
        y = torch.empty(shape, memory_format=torch.channels_last)
        result = y[0].permute(1, 2, 0)
        across, down = -(-x.shape[-1] // self.tile), -(-x.shape[-2] // self.tile)
        most = _rows(max(self._weight.shape[1:]), across, down)
        block = _Block(self, most, across)
        for start in range(0, down, most):
            rows = min(most, down - start)
            if rows < most:
                block = _Block(self, rows, across)
            top = start * self.tile
            block.load(pixels, top, clamp, mask)
            block.convolve(self._weight, self._bias)
            block.store(result, top, rectifier)
        return y


class _Block:
    """The memory for some rows of tiles of a picture, n = m + 2 pixels wide and high, overlapping
    by 2, and the passes over it."""

    def __init__(self, winograd: Winograd, rows: int, across: int) -> None:
        m, n = winograd.tile, winograd.tile + 2
        channels, filters = winograd._weight.shape[1:]
        count, wide = rows * across, across * m + 2
        self.height = rows * m
        line = wide * channels
        # Each pass reads one of two memories and writes the other: what is read was written just
        # now and is still in the cache.
        most = max(n * n * count * max(channels, filters), (rows * m + 2) * line, rows * n * line)
        here, there = (winograd._weight.new_empty(most) for _ in range(2))
        self._frame = _view(here, rows * m + 2, wide, channels)
        self._bands = here.as_strided((rows, n, line), (m * line, line, 1))
        self._down = _view(there, rows, n, line)
        self._tiles = there.as_strided(
            (n, n, rows, across, channels), (line, channels, n * line, m * channels, 1)
        )
        self._gathered = _view(here, n, n, rows, across, channels)
        self._transformed = _view(there, n, n, count * channels)
        self._products = _view(here, n * n, count, filters)
        self._across = _view(there, n, m, count * filters)
        self._spread = _view(here, rows, n, across, m, filters)
        self._result = _view(there, rows, m, across * m * filters)
        self._pixels = _view(there, rows * m, across * m, filters)
        inward, outward = winograd._input, winograd._output
        self._inward = inward.expand(n, n, n), inward.expand(rows, n, n)
        self._outward = outward.expand(n, m, n), outward.expand(rows, m, n)

    def load(self, x: Tensor, start: int, rectifier: Rectifier, mask: Tensor | None) -> None:
        height, width = x.shape[:2]
        top, bottom = start - 1, start + self.height + 1
        first, last = max(top, 0), min(bottom, height)
        # A frame of zeros round what is loaded is the convolution's padding.
        self._frame[: first - top] = 0
        self._frame[last - top :] = 0
        self._frame[:, 0] = 0
        self._frame[:, 1 + width :] = 0
        inside = self._frame[first - top : last - top, 1 : 1 + width]
        if mask is None:
            inside.copy_(x[first:last])
        else:
            rectifier.backward(x[first:last], mask[first:last], out=inside)

    def convolve(self, weight: Tensor, bias: Tensor | None) -> None:
        across, down = self._inward
        n = len(across)
        torch.bmm(down, self._bands, out=self._down)
        self._gathered.copy_(self._tiles)
        torch.bmm(across, self._gathered.view(n, n, -1), out=self._transformed)
        tiles = self._transformed.view(n * n, -1, weight.shape[1])
        torch.bmm(tiles, weight, out=self._products)
        if bias is not None:
            # All outputs of a tile take in the point 1 once: there a bias is added for all of them.
            self._products[n + 1] += bias
        across, down = self._outward
        torch.bmm(across, self._products.view(n, n, -1), out=self._across)
        rows, _, columns, m, filters = self._spread.shape
        products = self._across.view(n, m, rows, columns, filters)
        self._spread.copy_(products.permute(2, 0, 3, 1, 4))
        torch.bmm(down, self._spread.view(rows, n, -1), out=self._result)

    def store(self, result: Tensor, start: int, rectifier: Rectifier) -> None:
        height, width = result.shape[:2]
        stop = min(start + self.height, height)
        rectifier.forward(self._pixels[: stop - start, :width], out=result[start:stop])


def _view(memory: Tensor, *shape: int) -> Tensor:
    return memory[: math.prod(shape)].view(shape)


def _rows(channels: int, across: int, down: int) -> int:
    """How many rows of tiles to take at a time. Large blocks leave the cache; in small ones the
    weights, which many channels have more of than of pixels, are read for too few tiles."""
    most = max(10_000 // channels, channels // 2) / across
    if down < 1.6 * most:
        return down
    return max(2, round(most / 2) * 2)  # halves for two threads
