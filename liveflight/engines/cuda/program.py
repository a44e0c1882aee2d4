"""Compute a network's gradient as a fixed sequence of operations.

The objective is read from buffers, so that one CUDA graph serves every mix of its layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from liveflight.engines.backend import Objective
from liveflight.engines.convolution import Convolution
from liveflight.engines.cuda.kernels import CudaKernels, kernels_for
from liveflight.engines.relu import IDENTITY, Relu
from liveflight.engines.torch.convolution_choice import SameConvolution
from liveflight.engines.torch.program import (
    Convolve,
    MaxPool,
    Program,
    Saved,
    Step,
    add_pending,
    size_of,
)

SLOTS = 8
"""Filters of one layer up to which no others are computed: as few as tensor cores take."""


class Upload:
    """Copy float32 numbers to the device without waiting.

    The copy is queued on the current stream. Its source is a row of pinned memory, and is written
    again only after the copy: rows are reused by halves, each with an event at its end."""

    def __init__(self, count: int, device: torch.device, rows: int) -> None:
        """Take an even number of `rows`: of uploads of which up to half can be under way."""
        cuda = device.type == "cuda"
        self.values = torch.zeros(count, device=device)
        """On the device, always in the same memory."""
        self._rows = torch.zeros(2, rows // 2, count, pin_memory=cuda)
        self._done = [torch.cuda.Event(blocking=True) for _ in range(2 if cuda else 0)]
        self._next = 0

    def load(self, values: np.ndarray) -> None:
        half, row = divmod(self._next, self._rows.shape[1])
        if self._done and row == 0:
            self._done[half].synchronize()
        source = self._rows[half, row]
        source.numpy()[:] = values
        self.values.copy_(source, non_blocking=True)
        if self._done and row == self._rows.shape[1] - 1:
            self._done[half].record()
        self._next = (self._next + 1) % (2 * self._rows.shape[1])


class ObjectiveBuffers:
    """Hold one layer's `engines.backend.Objective` on the device."""

    def __init__(self, channels: int, device: torch.device, rows: int) -> None:
        self._upload = Upload(channels + 2 * SLOTS + 2, device, rows)
        values = self._upload.values
        self.weights, self.slots, self.shares, rest = values.split([channels, SLOTS, SLOTS, 2])
        """The weight of each filter; the numbers of up to `SLOTS` filters, and their weights."""
        self.whole, self.centre = rest[0], rest[1]
        self._loaded: Objective | None = None

    def load(self, objective: Objective) -> None:
        if objective is self._loaded:
            return
        self._loaded = objective
        weights = objective.weights.numpy()
        used = np.flatnonzero(weights)[:SLOTS]
        slots, shares = np.zeros((2, SLOTS), np.float32)
        slots[: len(used)], shares[: len(used)] = used, weights[used]
        rest = (objective.whole, float(objective.centre))
        self._upload.load(np.concatenate([weights, slots, shares, rest]))

    def filter_gradient(self, activation: Tensor, weights: Tensor) -> Tensor:
        """Return the gradient with respect to an activation (N, C, h, w), without `whole`.

        `weights`: (C,), those of the activation's filters."""
        count, _, height, width = activation.shape
        mask = (1 - self.centre).expand(count, 1, height, width).clone()
        mask[..., height // 2, width // 2].fill_(1.0)
        mask = mask.to(activation.dtype)
        gradient = weights.to(activation.dtype).view(1, -1, 1, 1) * mask
        return gradient.contiguous(memory_format=torch.channels_last)

    def gradient(self, activation: Tensor) -> Tensor:
        """Return the objective's gradient with respect to the layer's activation (N, C, h, w)."""
        whole = activation * self.whole.to(activation.dtype)
        return self.filter_gradient(activation, self.weights) + whole


def fits_slots(objective: Objective) -> bool:
    """Return whether the objective is one of at most `SLOTS` filters."""
    return not objective.whole and int(torch.count_nonzero(objective.weights)) <= SLOTS


@dataclass(frozen=True)
class MaskedPool:
    """Pool as `MaxPool` does, but find the largest of 2x2 again by comparing.

    Saved indices would take four times the memory of the map. All of several equal ones get the
    gradient."""

    rectifier: Relu

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]:
        return (y := _pool(x, self.rectifier)), (x, y)

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor:
        x, y = saved
        return _unpool(gradient, self.rectifier, x, y, torch.empty_like(x))


@dataclass(frozen=True)
class ConvolvePool:
    """Convolve, rectify and pool.

    The backward pass overwrites the map between, which nothing else needs, by its gradient."""

    convolution: Convolution | SameConvolution
    rectifier: Relu

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]:
        y = self.convolution.at(size_of(x)).forward(x, self.rectifier)
        return (pooled := _pool(y, self.rectifier)), (size_of(x), y, pooled)

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor:
        size, y, pooled = saved
        gradient = _unpool(gradient, self.rectifier, y, pooled, y)
        return self.convolution.at(size).backward(gradient, size, IDENTITY, None)


def _pool(x: Tensor, rectifier: Relu) -> Tensor:
    if kernels := _kernels(x, rectifier):
        return kernels.pool(x)
    quads = _quads(x)
    upper = torch.maximum(quads[:, :, :, 0, :, 0], quads[:, :, :, 0, :, 1])
    lower = torch.maximum(quads[:, :, :, 1, :, 0], quads[:, :, :, 1, :, 1])
    return torch.maximum(upper, lower, out=upper)


def _unpool(gradient: Tensor, rectifier: Relu, x: Tensor, pooled: Tensor, out: Tensor) -> Tensor:
    """Return `out`: the rectifier's masked gradient where `x` was the largest, 0 elsewhere.

    `gradient`: (N, C, h, w), that of the pooled map. `out`, (N, C, H, W), may be `x`."""
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


def _kernels(x: Tensor, rectifier: Relu) -> CudaKernels | None:
    """Return the kernels that pool a map made by this rectifier, or None."""
    plain = not rectifier.identity and rectifier.ceiling is None
    return kernels_for(x) if plain else None


def _quads(x: Tensor) -> Tensor:
    """Return a view (N, C, h, 2, w, 2) of a map, without an odd last row or column."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    even = x[:, :, : 2 * height, : 2 * width]
    return even.unflatten(3, (width, 2)).unflatten(2, (height, 2))


class StaticProgram(Program):
    """Run a `Program` by operations that depend on the picture's size alone."""

    def __init__(self, program: Program) -> None:
        super().__init__(*_joined(program.steps, program.positions, program.skips))

    @property
    def deepest(self) -> str:
        """Return the deepest layer's name."""
        return list(self.positions)[-1]

    def run(self, x: Tensor, objectives: Mapping[str, ObjectiveBuffers], narrow: bool) -> Tensor:
        """Return the layers' gradient with respect to x (N, channels, H, W), channels-last.

        `objectives`: by layer. `narrow`: the deepest layer's objective `fits_slots`."""
        x, saved, values = self._forward(x)
        pending: dict[int, Tensor] = {}
        for layer in list(self.positions)[:-1]:
            position = self.positions[layer]
            pending[position] = objectives[layer].gradient(values[position])
        gradient = self._through_last_static(x, objectives[self.deepest], narrow, values, pending)
        values.clear()
        return self._backward(gradient, saved, pending)

    def _through_last_static(
        self,
        x: Tensor,
        objective: ObjectiveBuffers,
        narrow: bool,
        values: Mapping[int, Tensor],
        pending: dict[int, Tensor],
    ) -> Tensor:
        """Return the gradient with respect to the last step's input."""
        step, source = self.steps[-1], self.skips.get(len(self.steps))
        if narrow and source is None and isinstance(step, Convolve | ConvolvePool):
            if step.convolution.at(size_of(x)).geometry.groups == 1:
                return _through_few_filters(step, x, objective)
        y, saved = step.forward(x)
        if source is not None:
            y = y + values[source]
        if narrow:
            gradient = objective.filter_gradient(y, objective.weights)
        else:
            gradient = objective.gradient(y)
        if source is not None:
            add_pending(pending, source, gradient)
        return step.backward(gradient, saved)


def _through_few_filters(
    step: Convolve | ConvolvePool, x: Tensor, objective: ObjectiveBuffers
) -> Tensor:
    """Run a step forward and backward with no more than `SLOTS` of its filters."""
    full = step.convolution.at(size_of(x))
    if isinstance(step, Convolve) and step.rectifier.identity:
        # Linear: one filter that is the sum of all, whose gradient does not depend on x.
        blend = torch.einsum("o,oikl->ikl", objective.weights, full.weight.float())[None]
        filters = F.pad(blend, (0, 0, 0, 0, 0, 0, 0, SLOTS - 1)).to(full.weight.dtype)
        y = x.new_empty(len(x), SLOTS, *full.output(size_of(x)))
        gradient = objective.filter_gradient(y, torch.ones_like(objective.shares))
        return full.narrowed(filters, None).backward(gradient, size_of(x), IDENTITY, None)
    numbers = objective.slots.long()
    bias = None if full.bias is None else full.bias.index_select(0, numbers)
    narrowed = full.narrowed(full.weight.index_select(0, numbers), bias)
    few: Step = type(step)(narrowed, step.rectifier)
    y, saved = few.forward(x)
    return few.backward(objective.filter_gradient(y, objective.shares), saved)


def _joined(
    steps: list[Step], positions: Mapping[str, int], skips: Mapping[int, int]
) -> tuple[list[Step], dict[str, int], dict[int, int]]:
    """Replace every pooling by a masked one, and join it to the convolution before it.

    They are not joined where what stands between them is used."""
    used = {*positions.values(), *skips, *skips.values()}
    joined: list[Step] = []
    moved = {0: 0}
    for position, step in enumerate(steps, 1):
        before = joined[-1] if joined and position - 1 not in used else None
        if isinstance(step, MaxPool) and isinstance(before, Convolve):
            joined[-1] = ConvolvePool(before.convolution, before.rectifier)
        else:
            joined.append(MaskedPool(step.rectifier) if isinstance(step, MaxPool) else step)
        moved[position] = len(joined)
    return (
        joined,
        {layer: moved[position] for layer, position in positions.items()},
        {moved[position]: moved[source] for position, source in skips.items()},
    )
