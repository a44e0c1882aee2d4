"""Equip a show that runs by itself: saved state and opening hours."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.loop.state_saver import StateSaver
    from liveflight.storage.saved_state import SavedState


def saved(args: argparse.Namespace) -> SavedState | None:
    """Return the show to continue; None without --resume, and where none is saved.

    In the safe look only its picture, and the brightness, blackout and freeze of the output."""
    from liveflight.storage import state_file

    if not args.resume:
        return None
    state = state_file.read(state_file.folder(args.name))
    if state is None:
        return None
    return state.output_alone if args.safe else state.continued(time.time())


def is_open(args: argparse.Namespace) -> bool:
    """Return whether the show is open now."""
    from liveflight.show.opening_times import OpeningTimes

    return not args.hours or OpeningTimes(args.hours).is_open(time.time())


def equip(
    show: App, args: argparse.Namespace, resumed: SavedState | None = None, *, supervised: bool
) -> StateSaver | None:
    """Have the show keep its opening hours, and be saved where it is to be continued.

    A show that a performer starts by hand is saved only where they ask for it: two of them would
    write to one folder, and nobody would continue them."""
    from liveflight.loop.closing_time import ClosingTime
    from liveflight.loop.state_saver import StateSaver
    from liveflight.outputs import display_power
    from liveflight.show.opening_times import OpeningTimes
    from liveflight.storage import state_file

    if args.hours:
        closing = ClosingTime(show.flight, show.presenter, OpeningTimes(args.hours))
        if args.hours_display_off:
            closing.display_power = display_power.turn
        show.controllers.add(closing, "the opening hours")
    kept = args.resume or args.keep_state or supervised
    if not kept or args.safe:  # the whole show is to come back, not the safe look
        return None
    picture = resumed.picture if resumed else b""
    folder = state_file.folder(args.name)
    at_once = not args.resume
    saver = StateSaver(show, folder, args.keep_interval, picture=picture, at_once=at_once)
    show.watchers.append(saver.after_frame)
    return saver
