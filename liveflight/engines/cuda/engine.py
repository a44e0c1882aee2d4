"""Ascend by steps that are prepared beforehand, on CUDA as graphs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix
from liveflight.engines.ascent_engine import AscentEngine, too_large
from liveflight.engines.backend import Excitations
from liveflight.engines.convolution import HeightWidth
from liveflight.engines.cuda.autograd import AutogradProgram
from liveflight.engines.cuda.graphs import CudaGraphs, EagerRunner, GpuTicks, Run, Runner
from liveflight.engines.cuda.program import ObjectiveBuffers, StaticProgram, fits_slots
from liveflight.engines.cuda.step import NetworkPart, StaticStep, StepBuffers
from liveflight.engines.fallback import FallbackBackend
from liveflight.engines.resampling import scaled, scales
from liveflight.engines.torch.backend import TorchBackend

Layers = frozenset[tuple[str, str]]
Step = tuple[Layers, bool, HeightWidth]
"""Layers, `StaticStep.narrow`, and the height and width that the networks see."""

_MAX_CANVASES = 3
"""Canvas sizes whose steps are kept at once."""

_MAX_LAYER_SETS = 12
"""Sets of layers, flown together, whose steps are kept for one canvas size."""

_UPLOADS = 16
"""Uploads of a mix that may be under way at once; there is one per tick."""


@dataclass
class _CanvasSteps:
    """Hold the buffers and the prepared steps of one canvas size."""

    buffers: StepBuffers
    finish: Run
    steps: dict[Step, Run] = field(default_factory=dict)
    sets: dict[Layers, None] = field(default_factory=dict)
    """The sets of layers in `steps`, the least recently used first."""
    complete: set[tuple[Layers, float]] = field(default_factory=set)
    """Layers and `Ascent.octaves` for which no step is missing."""

    def use(self, layers: Layers) -> None:
        """Mark the layers as the most recently used."""
        self.sets.pop(layers, None)
        self.sets[layers] = None

    def forget(self, layers: Layers) -> list[Run]:
        """Drop the layers, and return the steps they had."""
        self.sets.pop(layers)
        self.complete = {each for each in self.complete if each[0] != layers}
        return [self.steps.pop(step) for step in list(self.steps) if step[0] == layers]


class StaticEngine(AscentEngine):
    """Implement `core.contracts.Engine` by static steps.

    They are CUDA graphs on CUDA. Elsewhere they run eagerly, which serves the tests."""

    def __init__(
        self,
        device: torch.device,
        seed: int = 0,
        weights: Mapping[str, Path] | None = None,
        runner: Runner | None = None,
    ) -> None:
        """Take a `runner` other than the device's own, for tests."""
        self._derived = TorchBackend(device)
        self._backends = FallbackBackend(self._derived, device)
        super().__init__(self._backends, device, seed, weights)
        if runner is None:
            runner = CudaGraphs(device) if device.type == "cuda" else EagerRunner()
        self._runner = runner
        self.stream = self._runner.stream
        self._ticks = GpuTicks(device)
        self._canvases: dict[HeightWidth, _CanvasSteps] = {}
        self._programs: dict[Layers, StaticProgram | AutogradProgram] = {}
        self._objectives: dict[tuple[str, str], ObjectiveBuffers] = {}
        self._objectives_of: tuple[tuple[Mix, str], dict[str, Excitations]] | None = None
        self._latest: tuple[HeightWidth, Layers] | None = None
        self._seed = seed
        self._preparing = threading.Lock()
        self._choosing = threading.Lock()
        """Held briefly, so that nothing a tick is about to use is dropped meanwhile."""

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        with self._preparing, self._within_memory(size):
            if not self.planned(layers, size):
                self._plan(frozenset(layers), (size[1], size[0]))
            with self._choosing:
                self._canvases[size[1], size[0]].use(frozenset(layers))

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        canvas = self._canvases.get((size[1], size[0]))
        return canvas is not None and not self._missing(canvas, frozenset(layers))

    @torch.no_grad()
    def ascend(self, canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        self._ticks.begin(" + ".join(map(str, mix)))
        on_host = isinstance(canvas, np.ndarray)
        given = torch.from_numpy(canvas) if on_host else torch.as_tensor(canvas, device=self.device)
        height, width = given.shape[:2]
        flown = mix if ascent.steps else {}
        layers = frozenset((target.network, target.layer) for target in flown)
        self._octaves = ascent.octaves
        while (prepared := self._use_prepared(layers, (height, width))) is None:
            self.plan(layers, (width, height))
        with self._within_memory((width, height)), self._runner.flying():
            made = self._ascend(given, prepared, layers, flown, ascent)
            if not on_host:
                return cast(Canvas, made)
            self._ticks.check()
            return made.to("cpu", copy=True).numpy()

    def wait(self) -> None:
        self._ticks.wait()

    def close(self) -> None:
        self._ticks.wait()
        self._canvases.clear()
        self._programs.clear()
        self._objectives.clear()
        super().close()

    def _use_prepared(self, layers: Layers, size: HeightWidth) -> _CanvasSteps | None:
        """Return the canvas size's steps and mark them as the latest; None if any is missing."""
        with self._choosing:
            canvas = self._canvases.get(size)
            if canvas is None:
                return None
            if (layers, self._octaves) not in canvas.complete:
                if self._missing(canvas, layers):
                    return None
                canvas.complete.add((layers, self._octaves))
            self._latest = size, layers
            canvas.use(layers)
            return canvas

    def _ascend(
        self,
        given: Tensor,
        canvas: _CanvasSteps,
        layers: Layers,
        mix: Mix,
        ascent: Ascent,
    ) -> Tensor:
        """Run one tick, and return the resulting canvas."""
        canvas.buffers.source.copy_(given)
        canvas.buffers.begin()
        narrow = True
        excitations = self._excitations(mix, ascent.objective)
        for network, excited in excitations.items():
            narrow &= fits_slots(excited[self._program(network, layers).deepest])
            for layer, each in excited.items():
                self._objectives[network, layer].load(each)
        if not ascent.steps:
            canvas.buffers.load(ascent, (0, 0))
        for _ in range(ascent.steps):
            shift = self._rng.integers(0, ascent.jitter + 1, 2) - ascent.jitter // 2
            canvas.buffers.load(ascent, (int(shift[0]), int(shift[1])))
            allowed = scales(ascent.octaves, canvas.buffers.size)
            scale = allowed[int(self._rng.integers(len(allowed)))]
            canvas.steps[layers, narrow, scaled(canvas.buffers.size, scale)]()
        canvas.finish()
        self._ticks.end(canvas.buffers.not_finite)
        return canvas.buffers.result

    def _excitations(self, mix: Mix, objective: str) -> dict[str, Excitations]:
        """Return the same objects for the same mix: their numbers are on the device already."""
        if self._objectives_of is None or self._objectives_of[0] != (mix, objective):
            excitations = super()._excitations(mix, objective)
            self._objectives_of = (dict(mix), objective), excitations
        return self._objectives_of[1]

    def _missing(self, canvas: _CanvasSteps, layers: Layers) -> list[Step]:
        allowed = scales(self._octaves, canvas.buffers.size) if layers else []
        sizes = sorted({scaled(canvas.buffers.size, scale) for scale in allowed}, reverse=True)
        wanted = [(layers, narrow, size) for narrow in (True, False) for size in sizes]
        return [step for step in wanted if step not in canvas.steps]

    @torch.no_grad()
    def _plan(self, layers: Layers, size: HeightWidth) -> None:
        with self._runner.preparing():  # its memory is free again before captures take theirs
            self._warm_up(layers, size)
        if self._latest is None:  # the whole device waits, so not during a flight
            self._runner.clear()
        with self._runner.preparing():
            if size not in self._canvases:
                self._drop_idle_canvases()
                buffers = StepBuffers(size, self._device, self._seed)
                self._canvases[size] = _CanvasSteps(buffers, self._runner.captured(buffers.finish))
            canvas = self._canvases[size]
            self._drop_idle_sets(canvas, layers)
            for step in self._missing(canvas, layers):
                run = self._static_step(step, canvas.buffers, self._objectives).run
                canvas.steps[step] = self._runner.captured(run)

    def _warm_up(self, layers: Layers, size: HeightWidth) -> None:
        """Run what is missing once, on buffers of its own: the flight may be using the others."""
        buffers = StepBuffers(size, self._device, self._seed)
        objectives: dict[tuple[str, str], ObjectiveBuffers] = {}
        canvas = self._canvases.get(size)
        if canvas is None:
            canvas = _CanvasSteps(buffers, buffers.finish)
            self._runner.warm_up(canvas.finish)
        for step in self._missing(canvas, layers):
            self._runner.warm_up(self._static_step(step, buffers, objectives).run)

    def _drop_idle_canvases(self) -> None:
        dropped = []
        with self._choosing:
            flown = self._latest[0] if self._latest else None
            while len(self._canvases) >= _MAX_CANVASES:
                oldest = next(size for size in self._canvases if size != flown)
                dropped.append(self._canvases.pop(oldest))
        self._release(dropped)

    def _drop_idle_sets(self, canvas: _CanvasSteps, layers: Layers) -> None:
        """Drop the sets least recently used, but neither the latest nor these layers."""
        with self._choosing:
            canvas.use(layers)
            kept = {layers, self._latest[1] if self._latest else layers}
            idle = [each for each in canvas.sets if each not in kept]
            surplus = idle[: max(len(canvas.sets) - _MAX_LAYER_SETS, 0)]
            dropped = [canvas.forget(each) for each in surplus]
        self._release(dropped)

    def _release(self, dropped: Collection[object]) -> None:
        """Wait for the ticks under way, then drop the programs and buffers that nothing uses."""
        if not dropped:
            return
        self._ticks.wait_for_all()
        sets = [layers for canvas in self._canvases.values() for layers in canvas.sets]
        programs = {_of_network(network, layers) for layers in sets for network, _ in layers}
        for own in self._programs.keys() - programs:
            del self._programs[own]
        for layer in self._objectives.keys() - frozenset().union(*sets):
            del self._objectives[layer]

    def _static_step(
        self, step: Step, buffers: StepBuffers, objectives: dict[tuple[str, str], ObjectiveBuffers]
    ) -> StaticStep:
        layers, narrow, seen = step
        parts = []
        for network in sorted({network for network, _ in layers}):
            known = networks.network(network)
            names = [layer for each, layer in layers if each == network]
            for name in names:
                if (network, name) not in objectives:
                    channels = known.layer(name).channels
                    objectives[network, name] = ObjectiveBuffers(channels, self._device, _UPLOADS)
            own = {name: objectives[network, name] for name in names}
            program = self._program(network, layers)
            if isinstance(program, AutogradProgram):
                parts.append(NetworkPart(program, program, own))
            else:
                parts.append(NetworkPart(self._derived.prepared(network), program, own))
        return StaticStep(buffers, parts, narrow, seen)

    def _program(self, network: str, layers: Layers) -> StaticProgram | AutogradProgram:
        own = _of_network(network, layers)
        if own not in self._programs:
            names = [layer for _, layer in own]
            if self._backends.by_autograd(network):
                loaded = self._backends.autograd.loaded(network)
                self._programs[own] = AutogradProgram(*loaded, names)
            else:
                program = self._derived.prepared(network).program(names)
                self._programs[own] = StaticProgram(program)
        return self._programs[own]

    @contextmanager
    def _within_memory(self, size: tuple[int, int]) -> Iterator[None]:
        """Free a canvas size that was not flown yet where the device's memory runs out."""
        try:
            yield
        except torch.cuda.OutOfMemoryError as error:
            self._ticks.wait_for_all()
            with self._choosing:
                if self._latest is None or self._latest[0] != (size[1], size[0]):
                    self._canvases.pop((size[1], size[0]), None)
            torch.cuda.empty_cache()
            raise too_large(size) from error


def _of_network(network: str, layers: Layers) -> Layers:
    return frozenset(each for each in layers if each[0] == network)
