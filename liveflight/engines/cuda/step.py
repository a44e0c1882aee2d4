"""Compute directions as a fixed sequence of operations between buffers.

Values that change from call to call lie in buffers too, so that a CUDA graph is captured once.
Nothing here reads a number back from the device, which would mean waiting for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from liveflight.core.contracts import Ascent, ViewStep
from liveflight.engines import conditioning
from liveflight.engines.convolution import HeightWidth
from liveflight.engines.cuda.autograd import AutogradProgram
from liveflight.engines.cuda.program import ObjectiveBuffers, StaticProgram, Upload
from liveflight.engines.torch.backend import PreparedNetwork

MAX_BATCH = 4
"""Views that are taken together at most; their feature maps are in memory at the same time."""

_UPLOADS = 64


class StepBuffers:
    """Hold views of one size and their directions, and all that a step reads besides."""

    def __init__(self, size: HeightWidth, device: torch.device) -> None:
        """Take a height and width."""
        height, width = self.size = size
        self.views = torch.zeros(MAX_BATCH, height, width, 4, dtype=torch.float16, device=device)
        """The pixels of up to `MAX_BATCH` views, half (N, H, W, 4)."""
        self.directions = torch.ones_like(self.views)
        """Their directions; 0 for a view whose direction is not finite."""
        self.not_finite = torch.zeros((), device=device)
        """1 if any direction was not finite since this was last set to 0."""
        self._upload = Upload(1 + 9 + 4 * MAX_BATCH, device, _UPLOADS)
        normalised, colour, curves = self._upload.values.split([1, 9, 4 * MAX_BATCH])
        self._normalised, self._colour = normalised, colour.view(3, 3)
        self._curves = curves.view(MAX_BATCH, 4)
        """A `conditioning.Curve` for each view."""
        self._frequencies = conditioning.Frequencies(height, width, device)

    def load(self, ascent: Ascent, steps: Sequence[ViewStep]) -> None:
        """Load what the next step reads besides the views and their mix."""
        curves = [conditioning.curve(step, ascent, self.size[0]) for step in steps]
        curves += [conditioning.NEUTRAL] * (MAX_BATCH - len(curves))
        colour = conditioning.colour(ascent.decorrelation)
        self._upload.load(np.concatenate([[ascent.normalise], colour.ravel(), *curves]))

    def pictures(self, count: int) -> Tensor:
        """Return the first views as pictures, float32 (N, 3, H, W)."""
        return self.views[:count, ..., :3].permute(0, 3, 1, 2).float().contiguous()

    def condition(self, gradient: Tensor, totals: Tensor) -> None:
        """Write the directions of the first views from their gradients, float32 (N, 3, H, W).

        `totals`: the sum of each view's pixels, (N,): one that is not finite spoils the view."""
        count = len(gradient)
        gains = self._frequencies.gains(self._curves[:count])
        coloured = conditioning.mix_channels(gradient, self._colour)
        direction = self._frequencies.shape(coloured, gains, self._normalised)
        finite = torch.isfinite(direction.sum((1, 2, 3)) + totals).view(-1, 1, 1, 1)
        direction = torch.where(finite, conditioning.limit(direction), 0.0)
        self.directions[:count, ..., :3].copy_(direction.permute(0, 2, 3, 1))
        self.not_finite.copy_(torch.maximum(self.not_finite, (~finite).any().float()))


@dataclass(frozen=True)
class NetworkPart:
    """Hold what one network contributes to a step."""

    pixels: PreparedNetwork | AutogradProgram
    program: StaticProgram | AutogradProgram
    objectives: Mapping[str, ObjectiveBuffers]


@dataclass(frozen=True)
class StaticStep:
    """Compute the directions of some views of one size, all towards the same mix."""

    buffers: StepBuffers
    parts: Sequence[NetworkPart]
    narrow: bool
    """See `StaticProgram.run`."""
    count: int
    """The number of views."""

    def run(self) -> None:
        """Queue the step's operations."""
        pictures = self.buffers.pictures(self.count)
        inputs = [part.pixels.preprocess(pictures) for part in self.parts]
        totals = pictures.sum((1, 2, 3))
        del pictures  # the networks can use its memory
        found = [
            part.pixels.postprocess(part.program.run(each, part.objectives, self.narrow))
            for part, each in zip(self.parts, inputs, strict=True)
        ]
        gradient = found[0] if len(found) == 1 else torch.stack(found).sum(0)
        self.buffers.condition(gradient, totals)
