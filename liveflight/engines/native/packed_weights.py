"""Pack a network's weights in the orders in which kernels.c reads them, each once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.engines.winograd import matrices


class PackedWeights:
    def __init__(self, lanes: int) -> None:
        """Pack for vectors of `lanes` floats."""
        self.lanes = lanes
        self._packed: dict[tuple[object, ...], Tensor] = {}

    def padded(self, channels: int) -> int:
        """Return the floats that a pixel takes with its channels padded to whole vectors."""
        return -(-channels // self.lanes) * self.lanes

    def once(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        if key not in self._packed:
            self._packed[key] = make()
        return self._packed[key]

    def vector(self, values: Tensor) -> Tensor:
        """Pad a number for each channel to as many as a pixel has floats."""
        return F.pad(values.float(), (0, self.padded(len(values)) - len(values))).contiguous()

    def for_convolve(self, weight: Tensor, pixel: int) -> Tensor:
        """Pack (filters, channels, height, width) for CONVOLVE.

        `pixel`: floats of a source pixel."""
        filters, channels, _, width = weight.shape
        more = 0 if width == 1 else pixel - channels
        padded = F.pad(weight.permute(2, 3, 1, 0), (0, self.padded(filters) - filters, 0, more))
        return self._panels(padded.reshape(-1, padded.shape[-1]))

    def for_depthwise(self, weight: Tensor) -> Tensor:
        """Pack (channels, 1, height, width) for DEPTHWISE."""
        channels = len(weight)
        padded = F.pad(weight[:, 0].permute(1, 2, 0), (0, self.padded(channels) - channels))
        return padded.contiguous()

    def for_winograd(self, weight: Tensor) -> Tensor:
        """Transform and pack (filters, channels, 3, 3) for WINOGRAD."""
        transform = matrices(4)[1]
        points = torch.einsum("ia,ocab,jb->ijco", transform, weight.double(), transform).float()
        filters, channels = weight.shape[:2]
        more = (0, self.padded(filters) - filters, 0, self.padded(channels) - channels)
        points = F.pad(points.flatten(0, 1), more)
        return torch.cat([self._panels(each) for each in points])

    def _panels(self, matrix: Tensor) -> Tensor:
        """Order (depth, filters) by panels of two vectors of filters, one after the other."""
        return torch.cat([panel.flatten() for panel in matrix.split(2 * self.lanes, 1)])
