"""Are the thumbnails of an atlas recognised? Draws filters at random; an implementation of the
network that is not liveflight's is shown each one's thumbnail, enlarged to the size that it was
made at, and ranks all filters of the layer.

    python benchmarks/atlas_recognition.py [--network vgg16] [--count 40] [--draw 2026]

A filter is recognised where it is among the first two of its layer or in its first 5 %.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from PIL import Image
from selectivity import NOISE, Judge

from liveflight.core.noise import pink
from liveflight.networks.atlas import maker as making
from liveflight.networks.atlas import sheets as atlas

FIRST = 0.05


def noise_of(side: int) -> np.ndarray:
    """Pictures of noise: float32 (NOISE, side, side, 3) in 0..1."""
    drawn = [pink((side, side), seed, deviation=0.22)[..., :3] for seed in range(NOISE)]
    return np.stack(drawn).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="vgg16")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--draw", type=int, default=2026, help="seed of the filters drawn")
    args = parser.parse_args()
    judge = Judge(args.network)
    sheets = atlas.find(args.network)
    filters = [(layer, number) for layer, sheet in sheets.items() for number in sheet.filters]
    chosen = np.random.default_rng(args.draw).choice(len(filters), args.count, replace=False)
    drawn = [filters[place] for place in sorted(chosen)]
    recognised: Counter[str] = Counter()
    for layer in dict.fromkeys(layer for layer, _ in drawn):
        side = making.side(judge.known.layer(layer))
        still = judge.means(layer, noise_of(side))
        picture = sheets[layer].picture()
        for number in (number for name, number in drawn if name == layer):
            thumbnail = sheets[layer].thumbnail(picture, number)
            assert thumbnail is not None
            enlarged = Image.fromarray(thumbnail).resize((side, side), Image.Resampling.BICUBIC)
            shown = np.asarray(enlarged, np.float32)[None] / 255
            scores = (judge.means(layer, shown)[0] - still.mean(0)) / (still.std(0) + 1e-6)
            rank = int((scores > scores[number]).sum()) + 1
            known = rank <= max(2, FIRST * len(scores))
            recognised[layer] += known
            print(f"{layer}:{number}  rank {rank} of {len(scores)}{'' if known else '  no'}")
    print(f"recognised: {recognised.total()} of {len(drawn)}")


if __name__ == "__main__":
    main()
