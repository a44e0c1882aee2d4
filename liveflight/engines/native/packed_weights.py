"""A network's weights in the orders that kernels.c reads them in, each made once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.engines.winograd import matrices


class Weights:
    def __init__(self, lanes: int) -> None:
        """`lanes`: floats of a vector."""
        self.lanes = lanes
        self._made: dict[tuple[object, ...], Tensor] = {}

    def padded(self, channels: int) -> int:
        """Floats of a pixel of so many channels."""
        return -(-channels // self.lanes) * self.lanes

    def once(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def vector(self, values: Tensor) -> Tensor:
        """Of a number for each channel, as many as a pixel has floats."""
        return F.pad(values.float(), (0, self.padded(len(values)) - len(values))).contiguous()

    def panels(self, weight: Tensor, pixel: int) -> Tensor:
        """For CONVOLVE, of (filters, channels, height, width), where the source's pixels have so
        many floats."""
        filters, channels, _, width = weight.shape
        more = 0 if width == 1 else pixel - channels
        spread = F.pad(weight.permute(2, 3, 1, 0), (0, self.padded(filters) - filters, 0, more))
        return self._panelled(spread.reshape(-1, spread.shape[-1]))

    def spots(self, weight: Tensor) -> Tensor:
        """For DEPTHWISE, of (channels, 1, height, width)."""
        channels = len(weight)
        spread = F.pad(weight[:, 0].permute(1, 2, 0), (0, self.padded(channels) - channels))
        return spread.contiguous()

    def filtered(self, weight: Tensor) -> Tensor:
        """For WINOGRAD, of (filters, channels, 3, 3)."""
        transform = matrices(4)[1]
        points = torch.einsum("ia,ocab,jb->ijco", transform, weight.double(), transform).float()
        filters, channels = weight.shape[:2]
        more = (0, self.padded(filters) - filters, 0, self.padded(channels) - channels)
        points = F.pad(points.flatten(0, 1), more)
        return torch.cat([self._panelled(each) for each in points])

    def _panelled(self, matrix: Tensor) -> Tensor:
        """Of (depth, filters): panels of two vectors of filters, one after the other."""
        return torch.cat([panel.flatten() for panel in matrix.split(2 * self.lanes, 1)])
