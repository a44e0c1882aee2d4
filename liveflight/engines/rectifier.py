"""What stands between convolutions: ReLU, ReLU6 or nothing, and its derivative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_aten = torch.ops.aten


@dataclass(frozen=True)
class Rectifier:
    """Clamps to 0 and above, and to `ceiling` and below where there is one."""

    ceiling: float | None = None
    identity: bool = False

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """Of x, into `out`, which may be x."""
        if self.identity:
            return out if out is x else out.copy_(x)
        return torch.clamp(x, 0.0, self.ceiling, out=out)

    def backward(self, gradient: Tensor, activation: Tensor, out: Tensor | None = None) -> Tensor:
        """What of the gradient passes where the result was `activation`, into `out`."""
        named = {} if out is None else {"grad_input": out}
        if self.ceiling is None:
            threshold = _aten.threshold_backward
            call = threshold if out is None else threshold.grad_input
            return call(gradient, activation, 0.0, **named)
        hardtanh = _aten.hardtanh_backward
        call = hardtanh if out is None else hardtanh.grad_input
        return call(gradient, activation, 0.0, self.ceiling, **named)


IDENTITY = Rectifier(identity=True)


def rectifier(module: nn.Module) -> Rectifier | None:
    """That of a module, or None where the module is something else."""
    if isinstance(module, nn.ReLU6):
        return Rectifier(6.0)
    return Rectifier() if isinstance(module, nn.ReLU) else None
