"""Brings up the engine and the networks, beside the frame loop in a show, within it in a render."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from liveflight.core.contracts import Engine, LiveflightError

THREAD = "loader"
"""The name of the thread that loads."""

_GRACE = 1.0
"""Seconds that `close` waits for a load to notice that nobody wants it any more."""

Shown = Callable[[str, int, int], None]
"""Called while a network's weights are downloaded: its name, the bytes so far and in all (0: not
known)."""


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
        self._background = background
        self._shown = shown
        self._work: threading.Thread | None = None
        self._failed: dict[str, LiveflightError] = {}
        self._closing = False
        self.engine: Engine | None = None
        self.downloading = ""
        """What is being downloaded and how far it is, for the performer."""

    def ready(self, names: Sequence[str]) -> bool:
        """Whether all these networks can be ascended; starts to load the first that cannot.

        Raises LiveflightError, once per asking, where one could not be loaded."""
        for name in names:
            if name in self._failed:
                raise self._failed.pop(name)
            if self.engine is None or not self.engine.ready(name):
                self._load(name)
                return self.engine is not None and self.engine.ready(name) and self.ready(names)
        return True

    def close(self) -> None:
        """Ends a download, and the engine."""
        self._closing = True
        if self._work:
            self._work.join(_GRACE)
        if self.engine:
            self.engine.close()

    def _load(self, name: str) -> None:
        if not self._background:
            self._prepare(name)
            if name in self._failed:
                raise self._failed.pop(name)
        elif self._work is None or not self._work.is_alive():
            self._work = threading.Thread(
                target=self._prepare, args=(name,), name=THREAD, daemon=True
            )
            self._work.start()

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
            self.engine = engine
        except LiveflightError as error:
            self._failed[name] = error
        except Exception as error:  # a loader thread must not die silently
            self._failed[name] = LiveflightError(f"{name} cannot be loaded: {error!r}")
        finally:
            self.downloading = ""
