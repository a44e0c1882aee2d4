"""Convolve 3x3 by Winograd's minimal filtering, for CPUs whose only fast format is float32.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015: a tile of m x m outputs
takes (m + 2)^2 multiplications per pair of channels where the direct way takes 9 m^2, so 2.25 to 5
times fewer, and these are matrix products. The cost is more passes over memory. So it works through
the picture in blocks of rows of tiles that stay in the cache.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from liveflight.engines.relu import IDENTITY, Relu

_POINTS = {4: (0.0, 1.0, -1.0, 2.0, -2.0), 6: (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)}
"""Points where the polynomials are evaluated, by m; the last point is at infinity."""

_MAX_CHANNELS_FOR_LARGE_TILES = 128
"""Number of channels up to which m is 6. Beyond, its weights, 64 numbers for a filter's 9, cost
more than its fewer multiplications save."""


def matrices(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the transforms by the construction of Cook and Toom, float64.

    Of the output (m, m + 2), the filter (m + 2, 3) and the input (m + 2, m + 2)."""
    points, size = _POINTS[tile], tile + 2

    def powers(count: int) -> Tensor:
        rows = [[point**power for power in range(count)] for point in points]
        return torch.tensor([*rows, [0.0] * (count - 1) + [1.0]], dtype=torch.float64)

    products = [math.prod(p - other for other in points if other != p) for p in points]
    scale = torch.tensor([*products, 1.0], dtype=torch.float64)[:, None]
    return powers(tile).T, powers(3) / scale, torch.linalg.inv(powers(size)).T * scale


class Winograd:
    """Convolve 3x3 at stride 1 and padding 1, channels-last float32 on the CPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Prepare the convolution by `weight`: (filters, channels, 3, 3)."""
        self.tile = 6 if max(weight.shape[:2]) <= _MAX_CHANNELS_FOR_LARGE_TILES else 4
        filters, channels = weight.shape[:2]
        output, transform, self._input = (matrix.float() for matrix in matrices(self.tile))
        self._output = output.contiguous()
        transformed = torch.einsum("ia,ocab,jb->ijco", transform, weight.float(), transform)
        self._weight = transformed.reshape(-1, channels, filters).contiguous()
        self._bias = bias

    def __call__(
        self,
        x: Tensor,
        rectifier: Relu = IDENTITY,
        masked: tuple[Relu, Tensor] | None = None,
    ) -> Tensor:
        """Return the rectified convolution of x (1, channels, H, W), channels-last.

        `masked`: where x is a gradient that has yet to go back through a rectifier, that rectifier
        and what it made."""
        pixels = x[0].permute(1, 2, 0)  # (H, W, channels)
        clamp, mask = masked or (IDENTITY, None)
        mask = None if mask is None else mask[0].permute(1, 2, 0)
        shape = (1, self._weight.shape[-1], *x.shape[2:])
        y = torch.empty(shape, memory_format=torch.channels_last)
        result = y[0].permute(1, 2, 0)
        across, down = -(-x.shape[-1] // self.tile), -(-x.shape[-2] // self.tile)
        most = _rows(max(self._weight.shape[1:]), across, down)
        block = _TileBlock(self, most, across)
        for start in range(0, down, most):
            rows = min(most, down - start)
            if rows < most:
                block = _TileBlock(self, rows, across)
            top = start * self.tile
            block.load(pixels, top, clamp, mask)
            block.convolve(self._weight, self._bias)
            block.store(result, top, rectifier)
        return y


class _TileBlock:
    """Hold the memory for some rows of tiles of a picture, and do the passes over it.

    Tiles are n = m + 2 pixels wide and high and overlap by 2."""

    def __init__(self, winograd: Winograd, rows: int, across: int) -> None:
        m, n = winograd.tile, winograd.tile + 2
        channels, filters = winograd._weight.shape[1:]
        count, wide = rows * across, across * m + 2
        self.height = rows * m
        line = wide * channels
        # Each pass reads one of two memories and writes the other: what it reads was just written
        # and is still in the cache.
        most = max(n * n * count * max(channels, filters), (rows * m + 2) * line, rows * n * line)
        ping, pong = (winograd._weight.new_empty(most) for _ in range(2))
        self._frame = _view(ping, rows * m + 2, wide, channels)
        self._bands = ping.as_strided((rows, n, line), (m * line, line, 1))
        self._down = _view(pong, rows, n, line)
        self._tiles = pong.as_strided(
            (n, n, rows, across, channels), (line, channels, n * line, m * channels, 1)
        )
        self._gathered = _view(ping, n, n, rows, across, channels)
        self._transformed = _view(pong, n, n, count * channels)
        self._products = _view(ping, n * n, count, filters)
        self._across = _view(pong, n, m, count * filters)
        self._row_products = _view(ping, rows, n, across, m, filters)
        self._result = _view(pong, rows, m, across * m * filters)
        self._pixels = _view(pong, rows * m, across * m, filters)
        inward, outward = winograd._input, winograd._output
        self._inward = inward.expand(n, n, n), inward.expand(rows, n, n)
        self._outward = outward.expand(n, m, n), outward.expand(rows, m, n)

    def load(self, x: Tensor, start: int, rectifier: Relu, mask: Tensor | None) -> None:
        height, width = x.shape[:2]
        top, bottom = start - 1, start + self.height + 1
        first, last = max(top, 0), min(bottom, height)
        # The frame of zeros is the convolution's padding.
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
            # Every output of a tile takes the point 1 once: a bias added there reaches all of them.
            self._products[n + 1] += bias
        across, down = self._outward
        torch.bmm(across, self._products.view(n, n, -1), out=self._across)
        rows, _, columns, m, filters = self._row_products.shape
        products = self._across.view(n, m, rows, columns, filters)
        self._row_products.copy_(products.permute(2, 0, 3, 1, 4))
        torch.bmm(down, self._row_products.view(rows, n, -1), out=self._result)

    def store(self, result: Tensor, start: int, rectifier: Relu) -> None:
        height, width = result.shape[:2]
        stop = min(start + self.height, height)
        rectifier.forward(self._pixels[: stop - start, :width], out=result[start:stop])


def _view(memory: Tensor, *shape: int) -> Tensor:
    return memory[: math.prod(shape)].view(shape)


def _rows(channels: int, across: int, down: int) -> int:
    """Return how many rows of tiles to take at a time.

    Large blocks leave the cache. In small ones the weights, of which many channels have more than
    pixels, are read for too few tiles."""
    most = max(10_000 // channels, channels // 2) / across
    if down < 1.6 * most:
        return down
    return max(2, round(most / 2) * 2)  # an even number, for two threads
