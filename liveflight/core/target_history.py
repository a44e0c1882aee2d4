"""Keep the mixes that were flown, to go back and forward through. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from liveflight.core.contracts import LiveflightError, Mix

MAX_MIXES = 200
"""Number of mixes that are kept."""

SHORTEST_STAY_S = 0.5
"""Seconds below which a mix was only passed on the way to another, and is not kept."""


class TargetHistory:
    """Keep the mixes as a browser keeps pages."""

    def __init__(self) -> None:
        self._mixes: list[Mix] = []
        self._here = -1
        """Index of the mix that is flown."""
        self._going: int | None = None
        """Index that was asked for last, until something is flown."""
        self._new = False
        """Whether the mix that is flown was not in the history before."""

    def step(self, by: int) -> Mix:
        """Return the mix before (-1) or after (1) the one that is flown, or was asked for last.

        Raises LiveflightError where there is none."""
        index = (self._here if self._going is None else self._going) + by
        if not 0 <= index < len(self._mixes):
            raise LiveflightError(
                "nothing was flown before this" if by < 0 else "nothing was flown after this"
            )
        self._going = index
        return self._mixes[index]

    @property
    def place(self) -> tuple[tuple[Mix, ...], int]:
        """Return the mixes in order, and the index of the one that is flown; -1 for none."""
        return tuple(self._mixes), self._here

    def resume(self, mixes: Sequence[Mix], here: int) -> None:
        """Continue with these mixes; the flight is about to arrive at the one of index `here`.

        Where it arrives at another, that one is new, and comes after it."""
        self._mixes = list(mixes)[-MAX_MIXES:]
        self._here = min(here, len(self._mixes) - 1)
        self._going = self._here if self._here >= 0 else None

    def arrived(self, before: Mix, mix: Mix, stayed: float) -> None:
        """Note that `mix` is flown from now on, after `before`, which stayed for `stayed` seconds.

        `before` has the weights that it had in the end. A mix that was not asked for by `step`
        deletes all mixes after the current one."""
        going, self._going = self._going, None
        if 0 <= self._here and before:
            self._mixes[self._here] = before
        if going is not None and self._mixes[going].keys() == mix.keys():
            self._here, self._new = going, False
            return
        passed = self._new and stayed < SHORTEST_STAY_S
        del self._mixes[max(self._here + (not passed), 0) :]
        self._mixes.append(mix)
        del self._mixes[:-MAX_MIXES]
        self._here, self._new = len(self._mixes) - 1, True
