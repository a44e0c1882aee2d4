"""Load networks and plan steps, on another thread in a show, within the frame loop in a render.

One job at a time. What is asked for while another job runs is asked for again a frame later, so
that of several quick requests only the newest costs anything.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

from liveflight import networks
from liveflight.core.contracts import Engine, LiveflightError, Size
from liveflight.system import worker

_CLOSE_TIMEOUT_S = 1.0
"""Seconds that `close` waits for a load to notice that it is cancelled."""

_NICENESS = 10
"""Niceness of the loading thread.

No higher than that of the ascent, or the ascent would be slow while anything is planned ahead."""

_PREFETCH_WAIT_FRAMES = 12
"""Frames that prefetching waits, so that unused memory can be freed first.

More than a plan has sessions: one is freed per frame."""

_TIDY_WAIT_CALLS = 6
"""Calls of `tidy` to skip after a job arrived while freeing: two frames' worth."""

DownloadProgress = Callable[[str, int, int], None]
"""Called during a download with the network, the bytes so far and in all (0: not known)."""

Layers = frozenset[tuple[str, str]]
"""The (network, layer) pairs that a mix ascends together."""


class _CancelledError(Exception):
    """End a download that nobody waits for any more."""


class NetworkLoader:
    """Own the engine; load and plan what a flight asks for."""

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        background: bool,
        shown: DownloadProgress | None = None,
    ) -> None:
        """Begin without an engine.

        `make_engine` is called at the first network, `shown` during downloads, both on the loading
        thread."""
        self._make = make_engine
        self._shown = shown
        self._work: worker.Worker[None] = worker.Worker(background, _NICENESS)
        self._failed: dict[object, LiveflightError] = {}
        self._unplannable: set[tuple[Layers, Size]] = set()
        self._ahead: list[Layers] = []
        self._closing = False
        self._untidy = self._tidying = False
        self._tidy_wait = self._prefetch_wait = 0
        """Calls of `tidy` that still let a job go first, and frames for which prefetching waits."""
        self.engine: Engine | None = None
        self.on_start: Callable[[object], None] = lambda what: None
        """Called with what is being loaded, a network's name, or planned: layers and a size."""
        self.downloading = ""
        """Progress of a download, for the performer."""

    @property
    def busy(self) -> bool:
        """Return whether something is being loaded or planned."""
        self._collect()  # a job may have ended that nobody waits for any more
        return self._work.busy and not self._tidying

    def ensure_layers_known(self, names: Iterable[str]) -> bool:
        """Return whether the layers of all these networks are known; start finding the first.

        Raises LiveflightError, once per request, where they cannot be found."""
        for name in names:
            what = f"{name}'s layers"
            while not networks.layers_known(name):
                self._raise_failure(what)
                if not self._start(what, partial(networks.network, name)):
                    return False
        return True

    def ensure_loaded(self, names: Iterable[str]) -> bool:
        """Return whether all these networks can be ascended; start loading the first that cannot.

        Raises LiveflightError, once per request, where one could not be loaded."""
        for name in names:
            while self.engine is None or not self.engine.ready(name):
                self._raise_failure(name)
                if not self._start(name, partial(self._prepare, name)):
                    return False
            self._failed.pop(name, None)
        return True

    def ensure_planned(self, layer_sets: Sequence[Layers], size: Size) -> bool:
        """Return whether all these mixes are planned; start planning the first that is not.

        Each is a set of layers of loaded networks, at views of that size. Raises LiveflightError,
        once for each, where one cannot be planned. It then counts as planned: the ascent prepares
        it when it comes."""
        assert self.engine is not None
        for layers in layer_sets:
            plan = layers, size
            self._raise_failure(plan)
            while not (plan in self._unplannable or self.engine.planned(layers, size)):
                if not self._start(plan, partial(self.engine.plan, layers, size)):
                    return False
                self._raise_failure(plan)
        return True

    def prefetch(self, layer_sets: Iterable[Layers]) -> None:
        """Replace the list of what `prefetch_next` loads and plans, the likeliest first."""
        self._ahead = list(dict.fromkeys(layer_sets))

    def prefetch_next(self, size: Size) -> None:
        """Start loading or planning the next of the list, if no job is under way.

        Leaves out networks that fail to load until they are asked for."""
        if self._untidy and self._prefetch_wait:
            self._prefetch_wait -= 1
            return
        try:
            while self._ahead:
                layers = self._ahead[0]
                names = sorted({network for network, _ in layers})
                if not (self.ensure_loaded(names) and self.ensure_planned([layers], size)):
                    return
                self._ahead.pop(0)
        except LiveflightError:
            self._ahead.pop(0)

    def views_changed(self) -> None:
        """Note that ticks have another number of views: `tidy` may prepare them as a batch."""
        self._untidy = True

    def tidy(self) -> None:
        """Call `Engine.tidy` while a frame waits, unless another job runs or is wanted.

        Prefetching waits for it."""
        self._collect()
        if self.engine is None or not self._untidy:
            return
        if self._tidy_wait:
            self._tidy_wait -= 1
        elif self._work.busy:
            self._prefetch_wait = _PREFETCH_WAIT_FRAMES
        else:
            # On the planning thread, since an engine may also prepare a batch of views here. And if
            # the frame loop freed plans, glibc would serve its next allocations from their heap,
            # and a frame would stall while that is consolidated.
            self._tidying = True
            self._work.submit(partial(self._attempt, "what plans left", self._tidy_engine))

    def close(self) -> None:
        """Cancel a download, and close the engine."""
        self._closing = True
        self._work.close(_CLOSE_TIMEOUT_S)
        if self.engine:
            self.engine.close()
        gc.unfreeze()  # or runtimes complain about leaks as Python ends

    def _raise_failure(self, what: object) -> None:
        self._collect()
        if what in self._failed:
            if isinstance(what, tuple):
                self._unplannable.add(what)
            raise self._failed.pop(what)

    def _start(self, what: object, job: Callable[[], object]) -> bool:
        """Start a job unless another runs; return whether one has ended."""
        if not self._work.busy:
            self._untidy, self._tidy_wait = True, 0
            self._work.submit(partial(self._attempt, what, job))
            self.on_start(what)
        elif self._tidying:
            self._tidy_wait = _TIDY_WAIT_CALLS
        return self._collect()

    def _collect(self) -> bool:
        """Take note of the end of a job; return whether one has ended."""
        if not (self._work.busy and self._work.wait()):
            return False
        self._work.result()
        self._tidying = False
        return True

    def _attempt(self, what: object, job: Callable[[], object]) -> None:
        try:
            job()
        except LiveflightError as error:
            self._failed[what] = error
        except Exception as error:
            self._failed[what] = LiveflightError(f"{_named(what)}: {error!r}")

    def _tidy_engine(self) -> None:
        assert self.engine
        self._untidy = False  # also where it fails
        self._untidy = self.engine.tidy()

    def _prepare(self, name: str) -> None:
        def progress(done: int, total: int) -> None:
            if self._closing:
                raise _CancelledError
            share = (
                f"{done / total:.0%} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
            )
            self.downloading = f"downloading {name}: {share}"
            if self._shown:
                self._shown(name, done, total)

        try:
            engine = self.engine or self._make()
            engine.prepare(name, progress)
            # The runtimes' objects stay. Otherwise Python searches all of them for garbage now and
            # then: 100 ms in which no thread runs.
            gc.freeze()
            self.engine = engine
        finally:
            self.downloading = ""


def _named(what: object) -> str:
    if isinstance(what, str):
        return f"{what} cannot be loaded"
    layers, (width, height) = cast(tuple[Layers, Size], what)
    return f"{' + '.join(map(':'.join, sorted(layers)))} cannot be planned at {width}x{height}"
