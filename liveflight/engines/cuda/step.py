"""Run an ascent step as a fixed sequence of operations between buffers.

Values that change from step to step lie in buffers too, so that a CUDA graph is captured once.
Nothing here reads a number back from the device, which would mean waiting for it.
"""

from __future__ import annotations

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
from liveflight.engines.cuda.kernels import CudaKernels, kernels_on
from liveflight.engines.cuda.program import ObjectiveBuffers, StaticProgram, Upload
from liveflight.engines.resampling import shrunk, shrunk_backward
from liveflight.engines.torch.backend import PreparedNetwork

_PARAMETERS = ("amount", "normalise", "soften", "noise", "brightness", "contrast", "pull")

_UPLOADS = 1024
"""Uploads that may be under way at once: a few ticks of some steps each."""


class StepBuffers:
    """Hold a canvas of one size while it is worked on, and all that its steps read."""

    def __init__(self, size: HeightWidth, device: torch.device, seed: int) -> None:
        """Take a height and width, and the noise's seed."""
        height, width = self.size = size
        self.source = torch.zeros(height, width, 4, dtype=torch.float16, device=device)
        """The canvas before the tick, half (H, W, 4)."""
        self.result = torch.ones(height, width, 4, dtype=torch.float16, device=device)
        """The canvas after the tick, half (H, W, 4); `source` where it would not be finite."""
        self.not_finite = torch.zeros((), device=device)
        """1 if the result would not have been finite, else 0."""
        self.picture = torch.zeros(1, 3, height, width, device=device)
        self._kernels = kernels_on(device)
        self._offsets = np.random.default_rng(seed)
        counts = [len(_PARAMETERS), 2, 12]
        self._upload = Upload(sum(counts), device, _UPLOADS)
        parameters, self._shift, self._shifts = self._upload.values.split(counts)
        self._parameter = dict(zip(_PARAMETERS, parameters, strict=True))
        """`_shift`: the jitter, rows and columns. `_shifts`: for each channel, the rows and columns
        by which the noise and the dithering thresholds are shifted."""
        self._field = conditioning.noise_field(size, device)
        self._thresholds = _thresholds(size, device)
        self._colour = Upload(9, device, _UPLOADS)
        self._uncoloured = torch.eye(3, device=device).flatten()
        self._rows, self._columns = (torch.arange(side, device=device) for side in size)
        least = lowest(height, width)
        self._logarithms, self._chroma_logarithms = (
            torch.from_numpy(np.log(periods / least).astype(np.float32)).to(device)
            for periods in (frequencies(height, width, least), frequencies(height, width))
        )
        self._gain, self._chroma_gain = (torch.ones_like(self._logarithms) for _ in range(2))
        self._tilt: tuple[float, float] | None = None

    def load(self, ascent: Ascent, shift: tuple[int, int]) -> None:
        """Load what the next steps read. `shift`: rows and columns of jitter."""
        if self._tilt != (tilt := (ascent.smoothing, ascent.decorrelation)):
            self._tilt = tilt
            self._colour.load(conditioning.colour(ascent.decorrelation).ravel())
            self._load_gains(*tilt)
        amount = ascent.amount / max(ascent.steps, 1)
        parameters = (
            *(amount, ascent.normalise, ascent.soften, ascent.noise),
            *(ascent.brightness, ascent.contrast, ascent.pull),
        )
        places = self._offsets.random(12) * (self.size * 6)
        self._upload.load(np.array([*parameters, *shift, *places.astype(int)], np.float32))

    def begin(self) -> None:
        """Copy the colours of `source` to the picture."""
        self.picture.copy_(self.source[..., :3].permute(2, 0, 1)[None])

    def seen(self) -> Tensor:
        """Return the picture, rolled by the jitter: float32 (1, 3, H, W)."""
        if self._kernels:
            return self._kernels.roll(self.picture, self._shift, self._uncoloured, back=False)
        return self._rolled(self.picture, *self._shift)

    def add(self, gradient: Tensor) -> None:
        """Condition the gradient of what was seen, and step along it."""
        colour = self._colour.values
        if self._kernels:
            gradient = self._kernels.roll(gradient, self._shift, colour, back=True)
        else:
            gradient = self._rolled(gradient, *-self._shift)
            gradient = torch.einsum("ij,njhw->nihw", colour.view(3, 3), gradient)
        gradient = conditioning.scale_frequencies(gradient, self._gain, self._chroma_gain)
        rms = torch.linalg.vector_norm(gradient) * gradient.numel() ** -0.5
        rms, one = rms + conditioning.RMS_FLOOR, torch.ones_like(rms)
        measured = torch.where(self._parameter["normalise"] > 0, rms, one)
        self.picture.addcmul_(gradient, self._parameter["amount"] / measured)

    def finish(self) -> None:
        """Soften, add noise, hold the statistics, and dither into `result`."""
        if self._kernels:
            self._finish_by(self._kernels)
            return
        parameter = self._parameter
        wanted = (parameter["brightness"], parameter["contrast"], parameter["pull"])
        picture = conditioning.soften(self.picture, parameter["soften"])
        shifts = self._shifts.view(6, 2)
        field = self._scattered(self._field, shifts[:3])
        picture = picture + field * parameter["noise"]
        picture = conditioning.hold(picture, *wanted)
        finite = torch.isfinite(picture.sum())  # one bad pixel spoils the sum
        thresholds = self._scattered(self._thresholds.expand(1, 3, *self.size), shifts[3:])
        rounded = dithered(picture.clamp(0.0, 1.0), thresholds)[0].permute(1, 2, 0)
        torch.where(finite, rounded, self.source[..., :3], out=self.result[..., :3])
        self.not_finite.copy_(~finite)

    def _finish_by(self, kernels: CudaKernels) -> None:
        """Do the same in three passes over the memory."""
        parameter, shifts = self._parameter, self._shifts
        soft = (self.picture, parameter["soften"], self._field, parameter["noise"], shifts[:6])
        picture = kernels.soften(*soft)
        deviation, mean = torch.std_mean(picture)
        wanted = (parameter["brightness"], parameter["contrast"], parameter["pull"])
        canvases = (self.source, self.result)
        statistics = (mean, deviation)
        given = (picture, self._thresholds, canvases, self.not_finite)
        kernels.store(*given, statistics, wanted, shifts[6:])

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

    def _scattered(self, picture: Tensor, shifts: Tensor) -> Tensor:
        """Roll each channel by its own rows and columns."""
        channels = zip(picture.split(1, 1), shifts, strict=True)
        return torch.cat([self._rolled(channel, *shift) for channel, shift in channels], 1)

    def _rolled(self, picture: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """Roll rows and columns as `torch.roll` does, by numbers on the device."""
        rows = (self._rows - down.long()).remainder(self.size[0])
        columns = (self._columns - across.long()).remainder(self.size[1])
        return picture.index_select(2, rows).index_select(3, columns)


def _thresholds(size: HeightWidth, device: torch.device) -> Tensor:
    """Return uniform random thresholds in 0..1: float32 (H, W).

    They are multiples of 1/1024 plus 1/2048. So a value that differs from one of half's by less
    than that, as rounding errors do, is always rounded to it."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.randint(1024, size, generator=generator)
    return ((steps + 0.5) / 1024).to(device)


def dithered(picture: Tensor, threshold: Tensor) -> Tensor:
    """Round a picture in 0..1 to half, up or down so that the mean of many is right.

    Steps smaller than half's spacing would otherwise be lost. What half holds exactly stays.
    `threshold`: uniform in 0..1, below 1."""
    exponent = torch.floor(torch.log2(picture.clamp(min=2.0**-14)))
    spacing = torch.exp2(exponent - 10)
    scaled = picture / spacing
    lower = scaled.floor()
    return ((lower + (threshold < scaled - lower)) * spacing).half()


@dataclass(frozen=True)
class NetworkPart:
    """Hold what one network contributes to a step."""

    pixels: PreparedNetwork | AutogradProgram
    program: StaticProgram | AutogradProgram
    objectives: Mapping[str, ObjectiveBuffers]


@dataclass(frozen=True)
class StaticStep:
    """Take one step on some layers together, at one canvas size and scale."""

    buffers: StepBuffers
    parts: Sequence[NetworkPart]
    narrow: bool
    """See `StaticProgram.run`."""
    size: HeightWidth
    """The height and width at which the networks look."""

    def run(self) -> None:
        """Queue the step's operations."""
        scaled = self.size != self.buffers.size
        picture = shrunk(self.buffers.seen(), self.size) if scaled else self.buffers.seen()
        inputs = [part.pixels.preprocess(picture) for part in self.parts]
        del picture  # the networks can use its memory
        found = [
            part.pixels.postprocess(part.program.run(each, part.objectives, self.narrow))
            for part, each in zip(self.parts, inputs, strict=True)
        ]
        gradient = found[0] if len(found) == 1 else torch.stack(found).sum(0)
        self.buffers.add(shrunk_backward(gradient, self.buffers.size) if scaled else gradient)
