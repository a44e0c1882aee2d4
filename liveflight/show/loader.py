"""Brings up the engine, its networks and its plans, beside the frame loop in a show, within it in a
render. One thing at a time; what is asked for while another is under way is asked for again a frame
later, so that of a row of hasty wishes only the newest costs anything.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

from liveflight import networks
from liveflight.core.contracts import Engine, LiveflightError
from liveflight.system import worker

BUSY_NAME = worker.BUSY_NAME

_GRACE = 1.0
"""Seconds that `close` waits for a load to notice that nobody wants it any more."""

_NICENESS = 10
"""How far loading stands back behind the frame loop: no less than the ascent, which would be slow
for as long as there is something to plan ahead."""

_PATIENCE = 12
"""Frames, more than there are sessions in a plan, for which what is foreseen waits for what earlier
plans left to be let go of, where frames have time for that at all."""

_RESTS = 6
"""Rests, those of two frames, for which it in turn waits for what was wanted meanwhile."""

Shown = Callable[[str, int, int], None]
"""Called while a network's weights are downloaded: its name, the bytes so far and in all (0: not
known)."""

Layers = frozenset[tuple[str, str]]
"""The (network, layer) pairs that a mix ascends together."""

Size = tuple[int, int]
"""Width and height of a canvas in pixels."""


class _UnwantedError(Exception):
    """Ends a download that nobody waits for any more."""


class Loader:
    """`make_engine` is called at the first network, `shown` during downloads, both on the thread
    that loads."""

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        background: bool,
        shown: Shown | None = None,
    ) -> None:
        self._make = make_engine
        self._shown = shown
        self._work: worker.Worker[None] = worker.Worker(background, _NICENESS)
        self._failed: dict[object, LiveflightError] = {}
        self._hopeless: set[tuple[Layers, Size]] = set()
        self._ahead: list[Layers] = []
        self._closing = False
        self._untidy = self._tidying = False
        self._turned_away = self._patience = 0
        """Rests for which tidying up still waits for what could not be begun beside it, and frames
        for which what is foreseen waits for the tidying up."""
        self.engine: Engine | None = None
        self.downloading = ""
        """What is being downloaded and how far it is, for the performer."""

    @property
    def busy(self) -> bool:
        """Whether something is being loaded or planned."""
        self._collect()  # nobody may wait any more for what was under way
        return self._work.busy and not self._tidying

    def layers_known(self, names: Iterable[str]) -> bool:
        """Whether it is known which layers all these networks have; starts to find it out for the
        first of which it is not.

        Raises LiveflightError, once per asking, where it cannot be found out."""
        for name in names:
            what = f"{name}'s layers"
            while not networks.at_once(name):
                self._raise_failure(what)
                if not self._start(what, partial(_get_acquainted, name)):
                    return False
        return True

    def ready(self, names: Iterable[str]) -> bool:
        """Whether all these networks can be ascended; starts to load the first that cannot.

        Raises LiveflightError, once per asking, where one could not be loaded."""
        for name in names:
            while self.engine is None or not self.engine.ready(name):
                self._raise_failure(name)
                if not self._start(name, partial(self._prepare, name)):
                    return False
            self._failed.pop(name, None)
        return True

    def planned(self, mixes: Sequence[Layers], size: Size) -> bool:
        """Whether mixes of these layers of loaded networks, on a canvas of that size, can be
        ascended without preparing anything; starts to plan the first that cannot.

        Raises LiveflightError, once for each, where one cannot be planned; it then counts as
        planned: the ascent takes the time it needs."""
        assert self.engine is not None
        for layers in mixes:
            plan = layers, size
            self._raise_failure(plan)
            while not (plan in self._hopeless or self.engine.planned(layers, size)):
                if not self._start(plan, partial(self.engine.plan, layers, size)):
                    return False
                self._raise_failure(plan)
        return True

    def prefetch(self, mixes: Iterable[Layers]) -> None:
        """What is likely to be flown later, the likeliest first, in place of what was foreseen
        before: loaded and planned by `prefetch_next`."""
        self._ahead = list(dict.fromkeys(mixes))

    def prefetch_next(self, size: Size) -> None:
        """Starts with something foreseen, if nothing is under way. What cannot be loaded is left
        until somebody wants it."""
        if self._untidy and self._patience:
            self._patience -= 1
            return
        try:
            while self._ahead:
                layers = self._ahead[0]
                names = sorted({network for network, _ in layers})
                if not (self.ready(names) and self.planned([layers], size)):
                    return
                self._ahead.pop(0)
        except LiveflightError:
            self._ahead.pop(0)

    def tidy(self) -> None:
        """`Engine.tidy`, for a frame that has time; unless something else is under way or wanted.
        What is foreseen waits for it."""
        self._collect()
        if self.engine is None or not self._untidy:
            return
        if self._turned_away:
            self._turned_away -= 1
        elif self._work.busy:
            self._patience = _PATIENCE
        else:
            # On the thread that plans. glibc hands what a thread frees to that thread's next
            # requests, with the heap that it came from: in the frame loop, lists then grew in the
            # heap that is full of what plans freed, and waited for it to be put in order.
            self._tidying = True
            self._work.submit(partial(self._attempt, "what plans left", self._let_go))

    def close(self) -> None:
        """Ends a download, and the engine."""
        self._closing = True
        self._work.close(_GRACE)
        if self.engine:
            self.engine.close()
        gc.unfreeze()  # or runtimes complain of what is left as Python ends

    def _raise_failure(self, what: object) -> None:
        self._collect()
        if what in self._failed:
            if isinstance(what, tuple):
                self._hopeless.add(what)
            raise self._failed.pop(what)

    def _start(self, what: object, job: Callable[[], None]) -> bool:
        """Begins with a job unless another is under way; whether one has come to its end."""
        if not self._work.busy:
            self._untidy, self._turned_away = True, 0
            self._work.submit(partial(self._attempt, what, job))
        elif self._tidying:
            self._turned_away = _RESTS
        return self._collect()

    def _collect(self) -> bool:
        """Takes note of the end of a job; whether there was one."""
        if not (self._work.busy and self._work.wait()):
            return False
        self._work.result()
        self._tidying = False
        return True

    def _attempt(self, what: object, job: Callable[[], None]) -> None:
        try:
            job()
        except LiveflightError as error:
            self._failed[what] = error
        except Exception as error:
            self._failed[what] = LiveflightError(f"{_named(what)}: {error!r}")

    def _let_go(self) -> None:
        assert self.engine
        self._untidy = False  # for one that fails, too
        self._untidy = self.engine.tidy()

    def _prepare(self, name: str) -> None:
        def progress(done: int, total: int) -> None:
            if self._closing:
                raise _UnwantedError
            share = (
                f"{done / total:.0%} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
            )
            self.downloading = f"downloading {name}: {share}"
            if self._shown:
                self._shown(name, done, total)

        try:
            engine = self.engine or self._make()
            engine.prepare(name, progress)
            # What the runtimes brought stays. Else Python looks through all of it now and then for
            # what could be let go: 100 ms in which no thread moves.
            gc.freeze()
            self.engine = engine
        finally:
            self.downloading = ""


def _get_acquainted(name: str) -> None:
    networks.network(name)


def _named(what: object) -> str:
    if isinstance(what, str):
        return f"{what} cannot be loaded"
    layers, (width, height) = cast(tuple[Layers, Size], what)
    return f"{' + '.join(map(':'.join, sorted(layers)))} cannot be planned at {width}x{height}"
