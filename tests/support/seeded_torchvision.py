"""Make torchvision's networks with random weights, stored as real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torchvision import models
from torchvision.models.feature_extraction import NodePathTracer


def seeded(name: str) -> nn.Module:
    """Return torchvision's own network, in evaluation mode, with effective batch norms."""
    torch.manual_seed(3)
    given = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module = models.get_model(name, weights=None, **given).eval()
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            # so that the deepest activations are as large as the first
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            part.weight.data.uniform_(0.4, 1.0)
            part.bias.data.normal_(0, 0.1)
    return module


def cached(name: str, module: nn.Module, home: Path) -> Path:
    """Write and return the file where torch.hub would have it with this TORCH_HOME."""
    url = next(iter(models.get_model_weights(name))).url
    file = home / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(module.state_dict(), file)
    return file


class Watched(fx.Interpreter):
    """Run a network as torchvision's feature extraction does, and keep each node's result.

    By torchvision's names, and copied, since much is overwritten in place."""

    def __init__(self, module: nn.Module) -> None:
        tracer = NodePathTracer()
        super().__init__(module, graph=tracer.trace(module))
        self._names = {node.name: str(name) for node, name in tracer.node_to_qualname.items()}
        self.found: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if isinstance(found, Tensor):
            self.found[self._names.get(n.name, n.name)] = found.clone()
        return found
