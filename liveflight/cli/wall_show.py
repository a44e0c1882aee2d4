"""Take part in the show of a wall: lead it on rank 0, follow on the others."""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING

from liveflight.cli import parser, unattended, wall_command
from liveflight.system import signals
from liveflight.system.worker import BUSY_NAME, start_thread

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.core.contracts import Output, Size
    from liveflight.loop.wall_follower import Follower
    from liveflight.loop.wall_leader import Lead
    from liveflight.outputs.window import Window
    from liveflight.show.options import Options
    from liveflight.system.heartbeat import Heartbeat
    from liveflight.wall.membership import Membership
    from liveflight.wall.place import WallPlace

MEETING_S = 120.0
"""Seconds for which the ranks of a wall wait for each other."""


def follow(args: argparse.Namespace, window: Window, heartbeat: Heartbeat | None) -> int:
    """Show one tile until rank 0 ends the show, and return the exit code."""
    from liveflight import engines
    from liveflight.loop import first_picture
    from liveflight.loop.tile_saver import TileSaver
    from liveflight.outputs.kiosk import Kiosk
    from liveflight.storage import state_file
    from liveflight.system import gc_control

    start_thread(engines.preload, BUSY_NAME)
    resumed = unattended.saved(args)
    if resumed:
        first_picture.show(window, resumed)
    output = Kiosk(window, parser.audience_display(args)) if args.kiosk else window
    options = parser.options(args, fps=args.fps or 60.0, resume=resumed)
    follower = build(options, output, meet(options, display_of(args)), live=True)
    saver = TileSaver(output, follower.presenter, state_file.folder(args.name))
    follower.watchers.append(saver.after_frame)
    if heartbeat:
        _attach(follower, heartbeat)
    with signals.deferred() as asked, gc_control.manual_collection():
        try:
            follower.run(MEETING_S, asked)
            stopped = asked()
            if heartbeat:
                heartbeat.quit()
        finally:
            saver.close()
            follower.close()
    return signals.INTERRUPTED if stopped else 0


def follow_render(options: Options) -> int:
    """Render one tile for rank 0, and return the exit code."""
    from liveflight.outputs.offscreen import Offscreen

    assert options.wall
    output = Offscreen(options.wall.tile.shown.size)
    follower = build(options, output, meet(options), live=False)
    try:
        follower.run(MEETING_S)
    finally:
        follower.close()
    return 0


def lead(options: Options, display: int | None = None, *, live: bool = True) -> Lead | None:
    """Begin to meet the other ranks; None where this is no wall."""
    from liveflight.loop.wall_leader import Lead

    return Lead(meet(options, display), live=live) if options.wall else None


def begin(flight: App, heartbeat: Heartbeat | None = None) -> None:
    """Wait until the other ranks are there, and begin the show with them."""

    def wait() -> None:
        flight.output.events()  # or the desktop takes the window for hung
        if heartbeat and heartbeat.due():
            heartbeat.beat({"meeting": True})

    if flight.lead:
        flight.lead.begin(MEETING_S, wait)


def display_of(args: argparse.Namespace) -> int | None:
    """Return the number of the display that this rank fills, if it fills one."""
    place: WallPlace | None = args.wall_place
    return None if place is None or place.windows else (args.display or 0)


def meet(options: Options, display: int | None = None) -> Membership:
    """Begin to meet the other ranks of a wall.

    `display`: the number of the one that the tile fills; None for a window and for a render."""
    from liveflight.loop import wall_card
    from liveflight.show import start_flight
    from liveflight.wall import rank_card
    from liveflight.wall.membership import Membership

    place = options.wall
    assert place
    sizes: list[Size] = wall_command.display_sizes() if display is not None else []
    card = wall_card.gather(
        place,
        start_flight.networks_of(options),
        weights=options.weights,
        device=options.device,
        display=display,
        displays=sizes,
    )
    return Membership(
        place.rank,
        place.world,
        place.master,
        card.as_json(),
        lambda cards: rank_card.check(place.wall, cards, allow_unequal=place.allow_unequal),
        interface=place.interface,
    )


def build(options: Options, output: Output, membership: Membership, *, live: bool) -> Follower:
    """Build a rank that follows, on this output."""
    from liveflight import engines
    from liveflight.core.noise import first_canvas
    from liveflight.loop import tile_saver
    from liveflight.loop.feedback_loop import ASCENT_NICENESS
    from liveflight.loop.wall_follower import Follower
    from liveflight.loop.wall_loop import WallLoop
    from liveflight.show.network_loader import NetworkLoader
    from liveflight.show.start_flight import weights_of
    from liveflight.system.worker import Worker

    place = options.wall
    assert place
    weights = weights_of(options)
    loader = NetworkLoader(
        lambda: engines.load(options.engine, options.device, weights, repeatable=not live),
        background=live,
    )
    loop = WallLoop(
        output.ctx,
        place.wall,
        place.rank,
        options.seed,
        Worker(live, ASCENT_NICENESS),
        Worker(live, ASCENT_NICENESS),
        lambda part: None,
        partial(tile_saver.start_from, options.resume.picture, place.tile)
        if options.resume
        else first_canvas,
    )
    return Follower(output, loop, loader, membership, live=live, idle=place.safe)


def _attach(follower: Follower, heartbeat: Heartbeat) -> None:
    """Write heartbeats, while rank 0 is away, too: a new process would not find it any sooner."""
    began = time.monotonic()

    def beat() -> None:
        if not heartbeat.due():
            return
        if follower.away and not follower.displayed:
            heartbeat.beat({"meeting": True})
            return
        seconds = max(time.monotonic() - began, 1.0)
        fields = {
            "frames": follower.displayed,
            "fps": round(follower.displayed / seconds, 1),
            "loading": follower.loader.engine is None,
            "asleep": follower.away,
        }
        heartbeat.beat(fields)

    follower.watchers.append(beat)
