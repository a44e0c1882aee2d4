"""The flight's time in beats: its controls, the beat clock behind them, and what waits for it."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.beat import BeatClock, passes
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.mailbox import Beat
from liveflight.core.quantise import Change, Quantise

LOST = 1.0
"""Seconds without a word from an outside clock after which our own goes on alone."""


class Tempo:
    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._clock = BeatClock(float(controls.setting("tempo.bpm")))
        self._quantise = Quantise()
        self._before = 0.0
        """Where the clock was when it was last looked at."""
        self.due = True
        """Whether now is the moment that changes wait for, or none is asked for."""
        self._source = "own"
        self._unheard = 0.0
        """Seconds since the outside clock was heard."""
        self._show()

    @property
    def position(self) -> float:
        """In beats; bars and phrases begin at whole multiples of theirs."""
        return self._clock.position

    @property
    def used(self) -> bool:
        """Whether anyone plays on the beat."""
        return self._source != "own" or self._grid != "off"

    def line(self) -> str:
        """The tempo, where in the bar and the phrase it is, and what waits; a tab parts them."""
        clock = self._clock
        bar = f"bar {clock.bar} of {clock.bars_per_phrase}"
        place = f"{bar}, beat {clock.beat} of {clock.beats_per_bar}"
        return f"{clock.bpm:.1f} bpm  {place}  {self._source}\t{self._waiting()}".rstrip()

    def follow(self, beat: Beat) -> None:
        """What an outside clock says of this frame, before its `advance`."""
        self._source = beat.origin or "outside"
        self._unheard = 0.0
        if beat.running:
            self._clock.follow(beat.position, beat.bpm)
        else:
            self._clock.bpm = float(CONTROLS["tempo.bpm"].fit(beat.bpm))
        self._controls.set("tempo.bpm", self._clock.bpm)

    def tap(self) -> None:
        """A beat is now; of no effect while an outside clock rules."""
        if self._source in ("own", "tapped") and self._clock.tap():
            self._source = "tapped"
            self._controls.set("tempo.bpm", self._clock.bpm)

    def resync(self) -> None:
        self._clock.resync()

    def holds(self, change: Change, check: Callable[[Change], None] = lambda change: None) -> bool:
        """Whether the change has to wait: it comes back from `advance` in its time. An undo takes
        back the recall that waits, if there is one, and that is all that comes of either. `check`
        raises LiveflightError for what could not be done then: it takes no other's place."""
        control = CONTROLS[change.key]
        if not control.waits or self._grid == "off":
            return False
        check(change)
        if change.key != "show.undo" or not self._quantise.cancel(control):
            self._quantise.hold(control, change)
        self._controls.set("tempo.waiting", self._waiting())
        return True

    def drop(self) -> None:
        """What waits will not come."""
        self._quantise.release()
        self._controls.set("tempo.waiting", "")

    def advance(self, dt: float) -> list[Change]:
        """Goes on for `dt` seconds. What has waited for the moment that this passes, or waits no
        longer because nobody asks for it."""
        clock, controls = self._clock, self._controls
        clock.bpm = float(controls.setting("tempo.bpm"))
        clock.beats_per_bar = int(controls.setting("tempo.beats_per_bar"))
        clock.bars_per_phrase = int(controls.setting("tempo.bars_per_phrase"))
        self._listen(dt)
        clock.advance(dt)
        beats = {"beat": 1, "bar": clock.beats_per_bar, "phrase": clock.phrase}.get(self._grid)
        self.due = beats is None or passes(self._before, clock.position, beats)
        self._before = clock.position
        released = self._quantise.release() if self.due else []
        self._show()
        return released

    @property
    def _grid(self) -> str:
        return str(self._controls.setting("tempo.quantise"))

    def _waiting(self) -> str:
        return self._quantise.describe(self._grid)

    def _listen(self, dt: float) -> None:
        """An outside clock that is heard no more leaves its tempo to ours."""
        self._unheard += dt
        if self._source not in ("own", "tapped") and self._unheard > LOST:
            self._source = "own"

    def _show(self) -> None:
        shown: dict[str, Value] = {
            "tempo.beat": float(self._clock.beat),
            "tempo.bar": float(self._clock.bar),
            "tempo.source": self._source,
            "tempo.waiting": self._waiting(),
        }
        for key, value in shown.items():
            self._controls.set(key, value)
