"""Start a wall on one machine: one supervised show for each of its displays."""

from __future__ import annotations

import argparse
import socket
import threading
import time

from liveflight.cli import parser, wall_options
from liveflight.core.contracts import LiveflightError
from liveflight.system import child_process, signals
from liveflight.wall import rank_card
from liveflight.wall.place import LOOPBACK
from liveflight.wall.tiles import Wall

_LOOK_LIMIT_S = 30.0
"""Seconds that the desktop may take to say which displays there are."""


def wall(args: argparse.Namespace) -> int:
    """Start and watch all ranks of a wall on this machine; return when they have ended.

    Raises LiveflightError, which names the rank, where one cannot take part."""
    asked = signals.defer()
    from liveflight.outputs import has_display
    from liveflight.supervision import process_tree
    from liveflight.supervision.child import ChildProcess
    from liveflight.supervision.ranks import RankLines, Ranks, Refused

    if not has_display():
        raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
    found = wall_options.installation(args)
    whole = wall_options.wall(found)
    words = _words(args, len(whole.tiles))
    parser.parse([*words, "--rank", "0"])  # a mistake is said once, before anything starts
    if not found.windows:
        check_displays(whole)
    process_tree.adopt_orphans()
    lines, woken = RankLines(), threading.Event()

    def start(rank: int) -> ChildProcess:
        command = child_process.python("liveflight", *words, "--rank", str(rank))
        own = {"LOCAL_RANK": str(rank)}
        if found.windows:  # side by side, as the tiles are
            left, top = whole.tiles[rank].shown[:2]
            own["SDL_VIDEO_WINDOW_POS"] = f"{left},{top}"
        return ChildProcess(command, lambda line: lines.take(rank, line), woken.set, own)

    def wait(seconds: float) -> None:
        woken.wait(seconds)
        woken.clear()

    ranks = Ranks(len(whole.tiles), start, lines, time.monotonic, wait, asked)
    end = ranks.run()
    if isinstance(end, Refused):
        raise LiveflightError(end.line)
    return end


def test_card(args: argparse.Namespace) -> int:
    """Show the test card of one rank until it is quit."""
    if args.wall_place is None:
        raise LiveflightError("--test-card needs a wall: liveflight wall 2x1 --test-card")
    from liveflight.loop import wall_test_card
    from liveflight.outputs.window import Window

    place, size = args.wall_place, args.size
    window = Window(size, fullscreen=args.fullscreen, display=args.display)
    where = f"display {args.display} of {socket.gethostname()}"
    try:
        with signals.deferred() as asked:
            wall_test_card.run(window, place, "window" if place.windows else where, asked)
            stopped = asked()
    finally:
        window.close()
    return signals.INTERRUPTED if stopped else 0


def check_displays(whole: Wall) -> None:
    """Raise LiveflightError, which names the rank, where its display is not there or too small."""
    from liveflight.system.child_process import ChildError

    try:
        sizes = child_process.ask("liveflight.diagnostics.probes:displays", {}, _LOOK_LIMIT_S)
    except ChildError as error:
        raise LiveflightError(f"the displays cannot be listed: {error}") from error
    if fault := rank_card.local_fault(whole, [(w, h) for w, h in sizes["sizes"]]):
        raise LiveflightError(fault)


def _words(args: argparse.Namespace, count: int) -> list[str]:
    """Return the command of each rank, without its number: all meet on this machine."""
    words = list(args.for_ranks)
    if args.world not in (None, count):
        raise LiveflightError(f"--world {args.world}: this wall has {count} ranks: leave it out")
    if args.master is None and wall_options.installation(args).master is None:
        with socket.create_server((LOOPBACK, 0)) as free:
            words += ["--master", f"{LOOPBACK}:{free.getsockname()[1]}"]
    return words
