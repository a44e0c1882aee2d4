"""Run a real wall in windows, stop and kill its ranks, and measure how soon all go on together.

    python benchmarks/wall_show.py [--minutes 10] [--wall 2x1] [--folder FOLDER]

Each rank writes when it showed which frame. Printed are the largest difference between the frames
that ranks showed at one moment, and, for rank 1 killed, rank 1 stopped for five seconds and rank 0
killed: the longest time without a frame on rank 0 and on rank 1. Linux, with Xvfb.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from supervised_show import Screen, free_port, until

HERE = Path(__file__).parent
SIZE = (320, 180)
STOP_S = 5.0

Frames = list[tuple[float, int]]
"""Seconds, on a clock that all processes share, and numbers of frames."""


class WallShow:
    """A wall of supervised ranks in windows on one virtual screen."""

    def __init__(self, folder: Path, wall: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.screen = Screen(folder / "screen", SIZE)
        environment = {
            **os.environ,
            "DISPLAY": self.screen.name,
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LIVEFLIGHT_FRAMES": str(folder),
            "PYTHONPATH": os.pathsep.join(str(HERE / each) for each in ("faults", "..")),
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("WAYLAND_DISPLAY", None)
        size = f"{SIZE[0]}x{SIZE[1]}"
        command = [sys.executable, "-m", "liveflight", "wall", wall, "--canvas", size]
        command += ["--wall-windows", "--network", "efficientnet_lite0", "--view", "96x54"]
        command += ["--fps", "15", "--master", f"127.0.0.1:{free_port()}", "--name", "wall"]
        command += ["--health-port", "0", "--osc-port", str(free_port())]
        with (folder / "said").open("wb") as said:
            self.process = subprocess.Popen(command, env=environment, stderr=said, stdout=said)

    def show_of(self, rank: int) -> psutil.Process:
        """Return the process that shows a rank's tile. Raises LookupError while there is none."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            words = each.cmdline()
            if "fly" in words and str(rank) == words[words.index("--rank") + 1]:
                return each
        raise LookupError(f"no rank {rank}")

    def frames(self, rank: int) -> Frames:
        """Return what a rank has shown until now."""
        path = self.folder / f"rank-{rank}"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(float(at), int(number)) for at, number in map(str.split, lines)]

    def flying(self, rank: int, since: float) -> bool:
        """Return whether a rank has shown two frames since that moment."""
        return sum(at > since for at, _ in self.frames(rank)) >= 2

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.screen.kill()


def spread(first: Frames, second: Frames) -> int:
    """Return the largest difference between what two ranks showed at one moment."""
    events = sorted([(*each, 0) for each in first] + [(*each, 1) for each in second])
    latest: list[int | None] = [None, None]
    worst = 0
    for _, number, who in events:
        latest[who] = number
        if latest[0] is not None and latest[1] is not None:
            worst = max(worst, abs(latest[0] - latest[1]))
    return worst


def longest_gap(frames: Frames, begin: float, end: float) -> float:
    """Return the longest time without a frame between two moments."""
    moments = [begin, *[at for at, _ in frames if begin < at < end], end]
    return max(later - sooner for sooner, later in pairwise(moments))


def trial(show: WallShow, name: str, harm: Callable[[], None], victim: int) -> None:
    """Do harm, wait until all ranks show frames again, and print how long each showed none."""
    began = time.monotonic()
    harm()
    until(lambda: show.flying(1 - victim, began + 0.5), 60, "the other rank did not go on")
    restarted = began + (STOP_S if "stopped" in name else 1.0)
    until(lambda: show.flying(victim, restarted), 60, f"rank {victim} did not come back")
    time.sleep(3.0)
    end = time.monotonic()
    gaps = [longest_gap(show.frames(rank), began, end) for rank in (0, 1)]
    print(f"{name:28} rank 0 {gaps[0]:5.1f} s, rank 1 {gaps[1]:5.1f} s without a frame", flush=True)


def harms(show: WallShow) -> list[tuple[str, Callable[[], None], int]]:
    def stop() -> None:
        victim = show.show_of(1)
        victim.suspend()
        time.sleep(STOP_S)
        victim.resume()

    return [
        ("rank 1 killed", lambda: show.show_of(1).send_signal(signal.SIGKILL), 1),
        (f"rank 1 stopped for {STOP_S:.0f} s", stop, 1),
        ("rank 0 killed", lambda: show.show_of(0).send_signal(signal.SIGKILL), 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of the undisturbed show")
    parser.add_argument("--times", type=int, default=3, help="trials of each fault")
    parser.add_argument("--wall", default="2x1")
    parser.add_argument("--folder", type=Path, help="where frames and logs are left")
    args = parser.parse_args()
    with TemporaryDirectory() as spare:
        show = WallShow((args.folder or Path(spare)).absolute(), args.wall)
        try:
            until(
                lambda: show.flying(0, 0.0) and show.flying(1, 0.0), 120, "the wall did not start"
            )
            time.sleep(25.0)  # networks are loaded, and ranks may no longer be late
            until_s = time.monotonic() + 60 * args.minutes
            while time.monotonic() < until_s:
                time.sleep(1.0)
            ranks = [show.frames(rank) for rank in (0, 1)]
            seconds = ranks[0][-1][0] - ranks[0][0][0]
            print(
                f"{len(ranks[0])} frames in {seconds / 60:.1f} minutes; at one moment the ranks"
                f" showed frames at most {spread(*ranks)} apart", flush=True,
            )  # fmt: skip
            for _ in range(args.times):
                for name, harm, victim in harms(show):
                    trial(show, name, harm, victim)
                    time.sleep(22.0)
        finally:
            show.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
