"""Play a cue list: recall one preset after the other, each for its time."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import Controls
from liveflight.show.preset_player import PresetPlayer
from liveflight.show.target_selector import TargetSelector
from liveflight.storage import cue_lists
from liveflight.storage.cue_lists import Cue, CueList
from liveflight.storage.saved_state import CuePlace


class CuePlayer:
    """Step through a cue list by time, beats or go."""

    def __init__(
        self,
        controls: Controls,
        preset_player: PresetPlayer,
        target_selector: TargetSelector,
        report: Callable[[object], None],
    ) -> None:
        """Begin without a list; `report` is called with cues that cannot be flown.

        They are skipped. A cue that turns out to be wrong only once its networks' layers are known
        is not: the look before it stays for its time."""
        self._controls, self._preset_player, self._report = controls, preset_player, report
        self._target_selector = target_selector
        self._cues: tuple[Cue, ...] = ()
        self._list: CueList | None = None
        """List that they are from."""
        self._current = 0
        """Index of the current cue."""
        self._elapsed = 0.0
        """Time of the current cue in its own unit, seconds or beats."""
        self._held_by_panic = False
        """Whether only a panic holds the list."""
        self._downloads = True
        """Whether weights may be downloaded for the list: not for one that the network started."""
        self.find: Callable[[str], CueList] = cue_lists.find
        """Returns the list of a name, or raises LiveflightError."""
        self.on_named: Callable[[CueList], None] = lambda cues: None
        """Called with each list that was started by its name."""

    def triggers(self) -> dict[str, Callable[[], None]]:
        """Return the actions of the cue triggers, by key."""
        return {"cue.go": self._go, "cue.back": lambda: self._step(-1)}

    def panic(self) -> None:
        """Hold after a panic: the place in the list is kept, and go continues from there."""
        self._held_by_panic = self._held_by_panic or not self._controls.flag("cue.hold")
        self._controls.set("cue.hold", True)

    def start(self, cues: CueList) -> None:
        """Start a list at its first cue. Raises LiveflightError where no cue can be flown."""
        self._list, self._cues, self._current = cues, cues.cues, -1
        self._downloads = self._target_selector.downloads
        self._controls.set("cue.playing", cues.name)
        self._step(1)

    def start_named(self, name: str) -> None:
        """Start the list of that name. Raises LiveflightError where it cannot be played."""
        cues = self.find(name)
        self.on_named(cues)
        self.start(cues)

    @property
    def place(self) -> CuePlace | None:
        """Return the list and the place in it; None without a list."""
        if self._list is None:
            return None
        held = self._held_by_panic
        return CuePlace(self._list, self._current, self._elapsed, held, self._downloads)

    def resume(self, place: CuePlace) -> None:
        """Continue in the middle of a cue, whose look is flown already."""
        self._list, self._cues, self._current = place.cues, place.cues.cues, place.current
        self._elapsed, self._held_by_panic = place.elapsed, place.held_by_panic
        self._downloads = place.downloads
        self._controls.set("cue.playing", place.cues.name)
        self._publish()

    def advance(self, dt: float) -> None:
        """Advance by `dt` seconds, to the next cue if its time has come."""
        if not self._cues:
            return
        self._held_by_panic = self._held_by_panic and self._controls.flag("cue.hold")
        cue = self._cues[self._current]
        passed = dt * self._controls.number("tempo.bpm") / 60 if cue.beats else dt
        self._elapsed += passed
        if self._left(cue) <= 0 and not self._holding(cue):
            late = min(self._elapsed - (cue.beats or cue.seconds), passed)
            self._step(1)
            if bool(cue.beats) == bool(self._cues[self._current].beats):
                self._elapsed = late  # or the list would drift off the beat over hours
        self._publish()

    def _go(self) -> None:
        if self._held_by_panic:
            self._held_by_panic = False
            self._controls.set("cue.hold", False)
        self._step(1)

    @property
    def _last(self) -> bool:
        """Return whether no cue follows."""
        return self._current == len(self._cues) - 1 and not self._controls.flag("cue.loop")

    def _holding(self, cue: Cue) -> bool:
        return cue.hold or self._last or self._controls.flag("cue.hold")

    def _left(self, cue: Cue) -> float:
        return max((cue.beats or cue.seconds) - self._elapsed, 0.0)

    def _step(self, step: int) -> None:
        """Go to the next cue that can be flown, wrapping round.

        Where none can, the look stays, and they are tried again when its time is over."""
        if not self._cues:
            raise LiveflightError("there is no cue list: start with --cues NAME")
        self._elapsed = 0.0
        for _ in self._cues:
            self._current = (self._current + step) % len(self._cues)
            try:
                self._recall(self._cues[self._current])
            except LiveflightError as error:
                self._report(error)
            else:
                return
        raise LiveflightError("no cue of the list can be flown")

    def _recall(self, cue: Cue) -> None:
        beats = cue.transition_beats * 60 / self._controls.number("tempo.bpm")
        found = self._preset_player.navigator.find(cue.preset)
        selector = self._target_selector
        allowed, selector.downloads = selector.downloads, selector.downloads and self._downloads
        try:
            self._preset_player.recall(found, beats or cue.transition, cue.curve)
        finally:
            selector.downloads = allowed

    def _publish(self) -> None:
        cue = self._cues[self._current]
        following = self._cues[(self._current + 1) % len(self._cues)].preset
        left = 0.0 if self._holding(cue) else float(ceil(self._left(cue)))
        self._controls.set("cue.now", self._described(cue))
        self._controls.set("cue.left", left)
        self._controls.set("cue.next", "" if self._last else following)

    def _described(self, cue: Cue) -> str:
        place = f"{self._current + 1} of {len(self._cues)}: {cue.preset}"
        if self._holding(cue):
            return f"{place}, holds"
        return f"{place}, {self._left(cue):.0f} {'beats' if cue.beats else 's'}"
