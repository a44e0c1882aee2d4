"""The engine whose every step is prepared: what a CUDA device ascends with."""

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
from liveflight.engines.cuda.autograd import Differentiated
from liveflight.engines.cuda.graphs import CudaGraphs, EagerRunner, GpuTicks, Run, Runner
from liveflight.engines.cuda.program import Excited, StaticProgram, fits_slots
from liveflight.engines.cuda.step import Part, Size, Stage, StaticStep
from liveflight.engines.fallback import FallbackBackend
from liveflight.engines.resampling import scaled, scales
from liveflight.engines.torch.backend import TorchBackend

Layers = frozenset[tuple[str, str]]
Step = tuple[Layers, bool, Size]
"""Which layers, whether `StaticStep.narrow`, and the height and width that networks see."""

_MOST_CANVASES = 3
"""Canvas sizes whose steps are kept."""

_MOST_SETS = 12
"""Sets of layers, flown together, whose steps are kept for a canvas size."""

_ROWS = 16
"""More loads of a mix than there ever are under way: one a tick."""


@dataclass
class _Canvas:
    """What there is for one canvas size."""

    stage: Stage
    finish: Run
    steps: dict[Step, Run] = field(default_factory=dict)
    sets: dict[Layers, None] = field(default_factory=dict)
    """Of `steps`, the one not flown nor planned for longest first."""
    complete: set[tuple[Layers, float]] = field(default_factory=set)
    """For which layers, with which `Ascent.octaves`, no step is missing."""

    def use(self, layers: Layers) -> None:
        self.sets.pop(layers, None)
        self.sets[layers] = None

    def forget(self, layers: Layers) -> list[Run]:
        """The steps that it had of them."""
        self.sets.pop(layers)
        self.complete = {each for each in self.complete if each[0] != layers}
        return [self.steps.pop(step) for step in list(self.steps) if step[0] == layers]


class StaticEngine(AscentEngine):
    """`core.contracts.Engine` of static steps: on CUDA as graphs, elsewhere run as they are, which
    serves the tests."""

    def __init__(
        self, device: torch.device, seed: int = 0, weights: Mapping[str, Path] | None = None
    ) -> None:
        self._derived = TorchBackend(device)
        self._backends = FallbackBackend(self._derived, device)
        super().__init__(self._backends, device, seed, weights)
        self._runner: Runner = CudaGraphs(device) if device.type == "cuda" else EagerRunner()
        self.stream = self._runner.stream
        self._ticks = GpuTicks(device)
        self._canvases: dict[Size, _Canvas] = {}
        self._programs: dict[Layers, StaticProgram | Differentiated] = {}
        self._excited: dict[tuple[str, str], Excited] = {}
        self._excited_by: tuple[tuple[Mix, str], dict[str, Excitations]] | None = None
        self._latest: tuple[Size, Layers] | None = None
        self._seed = seed
        self._preparing = threading.Lock()
        self._choosing = threading.Lock()
        """Held for moments: what a tick takes is not forgotten meanwhile."""

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        with self._preparing, self._fitting(size):
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
        while (prepared := self._taken(layers, (height, width))) is None:
            self.plan(layers, (width, height))
        with self._fitting((width, height)), self._runner.flying():
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
        self._excited.clear()
        super().close()

    def _taken(self, layers: Layers, size: Size) -> _Canvas | None:
        """What all of a tick needs, which is then the latest, or None where it is not prepared."""
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
        canvas: _Canvas,
        layers: Layers,
        mix: Mix,
        ascent: Ascent,
    ) -> Tensor:
        """The stage's canvas after a tick."""
        canvas.stage.given.copy_(given)
        canvas.stage.begin()
        narrow = True
        excitations = self._excitations(mix, ascent.objective)
        for network, excited in excitations.items():
            narrow &= fits_slots(excited[self._program(network, layers).deepest])
            for layer, each in excited.items():
                self._excited[network, layer].load(each)
        if not ascent.steps:
            canvas.stage.load(ascent, (0, 0))
        for _ in range(ascent.steps):
            ways = self._rng.integers(0, ascent.jitter + 1, 2) - ascent.jitter // 2
            canvas.stage.load(ascent, (int(ways[0]), int(ways[1])))
            seen_at = scales(ascent.octaves, canvas.stage.size)
            scale = seen_at[int(self._rng.integers(len(seen_at)))]
            canvas.steps[layers, narrow, scaled(canvas.stage.size, scale)]()
        canvas.finish()
        self._ticks.end(canvas.stage.bad)
        return canvas.stage.made

    def _excitations(self, mix: Mix, objective: str) -> dict[str, Excitations]:
        """Those of the same mix are the same objects, whose numbers are on the device already."""
        if self._excited_by is None or self._excited_by[0] != (mix, objective):
            excitations = super()._excitations(mix, objective)
            self._excited_by = (dict(mix), objective), excitations
        return self._excited_by[1]

    def _missing(self, canvas: _Canvas, layers: Layers) -> list[Step]:
        seen_at = scales(self._octaves, canvas.stage.size) if layers else []
        sizes = sorted({scaled(canvas.stage.size, scale) for scale in seen_at}, reverse=True)
        wanted = [(layers, narrow, size) for narrow in (True, False) for size in sizes]
        return [step for step in wanted if step not in canvas.steps]

    @torch.no_grad()
    def _plan(self, layers: Layers, size: Size) -> None:
        with self._runner.preparing():  # left before captures, whose memory comes on top of its own
            self._warm_up(layers, size)
        if self._latest is None:  # later the flight would have to wait for it, too
            self._runner.clear()
        with self._runner.preparing():
            if size not in self._canvases:
                self._make_room()
                stage = Stage(size, self._device, self._seed)
                self._canvases[size] = _Canvas(stage, self._runner.captured(stage.finish))
            canvas = self._canvases[size]
            self._make_room_in(canvas, layers)
            for step in self._missing(canvas, layers):
                run = self._step_of(step, canvas.stage, self._excited).run
                canvas.steps[step] = self._runner.captured(run)

    def _warm_up(self, layers: Layers, size: Size) -> None:
        """On buffers of its own: those of the flight may be in use."""
        stage = Stage(size, self._device, self._seed)
        excited: dict[tuple[str, str], Excited] = {}
        canvas = self._canvases.get(size)
        if canvas is None:
            canvas = _Canvas(stage, stage.finish)
            self._runner.warm_up(canvas.finish)
        for step in self._missing(canvas, layers):
            self._runner.warm_up(self._step_of(step, stage, excited).run)

    def _make_room(self) -> None:
        dropped = []
        with self._choosing:
            flown = self._latest[0] if self._latest else None
            while len(self._canvases) >= _MOST_CANVASES:
                oldest = next(size for size in self._canvases if size != flown)
                dropped.append(self._canvases.pop(oldest))
        self._let_go(dropped)

    def _make_room_in(self, canvas: _Canvas, layers: Layers) -> None:
        """For the steps of these layers, which are as good as flown."""
        with self._choosing:
            canvas.use(layers)
            kept = {layers, self._latest[1] if self._latest else layers}
            idle = [each for each in canvas.sets if each not in kept]
            surplus = idle[: max(len(canvas.sets) - _MOST_SETS, 0)]
            dropped = [canvas.forget(each) for each in surplus]
        self._let_go(dropped)

    def _let_go(self, dropped: Collection[object]) -> None:
        """Of what no tick will take any more, when those under way are done; and of the programs
        and buffers that were for nothing else."""
        if not dropped:
            return
        self._ticks.wait_for_all()
        sets = [layers for canvas in self._canvases.values() for layers in canvas.sets]
        programs = {_of_network(network, layers) for layers in sets for network, _ in layers}
        for own in self._programs.keys() - programs:
            del self._programs[own]
        for layer in self._excited.keys() - frozenset().union(*sets):
            del self._excited[layer]

    def _step_of(
        self, step: Step, stage: Stage, excited: dict[tuple[str, str], Excited]
    ) -> StaticStep:
        layers, narrow, seen = step
        parts = []
        for network in sorted({network for network, _ in layers}):
            known = networks.network(network)
            names = [layer for each, layer in layers if each == network]
            for name in names:
                if (network, name) not in excited:
                    channels = known.layer(name).channels
                    excited[network, name] = Excited(channels, self._device, _ROWS)
            buffers = {name: excited[network, name] for name in names}
            parts.append(self._part(network, layers, buffers))
        return StaticStep(stage, parts, narrow, seen)

    def _part(self, network: str, layers: Layers, buffers: Mapping[str, Excited]) -> Part:
        program = self._program(network, layers)
        if isinstance(program, Differentiated):
            return Part(program, program, buffers)
        return Part(self._derived.prepared(network), program, buffers)

    def _program(self, network: str, layers: Layers) -> StaticProgram | Differentiated:
        own = _of_network(network, layers)
        if own not in self._programs:
            names = [layer for _, layer in own]
            if self._backends.by_autograd(network):
                loaded = self._backends.autograd.loaded(network)
                self._programs[own] = Differentiated(*loaded, names)
            else:
                program = self._derived.prepared(network).program(names)
                self._programs[own] = StaticProgram(program)
        return self._programs[own]

    @contextmanager
    def _fitting(self, size: tuple[int, int]) -> Iterator[None]:
        """Where the device's memory runs out, a canvas size that was not flown yet gives back what
        it holds of it."""
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
