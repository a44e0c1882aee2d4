"""Count what Mesa's software driver frees while a thread of its own still writes to it.

    python benchmarks/stalled_threads.py [--seconds 60] [--unkept]

The driver draws a show while its threads are stopped at the worst moment; see
`liveflight.render.mesa_fences`. Needs a display, glibc, cc and ffmpeg. `--unkept` runs without the
workaround, for comparison. Exits with 1 if anything was freed too early. No picture changes its
size here: the driver makes the first mipmaps of a new size without the workaround.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from liveflight import app
from liveflight.cli import arguments
from liveflight.diagnostics.bench.measured_flight import TimedOutput
from liveflight.loop import live_loop
from liveflight.outputs.window import Window
from liveflight.render import mesa_fences
from liveflight.show.options import Options
from liveflight.system import ffmpeg

STOPS = Path(__file__).with_suffix(".c")
FPS = 30.0


def fly(seconds: float, footage: str, *, kept: bool) -> None:
    """Fly in a window, with the footage in place of a camera."""
    window = Window((640, 360))
    renderer = window.ctx.info["GL_RENDERER"]
    if not mesa_fences.needed(window.ctx):
        sys.exit(f"GL is {renderer}, not llvmpipe: set LIBGL_ALWAYS_SOFTWARE=1")
    if not kept:
        mesa_fences.needed = lambda ctx: False
    watched, end = TimedOutput(window), time.perf_counter() + seconds
    watched.over = lambda: time.perf_counter() > end
    show = app.build(Options(preset="reef", fps=FPS, camera=footage), watched, live=True)
    live_loop.run(show, FPS)
    print(f"{renderer}: {show.frame_counter.frames} frames")
    show.close()


def _made(stops: Path, footage: Path, seconds: float) -> None:
    if not (shutil.which("cc") and (program := ffmpeg.find())):
        sys.exit("needs cc (apt-get install gcc libc6-dev) and ffmpeg (pip install imageio-ffmpeg)")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", STOPS, "-o", stops, "-ldl"], check=True)
    pictures = f"testsrc=size=640x480:rate={FPS:g}:duration={seconds:g}"
    command = [program, "-loglevel", "error", "-f", "lavfi", "-i", pictures, str(footage)]
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seconds", type=arguments.number(5, 3600), default=60.0)
    parser.add_argument("--unkept", action="store_true")
    parser.add_argument("--footage", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.footage:
        fly(args.seconds, args.footage, kept=not args.unkept)
        return
    with TemporaryDirectory() as folder:
        stops, footage = Path(folder, "stops.so"), Path(folder, "footage.mp4")
        _made(stops, footage, args.seconds)
        command = [sys.executable, *sys.argv, "--footage", str(footage)]
        preloaded = os.environ | {"LD_PRELOAD": f"{stops} {os.environ.get('LD_PRELOAD', '')}"}
        shown = subprocess.run(
            command, env=preloaded, stderr=subprocess.PIPE, text=True, timeout=args.seconds + 60
        )
    # One line comes from the show and one from each program that it starts.
    counts = re.findall(r"locks taken down: (\d+), while held: (\d+)", shown.stderr)
    if shown.returncode or not counts:
        sys.exit(shown.stderr)
    taken_down, held = (sum(map(int, each)) for each in zip(*counts, strict=True))
    print(f"locks taken down: {taken_down}, while held: {held}")
    sys.exit(held > 0)


if __name__ == "__main__":
    main()
