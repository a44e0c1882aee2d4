"""The mixes that were flown, in order, to go back and forth through. Pure."""

from __future__ import annotations

from liveflight.core.contracts import LiveflightError, Mix

MOST = 200
"""Mixes that are kept."""

PASSING = 0.5
"""Seconds: what was flown for less was passed on the way to another, and is not kept."""


class History:
    def __init__(self) -> None:
        self._mixes: list[Mix] = []
        self._here = -1
        """The place of what is flown."""
        self._going: int | None = None
        """The place that was asked for last, until something is flown."""
        self._new = False
        """Whether what is flown was not in the history before."""

    def step(self, way: int) -> Mix:
        """Return the mix before (-1) or after (1) what is flown, or was asked for last.

        Raises LiveflightError where there is none."""
        place = (self._here if self._going is None else self._going) + way
        if not 0 <= place < len(self._mixes):
            raise LiveflightError(
                "nothing was flown before this" if way < 0 else "nothing was flown after this"
            )
        self._going = place
        return self._mixes[place]

    def arrived(self, before: Mix, mix: Mix, stayed: float) -> None:
        """Note that `mix` is flown from now on, after `before`, with the weights that it had in the
        end, for `stayed` seconds. A mix that was not asked for by `step` ends what came after."""
        going, self._going = self._going, None
        if 0 <= self._here:
            self._mixes[self._here] = before
        if going is not None and self._mixes[going].keys() == mix.keys():
            self._here, self._new = going, False
            return
        passed = self._new and stayed < PASSING
        del self._mixes[max(self._here + (not passed), 0) :]
        self._mixes.append(mix)
        del self._mixes[:-MOST]
        self._here, self._new = len(self._mixes) - 1, True
