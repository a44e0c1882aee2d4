"""Compute directions as a fixed sequence of operations between buffers.

Values that change from call to call lie in buffers too, so that a CUDA graph is captured once.
Nothing here reads a number back from the device, which would mean waiting for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from liveflight.core.contracts import Ascent
from liveflight.core.noise import frequencies, lowest
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
        self._upload = Upload(1 + MAX_BATCH, device, _UPLOADS)
        self._normalise, self._high_pass = self._upload.values.split([1, MAX_BATCH])
        """`_high_pass`: binary logarithms of the cycles, see `conditioning.high_pass_gain`."""
        self._colour = Upload(9, device, _UPLOADS)
        least = lowest(height, width)
        self._logarithms, self._chroma_logarithms = (
            _to_device(np.log(periods / least), device)
            for periods in (frequencies(height, width, least), frequencies(height, width))
        )
        self._gain, self._chroma_gain = (torch.ones_like(self._logarithms) for _ in range(2))
        self._octaves = _to_device(np.log2(frequencies(height, width, 1e-3)), device)
        self._parseval = _to_device(_parseval(width), device)
        self._tilt: tuple[float, float] | None = None

    def load(self, ascent: Ascent, high_passes: Sequence[float]) -> None:
        """Load what the next step reads. `high_passes`: `ViewStep.high_pass` of each view."""
        if self._tilt != (tilt := (ascent.smoothing, ascent.decorrelation)):
            self._tilt = tilt
            self._colour.load(conditioning.colour(ascent.decorrelation).ravel())
            self._load_gains(*tilt)
        values = np.full(1 + MAX_BATCH, -math.inf, np.float32)
        values[0] = ascent.normalise
        for number, cycles in enumerate(high_passes, 1):
            values[number] = math.log2(cycles) if cycles else -math.inf
        self._upload.load(values)

    def pictures(self, count: int) -> Tensor:
        """Return the first views as pictures, float32 (N, 3, H, W)."""
        return self.views[:count, ..., :3].permute(0, 3, 1, 2).float().contiguous()

    def condition(self, gradient: Tensor, totals: Tensor) -> None:
        """Write the directions of the first views from their gradients, float32 (N, 3, H, W).

        `totals`: the sum of each view's pixels, (N,): one that is not finite spoils the view."""
        count = len(gradient)
        coloured = self._colour.values.view(3, 3) @ gradient.flatten(2)
        # With norm="forward" sums over a spectrum are means over the picture.
        spectrum = torch.fft.rfft2(coloured.view_as(gradient), norm="forward")
        spectrum = conditioning.scale_spectrum(spectrum, self._gain, self._chroma_gain)
        rms = torch.linalg.vector_norm(spectrum * self._parseval, dim=(1, 2, 3)) / math.sqrt(3)
        share = torch.where(self._normalise > 0, 1 / (rms + conditioning.RMS_FLOOR), 1.0)
        spectrum = spectrum.mul_(self._high_pass_gain(count) * share.view(-1, 1, 1, 1))
        direction = torch.fft.irfft2(spectrum, s=self.size, norm="forward")
        finite = torch.isfinite(direction.sum((1, 2, 3)) + totals).view(-1, 1, 1, 1)
        direction = torch.where(finite, conditioning.limit(direction), 0.0)
        self.directions[:count, ..., :3].copy_(direction.permute(0, 2, 3, 1))
        self.not_finite.copy_(torch.maximum(self.not_finite, (~finite).any().float()))

    def _high_pass_gain(self, count: int) -> Tensor:
        """Compute `conditioning.high_pass_gain` for the first views: (N, 1, H, W // 2 + 1)."""
        octaves = self._octaves - self._high_pass[:count].view(-1, 1, 1, 1)
        return 0.5 - 0.5 * torch.cos(math.pi * (octaves + 0.5).clamp_(0, 1))

    def _load_gains(self, exponent: float, decorrelation: float) -> None:
        """Compute the frequencies' gains as `conditioning.smooth` does."""
        if exponent == 0:
            self._gain.fill_(1.0)
            self._chroma_gain.fill_(1.0)
            return
        steeper = exponent + conditioning.CHROMA_FALL * decorrelation
        gain = torch.exp(self._logarithms * -exponent)  # 1 at the lowest frequency
        top = 1 / gain.mean()
        self._gain.copy_(gain * top)
        self._chroma_gain.copy_(torch.exp(self._chroma_logarithms * -steeper) * top)


def _to_device(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)


def _parseval(width: int) -> np.ndarray:
    """Return the factor by which each column of a real FFT counts in the picture's RMS.

    All but the first, and the last of an even width, stand for two columns of the full FFT."""
    counts = np.full(width // 2 + 1, 2.0)
    counts[0] = 1
    if width % 2 == 0:
        counts[-1] = 1
    return np.sqrt(counts)


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
