"""How a fixed row of operations is run: captured as a CUDA graph, or as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol

import torch
from torch import Tensor

log = logging.getLogger("liveflight.engines")

Run = Callable[[], None]

_WARM_UPS = 1
"""Runs before a capture, in which libraries plan, load and allocate what a capture forbids. Not
that cuDNN measures what is the fastest, which takes four times as long to prepare, and gigabytes,
for 3 % of a step (VGG16, 1920x1080, H200)."""

_UNDER_WAY = 4
"""Ticks that may be queued on the device."""


class Runner(Protocol):
    stream: int
    """See `core.contracts.Engine`."""

    def flying(self) -> AbstractContextManager[object]:
        """Within it, work belongs to the flight."""
        ...

    def preparing(self) -> AbstractContextManager[object]:
        """Within it, work belongs to what is being prepared, perhaps on another thread, and is
        complete when it is left."""
        ...

    def warm_up(self, run: Run) -> None:
        """Has to come before `captured` of the same operations on other buffers, within `preparing`
        and on the same thread."""
        ...

    def clear(self) -> None:
        """Gives back the memory that rehearsals left. The whole device waits for it."""
        ...

    def captured(self, run: Run) -> Run:
        """What does from now on what `run` does, within `preparing`."""
        ...


class EagerRunner:
    """Runs operations as they are."""

    stream = 0

    def flying(self) -> AbstractContextManager[object]:
        return nullcontext()

    def preparing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def warm_up(self, run: Run) -> None:
        """There is nothing to plan for."""

    def clear(self) -> None:
        """Nothing is left of what there is nothing for."""

    def captured(self, run: Run) -> Run:
        return run


class CudaGraphs:
    """Captures operations as CUDA graphs, which share one pool of memory: they never run at the
    same time and leave nothing there that another needs.

    The flight and the preparations each have a stream of their own. What is captured is what
    arrives on a stream, from whatever thread, so a tick must never share the preparations'."""

    def __init__(self, device: torch.device) -> None:
        self._flight = torch.cuda.Stream(device)
        self._preparations = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._said = False
        self.stream = int(self._flight.cuda_stream)

    def flying(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._flight)

    def preparing(self) -> AbstractContextManager[object]:
        return _Completed(self._preparations)

    def warm_up(self, run: Run) -> None:
        """cuDNN keeps by thread what it planned and measured."""
        for _ in range(_WARM_UPS):
            run()

    def clear(self) -> None:
        torch.cuda.empty_cache()

    def captured(self, run: Run) -> Run:
        try:
            with suppress(torch.cuda.OutOfMemoryError):
                return self._capture(run)
            # What rehearsals left: no capture can take it itself, and to give it back after each
            # would have the whole device wait, and the flight with it.
            torch.cuda.empty_cache()
            return self._capture(run)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if not self._said:
                log.warning("no CUDA graph, so each step costs the host more: %s", error)
            self._said = True
            return run

    def _capture(self, run: Run) -> Run:
        # Not `with torch.cuda.graph`, which first has the whole device wait.
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
        try:
            run()
        except BaseException:
            with suppress(RuntimeError):  # what broke off the capture is the one to tell
                graph.capture_end()
            raise
        graph.capture_end()
        return graph.replay


class _Completed:
    """A stream that is waited for when it is left."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._chosen = torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.default_stream(self._stream.device))
        self._chosen.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._chosen.__exit__(*raised)
        self._stream.synchronize()


class GpuTicks:
    """The ticks under way, and how each came out: known some ticks later, so that nobody waits."""

    def __init__(self, device: torch.device) -> None:
        cuda = device.type == "cuda"
        self._bad = torch.zeros(_UNDER_WAY, pin_memory=cuda)
        self._names = [""] * _UNDER_WAY
        events = range(_UNDER_WAY if cuda else 0)
        self._events = [torch.cuda.Event(blocking=True) for _ in events]
        self._number = 0

    def begin(self, name: str) -> None:
        """Another tick. Raises FloatingPointError, by its name, where the one before it by as many
        as may be under way was not finite; then those between are waited for and forgiven, which
        stood on the same canvas."""
        self._number = (self._number + 1) % _UNDER_WAY
        self.check()
        self._names[self._number] = name

    def end(self, bad: Tensor) -> None:
        """All of this tick is queued. `bad`: on the device, not 0 where it is not finite."""
        self._bad[self._number].copy_(bad, non_blocking=True)
        if self._events:
            self._events[self._number].record()

    def check(self) -> None:
        """Waits until the tick now begun, or before it the one in its place, is done. Raises
        FloatingPointError where it was not finite."""
        self.wait()
        if self._bad[self._number]:
            self.wait_for_all()
            self._bad.zero_()
            raise FloatingPointError(f"the ascent of {self._names[self._number]} is not finite")

    def wait(self) -> None:
        if self._events:
            self._events[self._number].synchronize()

    def wait_for_all(self) -> None:
        """Waits until every tick that was ended is done, also while another is being queued."""
        for event in self._events:
            event.synchronize()
