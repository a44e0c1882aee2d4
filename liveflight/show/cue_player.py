"""Plays a cue list: one preset after the other, each in its time."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import Controls
from liveflight.show.preset_player import PresetPlayer
from liveflight.storage.cue_lists import Cue, CueList


class CuePlayer:
    def __init__(
        self, controls: Controls, preset_player: PresetPlayer, report: Callable[[object], None]
    ) -> None:
        """`report` is told of cues that cannot be flown; they are skipped. One whose look turns out
        to be wrong only once its networks' layers are known is not: the look before it stays for
        its time."""
        self._controls, self._preset_player, self._report = controls, preset_player, report
        self._cues: tuple[Cue, ...] = ()
        self._here = 0
        self._flown = 0.0
        """Of this cue, in its own unit: seconds or beats."""
        self._calmed = False
        """Whether it holds for a panic alone."""

    def triggers(self) -> dict[str, Callable[[], None]]:
        """What the triggers of cues do."""
        return {"cue.go": self._go, "cue.back": lambda: self._step(-1)}

    def calm(self) -> None:
        """Holds after a panic: the place in the list is kept, and go carries on from there."""
        self._calmed = self._calmed or not self._controls.flag("cue.hold")
        self._controls.set("cue.hold", True)

    def start(self, cues: CueList) -> None:
        """From its first cue on. Raises LiveflightError where none of them can be flown."""
        self._cues, self._here = cues.cues, -1
        self._step(1)

    def advance(self, dt: float) -> None:
        """Flies on for `dt` seconds."""
        if not self._cues:
            return
        self._calmed = self._calmed and self._controls.flag("cue.hold")
        cue = self._cues[self._here]
        passed = dt * self._controls.number("tempo.bpm") / 60 if cue.beats else dt
        self._flown += passed
        if self._left(cue) <= 0 and not self._holding(cue):
            late = min(self._flown - (cue.beats or cue.seconds), passed)
            self._step(1)
            if bool(cue.beats) == bool(self._cues[self._here].beats):
                self._flown = late  # or hours of frames would drift off the beat
        self._controls.set("cue.now", self._told())

    def _go(self) -> None:
        if self._calmed:
            self._calmed = False
            self._controls.set("cue.hold", False)
        self._step(1)

    def _holding(self, cue: Cue) -> bool:
        last = self._here == len(self._cues) - 1 and not self._controls.flag("cue.loop")
        return cue.hold or last or self._controls.flag("cue.hold")

    def _left(self, cue: Cue) -> float:
        return max((cue.beats or cue.seconds) - self._flown, 0.0)

    def _step(self, step: int) -> None:
        """To the next cue that can be flown, round and round. Where none can, the look stays, and
        they are tried again when its time is over."""
        if not self._cues:
            raise LiveflightError("there is no cue list: start with --cues NAME")
        self._flown = 0.0
        for _ in self._cues:
            self._here = (self._here + step) % len(self._cues)
            try:
                self._recall(self._cues[self._here])
            except LiveflightError as error:
                self._report(error)
            else:
                return
        raise LiveflightError("no cue of the list can be flown")

    def _recall(self, cue: Cue) -> None:
        beats = cue.transition_beats * 60 / self._controls.number("tempo.bpm")
        self._preset_player.recall(
            self._preset_player.preset_bank.find(cue.preset), beats or cue.transition, cue.curve
        )

    def _told(self) -> str:
        cue = self._cues[self._here]
        place = f"{self._here + 1} of {len(self._cues)}: {cue.preset}"
        if self._holding(cue):
            return f"{place}, holds"
        return f"{place}, {self._left(cue):.0f} {'beats' if cue.beats else 's'}"
