"""Move on to the autopilot's next target after each dwell, until the performer chooses one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liveflight.core.autopilot import Autopilot, AutopilotPlace
from liveflight.core.contracts import Target
from liveflight.core.controls import Controls
from liveflight.core.tempo import Tempo
from liveflight.show.target_selector import TargetSelector

PAUSED = "autopilot paused: Tab resumes"


class AutopilotPlayer:
    """Fly the autopilot's choices in time."""

    def __init__(
        self,
        controls: Controls,
        selector: TargetSelector,
        tempo: Tempo,
        autopilot: Autopilot,
        fly: Callable[[Target], None],
    ) -> None:
        """`fly` is called with each target when its time has come."""
        self._controls, self._selector, self._tempo = controls, selector, tempo
        self._autopilot, self._fly = autopilot, fly
        self._last_choice = 0.0
        """Flight time of its last choice: it waits a dwell after a failed one too."""
        self._before: tuple[Mapping[Target, float], float] = {}, 0.0
        """Targets of a show that was resumed, and the seconds for which it had flown them."""

    @property
    def place(self) -> AutopilotPlace:
        """Return how far it has come."""
        return self._autopilot.place(self._stayed)

    def resume(self, place: AutopilotPlace, goal: Mapping[Target, float]) -> None:
        """Continue at that place, once the flight is at `goal`."""
        self._autopilot.resume(place)
        self._before = dict(goal), place.stayed

    @property
    def _stayed(self) -> float:
        """Return the seconds since its last choice or the last change of targets."""
        selector, (goal, before) = self._selector, self._before
        since_choice = selector.time - self._last_choice
        stayed = min(selector.crossfade.elapsed(selector.time), since_choice)
        return stayed + (before if selector.goal.keys() == goal.keys() else 0.0)

    def switch(self, wanted: bool | None = None) -> None:
        """Ask for it, or not; None turns it over, but resumes it where it is only paused."""
        on = self._controls.flag("show.autopilot")
        if wanted is None:
            wanted = not on or self._autopilot.paused
        self._controls.set("show.autopilot", wanted)
        self._autopilot.paused = False

    def advance(self, *, busy: bool) -> None:
        """Choose the next target if it is time; not while the flight is `busy` with another."""
        selector, controls = self._selector, self._controls
        on, paused = controls.flag("show.autopilot"), self._autopilot.paused
        controls.set("show.autopilot_paused", PAUSED if on and paused else "")
        if not on or paused or busy or selector.waiting or not selector.goal:
            return
        if self._stayed >= controls.number("show.dwell") and self._tempo.due:
            self._last_choice, self._before = selector.time, ({}, 0.0)
            self._fly(self._next_target())

    def wander(self) -> Target:
        """Return a random active filter of the layer."""
        return self._choose(self._autopilot.wander)

    def _next_target(self) -> Target:
        match self._controls.word("show.autopilot_mode"):
            case "journey":
                return self._choose(self._autopilot.onward)
            case "sight" if seen := self._controls.word("show.seen"):
                target, here = Target.parse(seen), self._selector.here
                if (target.network, target.layer) == (here.network, here.layer):
                    return target
        return self.wander()

    def _choose(self, choice: Callable[..., Target]) -> Target:
        selector = self._selector
        return choice(selector.here, selector.active_filters(), selector.likeness())
