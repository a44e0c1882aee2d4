"""Report a show's state in words: the controls that the HUD and the controllers read."""

from __future__ import annotations

from collections.abc import Mapping

from liveflight.core.contracts import Value
from liveflight.loop.frame_pacer import FramePacer
from liveflight.networks import described
from liveflight.show.flight import Flight

INTERVAL_S = 0.25
"""Seconds between two reports: nobody reads faster."""

TROUBLE_S = 10.0
"""Seconds for which a trouble is shown after its last report."""

LIMITED = "flash limiter: the picture is held back"
LIMITED_S = 2.0
"""Seconds for which that is shown after the last frame that was limited."""

LEAST_SHARE = 0.005
"""Share of the mix below which a target is left out."""


class ShowStatus:
    """Set the read-only controls that tell what is flown, prepared, said and wrong."""

    def __init__(self, flight: Flight, frame_pacer: FramePacer) -> None:
        self._flight, self._frame_pacer = flight, frame_pacer
        self._age_s = INTERVAL_S
        self._troubles = 0
        """Number of troubles reported until now."""
        self._trouble_age_s = TROUBLE_S
        self._limited = 0.0
        """Frames that the flash limiter had held back at the last report."""
        self._limited_age_s = LIMITED_S

    def advance(self, dt: float) -> None:
        """Advance by `dt` seconds, and report once an interval has passed."""
        self._age_s += dt
        self._trouble_age_s += dt
        self._limited_age_s += dt
        if (troubles := self._flight.reports.counts.total()) != self._troubles:
            self._troubles, self._trouble_age_s = troubles, 0.0
        if self._age_s >= INTERVAL_S or not dt:
            self.report()

    def report(self) -> None:
        """Set the controls now."""
        self._age_s = 0.0
        for key, value in self._values().items():
            self._flight.controls.set(key, value)

    @property
    def preparing(self) -> str:
        """Return what the performer waits for; empty where nothing is prepared."""
        flight = self._flight
        awaited = flight.preset_player.awaited or flight.target_selector.awaited
        begun = not flight.flying or self._frame_pacer.tick_rate.value > 0
        if flight.loader.downloading:
            return flight.loader.downloading
        if awaited or not (flight.mix() and begun):
            return f"preparing {awaited} ...".replace("  ", " ")
        return ""

    def _values(self) -> Mapping[str, Value]:
        flight = self._flight
        mix = [pair for pair in flight.mix().items() if pair[1] >= LEAST_SHARE]
        fresh = self._trouble_age_s < TROUBLE_S
        limited = flight.controls.number("show.flash_limited")
        if limited != self._limited:
            self._limited, self._limited_age_s = limited, 0.0
        return {
            "mix.now": ", ".join(f"{described(target)} {share:.0%}" for target, share in mix),
            "morph.progress": round(flight.preset_player.morph_progress, 2),
            "show.message": flight.last_message,
            "show.trouble": flight.reports.last if fresh else "",
            "show.preparing": self.preparing,
            "show.limited": LIMITED if self._limited_age_s < LIMITED_S else "",
        }
