"""The gradient of a mix of layers at a picture's size as a row of operations for kernels.c."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf

import torch
from torch import Tensor

from liveflight.engines.backend import Excitations, Objective
from liveflight.engines.convolution import HeightWidth
from liveflight.engines.native import convolution
from liveflight.engines.native.buffers import Map, Operation, Place
from liveflight.engines.native.convolution import CompiledConvolution
from liveflight.engines.native.kernels import (
    CLAMP,
    CONVOLVE,
    ENTER,
    KEEP,
    LEAVE,
    MASK,
    POOL,
    SUM,
    UNPOOL,
)
from liveflight.engines.native.memory_plan import Layout, Work
from liveflight.engines.native.objective import Seeds, same
from liveflight.engines.native.packed_weights import Weights
from liveflight.engines.native.strips import Expanded
from liveflight.engines.network_steps import Add, Clip, Conv, LayerEnd, Pool, Step, steps_to
from liveflight.networks import Network
from liveflight.networks.layered import Layered

Backward = Callable[[], None]
"""Writes a step's way back, from the gradient of what it made to that of its input."""


class Compiled:
    """A program: its `layout`, and what is excited in it."""

    def __init__(
        self,
        known: Network,
        module: Layered,
        weights: Weights,
        layers: Collection[str],
        size: HeightWidth,
        whole: bool,
        threads: int,
    ) -> None:
        """`size`: the picture's height and width; `whole`: whether whole layers can be excited."""
        writer = _Writer(known, module, weights, layers, size, whole)
        self.layout = Layout(writer.operations, threads)
        self._loads = writer.loads
        self._loaded: dict[str, Objective | None] = {}

    def load(self, excitations: Excitations) -> None:
        """What of each of its layers; of those that are not named, nothing."""
        for layer, load in self._loads.items():
            excited = excitations.get(layer)
            if layer not in self._loaded or not same(excited, self._loaded[layer]):
                load(excited)
                self._loaded[layer] = excited


def check(module: Layered) -> None:
    """Raises TypeError for a network that has a step for which there is no way."""
    for number, step in enumerate(steps_to(module, list(module.stages))):
        if isinstance(step, Conv):
            convolution.check(step, outside=number == 0)
        elif number == 0:
            raise TypeError(f"no compiled way is known through {step} of a picture")


class _Writer:
    """Writes the operations there, then those back."""

    def __init__(
        self,
        known: Network,
        module: Layered,
        weights: Weights,
        layers: Collection[str],
        size: HeightWidth,
        whole: bool,
    ) -> None:
        self.operations: list[Work] = []
        self.loads: dict[str, Callable[[Objective | None], None]] = {}
        self._known, self._layers, self._weights, self._whole = known, layers, weights, whole
        self._kept: dict[str, Map] = {}
        self._excited: dict[Map, Seeds] = {}
        self._pending: dict[Map, Map] = {}
        """What is to be added to a map's gradient besides what comes through the next step."""
        self._flat: dict[Map, Seeds] = {}
        """What the gradient of a map is, where that is all."""
        self._picture = Map(*size, 3, 3)
        self._gradient = self._map(size, 3)
        self._side = 1
        """Of the picture's pixels that one of the gradient's holds."""
        self._write(steps_to(module, layers))

    def _write(self, steps: list[Step]) -> None:
        x, tape = self._picture, list[Backward]()
        self._add(ENTER, None, x, bias=torch.tensor(self._known.mean))
        while steps:
            x, backward, done = self._forward(x, steps)
            steps = steps[done:]
            tape.append(backward)
        for backward in reversed(tape):
            backward()
        self._add(LEAVE, Place(self._gradient), self._picture, kernel=(self._side, 1))

    def _forward(self, x: Map, steps: list[Step]) -> tuple[Map, Backward, int]:
        """What the first step makes, its way back, and how many steps that were."""
        match steps[0]:
            case Conv() as step:
                return self._convolved(x, step, steps)
            case Clip(top):
                y = self._map(x.size, x.channels, top)
                self._add(SUM, Place(x), y, finish=CLAMP, top=top)
                return y, lambda: self._summed(x, y), 1
            case Pool():
                y = self._map((x.height // 2, x.width // 2), x.channels)
                self._add(POOL, Place(x), y)
                return y, lambda: self._returned(UNPOOL, Place(y), x, self._rest(x)), 1
            case Add(source):
                y, other = self._map(x.size, x.channels), self._kept[source]
                self._add(SUM, Place(x), y, other)
                return y, lambda: self._parted(y, x, other), 1
            case LayerEnd(name):
                self._kept[name] = x
                if name in self._layers:
                    self._excite(name, x)
                last = len(steps) == 1
                return x, lambda: self._seeded(x, self._excited.pop(x)) if last else None, 1

    def _convolved(self, x: Map, step: Conv, steps: list[Step]) -> tuple[Map, Backward, int]:
        deviation = torch.tensor(self._known.std) if x is self._picture else None
        conv = CompiledConvolution(self._weights, step, x, deviation)
        if self._linear(steps, conv):
            return x, self._blended(x, conv, steps[1]), len(steps)
        following = steps[1] if len(steps) > 1 else None
        if isinstance(following, Conv) and (by := self._expanded(x, conv, following)):
            y = self._map(by.output, by.filters, following.top)
            self.operations.append(by.there(x, y))
            return y, lambda: self._contracted(by, y, x), 2
        other = None
        if isinstance(following, Add) and step.top is None:
            other = self._kept[following.source]
        y = self._map(conv.output, conv.filters, step.top)
        place = Place(other) if other else None
        self.operations.append(conv.there(x, y, place))

        def backward() -> None:
            if other:
                self._wait(other, y)
            self._returned_through(conv, y, x, self._rest(x))

        return y, backward, 2 if other else 1

    def _expanded(self, x: Map, conv: CompiledConvolution, following: Conv) -> Expanded | None:
        """This and the following convolution together, where that is of use."""
        inner = self._map(x.size, conv.filters, conv.top)
        if conv.kernel != (1, 1) or conv.stride != 1 or following.module.groups == 1:
            return None
        depthwise = CompiledConvolution(self._weights, following, inner, None)
        return Expanded(inner, conv, depthwise, 2 * self._weights.lanes)

    def _contracted(self, by: Expanded, y: Map, x: Map) -> None:
        """Back through both, together with the convolution that gave y its gradient, if one did."""
        made, last = None, self.operations[-1]
        if isinstance(last, Operation) and last.kind == CONVOLVE and last.target == Place(y):
            made = last
            self.operations.pop()
        self.operations += by.back(y, x, self._home(x), self._rest(x), made)

    def _linear(self, steps: list[Step], conv: CompiledConvolution) -> bool:
        """Whether the objective is linear in this convolution, the last: then its input's gradient
        does not depend on it, and it need not run."""
        last = len(steps) == 2 and conv.top is None
        return last and not self._whole and conv.stride == conv.groups == 1

    def _blended(self, x: Map, conv: CompiledConvolution, layer: Step) -> Backward:
        """The way back from filters whose sum is one filter."""
        assert isinstance(layer, LayerEnd)
        if conv.kernel == (1, 1):
            seeds = Seeds(self._weights, x.channels)
            matrix = conv.weight.flatten(1)  # (filters, channels)

            def load(excited: Objective | None) -> None:
                blend = torch.zeros(x.channels) if excited is None else excited.weights @ matrix
                seeds.load(0.0, excited is not None and excited.centre, blend)

            self.loads[layer.name] = load
            return lambda: self._seeded(x, seeds)
        counts = self._map(conv.output, 1)
        seeds = Seeds(self._weights, 1)
        blend = conv.blended(torch.zeros(conv.filters))

        def load_kernel(excited: Objective | None) -> None:
            weights = torch.zeros(conv.filters) if excited is None else excited.weights
            seeds.load(0.0, excited is not None and excited.centre, torch.ones(1))
            blend.copy_(conv.blended(weights))

        def backward() -> None:
            self._add(SUM, None, counts, weight=seeds.values)
            self._returned_through(conv, counts, x, self._rest(x), blend)

        self.loads[layer.name] = load_kernel
        return backward

    def _excite(self, name: str, x: Map) -> None:
        seeds = self._excited[x] = Seeds(self._weights, x.channels)
        nothing = Objective(torch.zeros(x.channels))

        def load(excited: Objective | None) -> None:
            excited = excited or nothing
            seeds.load(excited.whole, excited.centre, excited.weights)

        self.loads[name] = load

    def _seeded(self, x: Map, seeds: Seeds) -> None:
        """The gradient of what nothing comes after."""
        rest = self._rest(x)
        if rest is None and x.top is None and not self._whole:
            self._flat[x] = seeds
        source = Place(x) if self._whole else None
        self._returned(SUM, source, x, rest, weight=seeds.values)

    def _rest(self, x: Map) -> Map | None:
        """What x's gradient is besides what comes back through the next step."""
        waiting, seeds = self._pending.pop(x, None), self._excited.get(x)
        if seeds is None:
            return waiting
        rest = self._map(x.size, x.channels)
        source = Place(x) if self._whole else None
        self._add(SUM, source, rest, waiting, weight=seeds.values)
        return rest

    def _wait(self, x: Map, gradient: Map) -> None:
        """Keeps a part of x's gradient."""
        waiting = self._pending.get(x)
        if waiting is not None:
            both = self._map(x.size, x.channels)
            self._add(SUM, Place(waiting), both, gradient)
            gradient = both
        self._pending[x] = gradient

    def _parted(self, y: Map, x: Map, other: Map) -> None:
        self._wait(other, y)
        self._summed(x, y)

    def _summed(self, x: Map, y: Map) -> None:
        """x's gradient, of which y's is a part."""
        rest = self._rest(x)
        self._returned(SUM, Place(rest) if rest else None, x, y)

    def _returned(
        self,
        kind: int,
        source: Place | None,
        x: Map,
        added: Map | None,
        weight: Tensor | None = None,
    ) -> None:
        """The last of what x's gradient is made of."""
        finish, top = (KEEP, inf) if x.top is None else (MASK, x.top)
        self._add(kind, source, self._home(x), added, weight, finish=finish, top=top)

    def _returned_through(
        self,
        conv: CompiledConvolution,
        y: Map,
        x: Map,
        rest: Map | None,
        weight: Tensor | None = None,
    ) -> None:
        flat = self._flat.get(y)
        if flat and conv.kernel == (1, 1) and conv.stride == conv.groups == 1:
            seeds = Seeds(self._weights, x.channels)
            flat.lead(seeds, conv.weight.flatten(1))
            self._returned(SUM, None, x, rest, weight=seeds.values)
            return
        if x is self._picture and conv.stride > 1 and min(conv.kernel) >= conv.stride:
            self._side = side = conv.stride
            self._gradient = self._map((-(-x.height // side), -(-x.width // side)), 3 * side**2)
            self.operations.append(conv.back_to_picture(y, self._gradient))
        else:
            self.operations += conv.back(y, self._home(x), rest, weight)

    def _home(self, x: Map) -> Map:
        """Where its gradient comes to be."""
        return self._gradient if x is self._picture else x

    def _map(self, size: HeightWidth, channels: int, top: float | None = None) -> Map:
        return Map(*size, channels, self._weights.padded(channels), top)

    def _add(
        self,
        kind: int,
        source: Place | None,
        target: Map,
        added: Map | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        finish: int = KEEP,
        top: float = inf,
        kernel: HeightWidth = (0, 0),
    ) -> None:
        place = Place(added) if added else None
        self.operations.append(
            Operation(
                *(kind, *target.size, target.pixel, source, Place(target), place),
                *(weight, bias, finish, top, kernel),
            )
        )
