"""Describe feature maps and convolutions for `onnx.graph`, before they become nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pads = tuple[int, int, int, int]
"""Top, left, bottom, right."""


@dataclass(frozen=True)
class FeatureMap:
    """Name a feature map's value in the graph, and its size."""

    name: str
    channels: int
    height: int
    width: int
    outside: bool = False
    """Whether it lies as the picture does, outside the layout."""

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width."""
        return self.height, self.width


@dataclass(frozen=True)
class GraphConvolution:
    """Describe a convolution and the clip that follows it."""

    key: str
    """Names these weights among all of the network's."""
    weight: np.ndarray
    """(out, in / groups, rows, columns)."""
    bias: np.ndarray | None
    pads: Pads
    stride: int = 1
    groups: int = 1
    top: float | None = None
    """Upper end of a clip at 0 that follows: inf for a ReLU, None for no clip."""

    @property
    def kernel(self) -> tuple[int, int]:
        """Return the kernel's rows and columns."""
        return self.weight.shape[2], self.weight.shape[3]

    def output(self, x: FeatureMap, name: str) -> FeatureMap:
        (rows, columns), (top, left, bottom, right) = self.kernel, self.pads
        height = (x.height + top + bottom - rows) // self.stride + 1
        width = (x.width + left + right - columns) // self.stride + 1
        return FeatureMap(name, len(self.weight), height, width)

    def transposed(self) -> GraphConvolution:
        """Return the convolution from the output's gradient to the input's, for stride 1."""
        (rows, columns), (top, left, bottom, right) = self.kernel, self.pads
        weight = self.weight[:, :, ::-1, ::-1]
        return GraphConvolution(
            f"{self.key}.transposed",
            weight if self.groups > 1 else weight.swapaxes(0, 1),
            None,
            (rows - 1 - top, columns - 1 - left, rows - 1 - bottom, columns - 1 - right),
            groups=self.groups,
        )

    def transposed_phases(self, of: FeatureMap, output: FeatureMap) -> GraphConvolution:
        """Return the convolution from the output's gradient to the input's four phases, stride 2.

        Its result has four times the channels of the input `of`, in the order upper left, upper
        right, lower left, lower right."""
        height, width = (of.height + 1) // 2, (of.width + 1) // 2
        part = FeatureMap("", of.channels, height, width)
        phases = [
            self.phase(row, column, part, output).transposed()
            for row in (0, 1)
            for column in (0, 1)
        ]
        top, left = (max(phase.pads[side] for phase in phases) for side in (0, 1))
        rows = max(top - phase.pads[0] + phase.kernel[0] for phase in phases)
        columns = max(left - phase.pads[1] + phase.kernel[1] for phase in phases)
        weight = np.zeros((4, *phases[0].weight.shape[:2], rows, columns), np.float32)
        for filled, phase in zip(weight, phases, strict=True):
            (high, wide), (above, before, _, _) = phase.kernel, phase.pads
            row, column = top - above, left - before
            filled[..., row : row + high, column : column + wide] = phase.weight
        below, after = (
            height - output.height - top + rows - 1,
            width - output.width - left + columns - 1,
        )
        return GraphConvolution(
            f"{self.key}.phases.{self.pads[0]}{self.pads[1]}",
            weight.reshape(-1, *weight.shape[2:]),
            None,
            (top, left, below, after),
        )

    def phase(self, row: int, column: int, of: FeatureMap, output: FeatureMap) -> GraphConvolution:
        """Return the part of this convolution, of stride 2, that reads one phase of its input.

        A phase is every second row and column from `row` and `column` (0 or 1) on. `of`: its map.
        """
        rows, above = _taps(self.kernel[0], self.pads[0], row)
        columns, before = _taps(self.kernel[1], self.pads[1], column)
        below = output.height - of.height - above + len(rows) - 1
        after = output.width - of.width - before + len(columns) - 1
        return GraphConvolution(
            f"{self.key}.phase{row}{column}.{self.pads[0]}{self.pads[1]}",
            self.weight[:, :, rows][:, :, :, columns],
            None,
            (above, before, below, after),
            groups=self.groups,
        )


def _taps(size: int, before: int, phase: int) -> tuple[list[int], int]:
    """Return the kernel positions that fall on a phase (0 or 1), and the padding before them."""
    taps = [position for position in range(size) if (position - before - phase) % 2 == 0]
    return taps, -((taps[0] - before - phase) // 2)
