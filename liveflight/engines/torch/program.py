"""What a network is made of, as steps that each know their way back: no autograd, and nothing kept
but what the way back needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from liveflight.engines.backend import Excitations, Objective, objective_gradient
from liveflight.engines.convolution import Convolution
from liveflight.engines.rectifier import IDENTITY, Rectifier, rectifier
from liveflight.engines.torch.convolution_choice import Same
from liveflight.networks.layered import Layered

Size = tuple[int, int]
Kept = Any
"""What a step keeps of its way there for its way back."""


class Step(Protocol):
    def forward(self, x: Tensor) -> tuple[Tensor, Kept]: ...

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor: ...


@dataclass(frozen=True)
class Convolve:
    convolution: Convolution | Same
    rectifier: Rectifier
    masks: bool = True
    """Whether the way back is this step's to mask, and not the next one's: see `Pool`."""

    def forward(self, x: Tensor) -> tuple[Tensor, Kept]:
        y = self.convolution.at(_size(x)).forward(x, self.rectifier)
        return y, (_size(x), y if self.masks and not self.rectifier.identity else None)

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor:
        size, activation = kept
        convolution = self.convolution.at(size)
        return convolution.backward(gradient, size, self.rectifier, activation)


@dataclass(frozen=True)
class Rectify:
    rectifier: Rectifier

    def forward(self, x: Tensor) -> tuple[Tensor, Kept]:
        y = self.rectifier.forward(x, out=torch.empty_like(x))
        return y, y

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor:
        return self.rectifier.backward(gradient, kept)


@dataclass(frozen=True)
class Pool:
    """The largest of 2x2. Which it was is kept: where several are equal, only the first of them is
    to get the gradient.

    `rectifier` is that of the step before, whose mask is cheaper here: what it made of the largest
    says whether the gradient passes, and the others get none."""

    rectifier: Rectifier

    def forward(self, x: Tensor) -> tuple[Tensor, Kept]:
        y, places = torch.ops.aten.max_pool2d_with_indices(x, (2, 2), (2, 2))
        return y, (x, y, places)

    def backward(self, gradient: Tensor, kept: Kept) -> Tensor:
        x, y, places = kept
        if not self.rectifier.identity:
            gradient = self.rectifier.backward(gradient, y)
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        return backward(gradient, x, (2, 2), (2, 2), (0, 0), (1, 1), False, places)


class Program:
    """The steps to the deepest of some layers, and back from all of them."""

    def __init__(
        self, steps: list[Step], places: Mapping[str, int], skips: Mapping[int, int]
    ) -> None:
        """`places`: after how many steps each layer stands, deepest last. `skips`: after how many
        steps what stood after how many steps is added."""
        self._steps = steps
        self._places = dict(places)
        self._skips = dict(skips)
        self._used = {*places.values(), *skips.values()}

    def gradient(self, x: Tensor, excitations: Excitations) -> Tensor:
        """With respect to x, (1, channels, H, W), channels-last."""
        x, kept, values = self._forward(x)
        waiting = {
            self._places[layer]: objective_gradient(excited, values[self._places[layer]])
            for layer, excited in excitations.items()
            if self._places[layer] < len(self._steps)
        }
        *_, deepest = self._places
        gradient = self._turn(x, excitations[deepest], values, waiting)
        return self._backward(gradient, kept, waiting)

    def _forward(self, x: Tensor) -> tuple[Tensor, list[Kept], dict[int, Tensor]]:
        """What the last step starts from, what each step before it kept, and what stands at the
        places in use."""
        kept: list[Kept] = []
        values: dict[int, Tensor] = {}
        for place, step in enumerate(self._steps[:-1], 1):
            x, needed = step.forward(x)
            kept.append(needed)
            if place in self._skips:
                x = x + values[self._skips[place]]
            if place in self._used:
                values[place] = x
        return x, kept, values

    def _backward(self, gradient: Tensor, kept: list[Kept], waiting: dict[int, Tensor]) -> Tensor:
        """From what the last step started from to the input; lets go of what was kept on the way.
        `waiting`: what is added at which places."""
        for place in range(len(kept), 0, -1):
            if place in waiting:
                gradient = gradient + waiting.pop(place)
            if place in self._skips:
                _add(waiting, self._skips[place], gradient)
            gradient = self._steps[place - 1].backward(gradient, kept.pop())
        return gradient

    def _turn(
        self,
        x: Tensor,
        excited: Objective,
        values: Mapping[int, Tensor],
        waiting: dict[int, Tensor],
    ) -> Tensor:
        """The gradient with respect to the last step's input."""
        step, narrow = self._steps[-1], excited
        source = self._skips.get(len(self._steps))
        if isinstance(step, Convolve) and not excited.whole and source is None:
            step, narrow = _narrowed(step, excited, _size(x))
        if isinstance(step, Convolve) and step.rectifier.identity and not excited.whole:
            # What is linear in it has a gradient that does not depend on it.
            channels = len(narrow.weights)
            size = step.convolution.at(_size(x)).output(_size(x))
            y, kept = x.new_empty(1, channels, *size), (_size(x), None)
        else:
            y, kept = step.forward(x)
            if source is not None:
                y = y + values[source]
        if source is not None:
            _add(waiting, source, objective_gradient(excited, y))
        return step.backward(objective_gradient(narrow, y), kept)


def _narrowed(step: Convolve, excited: Objective, size: Size) -> tuple[Convolve, Objective]:
    """The step with no more filters than count, and what excites those."""
    whole = step.convolution.at(size)
    if whole.geometry.groups != 1:
        return step, excited
    weights = excited.weights.to(whole.weight.device, torch.float32)
    if step.rectifier.identity:  # linear: one filter that is the sum of all
        weight = torch.einsum("o,oikl->ikl", weights, whole.weight.float())[None]
        narrow = whole.narrowed(weight.to(whole.weight.dtype), None)
        return Convolve(narrow, IDENTITY), Objective(torch.ones(1), 0.0, excited.centre)
    (used,) = torch.nonzero(excited.weights, as_tuple=True)
    if len(used) == 0 or 2 * len(used) > len(weights):
        return step, excited
    chosen = used.to(whole.weight.device)
    bias = None if whole.bias is None else whole.bias[chosen]
    narrow = whole.narrowed(whole.weight[chosen], bias)
    narrowed = Objective(excited.weights[used], 0.0, excited.centre)
    return Convolve(narrow, step.rectifier), narrowed


def _add(waiting: dict[int, Tensor], place: int, gradient: Tensor) -> None:
    waiting[place] = waiting[place] + gradient if place in waiting else gradient


def _size(x: Tensor) -> Size:
    return x.shape[2], x.shape[3]


def compiled(
    module: Layered, layers: Collection[str], convolution: Callable[[nn.Conv2d], Convolution | Same]
) -> Program:
    """The program for these layers together. A rectifier joins the convolution before it where no
    layer in use stands between, and leaves its mask to a pool after it."""
    stops = {*layers, *module.skips, *module.skips.values()}
    steps: list[Step] = []
    places: dict[str, int] = {}
    skips: dict[int, int] = {}
    pending = set(layers)
    for name, stage in module.stages.items():
        if not pending:
            break
        for part in _parts(stage):
            fixed = not steps or len(steps) in places.values()
            before = None if fixed or not isinstance(steps[-1], Convolve) else steps[-1]
            clamp = rectifier(part)
            if clamp is not None and before is not None and before.rectifier.identity:
                steps[-1] = replace(before, rectifier=clamp)
            elif _is_pool(part) and before is not None:
                steps[-1] = replace(before, masks=False)
                steps.append(Pool(before.rectifier))
            else:
                steps.append(_step(part, convolution))
        if name in module.skips:
            skips[len(steps)] = places[module.skips[name]]
        if name in stops:
            places[name] = len(steps)
        pending.discard(name)
    return Program(steps, {name: places[name] for name in places if name in layers}, skips)


def _parts(stage: nn.Module) -> Iterator[nn.Module]:
    if isinstance(stage, nn.Sequential):
        for part in stage:
            yield from _parts(part)
    else:
        yield stage


def _step(part: nn.Module, convolution: Callable[[nn.Conv2d], Convolution | Same]) -> Step:
    clamp = rectifier(part)
    if clamp is not None:
        return Rectify(clamp)
    if isinstance(part, nn.Conv2d):
        return Convolve(convolution(part), IDENTITY)
    if _is_pool(part):
        return Pool(IDENTITY)
    raise TypeError(f"no way back is known through {part}")


def _is_pool(part: nn.Module) -> bool:
    return isinstance(part, nn.MaxPool2d) and (part.kernel_size, part.stride) == (2, 2)
