"""Show a wall's test card on one display until it is quit."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from liveflight.core.contracts import Event, KeyPress, Output, Quit, Size
from liveflight.loop import first_picture
from liveflight.render import test_card
from liveflight.wall.place import WallPlace

_TURN_S = 0.2
_QUITTING = ("escape", "q")
"""Keys that end the card: rank 0's ends those of the whole wall."""


def run(
    output: Output,
    place: WallPlace,
    display: str,
    stopped: Callable[[], bool],
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Show the card until a window is closed, a key quits or `stopped` says so.

    `display`: what is written about the display."""
    shown: Size | None = None
    while not stopped():
        if any(map(_quits, output.events())):
            return
        if output.size != shown:
            shown = output.size
            pixels = picture(place, shown, display)
        first_picture.draw(output, pixels)  # each time: a shown buffer is undefined afterwards
        output.show()
        wait(_TURN_S)


def picture(place: WallPlace, size: Size, display: str) -> np.ndarray:
    """Return the card for an output of this size: uint8 (H, W, 4)."""
    needed = place.tile.picture
    scaled = "" if size == needed else f", scaled from {needed[0]}x{needed[1]}"
    line = f"{display}: {size[0]}x{size[1]}{scaled}"
    card = test_card.card(place.wall, place.rank, [line], size)
    return np.dstack([card, np.full(card.shape[:2], 255, np.uint8)])


def _quits(event: Event) -> bool:
    return isinstance(event, Quit) or (isinstance(event, KeyPress) and event.name in _QUITTING)
