"""Compute directions by steps that are prepared beforehand, on CUDA as graphs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Mix, ViewStep
from liveflight.engines.ascent_engine import AscentEngine, too_large
from liveflight.engines.backend import Excitations
from liveflight.engines.convolution import HeightWidth
from liveflight.engines.cuda.autograd import AutogradProgram
from liveflight.engines.cuda.graphs import CudaGraphs, EagerRunner, GpuTicks, Runner
from liveflight.engines.cuda.prepared_size import Layers, PreparedSize, Step
from liveflight.engines.cuda.program import ObjectiveBuffers, StaticProgram, fits_slots
from liveflight.engines.cuda.step import MAX_BATCH, NetworkPart, StaticStep, StepBuffers
from liveflight.engines.cuda.view_groups import ViewGroup, by_mix
from liveflight.engines.fallback import FallbackBackend
from liveflight.engines.torch.backend import TorchBackend

_MAX_SIZES = 3
"""View sizes whose steps are kept at once."""

_MAX_LAYER_SETS = 12
"""Sets of layers, flown together, whose steps are kept for one view size."""

_UPLOADS = 16
"""Rows of `Upload` for a layer's objective; each mix of a call takes one."""


class StaticEngine(AscentEngine):
    """Implement `core.contracts.Engine` by static steps.

    They are CUDA graphs on CUDA. Elsewhere they run eagerly, which serves the tests."""

    def __init__(
        self,
        device: torch.device,
        weights: Mapping[str, Path] | None = None,
        runner: Runner | None = None,
    ) -> None:
        """Take a `runner` other than the device's own, for tests."""
        self._derived = TorchBackend(device)
        self._backends = FallbackBackend(self._derived, device)
        super().__init__(self._backends, device, weights)
        if runner is None:
            runner = CudaGraphs(device) if device.type == "cuda" else EagerRunner()
        self._runner = runner
        self.stream = self._runner.stream
        self._ticks = GpuTicks(device)
        self._sizes: dict[HeightWidth, PreparedSize] = {}
        self._programs: dict[Layers, StaticProgram | AutogradProgram] = {}
        self._objectives: dict[tuple[str, str], ObjectiveBuffers] = {}
        self._objectives_of: tuple[tuple[Mix, str], dict[str, Excitations]] | None = None
        self._latest: HeightWidth | None = None
        self._flown: frozenset[Layers] = frozenset()
        """The sets of layers of the latest call, or of the one under way."""
        self._batch = 1
        """The most views of one mix in the latest call, up to `MAX_BATCH`."""
        self._preparing = threading.Lock()
        self._choosing = threading.Lock()
        """Held briefly, so that nothing a call is about to use is dropped meanwhile."""

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        """Prepare single views; then as many together as the latest call had.

        The latter also for what is in flight. Nobody waits for them: `directions` takes one view
        after the other until they are prepared."""
        wanted, seen = frozenset(layers), (size[1], size[0])
        self._plan_single(wanted, seen)
        with self._preparing:
            for each in ((wanted, seen), *self._lacking_batches()):
                self._plan_batch(*each)

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        """Return whether single views are prepared: a switch need not wait for batches."""
        prepared = self._sizes.get((size[1], size[0]))
        return prepared is not None and not prepared.missing(frozenset(layers), 1)

    def tidy(self) -> bool:
        """Prepare a batch in flight, too: it can wait for spare time."""
        with self._preparing:
            lacking = self._lacking_batches()
            for each in lacking[:1]:
                self._plan_batch(*each)
        return super().tidy() or len(lacking) > 1

    @torch.no_grad()
    def directions(self, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent) -> Canvas:
        groups = by_mix(steps)
        self._ticks.begin(", ".join(" + ".join(map(str, group.mix)) for group in groups))
        on_host = isinstance(views, np.ndarray)
        given = torch.from_numpy(views) if on_host else torch.as_tensor(views, device=self.device)
        given = given.view(len(steps), -1, *given.shape[1:])
        height, width = given.shape[1:3]
        self._batch = min(max((len(group.views) for group in groups), default=1), MAX_BATCH)
        sets = frozenset(group.layers for group in groups)
        while sets and not self._use_prepared(sets, (height, width)):
            for layers in sets:
                self._plan_single(layers, (height, width))
        with self._within_memory((width, height)), self._runner.flying():
            made = torch.zeros_like(given, device=self._device)
            made[..., 3] = 1
            if groups:
                self._run(given, made, groups, ascent)
            if not on_host:
                return cast(Canvas, made.flatten(0, 1))
            self._ticks.check()
            return made.flatten(0, 1).cpu().numpy()

    def wait(self) -> None:
        self._ticks.wait()

    def close(self) -> None:
        self._ticks.wait()
        self._sizes.clear()
        self._programs.clear()
        self._objectives.clear()
        super().close()

    def _use_prepared(self, sets: frozenset[Layers], size: HeightWidth) -> bool:
        """Mark what a call needs as in use; return whether all of it is prepared."""
        with self._choosing:
            self._flown = sets
            prepared = self._sizes.get(size)
            if prepared is None or any(prepared.missing(layers, 1) for layers in sets):
                return False
            self._latest = size
            for layers in sets:
                prepared.use(layers)
            return True

    def _run(
        self, given: Tensor, made: Tensor, groups: Sequence[ViewGroup], ascent: Ascent
    ) -> None:
        """Queue a call's steps. `given` and `made`: half (N, H, W, 4)."""
        prepared = self._sizes[given.shape[1], given.shape[2]]
        buffers = prepared.buffers
        buffers.not_finite.zero_()
        for group in groups:
            narrow, rest = self._load_mix(group, ascent.objective), group.views
            while rest:
                step = prepared.largest(group.layers, narrow, len(rest))
                batch, rest = rest[: step[2]], rest[step[2] :]
                for place, (number, _) in enumerate(batch):
                    buffers.views[place].copy_(given[number])
                buffers.load(ascent, [view for _, view in batch])
                prepared.steps[step]()
                for place, (number, _) in enumerate(batch):
                    made[number].copy_(buffers.directions[place])
        self._ticks.end(buffers.not_finite)

    def _load_mix(self, group: ViewGroup, objective: str) -> bool:
        """Load a mix for the next steps; return whether they are `StaticStep.narrow`."""
        narrow = True
        for network, excited in self._excitations(group.mix, objective).items():
            narrow &= fits_slots(excited[self._program(network, group.layers).deepest])
            for layer, each in excited.items():
                self._objectives[network, layer].load(each)
        return narrow

    def _excitations(self, mix: Mix, objective: str) -> dict[str, Excitations]:
        """Return the same objects for the same mix: their numbers are on the device already."""
        if self._objectives_of is None or self._objectives_of[0] != (mix, objective):
            excitations = super()._excitations(mix, objective)
            self._objectives_of = (dict(mix), objective), excitations
        return self._objectives_of[1]

    def _lacking_batches(self) -> list[tuple[Layers, HeightWidth]]:
        """Return what is in flight and not prepared for as many views as the latest call had."""
        with self._choosing:
            if self._latest is None or (prepared := self._sizes.get(self._latest)) is None:
                return []
            ready = [each for each in self._flown if not prepared.missing(each, 1)]
            return [(each, self._latest) for each in ready if prepared.missing(each, self._batch)]

    def _plan_single(self, layers: Layers, size: HeightWidth) -> None:
        with self._preparing, self._within_memory((size[1], size[0])):
            self._plan(layers, size, 1)
            with self._choosing:
                self._sizes[size].use(layers)

    def _plan_batch(self, layers: Layers, size: HeightWidth) -> None:
        """Prepare steps on several views; without the memory, single ones have to do."""
        try:
            self._plan(layers, size, self._batch)
        except torch.cuda.OutOfMemoryError:
            self._sizes[size].batches = False
            self._ticks.wait_for_all()
            torch.cuda.empty_cache()

    @torch.no_grad()
    def _plan(self, layers: Layers, size: HeightWidth, count: int) -> None:
        if size in self._sizes and not self._sizes[size].missing(layers, count):
            return
        with self._runner.preparing():  # its memory is free again before captures take theirs
            self._warm_up(layers, size, count)
        if self._latest is None:  # the whole device waits, so not during a flight
            self._runner.clear()
        with self._runner.preparing():
            if size not in self._sizes:
                self._drop_idle_sizes()
                self._sizes[size] = PreparedSize(StepBuffers(size, self._device))
            prepared = self._sizes[size]
            self._drop_idle_sets(prepared, layers)
            for step in prepared.missing(layers, count):
                run = self._static_step(step, prepared.buffers, self._objectives).run
                prepared.steps[step] = self._runner.captured(run)

    def _warm_up(self, layers: Layers, size: HeightWidth, count: int) -> None:
        """Run what is missing once, on buffers of its own: the flight may be using the others."""
        own = PreparedSize(StepBuffers(size, self._device))
        objectives: dict[tuple[str, str], ObjectiveBuffers] = {}
        for step in self._sizes.get(size, own).missing(layers, count):
            self._runner.warm_up(self._static_step(step, own.buffers, objectives).run)

    def _drop_idle_sizes(self) -> None:
        dropped = []
        with self._choosing:
            while len(self._sizes) >= _MAX_SIZES:
                oldest = next(size for size in self._sizes if size != self._latest)
                dropped.append(self._sizes.pop(oldest))
        self._release(dropped)

    def _drop_idle_sets(self, prepared: PreparedSize, layers: Layers) -> None:
        """Drop the sets least recently used, but neither those in flight nor these layers."""
        with self._choosing:
            prepared.use(layers)
            idle = [each for each in prepared.sets if each not in {layers, *self._flown}]
            surplus = idle[: max(len(prepared.sets) - _MAX_LAYER_SETS, 0)]
            dropped = [prepared.forget(each) for each in surplus]
        self._release(dropped)

    def _release(self, dropped: Collection[object]) -> None:
        """Wait for the calls under way, then drop the programs and buffers that nothing uses."""
        if not dropped:
            return
        self._ticks.wait_for_all()
        sets = [layers for prepared in self._sizes.values() for layers in prepared.sets]
        programs = {_of_network(network, layers) for layers in sets for network, _ in layers}
        for own in self._programs.keys() - programs:
            del self._programs[own]
        for layer in self._objectives.keys() - frozenset().union(*sets):
            del self._objectives[layer]

    def _static_step(
        self, step: Step, buffers: StepBuffers, objectives: dict[tuple[str, str], ObjectiveBuffers]
    ) -> StaticStep:
        layers, narrow, count = step
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
        return StaticStep(buffers, parts, narrow, count)

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
        """Free a view size that was not flown yet where the device's memory runs out."""
        try:
            yield
        except torch.cuda.OutOfMemoryError as error:
            self._ticks.wait_for_all()
            with self._choosing:
                if self._latest != (size[1], size[0]):
                    self._sizes.pop((size[1], size[0]), None)
            torch.cuda.empty_cache()
            raise too_large(size) from error


def _of_network(network: str, layers: Layers) -> Layers:
    return frozenset(each for each in layers if each[0] == network)
