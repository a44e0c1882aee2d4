"""Measure how calm the picture is: what changes from frame to frame beside the camera's motion.

Flies a preset at 30 displayed frames per second of its own time, with ascent steps that take three
frames each, so that versions and machines compare at the same steps per second. Each displayed
frame is compared with the one before it, moved as the camera was told to move. For each octave of
frequencies: the RMS of the difference, divided by the contrast of the picture in the same octave.
And for blocks of 80x80 pixels over a second: the largest mean difference, in medians of all blocks.

    python benchmarks/calm.py --preset reef --seconds 4
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from liveflight import app
from liveflight.core.contracts import Canvas
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture
from liveflight.show.options import Options
from liveflight.system.worker import Worker

_FPS = 30
_FRAMES_PER_STEP = 3
_OCTAVES = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
"""Upper ends of the bands, cycles per pixel."""
_BLOCK = 80
_WARM_UP_S = 4.0


class _Slow(Worker[tuple[Canvas, float]]):
    """Do each job at once, and hold its result back until some frames have passed."""

    def __init__(self) -> None:
        super().__init__(background=False)
        self.frame = self._begun = 0

    def submit(self, job: Callable[[], tuple[Canvas, float]]) -> None:
        self._begun = self.frame
        super().submit(job)

    def wait(self, seconds: float = 0.0) -> bool:
        return self.frame - self._begun >= _FRAMES_PER_STEP and super().wait()


def fly(preset: str, size: tuple[int, int], seconds: float, seed: int) -> tuple[Any, list[Any]]:
    """Return the displayed frames, and the camera's matrix of each frame."""
    output, worker = Offscreen(size), _Slow()
    settings: dict[str, Any] = {"show.governor": False, "show.autopilot": False}
    options = Options(preset=preset, fps=_FPS, seed=seed, engine="compiled", settings=settings)
    flown = app.build(options, output, live=False)
    flown.feedback_loop.worker = worker
    flown.guard.live = True
    matrices: list[np.ndarray] = []
    camera_warp = flown.camera.warp

    def noted(*given: Any) -> Any:
        warp = camera_warp(*given)
        matrices.append(np.asarray(warp.matrix, np.float64))
        return warp

    flown.camera.warp = noted  # type: ignore[method-assign, assignment]
    frames: list[np.ndarray] = []
    kept: list[np.ndarray] = []
    for number in range(round((_WARM_UP_S + seconds) * _FPS)):
        worker.frame = number
        before = len(matrices)
        flown.frame(number / _FPS)
        if number >= _WARM_UP_S * _FPS:
            frames.append(read_picture(output.framebuffer, size, bottom_up=False).copy())
            kept.append(matrices[-1] if len(matrices) > before else np.eye(3))
    flown.close()
    return np.stack(frames), kept


def moved(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the picture (H, W) as the matrix moves it, by Catmull-Rom; NaN beyond the border."""
    height, width = picture.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = (columns + 0.5 - width / 2) / height, (height / 2 - rows - 0.5) / height
    old = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    across = old[0] / old[2] * height + width / 2 - 0.5
    down = height / 2 - old[1] / old[2] * height - 0.5
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    inside = (left >= 1) & (left < width - 2) & (top >= 1) & (top < height - 2)
    left, top = left.clip(1, width - 3), top.clip(1, height - 3)
    sums = np.zeros(x.size)
    weights = [_catmull_rom(across - left), _catmull_rom(down - top)]
    for row in range(4):
        line = sum(weights[0][k] * picture[top + row - 1, left + k - 1] for k in range(4))
        sums += weights[1][row] * line
    return np.where(inside, sums, np.nan).reshape(height, width)


def _catmull_rom(t: np.ndarray) -> list[np.ndarray]:
    return [
        t * (-0.5 + t * (1 - 0.5 * t)),
        1 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    ]


def bands(picture: np.ndarray) -> list[float]:
    """Return the RMS of a picture (H, W) in each octave."""
    window = np.hanning(picture.shape[0])[:, None] * np.hanning(picture.shape[1])
    power = np.abs(np.fft.fft2((picture - picture.mean()) * window)) ** 2
    down, across = (np.fft.fftfreq(side) for side in picture.shape)
    cycles = np.hypot(down[:, None], across)
    total = (window**2).sum() * picture.size
    return [float(np.sqrt(power[(cycles <= f) & (cycles > f / 2)].sum() / total)) for f in _OCTAVES]


def measure(frames: np.ndarray, matrices: list[np.ndarray]) -> dict[str, Any]:
    """Return the difference by octave, the contrast by octave, and the worst block."""
    ratios, contrasts, blocks, plain = [], [], [], []
    before = frames[0].mean(2) / 255
    for frame, matrix in zip(frames[1:], matrices[1:], strict=True):
        now = frame.mean(2) / 255
        difference = np.nan_to_num(now - moved(before, matrix))
        own = bands(now)
        contrasts.append(own)
        ratios.append([d / max(c, 1e-4) for d, c in zip(bands(difference), own, strict=True)])
        rows, columns = (side // _BLOCK for side in now.shape)
        cut = np.abs(difference)[: rows * _BLOCK, : columns * _BLOCK]
        blocks.append(cut.reshape(rows, _BLOCK, columns, _BLOCK).mean((1, 3)))
        plain.append(float(np.abs(difference).mean() * 255))
        before = now
    seconds = [np.mean(blocks[k : k + _FPS], 0) for k in range(0, len(blocks) - _FPS + 1, _FPS)]
    return {
        "ratios": np.mean(ratios, 0).round(4).tolist(),
        "contrasts": np.mean(contrasts, 0).round(4).tolist(),
        "worst block": round(max(float(each.max() / np.median(each)) for each in seconds), 2),
        "grey levels": round(float(np.mean(plain)), 2),
        "steps of brightness": round(float(np.abs(np.diff(frames.mean((1, 2, 3)))).max()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="reef")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="folder for the frames as PNG")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    frames, matrices = fly(given.preset, (width, height), given.seconds, given.seed)
    if given.out:
        given.out.mkdir(parents=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(given.out / f"{number:04d}.png")
    print(json.dumps({"octaves": [f"{f:.4f}" for f in _OCTAVES], **measure(frames, matrices)}))


if __name__ == "__main__":
    main()
