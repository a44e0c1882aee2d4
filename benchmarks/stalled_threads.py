"""Whether Mesa's software driver, drawing a show, frees what a thread of its own still writes to,
where those threads are stopped at the worst moment: see `liveflight.gl.fences`.

    python benchmarks/stalled_threads.py [--seconds 60] [--unkept]

needs a display, glibc, cc and ffmpeg. `--unkept`: without what `fences` does about it, for
comparison. Ends with 1 where anything was freed so.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from liveflight import app, ffmpeg
from liveflight.core.contracts import Quit
from liveflight.gl import fences
from liveflight.outputs.window import Window
from liveflight.takeoff import Options

STOPS = Path(__file__).with_suffix(".c")
FPS = 30.0


def fly(seconds: float, footage: str) -> None:
    """A show in a window that grows on footage as on a camera's pictures."""
    window = Window((640, 360))
    show = app.build(Options(preset="reef", fps=FPS, camera=footage), window, live=True)
    window.events = _until(window.events, time.perf_counter() + seconds)  # type: ignore[method-assign]
    app.run(show, FPS)
    print(f"{window.ctx.info['GL_RENDERER']}: {show.meter.frames} frames")
    show.close()


def _until(events: Callable[[], Any], end: float) -> Callable[[], Any]:
    return lambda: [*events(), Quit()] if time.perf_counter() > end else events()


def _footage(path: Path, seconds: float) -> None:
    pictures = f"testsrc=size=640x480:rate={FPS:g}:duration={seconds:g}"
    command = [str(ffmpeg.find()), "-loglevel", "error", "-f", "lavfi", "-i", pictures, str(path)]
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--unkept", action="store_true")
    parser.add_argument("--footage", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.footage:
        if args.unkept:
            fences.needed = lambda ctx: False
        fly(args.seconds, args.footage)
        return
    with TemporaryDirectory() as folder:
        stops, footage = Path(folder, "stops.so"), Path(folder, "footage.mp4")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", STOPS, "-o", stops, "-ldl"], check=True)
        _footage(footage, args.seconds)
        command = [sys.executable, *sys.argv, "--footage", str(footage)]
        preloaded = os.environ | {"LD_PRELOAD": str(stops)}
        shown = subprocess.run(command, env=preloaded, stderr=subprocess.PIPE, text=True)
    # What is started from the show is preloaded too; the show itself ends last.
    counts = re.findall(r"locks taken down: (\d+), while held: (\d+)", shown.stderr)
    if shown.returncode or not counts:
        sys.exit(shown.stderr)
    print(f"locks taken down: {counts[-1][0]}, while held: {counts[-1][1]}")
    sys.exit(int(counts[-1][1]) > 0)


if __name__ == "__main__":
    main()
