"""Draw a contact sheet of whole flights: a row per preset, its pictures at even times.

python benchmarks/contact_sheets.py [--presets NAME ...] [--seconds 32] [--columns 6] [--fps 15]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from liveflight import app
from liveflight.networks import network
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture
from liveflight.show.options import Options
from liveflight.storage import presets

FLOWN = (1280, 720)
"""Width and height of the flights' output and canvas."""


def row(
    name: str, seconds: float, columns: int, size: tuple[int, int], seed: int, fps: float
) -> np.ndarray:
    """Return a flight's pictures side by side, uint8 (H, columns * W, 3), the last at `seconds`.

    `size`: width and height of each, shrunk from the flight's output."""
    kept: list[np.ndarray] = []
    output = Offscreen(FLOWN)
    options = Options(preset=name, seed=seed, fps=fps)
    flight = app.build(options, output, live=False)
    frames = round(seconds * fps)
    stops = {round((column + 1) * frames / columns) - 1 for column in range(columns)}
    for frame in range(frames):
        flight.frame(frame / fps)
        if frame in stops:
            picture = Image.fromarray(read_picture(output.framebuffer, FLOWN, bottom_up=False))
            kept.append(np.asarray(picture.resize(size, Image.Resampling.BOX)))
    flight.close()
    sheet = Image.fromarray(np.concatenate(kept, 1))
    ImageDraw.Draw(sheet).text((6, 4), name, (255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(sheet)


def flyable() -> list[str]:
    """Return the presets whose networks have their weights here."""
    found = []
    for name in presets.names():
        preset = presets.find(name)
        used = {target.network for target in preset.all_targets}
        if all(network(one).find_weights() for one in used):
            found.append(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="*")
    parser.add_argument("--seconds", type=float, default=32.0)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--width", type=int, default=320, help="pixels of one picture")
    parser.add_argument("--fps", type=float, default=15.0, help="frames, and views, per second")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("docs/presets.jpg"))
    args = parser.parse_args()
    if args.out.suffix.lower() not in Image.registered_extensions():
        parser.error(f"--out {args.out} is not a picture's name, such as sheet.jpg")
    size = (args.width, args.width * 9 // 16)
    rows = []
    for name in args.presets or flyable():
        started = time.perf_counter()
        rows.append(row(name, args.seconds, args.columns, size, args.seed, args.fps))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    Image.fromarray(np.concatenate(rows, 0)).save(args.out, quality=88)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
