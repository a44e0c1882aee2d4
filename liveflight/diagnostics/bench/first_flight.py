"""Measure the default flight as a new user sees it, from the first displayed frame on.

It runs at the display's rate, with the governor. A judge says how soon it recognises the filter
that is flown: torchvision's VGG16 with the same weights. The judge sees the displayed picture,
reduced to the size of a view, and ranks the filter among all of its layer by mean activation, in
standard deviations over noise.
"""

from __future__ import annotations

import time
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from liveflight.diagnostics.bench.figures import (
    intervals,
    percent,
    share_above,
    three_digits,
)
from liveflight.diagnostics.bench.frames import LATE, held
from liveflight.diagnostics.bench.tables import Table

if TYPE_CHECKING:
    import numpy as np

    from liveflight.core.contracts import Size, Target

_JUDGED_EVERY_S = 0.5
"""Seconds between two judged pictures."""
_RECOGNISED_SHARE = 0.02
"""A filter counts as recognised if it ranks within this share of its layer."""
_NOISE_PICTURES = 32


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Fly and judge. `given`: output, size, device, engine, fps, seconds after the first frame."""
    from liveflight import app
    from liveflight.core.contracts import Output
    from liveflight.diagnostics.bench.measured_flight import TimedOutput, open_output
    from liveflight.loop import live_loop
    from liveflight.show.options import Options

    watched = TimedOutput(open_output(given["output"], (given["size"][0], given["size"][1])))
    options = Options(device=given["device"], engine=given["engine"], fps=given["fps"])
    flight = app.build(options, cast(Output, watched), live=True)
    pictures: list[tuple[float, np.ndarray]] = []
    steps: list[tuple[float, float]] = []
    goal: list[Target] = []
    begun = 0.0

    def shown() -> None:
        nonlocal begun
        if not flight.flight.mix():
            return
        now = time.perf_counter()
        if not begun:
            begun = now
            goal.append(flight.flight.target_selector.here)  # the autopilot changes it later
        if now - begun >= _JUDGED_EVERY_S * len(pictures):
            pictures.append((now - begun, flight.picture()))
            steps.append((now - begun, flight.frame_pacer.step_rate.value))

    watched.after_show = shown
    watched.over = lambda: bool(begun) and time.perf_counter() - begun > given["seconds"]
    live_loop.run(flight, given["fps"])
    frames = [frame.shown for frame in watched.frames if frame.shown >= begun]
    target, canvas = goal[0], flight.feedback_loop.size
    view = flight.flight.target_selector.size
    assert view is not None  # something was flown
    flight.close()
    ranks = _ranks(target, [picture for _, picture in pictures], view)
    return {
        "target": str(target),
        "canvas": canvas,
        "view": view,
        "fps": given["fps"],
        "frames": intervals(frames),
        "steps": [rate for _, rate in steps],
        "seconds": [seconds for seconds, _ in pictures],
        "fine": fine_contrast([picture for _, picture in pictures[len(pictures) // 2 :]]),
        "ranks": ranks,
    }


def _ranks(target: Target, pictures: list[np.ndarray], view: Size) -> list[tuple[int, int]]:
    """Return the filter's rank in each picture, from 1, and its layer's number of filters.

    The list is empty for targets that the judge does not know."""
    import numpy as np
    from PIL import Image

    from liveflight.core.noise import pink

    if target.network != "vgg16" or target.filter is None:
        return []
    shown = [
        np.asarray(Image.fromarray(picture).resize(view, Image.Resampling.BOX), np.float32) / 255
        for picture in pictures
    ]
    noise = [
        pink(view, seed, deviation=0.22)[..., :3].astype(np.float32)
        for seed in range(_NOISE_PICTURES)
    ]
    still = np.stack([_means(target.layer, picture) for picture in noise])
    ranks = []
    for picture in shown:
        scores = (_means(target.layer, picture) - still.mean(0)) / (still.std(0) + 1e-6)
        ranks.append((int((scores > scores[target.filter]).sum()) + 1, len(scores)))
    return ranks


def fine_contrast(pictures: list[np.ndarray]) -> float:
    """Return the RMS contrast above 1/8 cycle per pixel, the mean over pictures uint8 (H, W, 3)."""
    import numpy as np

    found = []
    for picture in pictures:
        grey = picture.mean(2) / 255
        window = np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])
        power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
        down, across = (np.fft.fftfreq(side) for side in grey.shape)
        fine = np.hypot(down[:, None], across) > 1 / 8
        found.append(np.sqrt(power[fine].sum() / (window**2).sum() / grey.size))
    return float(np.mean(found)) if found else 0.0


def _means(layer: str, picture: np.ndarray) -> np.ndarray:
    """Return the mean activation of each filter of a layer in torchvision's module."""
    import torch

    from liveflight import networks

    known = networks.network("vgg16")
    places = [each.name for each in known.layers]
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (known.mean, known.std))
    x = (torch.from_numpy(picture).permute(2, 0, 1)[None] - mean) / deviation
    with torch.no_grad():
        found = _judge()[: places.index(layer) + 1](x)
    return found.mean((0, 2, 3)).numpy()


@cache
def _judge() -> Any:
    """Return torchvision's VGG16 with the weights that are flown."""
    from safetensors.torch import load_file
    from torchvision.models import vgg16

    from liveflight import networks

    path = networks.network("vgg16").find_weights()
    assert path is not None
    features = vgg16(init_weights=False).features.eval()
    state = {key[len("features.") :]: each.float() for key, each in load_file(path).items()}
    features.load_state_dict(state)
    return features


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of the first flight."""
    columns = (
        *("target", "canvas", "view", "frames/s", "held", "late", "views/s"),
        *("fine contrast", "recognised"),
    )
    if "failed" in raw:
        return [Table("The first flight", columns, [], [raw["failed"]])]
    frames, fps = raw["frames"], raw["fps"]
    ranked = list(zip(raw["seconds"], raw["ranks"], strict=False))
    # Twice in a row: noise, too, has a filter that it excites most.
    found = [
        seconds
        for (seconds, (rank, count)), (_, (after, _)) in pairwise(ranked)
        if max(rank, after) <= _RECOGNISED_SHARE * count
    ]
    row = (
        raw["target"],
        "x".join(map(str, raw["canvas"])),
        "x".join(map(str, raw["view"])),
        three_digits(len(frames) / sum(frames)),
        f"{fps:g} {'yes' if held(fps, frames) else 'no'}",
        percent(share_above(frames, LATE / fps)),
        three_digits(sum(raw["steps"]) / len(raw["steps"])),
        f"{raw['fine']:.4f}",
        f"{found[0]:.1f} s" if found else "not",
    )
    note = (
        "plain `liveflight`, from the first displayed frame on; fine contrast: RMS above 1/8 cycle "
        "per output pixel, in the second half; recognised: the time after which torchvision's "
        "VGG16 ranks the filter in the first 2 % of its layer, twice in a row"
    )
    ranks = ", ".join(f"{seconds:.1f} s: {rank}" for seconds, (rank, _) in ranked)
    notes = [note, f"ranks: {ranks}"] if ranks else [note]
    return [Table("The first flight", columns, [row], notes)]
