"""Run a network as steps with a forward and a backward pass each, without autograd.

A step saves only what its backward pass needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from liveflight.engines.backend import Excitations, Objective, objective_gradient
from liveflight.engines.convolution import Convolution, HeightWidth
from liveflight.engines.relu import IDENTITY, Relu, rectifier
from liveflight.engines.torch.convolution_choice import SameConvolution
from liveflight.networks.layered import Layered

Saved = Any
"""Anything that a step's forward pass saves for its backward pass."""


class Step(Protocol):
    """Compute one operation and its input's gradient."""

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]: ...

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor: ...


@dataclass(frozen=True)
class Convolve:
    """Convolve and rectify."""

    convolution: Convolution | SameConvolution
    rectifier: Relu
    masks: bool = True
    """Whether this step masks its gradient, and not the next step: see `MaxPool`."""

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]:
        y = self.convolution.at(size_of(x)).forward(x, self.rectifier)
        return y, (size_of(x), y if self.masks and not self.rectifier.identity else None)

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor:
        size, activation = saved
        convolution = self.convolution.at(size)
        return convolution.backward(gradient, size, self.rectifier, activation)


@dataclass(frozen=True)
class Rectify:
    """Rectify what no convolution could rectify with it."""

    rectifier: Relu

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]:
        y = self.rectifier.forward(x, out=torch.empty_like(x))
        return y, y

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor:
        return self.rectifier.backward(gradient, saved)


@dataclass(frozen=True)
class MaxPool:
    """Take the largest of 2x2, and save its index.

    Where several are equal, only the first gets the gradient. `rectifier` is that of the step
    before. Its mask is cheaper here: the largest says whether the gradient passes, and the others
    get none."""

    rectifier: Relu

    def forward(self, x: Tensor) -> tuple[Tensor, Saved]:
        y, indices = torch.ops.aten.max_pool2d_with_indices(x, (2, 2), (2, 2))
        return y, (x, y, indices)

    def backward(self, gradient: Tensor, saved: Saved) -> Tensor:
        x, y, indices = saved
        if not self.rectifier.identity:
            gradient = self.rectifier.backward(gradient, y)
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        return backward(gradient, x, (2, 2), (2, 2), (0, 0), (1, 1), False, indices)


class Program:
    """Run the steps to the deepest of some layers, and back from all of them."""

    def __init__(
        self, steps: list[Step], positions: Mapping[str, int], skips: Mapping[int, int]
    ) -> None:
        """Take the steps, and where layers and residual connections are.

        `positions`: after how many steps each layer is complete, the deepest last. `skips`: at
        which position the value of which earlier position is added."""
        self.steps = steps
        self.positions = dict(positions)
        self.skips = dict(skips)
        self._used = {*positions.values(), *skips.values()}

    def gradient(self, x: Tensor, excitations: Excitations) -> Tensor:
        """Return the gradient with respect to x (1, channels, H, W), channels-last."""
        x, saved, values = self._forward(x)
        pending = {
            self.positions[layer]: objective_gradient(objective, values[self.positions[layer]])
            for layer, objective in excitations.items()
            if self.positions[layer] < len(self.steps)
        }
        *_, deepest = self.positions
        gradient = self._through_last(x, excitations[deepest], values, pending)
        return self._backward(gradient, saved, pending)

    def _forward(self, x: Tensor) -> tuple[Tensor, list[Saved], dict[int, Tensor]]:
        """Run all steps but the last.

        Returns the last step's input, what each step saved, and the values at the positions in use.
        """
        saved: list[Saved] = []
        values: dict[int, Tensor] = {}
        for position, step in enumerate(self.steps[:-1], 1):
            x, needed = step.forward(x)
            saved.append(needed)
            if position in self.skips:
                x = x + values[self.skips[position]]
            if position in self._used:
                values[position] = x
        return x, saved, values

    def _backward(self, gradient: Tensor, saved: list[Saved], pending: dict[int, Tensor]) -> Tensor:
        """Return the input's gradient from that of the last step's input.

        Frees what was saved on the way. `pending`: gradients to add, by position."""
        for position in range(len(saved), 0, -1):
            if position in pending:
                gradient = gradient + pending.pop(position)
            if position in self.skips:
                add_pending(pending, self.skips[position], gradient)
            gradient = self.steps[position - 1].backward(gradient, saved.pop())
        return gradient

    def _through_last(
        self,
        x: Tensor,
        objective: Objective,
        values: Mapping[int, Tensor],
        pending: dict[int, Tensor],
    ) -> Tensor:
        """Return the gradient with respect to the last step's input."""
        step, narrow = self.steps[-1], objective
        source = self.skips.get(len(self.steps))
        if isinstance(step, Convolve) and not objective.whole and source is None:
            step, narrow = _narrowed(step, objective, size_of(x))
        if isinstance(step, Convolve) and step.rectifier.identity and not objective.whole:
            # Linear in x, so its gradient does not depend on x.
            channels = len(narrow.weights)
            size = step.convolution.at(size_of(x)).output(size_of(x))
            y, saved = x.new_empty(1, channels, *size), (size_of(x), None)
        else:
            y, saved = step.forward(x)
            if source is not None:
                y = y + values[source]
        if source is not None:
            add_pending(pending, source, objective_gradient(objective, y))
        return step.backward(objective_gradient(narrow, y), saved)


def _narrowed(
    step: Convolve, objective: Objective, size: HeightWidth
) -> tuple[Convolve, Objective]:
    """Return the step with only the filters in use, and their objective."""
    full = step.convolution.at(size)
    if full.geometry.groups != 1:
        return step, objective
    weights = objective.weights.to(full.weight.device, torch.float32)
    if step.rectifier.identity:  # linear: one filter that is the sum of all
        weight = torch.einsum("o,oikl->ikl", weights, full.weight.float())[None]
        narrow = full.narrowed(weight.to(full.weight.dtype), None)
        return Convolve(narrow, IDENTITY), Objective(torch.ones(1), 0.0, objective.centre)
    (used,) = torch.nonzero(objective.weights, as_tuple=True)
    if len(used) == 0 or 2 * len(used) > len(weights):
        return step, objective
    chosen = used.to(full.weight.device)
    bias = None if full.bias is None else full.bias[chosen]
    narrow = full.narrowed(full.weight[chosen], bias)
    narrowed = Objective(objective.weights[used], 0.0, objective.centre)
    return Convolve(narrow, step.rectifier), narrowed


def add_pending(pending: dict[int, Tensor], position: int, gradient: Tensor) -> None:
    """Add a gradient to what is pending at a position."""
    pending[position] = pending[position] + gradient if position in pending else gradient


def size_of(x: Tensor) -> HeightWidth:
    """Return the height and width of (N, C, H, W)."""
    return x.shape[2], x.shape[3]


def compiled(
    module: Layered,
    layers: Collection[str],
    convolution: Callable[[nn.Conv2d], Convolution | SameConvolution],
) -> Program:
    """Return the program for these layers together.

    A rectifier joins the convolution before it where no layer in use stands between, and leaves its
    mask to a pool after it. Raises TypeError for a module without a backward pass here."""
    stops = {*layers, *module.skips, *module.skips.values()}
    steps: list[Step] = []
    positions: dict[str, int] = {}
    skips: dict[int, int] = {}
    pending = set(layers)
    for name, stage in module.stages.items():
        if not pending:
            break
        for part in _parts(stage):
            fixed = not steps or len(steps) in positions.values()
            before = None if fixed or not isinstance(steps[-1], Convolve) else steps[-1]
            clamp = rectifier(part)
            if clamp is not None and before is not None and before.rectifier.identity:
                steps[-1] = replace(before, rectifier=clamp)
            elif _is_pool(part) and before is not None:
                steps[-1] = replace(before, masks=False)
                steps.append(MaxPool(before.rectifier))
            else:
                steps.append(_step(part, convolution))
        if name in module.skips:
            skips[len(steps)] = positions[module.skips[name]]
        if name in stops:
            positions[name] = len(steps)
        pending.discard(name)
    return Program(steps, {name: positions[name] for name in positions if name in layers}, skips)


def _parts(stage: nn.Module) -> Iterator[nn.Module]:
    if isinstance(stage, nn.Sequential):
        for part in stage:
            yield from _parts(part)
    else:
        yield stage


def _step(
    part: nn.Module, convolution: Callable[[nn.Conv2d], Convolution | SameConvolution]
) -> Step:
    clamp = rectifier(part)
    if clamp is not None:
        return Rectify(clamp)
    if isinstance(part, nn.Conv2d):
        return Convolve(convolution(part), IDENTITY)
    if _is_pool(part):
        return MaxPool(IDENTITY)
    raise TypeError(f"no backward pass is known through {part}")


def _is_pool(part: nn.Module) -> bool:
    return isinstance(part, nn.MaxPool2d) and (part.kernel_size, part.stride) == (2, 2)
