"""Show one tile of a wall whose show rank 0 runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from liveflight.system import signals

if TYPE_CHECKING:
    from liveflight.core.contracts import Output
    from liveflight.loop.wall_follower import Follower
    from liveflight.show.options import Options
    from liveflight.system.heartbeat import Heartbeat
    from liveflight.wall.membership import Membership

MEETING_S = 120.0
"""Seconds for which the ranks of a wall wait for each other at the start."""

_ASCENT_NICENESS = 10


def follow(
    args: argparse.Namespace, output: Output, options: Options, heartbeat: Heartbeat | None
) -> int:
    """Follow rank 0 until it ends, and return the exit code."""
    follower = build(options, output, meet(options), live=True)
    if heartbeat:
        _attach(follower, heartbeat)
    with signals.deferred() as asked:
        try:
            follower.run(follower.membership.first(MEETING_S), asked)
            stopped = asked()
            if heartbeat:
                heartbeat.quit()
        finally:
            follower.close()
    return signals.INTERRUPTED if stopped else 0


def meet(options: Options) -> Membership:
    """Begin to meet the other ranks."""
    from liveflight.wall.membership import Membership

    place = options.wall
    assert place
    return Membership(
        place.rank, place.world, place.master, {}, lambda cards: "", interface=place.interface
    )


def build(options: Options, output: Output, membership: Membership, *, live: bool) -> Follower:
    """Build a rank that follows, on this output."""
    from liveflight import engines
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
        Worker(live, _ASCENT_NICENESS),
        Worker(live, _ASCENT_NICENESS),
        lambda part: None,
    )
    return Follower(output, loop, loader, membership, live=live)


def _attach(follower: Follower, heartbeat: Heartbeat) -> None:
    """Write heartbeats: while rank 0 is away, too, as a new process would find it no sooner."""

    def beat() -> None:
        if heartbeat.due():
            fields = {"frames": follower.displayed, "loading": False, "asleep": follower.away}
            heartbeat.beat(fields)

    follower.watchers.append(beat)
