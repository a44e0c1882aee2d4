"""Compare each shipped preset with the flash limiter and without, bit for bit.

Each frame is compared as the limiter was given it and as it is shown. `--judge` has what it was
given judged by benchmarks/flash_meter.py. `--off` flies once more with the limiter switched off, to
see that those are the frames that are shown then.

    python benchmarks/flash_presets.py --seconds 30
    python benchmarks/flash_presets.py --only reef --judge --off
"""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
from flash_flight import Frame, Tap
from flash_meter import FlashMeter
from PIL import Image

from liveflight.app import build
from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture
from liveflight.show import flash_switch
from liveflight.show.options import Options
from liveflight.storage import presets


class Comparison:
    """Fly one preset and compare its frames."""

    def __init__(self, options: Options, size: Size, *, judge: bool) -> None:
        self._options, self._size = options, size
        self.changed: list[tuple[float, Frame, Frame]] = []
        """Moments of the frames that the limiter changed, with what it was given and showed."""
        self.limited = 0
        self.meter = FlashMeter(options.fps) if judge else None
        self.digest = sha256()
        """Of the frames as the limiter was given them."""

    def fly(self, seconds: float) -> None:
        output = Offscreen(self._size)
        app = build(self._options, output, live=False)
        tap = Tap(app)
        try:
            for number in range(round(seconds * self._options.fps)):
                now = number / self._options.fps
                app.frame(now)
                shown = read_picture(output.framebuffer, self._size, bottom_up=False)
                if self.meter:
                    self.meter.add(tap.frame)
                self.digest.update(tap.frame.tobytes())
                if not np.array_equal(shown, tap.frame):
                    self.changed.append((now, tap.frame, shown.copy()))
            self.limited = app.presenter.flash_limiter.frames
        finally:
            app.close()


def shown_without(options: Options, size: Size, seconds: float) -> bytes:
    """Return the digest of what is shown with the limiter switched off."""
    found, output = sha256(), Offscreen(size)
    app = build(options, output, live=False)
    app.flight.controls.set(flash_switch.KEY, False)
    try:
        for number in range(round(seconds * options.fps)):
            app.frame(number / options.fps)
            found.update(read_picture(output.framebuffer, size, bottom_up=False).tobytes())
        return found.digest()
    finally:
        app.close()


def _size(text: str) -> Size:
    width, height = map(int, text.split("x"))
    return width, height


def main() -> int:
    """Compare the presets, print a line for each, and return 1 where one was changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--size", type=_size, default=(160, 90))
    parser.add_argument("--view", type=_size, default=(128, 72))
    parser.add_argument("--only", nargs="+", default=[], help="names of presets")
    parser.add_argument("--judge", action="store_true", help="judge them, which takes longer")
    parser.add_argument("--off", action="store_true", help="also fly with the limiter off")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of changed frames")
    args = parser.parse_args()
    changed = 0
    for name in args.only or presets.names():
        options = Options(preset=name, fps=args.fps, seed=1, view=args.view, engine="compiled")
        found = Comparison(options, args.size, judge=args.judge)
        try:
            found.fly(args.seconds)
        except LiveflightError as error:
            print(f"{name:16} not flown: {error}", flush=True)
            continue
        changed += len(found.changed)
        count = round(args.seconds * args.fps)
        line = f"{name:16} {len(found.changed)} of {count} frames changed"
        if found.meter:
            verdict = found.meter.verdict()
            told = f"{verdict.flashes:g} flashes, {verdict.in_place.flashes:g} in place"
            line += f"; {told}: {'passes' if verdict.passes else 'FAILS'}"
        if args.off:
            off = shown_without(options, args.size, args.seconds)
            line += "; the same off" if off == found.digest.digest() else "; NOT the same off"
        print(line, flush=True)
        if args.sheets and found.changed:
            args.sheets.mkdir(parents=True, exist_ok=True)
            rows = [np.concatenate([each[row] for each in found.changed[:8]], 1) for row in (1, 2)]
            Image.fromarray(np.concatenate(rows, 0)).save(args.sheets / f"{name}.png")
            print(f"  first at {found.changed[0][0]:.2f} s", flush=True)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
