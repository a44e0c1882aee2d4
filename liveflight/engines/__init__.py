"""What takes ascent steps, each module one runtime behind the contract `core.contracts.Engine`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from liveflight.core.contracts import Engine, LiveflightError

NAMES = ("torch",)
DEVICES = ("auto", "cuda", "mps", "cpu")


def load(
    name: str = "torch",
    device: str = "auto",
    seed: int = 0,
    weights: Mapping[str, Path] | None = None,
) -> Engine:
    """The engine of that name; its runtime is imported only now.

    `weights`: files for some networks, by their names. Raises LiveflightError for a name or device
    that is not here."""
    if name not in NAMES:
        raise LiveflightError(f"there is no engine {name!r}; there is: {', '.join(NAMES)}")
    _calm_threads()
    from liveflight.engines.torch_engine import TorchEngine

    return TorchEngine(device, seed, weights)


def preload() -> None:
    """Imports the runtime: seconds that a show can spend beside opening its window."""
    _calm_threads()
    import liveflight.engines.torch_engine  # noqa: F401


def _calm_threads() -> None:
    """Has to come before torch is imported. Between two operations libgomp's threads spin, by
    default for milliseconds; where another program wants one of a few cores, they spin away the
    time of the very thread they wait for, and a step of 25 ms takes seconds. This many rounds cost
    an undisturbed step some 8 %, and a disturbed one takes about three times as long."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
