"""Run torchvision's networks as traced graphs, only as deep as asked, with torch's autograd."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from liveflight.core.contracts import LiveflightError
from liveflight.networks import tracing, weights
from liveflight.networks.layered import Features, refuse_infinite
from liveflight.networks.tracing import Traced

_COUNTERS = ("num_batches_tracked",)
"""Endings of the keys of training counters."""

_OLD_KEYS = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
"""Keys in the DenseNets' published files, which torchvision renames on loading."""


class TracedNetwork(Features):
    """Run a traced network whose nodes are layers."""

    def __init__(self, root: nn.Module, graph: fx.Graph, nodes: Mapping[str, str]) -> None:
        """Take a `graph` that calls the modules of `root`, and the node of each layer."""
        super().__init__()
        self.root = root
        self._graph = graph
        self._nodes = dict(nodes)
        self._programs: dict[frozenset[str], fx.GraphModule] = {}

    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        key = frozenset(layers)
        if unknown := key - set(self._nodes):
            raise KeyError(f"no such layers: {sorted(unknown)}")
        if key not in self._programs:
            self._programs[key] = _pruned(self.root, self._graph, self._nodes, sorted(key))
        found: dict[str, Tensor] = self._programs[key](x)
        return {name: found[name] for name in layers}

    def __getstate__(self) -> dict[str, Any]:
        # The programs call this root's modules, and a copy has another root.
        return {**self.__dict__, "_programs": {}}


def load(name: str, path: Path) -> TracedNetwork:
    """Return torchvision's network with the weights of a file: float32, on the CPU, frozen.

    Raises LiveflightError where they are truncated or another network's."""
    traced = tracing.trace(name)
    nodes = {each.layer.name: each.node for each in tracing.traced_layers(traced)}
    root = _pruned(traced.model, traced.graph, nodes, list(nodes))
    state = {_OLD_KEYS.sub(r"\1\2.", key): value for key, value in weights.read(path).items()}
    own = traced.model.state_dict()
    used = _used(root, traced)
    shapes = {
        key: tuple(value.shape)
        for key, value in own.items()
        if used & {key, key.rpartition(".")[0]} and not key.endswith(_COUNTERS)
    }
    if problem := weights.misfit(state, shapes, (*(own.keys() - shapes.keys()), *_COUNTERS)):
        raise LiveflightError(f"{path} is not a {name} file: {problem}")
    held = {key: state[key].detach() for key in shapes}
    parameters = {
        key: held[key].to(torch.float32, copy=True)
        for key in root.state_dict()
        if not key.endswith(_COUNTERS)
    }
    _fold(parameters, held, root, traced)
    refuse_infinite(parameters, path)
    for conv in traced.folded.keys() & used:
        root.get_submodule(conv).bias = nn.Parameter(parameters[f"{conv}.bias"])
    root.load_state_dict(parameters, strict=False, assign=True)
    module = TracedNetwork(root, root.graph, nodes).requires_grad_(False)
    return module.eval()


def _pruned(
    root: nn.Module, graph: fx.Graph, nodes: Mapping[str, str], layers: Sequence[str]
) -> fx.GraphModule:
    """Return a module from x to a dict of these layers, which runs no more than they need.

    It shares `root`'s modules."""
    by_name = {node.name: node for node in graph.nodes}
    needed = {by_name[nodes[layer]] for layer in layers}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    own = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node in needed or node.op == "placeholder":
            copied[node] = own.node_copy(node, copied.__getitem__)
    own.output({layer: copied[by_name[nodes[layer]]] for layer in layers})
    return fx.GraphModule(root, own)


def _used(root: fx.GraphModule, traced: Traced) -> set[str]:
    """Return the names of used modules and parameters, and of batch norms folded into them."""
    called = ("call_module", "get_attr")
    used = {str(node.target) for node in root.graph.nodes if node.op in called}
    return used | {norm for conv, norm in traced.folded.items() if conv in used}


def _fold(
    parameters: dict[str, Tensor], held: Mapping[str, Tensor], root: nn.Module, traced: Traced
) -> None:
    """Fold the batch norms into the convolutions."""
    modules = dict(traced.model.named_modules())
    for conv, norm in traced.folded.items():
        if f"{conv}.weight" not in parameters:
            continue
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, variance, gain, shift = (held[f"{norm}.{part}"].double() for part in parts)
        bias = held.get(f"{conv}.bias")
        weight, bias = fuse_conv_bn_weights(
            held[f"{conv}.weight"].double(),
            None if bias is None else bias.double(),
            mean, variance, modules[norm].eps, gain, shift,
        )  # fmt: skip
        parameters[f"{conv}.weight"] = weight.detach().float().contiguous()
        parameters[f"{conv}.bias"] = bias.detach().float()
