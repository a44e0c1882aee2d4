"""Write the gradient of a mix of layers at a picture's size as operations for kernels.c."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf

import torch
from torch import Tensor

from liveflight.engines.backend import Excitations, Objective
from liveflight.engines.convolution import HeightWidth
from liveflight.engines.native import convolution, kernels
from liveflight.engines.native.buffers import Buffer, BufferView, Operation
from liveflight.engines.native.convolution import NativeConvolution
from liveflight.engines.native.memory_plan import MemoryPlan, Work
from liveflight.engines.native.objective import ObjectiveBuffer, same
from liveflight.engines.native.packed_weights import PackedWeights
from liveflight.engines.native.strips import ExpandedDepthwise
from liveflight.engines.network_steps import Add, Clip, Conv, LayerEnd, Pool, Step, steps_to
from liveflight.networks import Network
from liveflight.networks.layered import Layered

Backward = Callable[[], None]
"""Writes a step's backward pass, from the gradient of its output to that of its input."""


class NativeProgram:
    """Hold a program: its operations, in `plan`, and the objective that they read."""

    def __init__(
        self,
        known: Network,
        module: Layered,
        weights: PackedWeights,
        layers: Collection[str],
        size: HeightWidth,
        whole: bool,
        threads: int,
    ) -> None:
        """Write the program for a picture of this size; `whole`: whole layers can be excited."""
        writer = _ProgramWriter(known, module, weights, layers, size, whole)
        self.plan = MemoryPlan(writer.operations, threads)
        self._loads = writer.loads
        self._loaded: dict[str, Objective | None] = {}

    def load(self, excitations: Excitations) -> None:
        """Set the objective of each of its layers: nothing for those that are not named."""
        for layer, load in self._loads.items():
            excited = excitations.get(layer)
            if layer not in self._loaded or not same(excited, self._loaded[layer]):
                load(excited)
                self._loaded[layer] = excited


def check(module: Layered) -> None:
    """Raise TypeError for a network with a step that the kernels lack."""
    for number, step in enumerate(steps_to(module, list(module.stages))):
        if isinstance(step, Conv):
            convolution.check(step, first=number == 0)
        elif number == 0:
            raise TypeError(f"no compiled kernel does {step} of a picture")


class _ProgramWriter:
    """Write the operations of the forward pass, then those of the backward pass."""

    def __init__(
        self,
        known: Network,
        module: Layered,
        weights: PackedWeights,
        layers: Collection[str],
        size: HeightWidth,
        whole: bool,
    ) -> None:
        self.operations: list[Work] = []
        self.loads: dict[str, Callable[[Objective | None], None]] = {}
        self._known, self._layers, self._weights, self._whole = known, layers, weights, whole
        self._saved: dict[str, Buffer] = {}
        """By layer, for skip connections."""
        self._objectives: dict[Buffer, ObjectiveBuffer] = {}
        self._pending: dict[Buffer, Buffer] = {}
        """Gradients to add to a buffer's, besides the one that comes through the next step."""
        self._constant: dict[Buffer, ObjectiveBuffer] = {}
        """Buffers whose gradient is an objective's alone, the same at every pixel that counts."""
        self._picture = Buffer(*size, 3, 3)
        self._gradient = self._buffer(size, 3)
        self._side = 1
        """Pixels of the picture along a side that one of the gradient buffer's holds."""
        self._write(steps_to(module, layers))

    def _write(self, steps: list[Step]) -> None:
        x, tape = self._picture, list[Backward]()
        self._add(kernels.LOAD_PICTURE, None, x, bias=torch.tensor(self._known.mean))
        while steps:
            x, backward, done = self._forward(x, steps)
            steps = steps[done:]
            tape.append(backward)
        for backward in reversed(tape):
            backward()
        source, side = BufferView(self._gradient), (self._side, 1)
        self._add(kernels.STORE_GRADIENT, source, self._picture, kernel=side)

    def _forward(self, x: Buffer, steps: list[Step]) -> tuple[Buffer, Backward, int]:
        """Write the first step, and those that are done with it.

        Returns their output, their backward pass, and how many steps they are."""
        match steps[0]:
            case Conv() as step:
                return self._convolution(x, step, steps)
            case Clip(top):
                y = self._buffer(x.size, x.channels, top)
                self._add(kernels.SUM, BufferView(x), y, finish=kernels.CLAMP, ceiling=top)
                return y, lambda: self._backward_sum(x, y), 1
            case Pool():
                y = self._buffer((x.height // 2, x.width // 2), x.channels)
                self._add(kernels.POOL, BufferView(x), y)
                return (
                    y,
                    lambda: self._add_gradient(kernels.UNPOOL, BufferView(y), x, self._rest(x)),
                    1,
                )
            case Add(source):
                y, other = self._buffer(x.size, x.channels), self._saved[source]
                self._add(kernels.SUM, BufferView(x), y, other)
                return y, lambda: self._backward_sum(x, y, other), 1
            case LayerEnd(name):
                self._saved[name] = x
                if name in self._layers:
                    self._excite(name, x)
                if len(steps) > 1:
                    return x, lambda: None, 1
                return x, lambda: self._backward_objective(x, self._objectives.pop(x)), 1

    def _convolution(
        self, x: Buffer, step: Conv, steps: list[Step]
    ) -> tuple[Buffer, Backward, int]:
        deviation = torch.tensor(self._known.std) if x is self._picture else None
        conv = NativeConvolution(self._weights, step, x, deviation)
        if self._linear(steps, conv):
            return x, self._blended(x, conv, steps[1]), len(steps)
        following = steps[1] if len(steps) > 1 else None
        if isinstance(following, Conv) and (fused := self._expanded(x, conv, following)):
            y = self._buffer(fused.output, fused.filters, following.top)
            self.operations.append(fused.forward(x, y))
            return y, lambda: self._backward_expanded(fused, y, x), 2
        other = None
        if isinstance(following, Add) and step.top is None:
            other = self._saved[following.source]
        y = self._buffer(conv.output, conv.filters, step.top)
        self.operations.append(conv.forward(x, y, BufferView(other) if other else None))

        def backward() -> None:
            if other:
                self._defer(other, y)
            self._backward_convolution(conv, y, x, self._rest(x))

        return y, backward, 2 if other else 1

    def _expanded(
        self, x: Buffer, conv: NativeConvolution, following: Conv
    ) -> ExpandedDepthwise | None:
        """Fuse a convolution with the following one, where that is of use."""
        inner = self._buffer(x.size, conv.filters, conv.top)
        if conv.kernel != (1, 1) or conv.stride != 1 or following.module.groups == 1:
            return None
        depthwise = NativeConvolution(self._weights, following, inner, None)
        return ExpandedDepthwise(inner, conv, depthwise, 2 * self._weights.lanes)

    def _backward_expanded(self, fused: ExpandedDepthwise, y: Buffer, x: Buffer) -> None:
        """Go back through both, together with the convolution that made y's gradient, if any."""
        made, last = None, self.operations[-1]
        if (
            isinstance(last, Operation)
            and last.kind == kernels.CONVOLVE
            and last.target == BufferView(y)
        ):
            made = last
            self.operations.pop()
        self.operations += fused.backward(y, x, self._gradient_of(x), self._rest(x), made)

    def _linear(self, steps: list[Step], conv: NativeConvolution) -> bool:
        """Return whether the objective is linear in this convolution, the last one.

        Then its input's gradient does not depend on its output, and it need not run."""
        last = len(steps) == 2 and conv.top is None
        return last and not self._whole and conv.stride == conv.groups == 1

    def _blended(self, x: Buffer, conv: NativeConvolution, layer: Step) -> Backward:
        """Return the backward pass of a linear objective: from one filter, the weighted sum."""
        assert isinstance(layer, LayerEnd)
        if conv.kernel == (1, 1):
            objective = ObjectiveBuffer(self._weights, x.channels)
            matrix = conv.weight.flatten(1)  # (filters, channels)

            def load(excited: Objective | None) -> None:
                blend = torch.zeros(x.channels) if excited is None else excited.weights @ matrix
                objective.load(0.0, excited is not None and excited.centre, blend)

            self.loads[layer.name] = load
            return lambda: self._backward_objective(x, objective)
        counts = self._buffer(conv.output, 1)
        objective = ObjectiveBuffer(self._weights, 1)
        blend = conv.blended(torch.zeros(conv.filters))

        def load_kernel(excited: Objective | None) -> None:
            weights = torch.zeros(conv.filters) if excited is None else excited.weights
            objective.load(0.0, excited is not None and excited.centre, torch.ones(1))
            blend.copy_(conv.blended(weights))

        def backward() -> None:
            self._add(kernels.SUM, None, counts, weight=objective.values)
            self._backward_convolution(conv, counts, x, self._rest(x), blend)

        self.loads[layer.name] = load_kernel
        return backward

    def _excite(self, name: str, x: Buffer) -> None:
        objective = self._objectives[x] = ObjectiveBuffer(self._weights, x.channels)
        nothing = Objective(torch.zeros(x.channels))

        def load(excited: Objective | None) -> None:
            excited = excited or nothing
            objective.load(excited.whole, excited.centre, excited.weights)

        self.loads[name] = load

    def _backward_objective(self, x: Buffer, objective: ObjectiveBuffer) -> None:
        """Write the gradient of the deepest buffer, which only the objective depends on."""
        rest = self._rest(x)
        if rest is None and x.top is None and not self._whole:
            self._constant[x] = objective
        source = BufferView(x) if self._whole else None
        self._add_gradient(kernels.SUM, source, x, rest, weight=objective.values)

    def _rest(self, x: Buffer) -> Buffer | None:
        """Write and return x's gradient besides what comes back through the next step."""
        pending, objective = self._pending.pop(x, None), self._objectives.get(x)
        if objective is None:
            return pending
        rest = self._buffer(x.size, x.channels)
        source = BufferView(x) if self._whole else None
        self._add(kernels.SUM, source, rest, pending, weight=objective.values)
        return rest

    def _defer(self, x: Buffer, gradient: Buffer) -> None:
        """Keep a part of x's gradient until the rest is written."""
        pending = self._pending.get(x)
        if pending is not None:
            both = self._buffer(x.size, x.channels)
            self._add(kernels.SUM, BufferView(pending), both, gradient)
            gradient = both
        self._pending[x] = gradient

    def _backward_sum(self, x: Buffer, y: Buffer, other: Buffer | None = None) -> None:
        """Write the gradients of x, and of `other`, which are summed to y."""
        if other:
            self._defer(other, y)
        rest = self._rest(x)
        self._add_gradient(kernels.SUM, BufferView(rest) if rest else None, x, y)

    def _add_gradient(
        self,
        kind: int,
        source: BufferView | None,
        x: Buffer,
        added: Buffer | None,
        weight: Tensor | None = None,
    ) -> None:
        """Write the operation that completes x's gradient, masked where x was clamped."""
        finish, ceiling = (kernels.KEEP, inf) if x.top is None else (kernels.MASK, x.top)
        target = self._gradient_of(x)
        self._add(kind, source, target, added, weight, finish=finish, ceiling=ceiling)

    def _backward_convolution(
        self,
        conv: NativeConvolution,
        y: Buffer,
        x: Buffer,
        rest: Buffer | None,
        weight: Tensor | None = None,
    ) -> None:
        constant = self._constant.get(y)
        if constant and conv.kernel == (1, 1) and conv.stride == conv.groups == 1:
            objective = ObjectiveBuffer(self._weights, x.channels)
            constant.link(objective, conv.weight.flatten(1))
            self._add_gradient(kernels.SUM, None, x, rest, weight=objective.values)
            return
        if x is self._picture and conv.stride > 1 and min(conv.kernel) >= conv.stride:
            self._side = side = conv.stride
            size = (-(-x.height // side), -(-x.width // side))
            self._gradient = self._buffer(size, 3 * side**2)
            self.operations.append(conv.backward_to_picture(y, self._gradient))
        else:
            self.operations += conv.backward(y, self._gradient_of(x), rest, weight)

    def _gradient_of(self, x: Buffer) -> Buffer:
        """Return the buffer of x's gradient: x itself, but for the picture."""
        return self._gradient if x is self._picture else x

    def _buffer(self, size: HeightWidth, channels: int, top: float | None = None) -> Buffer:
        return Buffer(*size, channels, self._weights.padded(channels), top)

    def _add(
        self,
        kind: int,
        source: BufferView | None,
        target: Buffer,
        added: Buffer | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        finish: int = kernels.KEEP,
        ceiling: float = inf,
        kernel: HeightWidth = (0, 0),
    ) -> None:
        views = source, BufferView(target), BufferView(added) if added else None
        size = *target.size, target.pixel
        work = Operation(kind, *size, *views, weight, bias, finish, ceiling, kernel)
        self.operations.append(work)
