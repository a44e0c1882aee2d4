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
from liveflight.engines.derived import Prepared
from liveflight.engines.scaling import shrunk, shrunk_backward
from liveflight.engines.static_autograd import Differentiated
from liveflight.engines.static_program import Excited, StaticProgram, Upload

Size = tuple[int, int]

_KNOBS = (
    *("amount", "normalise", "down", "across"),
    *("soften", "noise", "brightness", "contrast", "pull"),
)

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
        self.generator = torch.Generator(device).manual_seed(seed)
        """What `finish` draws its noise from."""
        self._knobs = Upload(len(_KNOBS), device, _ROWS)
        self._knob = dict(zip(_KNOBS, self._knobs.values, strict=True))
        self._colour = Upload(9, device, _ROWS)
        self._rows, self._columns = (torch.arange(side, device=device) for side in size)
        least = lowest(height, width)
        self._logarithms, self._chroma_logarithms = (
            torch.from_numpy(np.log(periods / least).astype(np.float32)).to(device)
            for periods in (frequencies(height, width, least), frequencies(height, width))
        )
        self._pink = conditioning.low_pass(size, 1.0, device)
        self._fall, self._chroma_fall = (torch.ones_like(self._logarithms) for _ in range(2))
        self._tilt: tuple[float, float] | None = None

    def load(self, ascent: Ascent, shift: tuple[int, int]) -> None:
        """What the steps from now on read. `shift`: rows and columns of jitter."""
        if self._tilt != (tilt := (ascent.smoothing, ascent.decorrelation)):
            self._tilt = tilt
            self._colour.load(conditioning.colour(ascent.decorrelation).ravel())
            self._load_falls(*tilt)
        amount = ascent.amount / max(ascent.steps, 1)
        self._knobs.load(
            np.array(
                [
                    *(amount, ascent.normalise, *shift),
                    *(ascent.soften, ascent.noise),
                    *(ascent.brightness, ascent.contrast, ascent.pull),
                ],
                np.float32,
            )
        )

    def begin(self) -> None:
        self.picture.copy_(self.given[..., :3].permute(2, 0, 1)[None])

    def seen(self) -> Tensor:
        """The picture, shifted round: float32 (1, 3, H, W)."""
        return self._rolled(self.picture, self._knob["down"], self._knob["across"])

    def add(self, gradient: Tensor) -> None:
        """Takes a step along the gradient of what was seen, conditioned."""
        gradient = self._rolled(gradient, -self._knob["down"], -self._knob["across"])
        gradient = torch.einsum("ij,njhw->nihw", self._colour.values.view(3, 3), gradient)
        gradient = conditioning.weigh(gradient, self._fall, self._chroma_fall)
        rms = torch.linalg.vector_norm(gradient) * gradient.numel() ** -0.5
        rms, one = rms + conditioning.RMS_FLOOR, torch.ones_like(rms)
        measured = torch.where(self._knob["normalise"] > 0, rms, one)
        self.picture.addcmul_(gradient, self._knob["amount"] / measured)

    def finish(self) -> None:
        knob = self._knob
        picture = conditioning.soften(self.picture, knob["soften"])
        white = torch.randn(picture.shape, generator=self.generator, device=picture.device)
        picture = picture + conditioning.fallen(white, self._pink) * knob["noise"]
        picture = conditioning.hold(picture, knob["brightness"], knob["contrast"], knob["pull"])
        finite = torch.isfinite(picture.sum())  # a single bad pixel spoils the sum
        chance = torch.rand(picture.shape, generator=self.generator, device=picture.device)
        made = dithered(picture.clamp(0.0, 1.0), chance)[0].permute(1, 2, 0)
        torch.where(finite, made, self.given[..., :3], out=self.made[..., :3])
        self.bad.copy_(~finite)

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

    def _rolled(self, picture: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """As `torch.roll` of rows and columns, by numbers on the device."""
        rows = (self._rows - down.long()).remainder(self.size[0])
        columns = (self._columns - across.long()).remainder(self.size[1])
        return picture.index_select(2, rows).index_select(3, columns)


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
        picture = self.stage.seen()
        scaled = self.size != self.stage.size
        if scaled:
            picture = shrunk(picture, self.size)
        gradient = torch.zeros_like(picture)
        for part in self.parts:
            found = part.program.run(part.prepared.enter(picture), part.excited, self.narrow)
            gradient += part.prepared.leave(found)
        self.stage.add(shrunk_backward(gradient, self.stage.size) if scaled else gradient)
