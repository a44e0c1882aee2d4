"""Collect what a rank says of itself, for `wall.rank_card`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from liveflight import __version__, networks
from liveflight.core.contracts import LiveflightError, Size
from liveflight.engines import devices
from liveflight.wall import rank_card
from liveflight.wall.place import WallPlace
from liveflight.wall.rank_card import RankCard


def gather(
    place: WallPlace,
    names: Iterable[str],
    *,
    weights: Path | None = None,
    device: str = "auto",
    display: int | None = None,
    displays: Sequence[Size] = (),
) -> RankCard:
    """Return this rank's card.

    `names`: the networks of the show. `weights`: a file that the first of them is read from.
    `device`: as --device has it. `display`: the number of the display that the tile fills, None for
    a render; `displays`: the sizes of all displays here. Raises LiveflightError for a device that
    is not there and for weights that cannot be read. Takes a tenth of a second per 50 MB."""
    files = {name: networks.network(name).find_weights() for name in names}
    if weights and files:
        files[next(iter(files))] = weights
    name, memory = devices.describe(device)
    return RankCard(
        version=__version__,
        torch=importlib.metadata.version("torch"),
        host=socket.gethostname(),
        device=name,
        memory_mib=memory,
        weights={name: digest(path) for name, path in files.items() if path},
        displays=tuple(displays),
        **rank_card.placed(place, display),
    )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises LiveflightError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LiveflightError(f"weight file {path} cannot be read: {error.strerror}") from error
