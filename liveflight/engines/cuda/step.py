"""An ascent step as a fixed row of operations between buffers, with everything that changes from
step to step among them: run as it is, or once captured as a CUDA graph.

Nothing here looks at a number on the device, which would mean to wait for it.
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
from liveflight.engines.cuda import kernels as cuda_kernels
from liveflight.engines.cuda.autograd import Differentiated
from liveflight.engines.cuda.program import Excited, StaticProgram, Upload
from liveflight.engines.resampling import shrunk, shrunk_backward
from liveflight.engines.torch.backend import Prepared

Size = tuple[int, int]

_KNOBS = ("amount", "normalise", "soften", "noise", "brightness", "contrast", "pull")

_ROWS = 1024
"""More loads than there ever are under way: a few ticks of some steps each."""


class Stage:
    """A canvas of one size while it is worked on, and all that its steps read."""

    def __init__(self, size: Size, device: torch.device, seed: int) -> None:
        """`size`: height and width; `seed`: of the noise."""
        height, width = self.size = size
        self.given = torch.zeros(height, width, 4, dtype=torch.float16, device=device)
        """The canvas as it came, half (H, W, 4)."""
        self.made = torch.ones(height, width, 4, dtype=torch.float16, device=device)
        """The canvas as it goes, or as it came where what was made of it is not finite."""
        self.bad = torch.zeros((), device=device)
        """1 where it was not, else 0."""
        self.picture = torch.zeros(1, 3, height, width, device=device)
        self._kernels = cuda_kernels.on(device)
        self._places = np.random.default_rng(seed)
        counts = [len(_KNOBS), 2, 12]
        self._upload = Upload(sum(counts), device, _ROWS)
        knobs, self._shift, self._shifts = self._upload.values.split(counts)
        self._knob = dict(zip(_KNOBS, knobs, strict=True))
        """`_shift`: the jitter, rows and columns; `_shifts`: where the noise begins, and where the
        chances do, for each channel."""
        self._field = conditioning.noise_field(size, device)
        self._chances = _chances(size, device)
        self._colour = Upload(9, device, _ROWS)
        self._uncoloured = torch.eye(3, device=device).flatten()
        self._rows, self._columns = (torch.arange(side, device=device) for side in size)
        least = lowest(height, width)
        self._logarithms, self._chroma_logarithms = (
            torch.from_numpy(np.log(periods / least).astype(np.float32)).to(device)
            for periods in (frequencies(height, width, least), frequencies(height, width))
        )
        self._fall, self._chroma_fall = (torch.ones_like(self._logarithms) for _ in range(2))
        self._tilt: tuple[float, float] | None = None

    def load(self, ascent: Ascent, shift: tuple[int, int]) -> None:
        """What the steps from now on read. `shift`: rows and columns of jitter."""
        if self._tilt != (tilt := (ascent.smoothing, ascent.decorrelation)):
            self._tilt = tilt
            self._colour.load(conditioning.colour(ascent.decorrelation).ravel())
            self._load_falls(*tilt)
        amount = ascent.amount / max(ascent.steps, 1)
        knobs = (
            *(amount, ascent.normalise, ascent.soften, ascent.noise),
            *(ascent.brightness, ascent.contrast, ascent.pull),
        )
        places = self._places.random(12) * (self.size * 6)
        self._upload.load(np.array([*knobs, *shift, *places.astype(int)], np.float32))

    def begin(self) -> None:
        self.picture.copy_(self.given[..., :3].permute(2, 0, 1)[None])

    def seen(self) -> Tensor:
        """The picture, shifted round: float32 (1, 3, H, W)."""
        if self._kernels:
            return self._kernels.turn(self.picture, self._shift, self._uncoloured, back=False)
        return self._rolled(self.picture, *self._shift)

    def add(self, gradient: Tensor) -> None:
        """Takes a step along the gradient of what was seen, conditioned."""
        colour = self._colour.values
        if self._kernels:
            gradient = self._kernels.turn(gradient, self._shift, colour, back=True)
        else:
            gradient = self._rolled(gradient, *-self._shift)
            gradient = torch.einsum("ij,njhw->nihw", colour.view(3, 3), gradient)
        gradient = conditioning.weigh(gradient, self._fall, self._chroma_fall)
        rms = torch.linalg.vector_norm(gradient) * gradient.numel() ** -0.5
        rms, one = rms + conditioning.RMS_FLOOR, torch.ones_like(rms)
        measured = torch.where(self._knob["normalise"] > 0, rms, one)
        self.picture.addcmul_(gradient, self._knob["amount"] / measured)

    def finish(self) -> None:
        """Softens, adds noise, holds the statistics and rounds: the canvas as it goes."""
        if self._kernels:
            self._finish_by(self._kernels)
            return
        knob = self._knob
        picture = conditioning.soften(self.picture, knob["soften"])
        shifts = self._shifts.view(6, 2)
        field = self._scattered(self._field, shifts[:3])
        picture = picture + field * knob["noise"]
        picture = conditioning.hold(picture, knob["brightness"], knob["contrast"], knob["pull"])
        finite = torch.isfinite(picture.sum())  # a single bad pixel spoils the sum
        chances = self._scattered(self._chances.expand(1, 3, *self.size), shifts[3:])
        made = dithered(picture.clamp(0.0, 1.0), chances)[0].permute(1, 2, 0)
        torch.where(finite, made, self.given[..., :3], out=self.made[..., :3])
        self.bad.copy_(~finite)

    def _finish_by(self, kernels: cuda_kernels.Kernels) -> None:
        """The same in three passes."""
        knob, shifts = self._knob, self._shifts
        soft = (self.picture, knob["soften"], self._field, knob["noise"], shifts[:6])
        picture = kernels.soften(*soft)
        deviation, mean = torch.std_mean(picture)
        wanted = (knob["brightness"], knob["contrast"], knob["pull"])
        canvases = (self.given, self.made)
        statistics = (mean, deviation)
        kernels.store(picture, self._chances, canvases, self.bad, statistics, wanted, shifts[6:])

    def _load_falls(self, exponent: float, decorrelation: float) -> None:
        """See `conditioning.smooth`."""
        if exponent == 0:
            self._fall.fill_(1.0)
            self._chroma_fall.fill_(1.0)
            return
        steeper = exponent + conditioning.CHROMA_FALL * decorrelation
        fall = torch.exp(self._logarithms * -exponent)  # 1 at the lowest frequency
        top = 1 / fall.mean()
        self._fall.copy_(fall * top)
        self._chroma_fall.copy_(torch.exp(self._chroma_logarithms * -steeper) * top)

    def _scattered(self, picture: Tensor, shifts: Tensor) -> Tensor:
        """Each channel shifted round by its own rows and columns."""
        channels = zip(picture.split(1, 1), shifts, strict=True)
        return torch.cat([self._rolled(channel, *shift) for channel, shift in channels], 1)

    def _rolled(self, picture: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """As `torch.roll` of rows and columns, by numbers on the device."""
        rows = (self._rows - down.long()).remainder(self.size[0])
        columns = (self._columns - across.long()).remainder(self.size[1])
        return picture.index_select(2, rows).index_select(3, columns)


def _chances(size: Size, device: torch.device) -> Tensor:
    """Evenly spread in 0..1, float32 (H, W), in steps of 1/1024 with half a one to either end: what
    differs by less from what half holds, as rounding errors do, is rounded to that always."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.randint(1024, size, generator=generator)
    return ((steps + 0.5) / 1024).to(device)


def dithered(picture: Tensor, chance: Tensor) -> Tensor:
    """A picture in 0..1 in half, each value up or down so that the mean of many is right: steps
    smaller than half's spacing would otherwise be lost. What half holds exactly stays. `chance`:
    0..1 without 1, evenly spread."""
    exponent = torch.floor(torch.log2(picture.clamp(min=2.0**-14)))
    spacing = torch.exp2(exponent - 10)
    scaled = picture / spacing
    lower = scaled.floor()
    return ((lower + (chance < scaled - lower)) * spacing).half()


@dataclass(frozen=True)
class Part:
    """A network's share in a step."""

    prepared: Prepared | Differentiated
    program: StaticProgram | Differentiated
    excited: Mapping[str, Excited]


@dataclass(frozen=True)
class StaticStep:
    """One step on some layers together at one canvas size and scale."""

    stage: Stage
    parts: Sequence[Part]
    narrow: bool
    """See `StaticProgram.run`."""
    size: Size
    """The height and width at which the networks look."""

    def run(self) -> None:
        scaled = self.size != self.stage.size
        picture = shrunk(self.stage.seen(), self.size) if scaled else self.stage.seen()
        inputs = [part.prepared.enter(picture) for part in self.parts]
        del picture  # a map's worth of memory, which networks can use
        found = [
            part.prepared.leave(part.program.run(each, part.excited, self.narrow))
            for part, each in zip(self.parts, inputs, strict=True)
        ]
        gradient = found[0] if len(found) == 1 else torch.stack(found).sum(0)
        self.stage.add(shrunk_backward(gradient, self.stage.size) if scaled else gradient)
