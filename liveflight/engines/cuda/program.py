"""A network's gradient as one fixed row of operations: what is excited is data that it reads from
buffers, so that a CUDA graph of it serves every mix of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.engines.backend import Objective
from liveflight.engines.convolution import Convolution
from liveflight.engines.cuda import kernels as cuda_kernels
from liveflight.engines.rectifier import IDENTITY, Rectifier
from liveflight.engines.torch.convolution_choice import Same
from liveflight.engines.torch.program import Convolve, Kept, Pool, Program, Step

SLOTS = 8
"""Filters of one layer up to which only these are computed: as few as tensor cores take."""


class Upload:
    """Numbers on their way to the device, float32, without anybody waiting: a copy is queued on
    the current stream, from memory that is not written again before `rows` more have been."""

    def __init__(self, count: int, device: torch.device, rows: int) -> None:
        cuda = device.type == "cuda"
        self.values = torch.zeros(count, device=device)
        """Always the same memory."""
        self._rows = torch.zeros(rows, count, pin_memory=cuda)
        self._next = 0

    def load(self, values: np.ndarray) -> None:
        row = self._rows[self._next]
        row.numpy()[:] = values
        self.values.copy_(row, non_blocking=True)
        self._next = (self._next + 1) % len(self._rows)


class Excited:
    """`engines.backend.Objective` of one layer, on the device."""

    def __init__(self, channels: int, device: torch.device, rows: int) -> None:
        self._upload = Upload(channels + 2 * SLOTS + 2, device, rows)
        values = self._upload.values
        self.weights, self.slots, self.shares, rest = values.split([channels, SLOTS, SLOTS, 2])
        """Each filter's weight; up to `SLOTS` filters by number and their weights."""
        self.whole, self.centre = rest[0], rest[1]
        self._loaded: Objective | None = None

    def load(self, excited: Objective) -> None:
        if excited is self._loaded:
            return
        self._loaded = excited
        weights = excited.weights.numpy()
        used = np.flatnonzero(weights)[:SLOTS]
        slots, shares = np.zeros((2, SLOTS), np.float32)
        slots[: len(used)], shares[: len(used)] = used, weights[used]
        rest = (excited.whole, float(excited.centre))
        self._upload.load(np.concatenate([weights, slots, shares, rest]))

    def where(self, like: Tensor) -> Tensor:
        """(1, 1, h, w): 1 where a map counts, 0 elsewhere."""
        height, width = like.shape[2:]
        where = (1 - self.centre).expand(1, 1, height, width).clone()
        where[..., height // 2, width // 2].fill_(1.0)
        return where.to(like.dtype)

    def seed(self, activation: Tensor, weights: Tensor) -> Tensor:
        """The objective's gradient with respect to an activation (1, C, h, w)."""
        seeded = weights.to(activation.dtype).view(1, -1, 1, 1) * self.where(activation)
        return seeded.contiguous(memory_format=torch.channels_last)


def fits_slots(excited: Objective) -> bool:
    return not excited.whole and int(torch.count_nonzero(excited.weights)) <= SLOTS


@dataclass(frozen=True)
class MaskedPool:
    """`Pool` that finds by comparing where the largest of 2x2 came from: with no places kept, which
    would take four times the memory of the map. Of equal ones each gets the gradient."""

    rectifier: Rectifier

    def forward(self, x: Tensor) -> tuple[Tensor, Kept]:
        return (y := _pooled(x, self.rectifier)), (x, y)

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor:
        x, y = kept
        return _spread(gradient, self.rectifier, x, y, torch.empty_like(x))


@dataclass(frozen=True)
class ConvolvePool:
    """A rectified convolution and the pooling that follows: on the way back the map, which nobody
    else needs, is overwritten by its gradient."""

    convolution: Convolution | Same
    rectifier: Rectifier

    def forward(self, x: Tensor) -> tuple[Tensor, Kept]:
        y = self.convolution.at(_size(x)).forward(x, self.rectifier)
        return (pooled := _pooled(y, self.rectifier)), (_size(x), y, pooled)

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor:
        size, y, pooled = kept
        gradient = _spread(gradient, self.rectifier, y, pooled, y)
        return self.convolution.at(size).backward(gradient, size, IDENTITY, None)


def _pooled(x: Tensor, rectifier: Rectifier) -> Tensor:
    if kernels := _kernels(x, rectifier):
        return kernels.pool(x)
    quads = _quads(x)
    upper = torch.maximum(quads[:, :, :, 0, :, 0], quads[:, :, :, 0, :, 1])
    lower = torch.maximum(quads[:, :, :, 1, :, 0], quads[:, :, :, 1, :, 1])
    return torch.maximum(upper, lower, out=upper)


def _spread(
    gradient: Tensor, rectifier: Rectifier, x: Tensor, pooled: Tensor, out: Tensor
) -> Tensor:
    """The gradient (1, C, h, w), masked by the rectifier, where `x` is what came out of pooling, 0
    elsewhere; `out`, which may be `x`."""
    height, width = (side // 2 * 2 for side in x.shape[2:])
    if kernels := _kernels(x, rectifier):
        kernels.unpool(gradient, pooled, x, out)
    else:
        if not rectifier.identity:
            gradient = rectifier.backward(gradient, pooled)
        quads = _quads(x)
        taken = quads == pooled[:, :, :, None, :, None]
        nothing = gradient.new_zeros(())
        torch.where(taken, gradient[:, :, :, None, :, None], nothing, out=_quads(out))
    out[:, :, height:].zero_()
    out[:, :, :, width:].zero_()
    return out


def _kernels(x: Tensor, rectifier: Rectifier) -> cuda_kernels.Kernels | None:
    """Those that pool a map that came out of this rectifier, where there are any."""
    plain = not rectifier.identity and rectifier.ceiling is None
    return cuda_kernels.taking(x) if plain else None


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


def _quads(x: Tensor) -> Tensor:
    """The view (1, C, h, 2, w, 2) of a map; without its last row or column where they are odd."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    even = x[:, :, : 2 * height, : 2 * width]
    return even.unflatten(3, (width, 2)).unflatten(2, (height, 2))


class StaticProgram(Program):
    """A `Program` whose operations depend on nothing but the picture's size."""

    def __init__(self, program: Program) -> None:
        super().__init__(*_joined(program._steps, program._places, program._skips))

    @property
    def deepest(self) -> str:
        return list(self._places)[-1]

    def run(self, x: Tensor, excited: Mapping[str, Excited], narrow: bool) -> Tensor:
        """The gradient with respect to x, (1, channels, H, W), channels-last, of what each layer's
        buffers say. `narrow`: the deepest layer's mix `fits_slots`."""
        x, kept, values = self._forward(x)
        waiting: dict[int, Tensor] = {}
        for layer in list(self._places)[:-1]:
            activation, buffers = values[self._places[layer]], excited[layer]
            whole = activation * buffers.whole.to(activation.dtype)
            waiting[self._places[layer]] = buffers.seed(activation, buffers.weights) + whole
        gradient = self._turn_round(x, excited[self.deepest], narrow, values, waiting)
        values.clear()
        return self._backward(gradient, kept, waiting)

    def _turn_round(
        self,
        x: Tensor,
        excited: Excited,
        narrow: bool,
        values: Mapping[int, Tensor],
        waiting: dict[int, Tensor],
    ) -> Tensor:
        """Through the last step there and back."""
        step, source = self._steps[-1], self._skips.get(len(self._steps))
        if narrow and source is None and isinstance(step, Convolve | ConvolvePool):
            if step.convolution.at(_size(x)).geometry.groups == 1:
                return _few(step, x, excited)
        y, kept = step.forward(x)
        if source is not None:
            y = y + values[source]
        seed = excited.seed(y, excited.weights)
        if not narrow:
            seed = seed + y * excited.whole.to(y.dtype)
        if source is not None:
            waiting[source] = waiting[source] + seed if source in waiting else seed
        return step.backward(seed, kept)


def _few(step: Convolve | ConvolvePool, x: Tensor, excited: Excited) -> Tensor:
    """There and back through no more than `SLOTS` filters of a step."""
    whole = step.convolution.at(_size(x))
    if isinstance(step, Convolve) and step.rectifier.identity:
        # Linear: one filter that is the sum of all, whose gradient does not depend on x.
        blend = torch.einsum("o,oikl->ikl", excited.weights, whole.weight.float())[None]
        filters = F.pad(blend, (0, 0, 0, 0, 0, 0, 0, SLOTS - 1)).to(whole.weight.dtype)
        size = whole.output(_size(x))
        y = x.new_empty(1, SLOTS, *size)
        seed = excited.seed(y, torch.ones_like(excited.shares))
        return whole.narrowed(filters, None).backward(seed, _size(x), IDENTITY, None)
    numbers = excited.slots.long()
    bias = None if whole.bias is None else whole.bias.index_select(0, numbers)
    narrowed = whole.narrowed(whole.weight.index_select(0, numbers), bias)
    few: Step = type(step)(narrowed, step.rectifier)
    y, kept = few.forward(x)
    return few.backward(excited.seed(y, excited.shares), kept)


def _joined(
    steps: list[Step], places: Mapping[str, int], skips: Mapping[int, int]
) -> tuple[list[Step], dict[str, int], dict[int, int]]:
    """The same with every pooling masked, and joined to the convolution before it unless what
    stands between them is used."""
    used = {*places.values(), *skips, *skips.values()}
    joined: list[Step] = []
    moved = {0: 0}
    for place, step in enumerate(steps, 1):
        before = joined[-1] if joined and place - 1 not in used else None
        if isinstance(step, Pool) and isinstance(before, Convolve):
            joined[-1] = ConvolvePool(before.convolution, before.rectifier)
        else:
            joined.append(MaskedPool(step.rectifier) if isinstance(step, Pool) else step)
        moved[place] = len(joined)
    return (
        joined,
        {layer: moved[place] for layer, place in places.items()},
        {moved[place]: moved[source] for place, source in skips.items()},
    )
