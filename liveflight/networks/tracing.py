"""Trace torchvision's classification networks as graphs, and find their layers.

Without weights, on the meta device. The first trace takes a second.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torchvision import models
from torchvision.models.feature_extraction import NodePathTracer
from torchvision.ops import stochastic_depth

from liveflight.networks.network import Layer

# Skips random initial weights, which would be thrown away.
_BUILT_WITH = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}

_TRAINING_ONLY = (nn.Dropout, nn.Identity)
"""Modules that only a training needs."""

_SIZES = ((224, 288), (320, 256))
"""Heights and widths of two inputs: a map that does not grow with the input is no layer."""

_TRACE_LOCK = threading.Lock()
"""torch.fx patches torch while it traces; two traces at once would leave patches behind."""


class _Tracer(NodePathTracer):
    """Trace the calls of one thread only.

    torch.fx passes every module call in the process to the tracer, also those of a flight on
    another thread."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)


@dataclass(frozen=True)
class Traced:
    """Hold a network's graph in evaluation mode.

    Nothing in it is in place or for training only, and batch norms are folded into convolutions
    where possible."""

    model: nn.Module
    """On the meta device."""
    graph: fx.Graph
    names: dict[str, str]
    """torchvision's name of each of the graph's nodes."""
    folded: dict[str, str]
    """Batch norms by the convolutions they are folded into."""


def trace(name: str) -> Traced:
    """Trace torchvision's network of that name."""
    model = _built(name).eval()
    tracer = _Tracer()
    with _TRACE_LOCK:
        graph = tracer.trace(model)
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    for node in graph.nodes:
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
        if _is_training_only(model, node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    names = {node.name: str(name) for node, name in tracer.node_to_qualname.items()}
    return Traced(model, graph, names, _fold(model, graph))


def _built(name: str) -> nn.Module:
    given = _BUILT_WITH.get(name, {})
    try:
        with torch.device("meta"):
            return models.get_model(name, weights=None, **given)
    except NotImplementedError:  # RegNets read the values of tensors to compute their widths
        return models.get_model(name, weights=None, **given).to("meta")


def _is_training_only(model: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(_module(model, node), _TRAINING_ONLY)
    return node.target is stochastic_depth


def _fold(model: nn.Module, graph: fx.Graph) -> dict[str, str]:
    """Remove each batch norm right after a convolution that nothing else reads."""
    folded: dict[str, str] = {}
    for norm in graph.nodes:
        if norm.op != "call_module" or not isinstance(_module(model, norm), nn.BatchNorm2d):
            continue
        before = norm.args[0]
        if before.op != "call_module" or len(before.users) > 1:
            continue
        if isinstance(_module(model, before), nn.Conv2d):
            folded[before.target] = norm.target
            norm.replace_all_uses_with(before)
            graph.erase_node(norm)
    return folded


def _module(model: nn.Module, node: fx.Node) -> nn.Module:
    return model.get_submodule(str(node.target))


@dataclass(frozen=True)
class TracedLayer:
    """Name a layer's node in the graph, and its aliases."""

    layer: Layer
    node: str
    aliases: tuple[str, ...]


def traced_layers(traced: Traced) -> Iterator[TracedLayer]:
    """Yield the layers in the order in which they are computed.

    Layers are the maps that grow with the picture and have as many filters at every size. The last
    one of a block has the block's name."""
    shapes = [_shapes(traced, size) for size in _SIZES]
    kept = [
        node
        for node in traced.graph.nodes
        if node.op != "placeholder" and node.target is not operator.getitem
        and _stride([shape.get(node.name) for shape in shapes])
    ]  # fmt: skip
    ends = _ends(traced, kept)
    for node in kept:
        own = traced.names[node.name]
        called = list(dict.fromkeys([*ends.get(node.name, ()), own]))
        if node.op == "call_module" and node.target in traced.folded:
            called.append(traced.folded[node.target])
        stride = _stride([shape[node.name] for shape in shapes])
        layer = Layer(called[0], shapes[0][node.name][1], stride)
        yield TracedLayer(layer, node.name, tuple(called[1:]))


def _ends(traced: Traced, kept: list[fx.Node]) -> dict[str, list[str]]:
    """Return the names of the blocks that end with a node, the innermost first, by node.

    A plain sequence at the top, such as `features` in many networks, is no block."""
    last: dict[str, str] = {}
    for node in kept:
        parts = traced.names[node.name].split(".")
        for length in range(1, len(parts)):
            last[".".join(parts[:length])] = node.name
    ends: dict[str, list[str]] = {}
    for block, node_name in reversed(last.items()):
        top = "." not in block and isinstance(traced.model.get_submodule(block), nn.Sequential)
        if not (top and traced.names[node_name] == f"{block}.{_own(traced, node_name)}"):
            ends.setdefault(node_name, []).append(block)
    return {node: sorted(blocks, key=len, reverse=True) for node, blocks in ends.items()}


def _own(traced: Traced, node: str) -> str:
    return traced.names[node].rpartition(".")[2]


def _stride(shapes: list[tuple[int, ...] | None]) -> int:
    """Return input pixels per pixel of a map with these shapes at `_SIZES`; 0 for no layer."""
    strides, channels = set(), set()
    for shape, size in zip(shapes, _SIZES, strict=True):
        if shape is None or len(shape) != 4 or shape[0] != 1 or min(shape[2:]) < 2:
            return 0
        channels.add(shape[1])
        strides |= {2 ** round(math.log2(a / b)) for a, b in zip(size, shape[2:], strict=True)}
    return strides.pop() if len(strides) == len(channels) == 1 else 0


class _ShapeRecorder(fx.Interpreter):
    """Record the shape of each node's result."""

    def __init__(self, traced: Traced) -> None:
        super().__init__(traced.model, graph=traced.graph)
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if isinstance(found, Tensor):
            self.shapes[n.name] = tuple(found.shape)
        return found


def _shapes(traced: Traced, size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    recorder = _ShapeRecorder(traced)
    with torch.no_grad():
        recorder.run(torch.empty(1, 3, *size, device="meta"))
    return recorder.shapes


def first_weights(name: str) -> str:
    """Return the URL of torchvision's first ImageNet weights of this network."""
    return str(next(iter(models.get_model_weights(name))).url)


def is_depthwise(traced: Traced) -> bool:
    """Return whether the network has depthwise convolutions."""
    convolutions = (part for part in traced.model.modules() if isinstance(part, nn.Conv2d))
    return any(1 < part.groups == part.in_channels for part in convolutions)
