"""Close a show at the end of its opening hours and open it again: fade to black, and sleep."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from liveflight.core.contracts import Value
from liveflight.core.mailbox import Mailbox, Message
from liveflight.loop.presenter import Presenter
from liveflight.show.flight import Flight
from liveflight.show.opening_times import OpeningTimes

log = logging.getLogger("liveflight.loop")

FADE_S = 5.0
"""Seconds of the fade in either direction."""

SETTLED_S = 5.0
"""Seconds for which the clock has to say so: one that is being set must not make it flicker."""

_INTERVAL_S = 0.5
"""Seconds between two looks at the clock."""

CONTROL = "show.closed"
"""Control that tells until when the show is closed."""


class ClosingTime:
    """A controller that dims the picture while the show is closed; then nothing moves.

    The performer's controls stay as they are, and can be moved meanwhile."""

    def __init__(
        self,
        flight: Flight,
        presenter: Presenter,
        times: OpeningTimes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: returns seconds since 1970."""
        self._flight, self._presenter, self._times = flight, presenter, times
        self._clock = clock
        self.display_power: Callable[[bool], object] = lambda on: None
        """Turns the display on and off."""
        self.open_now: bool | None = None
        """Whether the show is open; None until the clock was looked at."""
        self._powered: bool | None = None
        """Whether the display was turned on last; None: whoever ran before may have left it off."""
        self._differs_s = 0.0
        """Seconds for which the clock has said otherwise."""
        self._before: float | None = None
        self._looked = 0.0

    def open(self, mailbox: Mailbox) -> None:
        """Have nothing to open."""

    def poll(self, now: float) -> None:
        """Look at the clock, and fade for the time since the last call."""
        before, self._before = self._before, now
        if before is None or now - self._looked >= _INTERVAL_S:
            self._look(0.0 if before is None else now - self._looked)
            self._looked = now
        step = (now - before) / FADE_S if before is not None else 1.0
        self._fade(step)

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Have nothing to publish."""

    def status_lines(self) -> list[str]:
        closed = str(self._flight.controls.setting(CONTROL))
        return [closed] if closed else []

    def close(self) -> None:
        """Turn the display on again."""
        if self._flight.asleep:
            self.display_power(True)

    def _look(self, passed: float) -> None:
        now = self._clock()
        is_open = self._times.is_open(now)
        self._differs_s = self._differs_s + passed if is_open != self.open_now else 0.0
        if self.open_now is None or self._differs_s >= SETTLED_S:
            first, self.open_now, self._differs_s = self.open_now is None, is_open, 0.0
            if first and not is_open:  # a black window needs an explanation
                log.warning("closed until %s", self._times.opens(now))
            elif not first:
                log.info("%s", "open" if is_open else f"closed until {self._times.opens(now)}")
        said = "" if self.open_now else f"closed until {self._times.opens(now)}"
        self._flight.controls.set(CONTROL, said)

    def _fade(self, step: float) -> None:
        presenter, goal = self._presenter, float(bool(self.open_now))
        presenter.dimmer += min(max(goal - presenter.dimmer, -step), step)
        asleep = presenter.dimmer == 0.0 and not self.open_now
        self._flight.asleep = asleep
        if self._powered != (not asleep):
            self._powered = not asleep
            self.display_power(self._powered)
