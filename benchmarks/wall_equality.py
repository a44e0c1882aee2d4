"""Fly one set on a single process and on walls of ranks, and compare their pictures.

    python benchmarks/wall_equality.py [--frames 300] [--walls 1x1 2x1 2x2]

The set goes through zoom, rotation, pan, flow, mirror and kaleidoscope by a cue list. It is flown
once and recorded; the recording is replayed by `liveflight render` on one process and on each wall,
in real processes that meet on loopback. The ascent's directions are made beforehand, the same
everywhere: a real ascent carries a difference of the last bit on until it is another picture.
Everything else is as in a show. Ends with 1 where a picture differs by more than 2 of 255.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from wall_ranks import run_ranks

CANVAS, VIEW, FPS, VIEWS = (256, 144), (64, 36), 10, 4
ALLOWED = 2
"""Of 255; dithering alone makes 1."""
PARTS = {
    "zoom": "[camera]\nzoom = 1.4",
    "rotation": "[camera]\nrotation = 40.0",
    "pan": "[camera]\npan_x = 0.3\npan_y = -0.2",
    "flow": "[warp]\nflow = 0.2",
    "mirror": '[camera]\nzoom = 1.2\n[warp]\nmirror = "both"',
    "kaleidoscope": "[camera]\nrotation = 30.0\n[warp]\nkaleidoscope = 6",
}
PRESET = f"""version = 1
targets = ["efficientnet_lite0:block10_expand:67"]
[ascent]
steps = {VIEWS}
"""


def child(arguments: Sequence[str]) -> None:
    """Run liveflight in this process, with directions that are the same everywhere."""
    from liveflight.__main__ import program
    from liveflight.core.contracts import Ascent, Canvas, ViewStep
    from liveflight.core.noise import pink
    from liveflight.engines.ascent_engine import AscentEngine
    from liveflight.show import flash_switch

    @cache
    def field(kind: tuple[float, ...], width: int, height: int) -> Canvas:
        seed = int(1000 * sum(kind))
        made = pink((width, height), seed, mean=0.0, deviation=1.0) - [0.5, 0.5, 0.5, 0.0]
        return made.astype(np.float16)

    def directions(
        self: AscentEngine, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent
    ) -> Canvas:
        height, width = views.shape[0] // len(steps), views.shape[1]
        kinds = [(step.high_pass, step.low_pass, step.smoothing) for step in steps]
        return np.concatenate([field(kind, width, height) for kind in kinds])

    AscentEngine.directions = directions  # type: ignore[method-assign]
    # Each tile has a flash limiter of its own, and these directions flash.
    flash_switch.guard = lambda flight, options: flight.controls.set(flash_switch.KEY, False)
    sys.argv = ["liveflight", *arguments]
    program()


def render(folder: Path, frames: int, more: Sequence[str], ranks: int = 0) -> None:
    """Render with these options, on so many ranks of a wall; 0 is one process without a wall."""
    size = "x".join(map(str, CANVAS))
    view = "x".join(map(str, VIEW))
    command = [sys.executable, __file__, "--child", "render"]
    command += ["--canvas", size, "--size", size, "--view", view, "--device", "cpu"]
    command += ["--fps", str(FPS), "--seconds", str(frames / FPS), *more]
    config = {"XDG_CONFIG_HOME": str(folder / "config")}
    if ranks:
        run_ranks(command, ranks, **config)
    else:
        environment = {**os.environ, **config, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def write_set(folder: Path, frames: int) -> Path:
    """Write the presets and the cue list; return the list."""
    presets = folder / "config" / "liveflight" / "presets"
    presets.mkdir(parents=True)
    each_s = frames / FPS / len(PARTS)
    lines = ["version = 1"]
    for name, motion in PARTS.items():
        (presets / f"{name}.toml").write_text(PRESET + motion + "\n")
        lines += [
            "[[cue]]",
            f'preset = "{name}"',
            f"seconds = {each_s}",
            f"transition = {each_s / 4}",
        ]
    path = folder / "set.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def compare(one: Path, other: Path) -> list[int]:
    """Return the largest difference of each frame, of 255."""
    pairs = zip(pictures(one), pictures(other), strict=True)
    return [
        int(np.abs(np.asarray(Image.open(a), int) - np.asarray(Image.open(b), int)).max())
        for a, b in pairs
    ]


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--out", type=Path, help="keep the pictures here, in a new folder")
    parser.add_argument("--walls", nargs="+", default=["1x1", "2x1", "2x2"])
    args = parser.parse_args()
    worst = 0
    with nullcontext(str(args.out)) if args.out else TemporaryDirectory() as name:
        folder = Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        log = folder / "set.log"
        given = ["--cues", str(write_set(folder, args.frames))]
        render(folder, args.frames, [*given, "--record", str(log), "--out", f"{folder}/flown/"])
        again = ["--replay", str(log)]
        render(folder, args.frames, [*again, "--out", f"{folder}/one/"])
        print(f"replayed on one: {max(compare(folder / 'flown', folder / 'one'))} of 255 apart")
        for wall in args.walls:
            columns, rows = map(int, wall.split("x"))
            out = folder / wall
            render(
                folder, args.frames, [*again, "--wall", wall, "--out", f"{out}/"], columns * rows
            )
            apart = compare(folder / "one", out)
            worst = max(worst, *apart)
            by_part = np.array_split(apart, len(PARTS))
            most = ", ".join(
                f"{name} {max(part)}" for name, part in zip(PARTS, by_part, strict=True)
            )
            print(f"{wall}: {len(apart)} frames, at most {max(apart)} of 255 apart: {most}")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
