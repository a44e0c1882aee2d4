"""Write the gradient of a mix over layers as one ONNX graph, with a hand-written backward pass.

The input gradient of a convolution is a convolution with flipped, transposed weights; clips and
pools are masks. A convolution of stride 2 is, forward and backward, four of stride 1 on one phase
each: every second row and column (Shi et al., "Is the deconvolution layer the same as a
convolutional layer?", 2016). Where it follows a 1x1 convolution, both work phase by phase, which
keeps the data in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from liveflight.engines.network_steps import Add, Clip, Conv, LayerEnd, Pool, Step, steps_to
from liveflight.engines.onnx.feature_maps import FeatureMap, GraphConvolution
from liveflight.engines.onnx.layouts import (
    BLOCKED_DOMAIN,
    IR,
    OPSET,
    BlockedLayout,
    PlainLayout,
)
from liveflight.networks import Network
from liveflight.networks.layered import Layered

PICTURE, GRADIENT = "picture", "gradient"

Backward = Callable[[FeatureMap | None], FeatureMap | None]
"""Takes the gradient of a step's output, None if there is none yet, to that of its input."""


def inputs(layer: str) -> tuple[str, str, str]:
    """Return the names of the inputs that hold a layer's objective.

    They are the filters' weights, float32 (C,); 1.0 for the middle pixel alone or 0.0 for the whole
    map, float32 (1,); and, in graphs for whole layers, the whole layer's weight, float32 (1,)."""
    return f"weights:{layer}", f"centre:{layer}", f"whole:{layer}"


class GraphWriter:
    """Write the graph for a set of layers at a picture size."""

    def __init__(
        self,
        known: Network,
        module: Layered,
        layers: Collection[str],
        size: tuple[int, int],
        whole: bool,
        layout: PlainLayout | BlockedLayout,
    ) -> None:
        """Take the picture's height and width, and whether `whole` layers can be objectives."""
        self._known, self._layers, self._size = known, sorted(layers), size
        self._channels = {layer.name: layer.channels for layer in known.layers}
        self._whole, self._layout = whole, layout
        self._steps = steps_to(module, self._layers)
        self._values: dict[str, FeatureMap] = {}
        self._pending: dict[str, FeatureMap] = {}

    def model(self) -> ModelProto:
        """Return the model.

        It takes a picture, float32 (1, 3, height, width) in 0..1, and the `inputs` of each layer,
        and gives the gradient, of the picture's shape. Its weights are further inputs, named in the
        layout's `used`; see `embedded`."""
        layout = self._layout
        mean = layout.constant(np.reshape(self._known.mean, (1, 3, 1, 1)), np.float32)
        x = FeatureMap(layout.node("Sub", PICTURE, mean), 3, *self._size, outside=True)
        x = self._cast(x, layout.dtype)
        backward_passes: list[Backward] = []
        steps = self._steps
        while steps:
            x, backward, done = self._forward(x, steps)
            backward_passes.append(backward)
            steps = steps[done:]
        gradient: FeatureMap | None = None
        for backward in reversed(backward_passes):
            gradient = backward(gradient)
        assert gradient is not None
        self._cast(layout.out_of_layout(gradient), np.float32)
        layout.nodes[-1].output[0] = GRADIENT
        return self._model()

    def _model(self) -> ModelProto:
        layout = self._layout
        shape = [1, 3, *self._size]
        given = [helper.make_tensor_value_info(PICTURE, TensorProto.FLOAT, shape)]
        for layer in self._layers:
            sizes = (self._channels[layer], 1, 1) if self._whole else (self._channels[layer], 1)
            for name, length in zip(inputs(layer), sizes, strict=False):
                given.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [length]))
        for name, array in layout.used.items():
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            given.append(helper.make_tensor_value_info(name, kind, array.shape))
        constants = [
            numpy_helper.from_array(array, name) for name, array in layout.constants.items()
        ]
        result = helper.make_tensor_value_info(GRADIENT, TensorProto.FLOAT, shape)
        graph = helper.make_graph(layout.nodes, "gradient", given, [result], constants)
        opsets = [helper.make_opsetid("", OPSET)]
        if isinstance(layout, BlockedLayout):
            opsets.append(helper.make_opsetid(BLOCKED_DOMAIN, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR)

    def _forward(self, x: FeatureMap, steps: list[Step]) -> tuple[FeatureMap, Backward, int]:
        """Return the first step's output, its backward pass, and the number of steps taken."""
        layout, step = self._layout, steps[0]
        match step:
            case Conv():
                return self._convolve(x, step, steps)
            case Clip(top):
                top *= layout.scale
                y = layout.clipped(x, top)
                return y, lambda g: g and layout.masked(g, y, top), 1
            case Pool():
                y = layout.pooled(x)
                return y, lambda g: g and self._unpool(g, x, y), 1
            case Add(source):
                y = layout.add(x, self._values[source])
                return y, lambda g: self._skip_gradient(g, source), 1
            case LayerEnd(name):
                self._values[name] = x
                return x, lambda g: self._with_objective(g, name, x), 1

    def _convolve(
        self, x: FeatureMap, step: Conv, steps: list[Step]
    ) -> tuple[FeatureMap, Backward, int]:
        layout, by = self._layout, self._convolution(step, x)
        following = steps[1] if len(steps) > 1 else None
        if isinstance(following, Conv) and following.module.stride == (2, 2):
            if by.kernel == (1, 1) and by.stride == 1 and by.top is not None:
                return *self._convolve_by_phases(x, by, following), 2
        if self._is_linear(steps, by):
            self._values[self._layers[-1]] = x
            return x, lambda g: self._linear_gradient(by, x), len(steps)
        source = following.source if isinstance(following, Add) and by.top is None else None
        y = layout.convolve(x, by, None if source is None else self._values[source])

        def backward(gradient: FeatureMap | None) -> FeatureMap | None:
            if gradient is None:
                return None
            if by.top is not None:
                gradient = layout.masked(gradient, y, by.top)
            if source is not None:
                self._skip_gradient(gradient, source)
            return self._input_gradient(gradient, x, by)

        return y, backward, 1 if source is None else 2

    def _convolution(self, step: Conv, x: FeatureMap) -> GraphConvolution:
        module, scale = step.module, self._layout.scale
        weight = module.weight.detach().numpy()
        if x.outside:  # the picture, without its mean but not yet divided by its deviation
            weight = weight * (scale / np.reshape(self._known.std, (1, 3, 1, 1))).astype(np.float32)
        bias = None if module.bias is None else module.bias.detach().numpy() * scale
        top = None if step.top is None else step.top * scale
        stride = module.stride[0]
        return GraphConvolution(
            step.key, weight, bias, step.pads(x.size), stride, module.groups, top
        )

    def _convolve_by_phases(
        self, x: FeatureMap, first: GraphConvolution, step: Conv
    ) -> tuple[FeatureMap, Backward]:
        """Return output and backward pass of a 1x1 convolution and one of stride 2, by phases."""
        layout, top = self._layout, first.top
        assert top is not None
        by = self._convolution(step, replace(x, channels=len(first.weight)))
        output = by.output(x, "")
        found, total = [], None
        for row, column in _phases(x):
            part = layout.phase(x, row, column)
            inner = layout.convolve(part, first)
            sub = by.phase(row, column, inner, output)
            ends = (row, column) == _phases(x)[-1]
            sub = replace(sub, bias=None if total else by.bias, top=by.top if ends else None)
            total = layout.convolve(inner, sub, total)
            found.append((part, inner, sub))
        assert total is not None
        result = total

        def backward(gradient: FeatureMap | None) -> FeatureMap | None:
            if gradient is None:
                return None
            if by.top is not None:
                gradient = layout.masked(gradient, result, by.top)
            parts = []
            for part, inner, sub in found:
                inner_gradient = layout.convolve(gradient, sub.transposed())
                inner_gradient = layout.masked(inner_gradient, inner, top)
                parts.append(self._input_gradient(inner_gradient, part, first))
            return self._interleave_phases(parts, x)

        return result, backward

    def _input_gradient(
        self, gradient: FeatureMap, x: FeatureMap, by: GraphConvolution
    ) -> FeatureMap:
        """Return the gradient of a convolution's input x from that of its unclipped output."""
        layout = self._layout
        if by.stride == 1:
            skipped = self._pending.pop(x.name, None)
            return layout.convolve(gradient, by.transposed(), skipped)
        if x.outside and min(x.size) > 1:
            quarters = layout.convolve(gradient, by.transposed_phases(x, gradient))
            return layout.unfolded(quarters, x)
        parts = []
        for row, column in _phases(x):
            height, width = (x.height - row + 1) // 2, (x.width - column + 1) // 2
            part = FeatureMap("", x.channels, height, width)
            sub = by.phase(row, column, part, gradient)
            parts.append(layout.convolve(gradient, sub.transposed()))
        return self._interleave_phases(parts, x)

    def _interleave_phases(self, parts: list[FeatureMap], x: FeatureMap) -> FeatureMap:
        """Return the map of x's size that has these `_phases`."""
        layout = self._layout
        height, width = parts[0].size
        parts = [layout.extended(part, height, width) for part in parts]
        if x.width == 1:
            rows = parts
        else:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            rows = [layout.interleaved(pair, axis=1) for pair in pairs]
        whole = rows[0] if x.height == 1 else layout.interleaved(rows, axis=0)
        return layout.cut(whole, *x.size)

    def _unpool(self, gradient: FeatureMap, x: FeatureMap, y: FeatureMap) -> FeatureMap:
        layout = self._layout
        even = layout.cut(x, 2 * y.height, 2 * y.width)
        gradient, largest = (
            layout.interleaved([layout.interleaved([each, each], axis=1)] * 2, axis=0)
            for each in (gradient, y)
        )
        return layout.extended(layout.where_equal(gradient, even, largest), *x.size)

    def _skip_gradient(self, gradient: FeatureMap | None, source: str) -> FeatureMap | None:
        if gradient is not None:
            self._pending[self._values[source].name] = gradient
        return gradient

    def _is_linear(self, steps: list[Step], by: GraphConvolution) -> bool:
        """Return whether this is the last convolution, and the objective linear in it.

        Then its input's gradient does not depend on its output, and it need not run."""
        plain = by.top is None and by.stride == 1 and by.groups == 1
        return plain and not self._whole and steps[1:] == [LayerEnd(self._deepest)]

    @property
    def _deepest(self) -> str:
        last = self._steps[-1]
        assert isinstance(last, LayerEnd)
        return last.name

    def _linear_gradient(self, by: GraphConvolution, x: FeatureMap) -> FeatureMap:
        """Return a linear objective's gradient with respect to the last convolution's input."""
        layout, back = self._layout, by.transposed()
        weights, counts = self._objective_inputs(self._deepest, by.output(x, ""))
        # (filters, inputs * rows * columns): the filters' sum is one filter, of one output.
        key = f"{by.key}.blended"
        matrix = layout.weight(key, lambda: back.weight.swapaxes(0, 1).reshape(len(by.weight), -1))
        kernel = layout.node("MatMul", weights, matrix)
        kernel = layout.node("Reshape", kernel, layout.indices(x.channels, 1, *by.kernel))
        name = layout.node("Conv", counts, kernel, pads=back.pads)
        return layout.into_layout(replace(x, name=name, outside=True))

    def _with_objective(
        self, gradient: FeatureMap | None, layer: str, x: FeatureMap
    ) -> FeatureMap | None:
        """Add the objective's gradient in this layer, and what residual connections bring."""
        layout = self._layout
        if layer in self._layers:
            weights, counts = self._objective_inputs(layer, x)
            weights = layout.node("Reshape", weights, layout.indices(1, -1, 1, 1))
            seed = replace(x, name=layout.node("Mul", weights, counts), outside=True)
            seed = layout.into_layout(seed)
            if self._whole:
                much = self._input(inputs(layer)[2])
                if layout.scale != 1:
                    much = layout.node("Mul", much, layout.constant(layout.scale**-2))
                seed = layout.add(seed, layout.times(x, much))
            gradient = seed if gradient is None else layout.add(gradient, seed)
        if skipped := self._pending.pop(x.name, None):
            gradient = skipped if gradient is None else layout.add(gradient, skipped)
        return gradient

    def _objective_inputs(self, layer: str, x: FeatureMap) -> tuple[str, str]:
        """Return the filters' weights, (C,), and the pixels' weights, (1, 1, h, w)."""
        layout = self._layout
        one = 1 / layout.scale
        others = np.full((1, 1, *x.size), one)
        others[..., x.height // 2, x.width // 2] = 0
        weights, centre, _ = inputs(layer)
        away = layout.node("Mul", self._input(centre), layout.constant(others))
        return self._input(weights), layout.node("Sub", layout.constant(one), away)

    def _input(self, name: str) -> str:
        return self._cast(FeatureMap(name, 0, 0, 0), self._layout.dtype).name

    def _cast(self, x: FeatureMap, dtype: type) -> FeatureMap:
        if self._layout.dtype is np.float32:
            return x
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return replace(x, name=self._layout.node("Cast", x.name, to=to))


def _phases(x: FeatureMap) -> list[tuple[int, int]]:
    """Return the first rows and columns of the phases of x that are not empty."""
    return [(row, column) for row in range(min(2, x.height)) for column in range(min(2, x.width))]
