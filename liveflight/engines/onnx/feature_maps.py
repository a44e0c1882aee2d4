"""Feature maps and convolutions, as the graphs of `onnx_graph` know them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pads = tuple[int, int, int, int]
"""Top, left, bottom, right."""


@dataclass(frozen=True)
class Map:
    """A feature map of one picture: the name of its value in the graph, and its extent."""

    name: str
    channels: int
    height: int
    width: int
    outside: bool = False
    """Whether it has not entered the layout."""

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


@dataclass(frozen=True)
class Convolution:
    """Weights (out, in / groups, rows, columns) and what is done with them. `top`: the upper end
    of the clip at 0 that follows; inf for a ReLU, None where nothing follows."""

    key: str
    """Names these weights among all of the network's."""
    weight: np.ndarray
    bias: np.ndarray | None
    pads: Pads
    stride: int = 1
    groups: int = 1
    top: float | None = None

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weight.shape[2], self.weight.shape[3]

    def output(self, x: Map, name: str) -> Map:
        (rows, columns), (top, left, bottom, right) = self.kernel, self.pads
        height = (x.height + top + bottom - rows) // self.stride + 1
        width = (x.width + left + right - columns) // self.stride + 1
        return Map(name, len(self.weight), height, width)

    def transposed(self) -> Convolution:
        """What takes gradients from the output back to the input, where the stride is 1."""
        (rows, columns), (top, left, bottom, right) = self.kernel, self.pads
        weight = self.weight[:, :, ::-1, ::-1]
        return Convolution(
            f"{self.key}.transposed",
            weight if self.groups > 1 else weight.swapaxes(0, 1),
            None,
            (rows - 1 - top, columns - 1 - left, rows - 1 - bottom, columns - 1 - right),
            groups=self.groups,
        )

    def transposed_phases(self, of: Map, output: Map) -> Convolution:
        """What takes gradients from the output, of stride 2, to the four phases of the input, `of`,
        as so many times its channels: the upper left, upper right, lower left, lower right."""
        height, width = (of.height + 1) // 2, (of.width + 1) // 2
        part = Map("", of.channels, height, width)
        ways = [
            self.phase(row, column, part, output).transposed()
            for row in (0, 1)
            for column in (0, 1)
        ]
        top, left = (max(way.pads[side] for way in ways) for side in (0, 1))
        rows = max(top - way.pads[0] + way.kernel[0] for way in ways)
        columns = max(left - way.pads[1] + way.kernel[1] for way in ways)
        weight = np.zeros((4, *ways[0].weight.shape[:2], rows, columns), np.float32)
        for filled, way in zip(weight, ways, strict=True):
            (high, wide), (above, before, _, _) = way.kernel, way.pads
            row, column = top - above, left - before
            filled[..., row : row + high, column : column + wide] = way.weight
        below, after = (
            height - output.height - top + rows - 1,
            width - output.width - left + columns - 1,
        )
        return Convolution(
            f"{self.key}.phases.{self.pads[0]}{self.pads[1]}",
            weight.reshape(-1, *weight.shape[2:]),
            None,
            (top, left, below, after),
        )

    def phase(self, row: int, column: int, of: Map, output: Map) -> Convolution:
        """The part of this convolution, of stride 2, that reads every second row and column of its
        input: `of`, that phase of it."""
        rows, above = _taps(self.kernel[0], self.pads[0], row)
        columns, before = _taps(self.kernel[1], self.pads[1], column)
        below = output.height - of.height - above + len(rows) - 1
        after = output.width - of.width - before + len(columns) - 1
        return Convolution(
            f"{self.key}.phase{row}{column}.{self.pads[0]}{self.pads[1]}",
            self.weight[:, :, rows][:, :, :, columns],
            None,
            (above, before, below, after),
            groups=self.groups,
        )


def _taps(size: int, before: int, phase: int) -> tuple[list[int], int]:
    """Which of a kernel's places fall on every second pixel, from this on (0 or 1), and the
    padding that they need before them."""
    taps = [place for place in range(size) if (place - before - phase) % 2 == 0]
    return taps, -((taps[0] - before - phase) // 2)
