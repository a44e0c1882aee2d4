"""Guard the switch of the flash limiter: it goes off only where the start allowed it."""

from __future__ import annotations

import logging

from liveflight.core.contracts import LiveflightError, Value
from liveflight.show.flight import Flight
from liveflight.show.options import Options

log = logging.getLogger("liveflight.show.flash_switch")

KEY = "show.flash_limit"
"""The switch."""


def guard(flight: Flight, options: Options) -> None:
    """Let the switch go off only with `allow_flashing`; each time is logged.

    A replay begins with the limiter on, however it was when it was recorded. Raises LiveflightError
    where the settings at the start switch it off without being allowed to."""

    def check(value: Value) -> None:
        if value:
            return
        if not options.allow_flashing:
            raise LiveflightError(
                f"{KEY} = off: the picture may flash more than three times a second then, which "
                "can cause seizures; to allow that, start with --allow-flashing"
            )
        log.warning(
            "the flash limiter is off: the picture may flash more than three times a second"
        )

    flight.checks[KEY] = check
    if options.replay:
        flight.controls.set(KEY, True)
    check(flight.controls.setting(KEY))
