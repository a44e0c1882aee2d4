"""Describe messages that a flight applies, and tell who chose what they ask for."""

from __future__ import annotations

from contextlib import suppress

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.mailbox import Beat, Message, Nudge, Query, Set, from_network


def chosen_by_network(message: Message) -> bool:
    """Return whether the network chose what the message asks for.

    A cue list that the performer started is their own, whoever steps through it."""
    if isinstance(message, Query | Beat) or message.key in ("cue.go", "cue.back"):
        return False
    return from_network(message.origin)


def described(message: Set | Nudge, controls: Controls) -> str:
    """Return what a control was set to, in a performer's words."""
    value = message.value if isinstance(message, Set) else controls.setting(message.key)
    control = CONTROLS[message.key]
    if message.key == "mix.target":
        with suppress(LiveflightError):
            value = networks.described(Target.parse(str(value)))
    return f"{control.key} {control.shown(value)} {control.unit}".rstrip()
