"""Find the filters of a network that respond most to a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from liveflight import networks
from liveflight.core.contracts import Target
from liveflight.networks.atlas import sheets

LONGER_SIDE_PX = 224
"""Longer side of the picture that a network sees: the size for which it was made."""


@dataclass(frozen=True)
class Found:
    """Hold a filter and how strongly it responds."""

    target: Target
    score: float
    """Standard deviations over noise."""
    name: str = ""
    """Name of the filter, if it has one."""


def find(
    network: str,
    picture: np.ndarray,
    layers: Sequence[str] = (),
    most: int = 5,
    shown: Callable[[str, int, int], None] | None = None,
) -> list[Found]:
    """Return the `most` strongest filters of each layer for a picture, uint8 (H, W, 3).

    Deep layers come first, in each the strongest filter. `layers` defaults to all that an atlas
    shows. `shown` is called during a download with the network, the bytes so far and in all.

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
    """Return a picture, uint8 (H, W, 3), as a network sees it: float32 in 0..1.

    The longer side has LONGER_SIDE_PX, none less than 64."""
    height, width = picture.shape[:2]
    scale = LONGER_SIDE_PX / max(width, height)
    size = max(round(width * scale), 64), max(round(height * scale), 64)
    fitted = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32) / 255
