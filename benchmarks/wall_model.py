"""Count what the ranks of a wall send each other, and say how long that takes on real links.

    python benchmarks/wall_model.py [--measure] [--json FILE]

The bytes are counted, not estimated: the views that a flight plans, and the parts of the canvas
that its warps read, are shared among the ranks by the same functions as in a show. `--measure` runs
walls of 1, 2 and 4 ranks on this machine, on loopback and in software, with tiles of one size, and
prints what was sent there next to what the model counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from wall_ranks import free_port

from liveflight.core.camera import IDENTITY, compose, displacement, matrix
from liveflight.core.contracts import Size, Warp
from liveflight.core.view_planner import ViewPlanner
from liveflight.core.views import ViewSettings
from liveflight.wall.layout import Layout
from liveflight.wall.reach import held, pieces, read_by
from liveflight.wall.tiles import Wall
from liveflight.wall.view_shares import parts, shares

HALF_RGBA = 8
"""Bytes of a pixel as it is sent."""
FPS = 60.0
COMMANDS = 4 * 4096
"""Bytes of commands that rank 0 sends each follower per frame: some four blocks of `Group`."""
FRAMES = 60

LINKS = {
    "NVLink 4": 450e9,
    "PCIe 5 x16": 63e9,
    "100 GbE": 12.5e9,
    "25 GbE": 3.125e9,
    "10 GbE": 1.25e9,
}
"""Bytes per second in one direction, as published: NVIDIA H100/H200 data sheet (900 GB/s in both),
PCI-SIG (32 GT/s by 16 lanes, 128b/130b), IEEE 802.3."""

GRIDS = {1: (1, 1), 2: (2, 1), 4: (2, 2), 8: (4, 2), 16: (4, 4)}


@dataclass(frozen=True)
class Count:
    """Bytes per frame that the busiest rank sends and receives, by part; mean over a flight."""

    ranks: int
    tile: Size
    views: float
    """Views of the canvas, to where they are ascended."""
    directions: float
    """Directions, to where they are added."""
    margins: float
    """Parts of the canvas that warps read beyond what a rank has."""
    worst_margin: float
    """The largest of one frame."""
    whole: float
    """Views of the whole canvas, as a share of all."""
    drawn: float
    """Bytes of views that the busiest rank draws and reads back."""
    added: float
    """Bytes of directions that the busiest rank uploads."""
    planned_ms: float
    """Time to plan the views and to find out who does what of them: rank 0's, here."""

    @property
    def total(self) -> float:
        """Return the bytes of rank 0, were it the busiest in all."""
        return self.views + self.directions + self.margins + COMMANDS * (self.ranks - 1)


def flight(frames: int, zoom: float, degrees: float) -> Iterator[tuple[Warp, bool]]:
    """Yield the pending motion of each frame, and whether the canvas is warped in it."""
    step = Warp(matrix(zoom ** (1 / FPS), np.radians(degrees) / FPS, 0.02 / FPS, 0.0))
    pending, since = IDENTITY, 0.0
    for _ in range(frames):
        pending, since = compose(pending, step), since + 1 / FPS
        due = displacement(pending, 16 / 9) > 0.08 or since >= 0.5
        yield pending, due
        if due:
            pending, since = IDENTITY, 0.0


def count(wall: Wall, view: Size, steps: int, frames: int = FRAMES) -> Count:
    """Return what the ranks send, at `steps` views of this size per rank and frame."""
    planner = ViewPlanner(1)
    holding = held(wall, IDENTITY)
    names = ("views", "directions", "margins", "drawn", "added")
    sums: dict[str, Counter[int]] = {name: Counter() for name in names}
    seconds = []
    worst = whole = seen = 0
    for pending, warped in flight(frames, 1.12, 6.0):
        began = time.perf_counter()
        views = [
            planner.next(wall.canvas, view, ViewSettings()) for _ in range(steps * len(wall.tiles))
        ]
        whole += sum(each.whole for each in views)
        seen += len(views)
        parts(views, view, wall, 0, holding[0])
        seconds.append(time.perf_counter() - began)
        for share in shares(views, view, wall, holding):
            for kind, own, boxes in (
                ("views", "drawn", share.drawn),
                ("directions", "added", share.needed),
            ):
                for rank, box in boxes.items():
                    size = box.width * box.height * HALF_RGBA
                    sums[own][rank] += 2 * size  # halved below
                    if rank != share.owner:
                        sums[kind][rank] += size
                        sums[kind][share.owner] += size
        if warped:
            this: Counter[int] = Counter()
            needed = [read_by(each, pending, wall.canvas) for each in holding]
            for ends, fetched in pieces(needed, holding, wall).items():
                size = sum(part.width * part.height for part in fetched) * HALF_RGBA
                for rank in ends:
                    this[rank] += size
            sums["margins"] += this
            worst = max(worst, *this.values()) if this else worst
            planner.moved(pending.matrix)
    busiest = {
        name: max(each.values(), default=0) / 2 / frames  # half is sent, half received
        for name, each in sums.items()
    }
    tile = wall.tiles[0].shown.size
    return Count(
        len(wall.tiles),
        tile,
        **busiest,
        worst_margin=worst / 2,
        whole=whole / seen,
        planned_ms=1000 * statistics.median(seconds),
    )


def model() -> list[Count]:
    """Print the bytes of walls of 1 to 16 ranks, and the time they take on published links."""
    found = []
    for tile, view in (((1920, 1080), (960, 540)), ((3840, 2160), (960, 540))):
        for columns, rows in GRIDS.values():
            canvas = columns * tile[0], rows * tile[1]
            found.append(count(Layout(columns, rows).wall(canvas), view, steps=1))
    names = "".join(f"{name:>12}" for name in LINKS)
    print("KB per frame, the busiest rank, one way; ms to send it; ms to plan, here")
    heads = ("views", "direct.", "margins", "total", "drawn", "added")
    print(
        f"{'tile':>10} {'ranks':>5}" + "".join(f" {each:>7}" for each in heads) + names + "   plan"
    )
    for each in found:
        figures = "".join(f"{1000 * each.total / rate:12.3f}" for rate in LINKS.values())
        size = f"{each.tile[0]}x{each.tile[1]}"
        kinds = (each.views, each.directions, each.margins, each.total, each.drawn, each.added)
        print(
            f"{size:>10} {each.ranks:5}"
            + "".join(f" {kind / 1e3:7.0f}" for kind in kinds)
            + f"{figures} {each.planned_ms:6.2f}"
        )
    return found


# A wall on this machine

TILE, VIEW, MEASURED_FRAMES = (160, 90), (96, 54), 60


def rank_main(rank: int, ranks: int, port: int) -> int:
    """Fly one rank of a small wall in this process, and print its figures as JSON."""
    from liveflight import app
    from liveflight.cli import wall_show
    from liveflight.outputs.offscreen import Offscreen
    from liveflight.show.options import Options
    from liveflight.wall.place import WallPlace

    columns, rows = GRIDS[ranks]
    wall = Layout(columns, rows).wall((columns * TILE[0], rows * TILE[1]))
    place = WallPlace(wall, rank, ("127.0.0.1", port))
    options = Options(
        preset="reef",
        canvas=wall.canvas,
        view=VIEW,
        fps=FPS,
        wall=place,
        device="cpu",
        settings={"ascent.steps": 1, "camera.zoom": 1.12, "camera.rotation": 6.0},
    )
    output = Offscreen(place.tile.shown.size)
    durations: list[float] = []
    if rank:
        follower = wall_show.build(options, output, wall_show.meet(options), live=False)
        loop = follower.loop
        follower.watchers.append(lambda: durations.append(loop.duration))
        follower.run(60.0)
        groups: tuple[object, object] = (loop._frames, loop._ascents)
        close = follower.close
    else:
        lead = wall_show.lead(options, live=False)
        flight = app.build(options, output, live=False, lead=lead)
        wall_show.begin(flight)
        for frame in range(MEASURED_FRAMES):
            flight.frame(frame / FPS)
            durations.append(flight.feedback_loop.duration)
        assert lead
        groups = lead.frames._group, lead.ascents._group
        close = flight.close
    sent = [getattr(group, "bytes_sent", 0) / MEASURED_FRAMES for group in groups]
    tick = 1000 * float(np.median(durations[5:]))
    print(
        json.dumps({"rank": rank, "frames": sent[0], "ascents": sent[1], "tick_ms": tick}),
        flush=True,
    )
    close()
    return 0


def measure() -> list[dict[str, float]]:
    """Fly walls of 1, 2 and 4 ranks here; print what each rank sent."""
    found = []
    print(f"\nmeasured here: tiles of {TILE[0]}x{TILE[1]}, views of {VIEW[0]}x{VIEW[1]}, per frame")
    print(
        f"{'ranks':>5} {'rank':>5} {'views and directions':>21} {'margins, rest':>14} {'tick':>9}"
    )
    for ranks in (1, 2, 4):
        command = [sys.executable, __file__, "--ranks", str(ranks), "--port", f"{free_port()}"]
        command.append("--rank")
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}
        running = [
            subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, env=alone)
            for rank in range(ranks)
        ]
        for each in running:
            out = each.communicate(timeout=600)[0].decode()
            row = json.loads(out.splitlines()[-1]) | {"ranks": ranks}
            found.append(row)
            print(
                f"{ranks:5} {row['rank']:5} {row['ascents']:21.0f} {row['frames']:14.0f}"
                f" {row['tick_ms']:6.1f} ms"
            )
        columns, rows = GRIDS[ranks]
        wall = Layout(columns, rows).wall((columns * TILE[0], rows * TILE[1]))
        each_way = count(wall, VIEW, 1, MEASURED_FRAMES)
        print(
            f"{ranks:5} model {each_way.views + each_way.directions:21.0f} {each_way.margins:14.0f}"
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--measure", action="store_true", help="fly small walls on this machine")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    for name in ("--rank", "--ranks", "--port"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rank is not None:
        return rank_main(args.rank, args.ranks, args.port)
    figures = {"model": [asdict(each) for each in model()]}
    if args.measure:
        figures["measured"] = measure()
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
