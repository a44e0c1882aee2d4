"""Does memory stay flat? Flies headless with many target changes and prints resident memory.

python benchmarks/memory.py [--frames 3000] [--changes 100]
"""

from __future__ import annotations

import argparse
import gc

import numpy as np
import psutil

from liveflight import app
from liveflight.core.contracts import Target
from liveflight.networks import network
from liveflight.outputs.headless import Headless
from liveflight.takeoff import Options

SETTLED = 500
"""Frames after which every buffer has its size."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--changes", type=int, default=100)
    args = parser.parse_args()
    flight = app.build(Options(canvas=(320, 180)), Headless((640, 360)), live=False)
    layers = network("efficientnet_lite0").layers
    rng = np.random.default_rng(1)
    process = psutil.Process()
    start = 0
    for frame in range(args.frames):
        if frame % (args.frames // args.changes) == 0:
            layer = layers[rng.integers(len(layers))]
            number = int(rng.integers(layer.channels))
            flight.flight.aim({Target("efficientnet_lite0", layer.name, number): 1.0})
        flight.frame(frame / 30)
        if frame % 250 == 0 or frame in (SETTLED, args.frames - 1):
            gc.collect()
            resident = process.memory_info().rss
            start = resident if frame == SETTLED else start
            grown = f"{(resident - start) / 1e6:+.1f} MB" if start else ""
            print(f"frame {frame:5d}  {resident / 1e6:7.1f} MB  {grown}", flush=True)
    flight.close()


if __name__ == "__main__":
    main()
