"""Find filters by showing a picture: which of a network's filters answer to it most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from liveflight import networks
from liveflight.core.contracts import Target
from liveflight.networks.atlas import sheets

LONGEST = 224
"""Pixels of the longer side of the picture that a network is shown, that for which it was made."""


@dataclass(frozen=True)
class Found:
    target: Target
    score: float
    """Standard deviations over noise."""
    name: str = ""
    """Of a filter that has one."""


def find(
    network: str,
    picture: np.ndarray,
    layers: Sequence[str] = (),
    most: int = 5,
    shown: Callable[[str, int, int], None] | None = None,
) -> list[Found]:
    """Return the `most` filters of each layer that answer to a picture, uint8 (H, W, 3): deep
    layers first, the strongest first. `layers`: by default all that an atlas shows. `shown` is
    told of a download: the network, the bytes so far and in all.

    Raises LiveflightError for unknown names and missing weights."""
    from liveflight.engines.responses import Answers

    known = networks.network(network)
    wanted = known.sorted(layers) or sheets.drawn(known)
    seen = reduced(picture)
    names, size = [layer.name for layer in wanted], (seen.shape[1], seen.shape[0])
    progress = partial(shown, known.name) if shown else None
    scores = Answers(known, names, size, progress=progress).ask(seen)
    return [
        Found(
            Target(known.name, layer.name, int(number)),
            float(scores[layer.name][number]),
            known.name_of(layer.name, int(number)),
        )
        for layer in reversed(wanted)
        for number in np.argsort(-scores[layer.name], kind="stable")[:most]
    ]


def reduced(picture: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (H, W, 3), as a network is shown it: float32 in 0..1, the longer side
    LONGEST pixels, none shorter than 64."""
    height, width = picture.shape[:2]
    scale = LONGEST / max(width, height)
    size = max(round(width * scale), 64), max(round(height * scale), 64)
    fitted = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32) / 255
