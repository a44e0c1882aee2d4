"""Test which events rank 0 gets from the other ranks' windows."""

from __future__ import annotations

from typing import Any, cast

from liveflight.core.contracts import KeyPress, Quit
from liveflight.loop.wall_leader import Lead
from liveflight.wall.membership import Membership


class Told:
    """A membership with notes."""

    def __init__(self, *notes: dict[str, Any]) -> None:
        self._notes = list(notes)

    def notes(self) -> list[dict[str, Any]]:
        return self._notes


def test_keys_and_the_wish_to_close_come_from_every_window() -> None:
    told = Told(
        {"key": "ctrl+a", "repeat": False},
        {"key": 3, "repeat": False},
        {"key": "b"},
        {},
        {"quit": "no"},
        {"quit": True},
        {"idle": 2},
    )
    lead = Lead(cast(Membership, told))
    assert lead.events() == [KeyPress("ctrl+a"), Quit()]
    assert lead.idle == {2}
