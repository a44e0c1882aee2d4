"""Apply the activation function after a convolution, ReLU, ReLU6 or none, and its derivative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_aten = torch.ops.aten


@dataclass(frozen=True)
class Relu:
    """Clamp to 0..`ceiling`; to 0 and above where there is none."""

    ceiling: float | None = None
    identity: bool = False

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """Rectify x into `out`, which may be x."""
        if self.identity:
            return out if out is x else out.copy_(x)
        return torch.clamp(x, 0.0, self.ceiling, out=out)

    def backward(self, gradient: Tensor, activation: Tensor, out: Tensor | None = None) -> Tensor:
        """Return, or write into `out`, the gradient masked by what `forward` made, `activation`."""
        named = {} if out is None else {"grad_input": out}
        if self.ceiling is None:
            threshold = _aten.threshold_backward
            call = threshold if out is None else threshold.grad_input
            return call(gradient, activation, 0.0, **named)
        hardtanh = _aten.hardtanh_backward
        call = hardtanh if out is None else hardtanh.grad_input
        return call(gradient, activation, 0.0, self.ceiling, **named)


IDENTITY = Relu(identity=True)


def rectifier(module: nn.Module) -> Relu | None:
    """Return a module's rectifier, or None where the module is something else."""
    if isinstance(module, nn.ReLU6):
        return Relu(6.0)
    return Relu() if isinstance(module, nn.ReLU) else None
