"""Write feature maps and their operations as ONNX nodes, in two memory layouts.

`PlainLayout` is standard ONNX, for any provider. `BlockedLayout` is what ONNX Runtime's optimiser
turns convolutions into on a processor: channels in blocks of 8 or 16 side by side. Writing it
directly keeps masks and strides in that layout too, lays the weights out once for all sessions, and
leaves a session nothing to optimise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

from liveflight.engines.onnx.feature_maps import FeatureMap, GraphConvolution

VERSION = 2
"""Version of the graphs written here and in `onnx.graph`; a new one makes those on disk stale."""
OPSET, IR = 18, 9
BLOCKED_DOMAIN = "com.microsoft.nchwc"

_STEEP = 2.0**60
"""Turns a HardSigmoid into a step. A power of two, so that nothing is rounded at its upper end."""

_BLOCKED_SCALE = 2.0**40
"""Factor of blocked maps. It makes every activation above 0 larger than 1.

So the mask of a clip is the smaller of the activation and the step at its upper end."""


class Layout:
    """Collect one graph's nodes, constants and weights."""

    lanes = 1
    """Channels that lie side by side."""
    scale = 1.0
    """Factor of the graph's feature maps over the network's own.

    The gradient with respect to such a map is smaller by the same factor."""

    def __init__(self, weights: dict[str, np.ndarray], dtype: type = np.float32) -> None:
        """Take the weights that earlier graphs have laid out; missing ones are added to them.

        `dtype`: of all numbers but indices."""
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.weights = weights
        self.used: dict[str, np.ndarray] = {}
        self.dtype = dtype

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output, and return the output's name."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes)
        )
        return name

    def weight(self, key: str, lay_out: Callable[[], np.ndarray]) -> str:
        """Return the name of these weights, laid out if they were not yet."""
        if key not in self.weights:
            self.weights[key] = np.ascontiguousarray(lay_out(), self.dtype)
        self.used[key] = self.weights[key]
        return key

    def constant(self, value: Any, dtype: type | None = None) -> str:
        """Return the name of a constant."""
        array: np.ndarray = np.asarray(value, dtype or self.dtype)
        digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        name = f"{array.dtype}_{'x'.join(map(str, array.shape))}_{digest}"
        self.constants[name] = array
        return name

    def indices(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def add(self, one: FeatureMap, other: FeatureMap) -> FeatureMap:
        return replace(one, name=self.node("Add", one.name, other.name))

    def times(self, x: FeatureMap, factor: str) -> FeatureMap:
        """Multiply x by a scalar, or by a value of x's shape."""
        return replace(x, name=self.node("Mul", x.name, factor))

    def cut(self, x: FeatureMap, height: int, width: int) -> FeatureMap:
        """Return the upper left part of x."""
        if x.size == (height, width):
            return x
        end = self.indices(height, width)
        rows = self._rows(x)
        name = self.node("Slice", rows, self.indices(0, 0), end, self.indices(1, 2))
        return self._whole(name, x.channels, height, width)

    def extended(self, x: FeatureMap, height: int, width: int) -> FeatureMap:
        """Return x with zeros below and to the right."""
        if x.size == (height, width):
            return x
        pads = self.indices(0, 0, 0, 0, 0, height - x.height, width - x.width, 0)
        name = self.node("Pad", self._rows(x), pads)
        return self._whole(name, x.channels, height, width)

    def phase(self, x: FeatureMap, row: int, column: int) -> FeatureMap:
        """Return every second row and column of x, from these (0 or 1) on."""
        start, end = self.indices(row, column), self.indices(*x.size)
        step = self.indices(2, 2)
        name = self.node("Slice", self._rows(x), start, end, self.indices(1, 2), step)
        return self._whole(name, x.channels, (x.height - row + 1) // 2, (x.width - column + 1) // 2)

    def interleaved(self, phases: Sequence[FeatureMap], axis: int) -> FeatureMap:
        """Interleave the rows (axis 0) or columns (axis 1) of two maps of one size."""
        first = phases[0]
        height, width = first.size
        blocks = -(-first.channels // self.lanes)
        inner = (1, width * self.lanes) if axis == 0 else (width, self.lanes)
        shape = self.indices(blocks * height, *inner)
        views = [self.node("Reshape", phase.name, shape) for phase in phases]
        name = self.node("Concat", *views, axis=1 if axis == 0 else 2)
        return self._whole(name, first.channels, height * (2 - axis), width * (1 + axis))

    def unfolded(self, quarters: FeatureMap, x: FeatureMap) -> FeatureMap:
        """Return the map of x's size, outside the layout, that has these channels as its phases."""
        name = self.node("DepthToSpace", self.out_of_layout(quarters).name, blocksize=2)
        if x.height % 2 or x.width % 2:
            end = self.indices(*x.size)
            name = self.node("Slice", name, self.indices(0, 0), end, self.indices(2, 3))
        return replace(x, name=name)

    def out_of_layout(self, x: FeatureMap) -> FeatureMap:
        """Return x as the picture lies."""
        raise NotImplementedError

    def _rows(self, x: FeatureMap) -> str:
        """Return x as (blocks, height, width, lanes)."""
        blocks = -(-x.channels // self.lanes)
        return self.node("Reshape", x.name, self.indices(blocks, *x.size, self.lanes))

    def _whole(self, name: str, channels: int, height: int, width: int) -> FeatureMap:
        name = self.node("Reshape", name, self.indices(1, -1, height, width))
        return FeatureMap(name, channels, height, width)


class PlainLayout(Layout):
    """Write standard ONNX nodes."""

    def into_layout(self, x: FeatureMap) -> FeatureMap:
        return replace(x, outside=False)

    def out_of_layout(self, x: FeatureMap) -> FeatureMap:
        return replace(x, outside=True)

    def convolve(
        self, x: FeatureMap, by: GraphConvolution, onto: FeatureMap | None = None
    ) -> FeatureMap:
        """Convolve x, add it to `onto`, and clip."""
        names = [self.weight(f"{by.key}.weight", lambda: by.weight)]
        if (bias := by.bias) is not None:
            names.append(self.weight(f"{by.key}.bias", lambda: bias))
        strides = [by.stride] * 2
        name = self.node("Conv", x.name, *names, pads=by.pads, strides=strides, group=by.groups)
        if onto is not None:
            name = self.node("Add", name, onto.name)
        output = by.output(x, name)
        return output if by.top is None else self.clipped(output, by.top)

    def clipped(self, x: FeatureMap, top: float) -> FeatureMap:
        name = self.node("Relu", x.name)
        if top != inf:
            name = self.node("Min", name, self.constant(top))
        return replace(x, name=name)

    def pooled(self, x: FeatureMap) -> FeatureMap:
        name = self.node("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2])
        return FeatureMap(name, x.channels, x.height // 2, x.width // 2)

    def masked(self, gradient: FeatureMap, activation: FeatureMap, top: float) -> FeatureMap:
        """Return the gradient where the activation is above 0 and below `top`, else 0."""
        zero = self.constant(0.0)
        inside = self.node("Greater", activation.name, zero)
        if top != inf:
            below = self.node("Less", activation.name, self.constant(top))
            inside = self.node("And", inside, below)
        return replace(gradient, name=self.node("Where", inside, gradient.name, zero))

    def where_equal(self, gradient: FeatureMap, one: FeatureMap, other: FeatureMap) -> FeatureMap:
        """Return the gradient where `one` equals `other`, which it nowhere exceeds, else 0."""
        equal = self.node("Equal", one.name, other.name)
        name = self.node("Where", equal, gradient.name, self.constant(0.0))
        return replace(gradient, name=name)


class BlockedLayout(Layout):
    """Write ONNX Runtime's nodes for channels in blocks."""

    scale = _BLOCKED_SCALE

    def __init__(self, lanes: int, weights: dict[str, np.ndarray]) -> None:
        super().__init__(weights)
        self.lanes = lanes

    def into_layout(self, x: FeatureMap) -> FeatureMap:
        name = x.name
        if missing := -x.channels % self.lanes:
            name = self.node("Pad", name, self.indices(0, 0, 0, 0, 0, missing, 0, 0))
        return replace(x, name=self._node("ReorderInput", name), outside=False)

    def out_of_layout(self, x: FeatureMap) -> FeatureMap:
        if x.outside:
            return x
        name = self._node("ReorderOutput", x.name, channels=x.channels)
        return replace(x, name=name, outside=True)

    def convolve(
        self, x: FeatureMap, by: GraphConvolution, onto: FeatureMap | None = None
    ) -> FeatureMap:
        """Convolve x, add it to `onto`, and clip.

        x may be outside the layout if it has fewer channels than a block."""
        names = [self.weight(f"{by.key}.weight", lambda: self._laid_out(by, x.outside)), "", ""]
        if (bias := by.bias) is not None:
            names[1] = self.weight(f"{by.key}.bias", lambda: self._filled(bias, 0))
        if onto is not None:
            names[2] = onto.name
        attributes: dict[str, Any] = {"activation": "Relu"} if by.top is not None else {}
        if by.top is not None and by.top != inf:
            attributes = {"activation": "Clip", "activation_params": [0.0, by.top]}
        name = self._node(
            "Conv",
            x.name,
            *(names if onto is not None else names[:2] if names[1] else names[:1]),
            kernel_shape=by.kernel,
            pads=by.pads,
            strides=[by.stride] * 2,
            group=by.groups + -by.groups % self.lanes if by.groups > 1 else 1,
            **attributes,
        )
        return by.output(x, name)

    def clipped(self, x: FeatureMap, top: float) -> FeatureMap:
        name = self.node("Relu", x.name)
        if top != inf:
            name = self.node("Clip", name, "", self.constant(top))
        return replace(x, name=name)

    def pooled(self, x: FeatureMap) -> FeatureMap:
        name = self._node("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2])
        return FeatureMap(name, x.channels, x.height // 2, x.width // 2)

    def masked(self, gradient: FeatureMap, activation: FeatureMap, top: float) -> FeatureMap:
        """Return the gradient where the activation is above 0 and below `top`, else 0.

        By products, which are several times faster here than comparing and choosing."""
        if top == inf:
            mask = self.node("HardSigmoid", activation.name, alpha=_STEEP, beta=0.0)
        else:
            mask = self.node("HardSigmoid", activation.name, alpha=-_STEEP, beta=top * _STEEP)
            mask = self.node("Min", mask, activation.name)
        return self.times(gradient, mask)

    def where_equal(self, gradient: FeatureMap, one: FeatureMap, other: FeatureMap) -> FeatureMap:
        """Return the gradient where `one` equals `other`, which it nowhere exceeds, else 0."""
        short = self.node("Sub", one.name, other.name)
        return self.times(gradient, self.node("HardSigmoid", short, alpha=_STEEP, beta=1.0))

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.node(kind, *inputs, domain=BLOCKED_DOMAIN, **attributes)

    def _filled(self, array: np.ndarray, axis: int) -> np.ndarray:
        """Return the array with zeros up to whole blocks along an axis."""
        missing = [(0, 0)] * array.ndim
        missing[axis] = (0, -array.shape[axis] % self.lanes)
        return np.ascontiguousarray(np.pad(array, missing))

    def _laid_out(self, by: GraphConvolution, outside: bool) -> np.ndarray:
        weight = self._filled(by.weight, 0)
        if by.groups > 1 or outside:
            blocks = weight.reshape(-1, self.lanes, weight.shape[1], *by.kernel)
            blocks = blocks.transpose(0, 2, 3, 4, 1)
        else:
            weight = self._filled(weight, 1)
            inputs = (weight.shape[1] // self.lanes, self.lanes)
            blocks = weight.reshape(-1, self.lanes, *inputs, *by.kernel)
            blocks = blocks.transpose(0, 2, 4, 5, 3, 1)
        return np.ascontiguousarray(blocks).reshape(weight.shape)


def embedded(model: ModelProto, layout: Layout) -> ModelProto:
    """Return the model with its weights as constants, for a provider to prepare."""
    graph = ModelProto()
    graph.CopyFrom(model)
    kept = [value for value in graph.graph.input if value.name not in layout.used]
    del graph.graph.input[:]
    graph.graph.input.extend(kept)
    graph.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in layout.used.items()
    )
    return graph
