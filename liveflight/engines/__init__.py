"""What takes ascent steps, each module one runtime behind the contract `core.contracts.Engine`."""

from __future__ import annotations

from pathlib import Path

from liveflight.core.contracts import Engine, LiveflightError

NAMES = ("torch",)
DEVICES = ("auto", "cuda", "mps", "cpu")


def load(
    name: str = "torch", device: str = "auto", seed: int = 0, weights: Path | None = None
) -> Engine:
    """The engine of that name; its runtime is imported only now.

    `weights` is a file for the first network prepared. Raises LiveflightError for a name or device
    that is not here."""
    if name not in NAMES:
        raise LiveflightError(f"there is no engine {name!r}; there is: {', '.join(NAMES)}")
    from liveflight.engines.torch_engine import TorchEngine

    return TorchEngine(device, seed, weights)
