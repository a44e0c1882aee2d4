"""An engine for tests of other parts: takes no steps unless told how."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

import numpy as np

from liveflight.core.contracts import Ascent, Canvas, LiveflightError, Mix, ViewStep

Step = Callable[[Canvas, Mix, Ascent], Canvas]
"""Takes one view and returns its direction."""


def stay(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    return np.zeros_like(view)


class FakeEngine:
    """A `core.contracts.Engine` that does what a test says.

    `step` is what `directions` does to each view; networks in `missing` have no weights. With
    `gate` unset, `prepare` waits; with `planning` unset, `plan` does. Plans of `impossible` layers
    fail."""

    device = "cpu"
    stream = 0

    def __init__(self, step: Step = stay, alive: Sequence[int] = (2, 5, 11)) -> None:
        self.step = step
        self.alive = alive
        self.missing: set[str] = set()
        self.impossible: set[str] = set()
        self.prepared: list[str] = []
        self.asked: list[tuple[Mix, Ascent]] = []
        self.plans: list[tuple[frozenset[tuple[str, str]], tuple[int, int]]] = []
        self.closed = self.tidied = 0
        self.gate = threading.Event()
        self.gate.set()
        self.planning = threading.Event()
        self.planning.set()

    def prepare(self, network: str, progress: object = None) -> None:
        assert self.gate.wait(60)
        if network in self.missing:
            raise LiveflightError(f"no weights for {network}")
        self.prepared.append(network)

    def ready(self, network: str) -> bool:
        return network in self.prepared

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        assert self.planning.wait(60)
        if self.impossible & {layer for _, layer in layers}:
            raise LiveflightError(f"no plan for {sorted(layer for _, layer in layers)}")
        self.plans.append((frozenset(layers), size))

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        return (frozenset(layers), size) in self.plans

    def precision(self, network: str) -> str:
        return "float32"

    def active_filters(self, network: str, layer: str) -> Sequence[int]:
        assert self.ready(network)
        return self.alive

    def signatures(self, network: str, layer: str) -> np.ndarray:
        return np.zeros((2000, 2), np.float32)

    def directions(self, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent) -> Canvas:
        assert all(self.ready(target.network) for step in steps for target in step.mix)
        self.asked += [(step.mix, ascent) for step in steps]
        stacked = zip(np.split(views, len(steps)), steps, strict=True)
        return np.concatenate([self.step(view, step.mix, ascent) for view, step in stacked])

    def wait(self) -> None:
        pass

    def tidy(self) -> bool:
        self.tidied += 1
        return True

    def close(self) -> None:
        self.closed += 1
