"""Connect the tempo's controls, the beat clock and the changes that wait for a beat."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.beat import BeatClock, passes
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.mailbox import Beat
from liveflight.core.quantise import Change, Quantise

CLOCK_TIMEOUT_S = 1.0
"""Seconds of silence from an external clock after which our own runs alone."""


class Tempo:
    """Keep the flight's time in beats."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._clock = BeatClock(float(controls.setting("tempo.bpm")))
        self._quantise = Quantise()
        self._before = 0.0
        """Position of the clock at the last `advance`."""
        self.due = True
        """Whether changes may happen now: their beat is here, or nothing is quantised."""
        self._source = "own"
        self._silence = 0.0
        """Seconds since the external clock was received."""
        self._show()

    @property
    def position(self) -> float:
        """Return the position in beats; bars and phrases begin at multiples of their lengths."""
        return self._clock.position

    @property
    def place(self) -> tuple[float, bool]:
        """Return the position in beats, and whether the tempo was tapped."""
        return self._clock.position, self._source == "tapped"

    def resume(self, position: float, tapped: bool) -> None:
        """Continue at a position in beats; an external clock is followed once it is received."""
        self._clock.position = self._before = position
        self._source = "tapped" if tapped else "own"

    @property
    def used(self) -> bool:
        """Return whether the tempo is in use: set by a tap or a clock, or quantising changes."""
        return self._source != "own" or self._grid != "off"

    def line(self) -> str:
        """Return tempo, bar and beat, a tab, and what waits, as a line of the HUD."""
        clock = self._clock
        bar = f"bar {clock.bar} of {clock.bars_per_phrase}"
        place = f"{bar}, beat {clock.beat} of {clock.beats_per_bar}"
        return f"{clock.bpm:.1f} bpm  {place}  {self._source}\t{self._waiting()}".rstrip()

    def follow(self, beat: Beat) -> None:
        """Follow an external clock in this frame; call it before `advance`."""
        self._source = beat.origin or "outside"
        self._silence = 0.0
        if beat.running:
            self._clock.follow(beat.position, beat.bpm)
        else:
            self._clock.bpm = float(CONTROLS["tempo.bpm"].clamp(beat.bpm))
        self._controls.set("tempo.bpm", self._clock.bpm)

    def tap(self) -> None:
        """Tap a beat; has no effect while an external clock is followed."""
        if self._source in ("own", "tapped") and self._clock.tap():
            self._source = "tapped"
            self._controls.set("tempo.bpm", self._clock.bpm)

    def resync(self) -> None:
        self._clock.resync()

    def try_hold(
        self, change: Change, check: Callable[[Change], None] = lambda change: None
    ) -> bool:
        """Return whether the change has to wait; then `advance` returns it when its beat comes.

        An undo cancels the recall that waits, if there is one, and then does nothing else. `check`
        raises LiveflightError for an impossible change: it must not replace one that waits."""
        control = CONTROLS[change.key]
        if not control.waits or self._grid == "off":
            return False
        check(change)
        if change.key != "show.undo" or not self._quantise.cancel(control):
            self._quantise.hold(control, change)
        self._controls.set("tempo.waiting", self._waiting())
        return True

    def drop(self) -> None:
        """Cancel all changes that wait."""
        self._quantise.release()
        self._controls.set("tempo.waiting", "")

    def advance(self, dt: float) -> list[Change]:
        """Advance by `dt` seconds; return the changes whose beat this passes.

        Where nothing is quantised any more, these are all that waited."""
        clock, controls = self._clock, self._controls
        clock.bpm = float(controls.setting("tempo.bpm"))
        clock.beats_per_bar = int(controls.setting("tempo.beats_per_bar"))
        clock.bars_per_phrase = int(controls.setting("tempo.bars_per_phrase"))
        self._check_clock_timeout(dt)
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

    def _check_clock_timeout(self, dt: float) -> None:
        """Leave an external clock that fell silent; its tempo stays."""
        self._silence += dt
        if self._source not in ("own", "tapped") and self._silence > CLOCK_TIMEOUT_S:
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
