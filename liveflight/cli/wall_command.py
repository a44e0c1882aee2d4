"""Start a wall on one machine: one supervised show for each of its displays."""

from __future__ import annotations

import argparse
import socket
import threading
import time
from typing import TYPE_CHECKING

from liveflight.cli import parser, wall_options, wall_rank
from liveflight.core.contracts import LiveflightError, Size
from liveflight.system import child_process, signals
from liveflight.wall import rank_card
from liveflight.wall.place import LOOPBACK, WallPlace

if TYPE_CHECKING:
    from liveflight.diagnostics.doctor import Finding

_LOOK_LIMIT_S = 90.0
"""Seconds that the desktop may take to say which displays there are."""


def wall(args: argparse.Namespace) -> int:
    """Start and watch all ranks of a wall on this machine; return when they have ended.

    Raises LiveflightError, which names the rank, where one cannot take part."""
    asked = signals.defer()
    signals.pass_on_stacks(lambda: None)  # each rank has its own
    from liveflight.outputs import has_display
    from liveflight.supervision import process_tree
    from liveflight.supervision.child import ChildProcess
    from liveflight.supervision.ranks import RankLines, Ranks, Refused

    if not has_display():
        raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
    found = wall_options.installation(args)
    whole = wall_options.wall(found)
    words = rank_words(args, len(whole.tiles))
    parser.parse([*words, "--rank", "0"])  # a mistake is said once, before anything starts
    if not found.windows and (fault := rank_card.local_fault(whole, display_sizes())):
        raise LiveflightError(fault)
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
    """Show the test card of one rank of a wall until it is quit."""
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


def doctor(args: argparse.Namespace) -> int:
    """Print whether this machine's ranks can take part in a wall; return 1 where they cannot.

    With --rank, meet the other ranks, whose machines run the same command, and compare."""
    from liveflight.diagnostics import doctor, wall_checks
    from liveflight.outputs import has_display

    found = wall_options.installation(args)
    whole = wall_options.wall(found)
    one = wall_rank.place(args) if wall_rank.is_one_rank(args) else None
    places = (
        [one]
        if one
        else [
            WallPlace(whole, rank, local_rank=rank, windows=found.windows) for rank in whole.ranks
        ]
    )
    displays = display_sizes() if has_display() else None
    findings = []
    for finding in wall_checks.examine(whole, places, displays):
        findings.append(finding)
        print("\n".join(finding.lines()), flush=True)
    if one and one.world > 1 and doctor.can_fly(findings):
        findings.append(_compared(args, one, displays or []))
        print("\n".join(findings[-1].lines()))
    fits = doctor.can_fly(findings)
    print("the wall can be shown" if fits else "the wall cannot be shown", end="")
    print("; `liveflight doctor` without --wall checks the rest of this machine")
    return 0 if fits else 1


def display_sizes() -> list[Size]:
    """Return the sizes of this desktop's displays. Raises LiveflightError."""
    from liveflight.system.child_process import ChildError

    try:
        answer = child_process.ask("liveflight.diagnostics.probes:displays", {}, _LOOK_LIMIT_S)
    except ChildError as error:
        raise LiveflightError(f"the displays cannot be listed: {error}") from error
    return [(width, height) for width, height in answer["sizes"]]


def _compared(args: argparse.Namespace, place: WallPlace, displays: list[Size]) -> Finding:
    """Return whether this rank and the others fit together, by their cards."""
    from liveflight.diagnostics import wall_checks
    from liveflight.loop import wall_card

    print(f"    meeting the others at {place.master[0]}:{place.master[1]}", flush=True)
    number = place.local_rank if place.tile.display is None else place.tile.display
    card = wall_card.gather(
        place,
        [args.network],
        weights=args.weights,
        device=args.device,
        display=number,
        displays=displays,
    )
    return wall_checks.compare(place, card)


def rank_words(args: argparse.Namespace, count: int) -> list[str]:
    """Return the command of each rank, without its number: all meet on this machine."""
    words = list(args.for_ranks)
    if args.world not in (None, count):
        raise LiveflightError(f"--world {args.world}: this wall has {count} ranks: leave it out")
    if args.master is None and wall_options.installation(args).master is None:
        with socket.create_server((LOOPBACK, 0)) as free:
            words += ["--master", f"{LOOPBACK}:{free.getsockname()[1]}"]
    return words
