"""Run a fixed sequence of operations, eagerly or captured as a CUDA graph."""

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
"""Runs before a capture, in which libraries plan, load and allocate what a capture forbids.

cuDNN does not measure its algorithms meanwhile: that takes four times as long to prepare, and
gigabytes, for 3 % of a step (VGG16, 1920x1080, H200)."""

_MAX_QUEUED_TICKS = 4
"""Ticks that may be queued on the device at once."""


class Runner(Protocol):
    """Run or capture sequences of operations, for the flight and for preparations."""

    stream: int
    """See `core.contracts.Engine`."""

    def flying(self) -> AbstractContextManager[object]:
        """Enter the flight's stream."""
        ...

    def preparing(self) -> AbstractContextManager[object]:
        """Enter the preparations' stream, on any thread. Its work is done on leaving."""
        ...

    def warm_up(self, run: Run) -> None:
        """Run the operations so that the same ones can be captured on other buffers.

        Within `preparing`, on the thread that then calls `captured`."""
        ...

    def clear(self) -> None:
        """Free the memory that warm-ups left. The whole device waits for it."""
        ...

    def captured(self, run: Run) -> Run:
        """Return a function that does what `run` does. Within `preparing`."""
        ...


class EagerRunner:
    """Run operations as they are."""

    stream = 0

    def flying(self) -> AbstractContextManager[object]:
        return nullcontext()

    def preparing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def warm_up(self, run: Run) -> None:
        """Do nothing: no capture follows."""

    def clear(self) -> None:
        """Do nothing: there were no warm-ups."""

    def captured(self, run: Run) -> Run:
        return run


class CudaGraphs:
    """Capture operations as CUDA graphs that share one pool of memory.

    They can share it because they never run at the same time, and leave nothing there that another
    needs. The flight and the preparations each have their own stream: a capture takes what arrives
    on its stream from any thread, so a tick must never use the preparations' stream."""

    def __init__(self, device: torch.device) -> None:
        self._flight = torch.cuda.Stream(device)
        self._preparations = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._warned = False
        self.stream = int(self._flight.cuda_stream)

    def flying(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._flight)

    def preparing(self) -> AbstractContextManager[object]:
        return _Completed(self._preparations)

    def warm_up(self, run: Run) -> None:
        # On the capturing thread: cuDNN keeps its plans by thread.
        for _ in range(_WARM_UPS):
            run()

    def clear(self) -> None:
        torch.cuda.empty_cache()

    def captured(self, run: Run) -> Run:
        try:
            with suppress(torch.cuda.OutOfMemoryError):
                return self._capture(run)
            # Free what warm-ups left, which a capture cannot reuse. Freeing it after every capture
            # would make the whole device wait, and the flight with it.
            torch.cuda.empty_cache()
            return self._capture(run)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if not self._warned:
                log.warning("no CUDA graph, so each step costs the host more: %s", error)
            self._warned = True
            return run

    def _capture(self, run: Run) -> Run:
        # Not `with torch.cuda.graph`, which first makes the whole device wait.
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
        try:
            run()
        except BaseException:
            with suppress(RuntimeError):  # the first error is the one to report
                graph.capture_end()
            raise
        graph.capture_end()
        return graph.replay


class _Completed:
    """Enter a stream, and wait for its work on leaving."""

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
    """Keep track of queued ticks, and learn some ticks later which were finite, without waiting."""

    def __init__(self, device: torch.device) -> None:
        cuda = device.type == "cuda"
        self._not_finite = torch.zeros(_MAX_QUEUED_TICKS, pin_memory=cuda)
        self._names = [""] * _MAX_QUEUED_TICKS
        events = range(_MAX_QUEUED_TICKS if cuda else 0)
        self._events = [torch.cuda.Event(blocking=True) for _ in events]
        self._number = 0

    def begin(self, name: str) -> None:
        """Begin another tick.

        Raises FloatingPointError, with the tick's name, where the tick `_MAX_QUEUED_TICKS` before
        was not finite. Those between, which may have seen the same views, are waited for and not
        reported."""
        self._number = (self._number + 1) % _MAX_QUEUED_TICKS
        self.check()
        self._names[self._number] = name

    def end(self, not_finite: Tensor) -> None:
        """Note that all of this tick is queued. `not_finite`: 1 or 0, on the device."""
        self._not_finite[self._number].copy_(not_finite, non_blocking=True)
        if self._events:
            self._events[self._number].record()

    def check(self) -> None:
        """Wait until the tick in the current place is done.

        Raises FloatingPointError where it was not finite."""
        self.wait()
        if self._not_finite[self._number]:
            self.wait_for_all()
            self._not_finite.zero_()
            raise FloatingPointError(f"the ascent of {self._names[self._number]} is not finite")

    def wait(self) -> None:
        """Wait until the tick in the current place is done."""
        if self._events:
            self._events[self._number].synchronize()

    def wait_for_all(self) -> None:
        """Wait until every ended tick is done, also while another is being queued."""
        for event in self._events:
            event.synchronize()
