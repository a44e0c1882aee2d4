"""Read and write atlases: a thumbnail of every active filter of a network, one sheet per layer.

A folder holds `LAYER.webp`, thumbnails in rows of COLUMNS, and `atlas.json`, which lists the
filters of each sheet in order. Neighbours look alike. The user's own atlas takes precedence over
the one that comes with the installation.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.networks.network import Layer, Network
from liveflight.system import folders, package_data

TILE = 64
"""Pixels of a thumbnail's side."""

COLUMNS = 32
"""Thumbnails in a row of a sheet."""

_INDEX = "atlas.json"
_VERSION = 1
_MAX_FILTERS = 8192
_WEBP_QUALITY = 50
"""Gives about 1 kB per thumbnail."""


@dataclass(frozen=True)
class Sheet:
    """Find the thumbnails of one layer."""

    path: Path
    filters: Sequence[int]
    """In the sheet's order, row by row."""

    @cached_property
    def place(self) -> Mapping[int, int]:
        """Return each filter's index in the sheet."""
        return {number: index for index, number in enumerate(self.filters)}

    def picture(self) -> np.ndarray:
        """Read the whole sheet: uint8 (rows * TILE, COLUMNS * TILE, 3).

        Raises LiveflightError where the file is missing, damaged or of another size."""
        wanted = (COLUMNS * TILE, -(-len(self.filters) // COLUMNS) * TILE)
        try:
            with Image.open(self.path, formats=["WEBP"]) as image:
                if image.size == wanted:
                    return np.asarray(image.convert("RGB"))
                found = f"{image.width}x{image.height} pixels, not {wanted[0]}x{wanted[1]}"
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            found = str(error)
        raise LiveflightError(f"atlas sheet {self.path}: {found}; make it again: liveflight atlas")

    def thumbnail(self, sheet: np.ndarray, number: int) -> np.ndarray | None:
        """Return a filter's part of the sheet's picture, uint8 (TILE, TILE, 3), or None."""
        place = self.place.get(number)
        if place is None:
            return None
        top, left = place // COLUMNS * TILE, place % COLUMNS * TILE
        return sheet[top : top + TILE, left : left + TILE]


Atlas = Mapping[str, Sheet]
"""The sheets of a network by layer."""


def drawn(network: Network) -> list[Layer]:
    """Return the layers that an atlas shows: all but rectifiers and pools.

    Those only repeat the filters before them."""
    return [layer for layer in network.layers if not layer.name.startswith(("relu", "pool"))]


def shown_for(network: Network, layer: str) -> Layer:
    """Return the layer that an atlas shows for a layer: for a rectifier or pool, the one before."""
    by_name = {each.name: each for each in drawn(network)}
    found = next(iter(by_name.values()))
    for each in network.layers:
        found = by_name.get(each.name, found)
        if each.name == layer:
            break
    return found


def user_folder(network: str) -> Path:
    """Return the folder of the user's own atlas of a network."""
    return folders.data() / "atlas" / network


def find(network: str) -> Atlas:
    """Return a network's atlas, which may be empty.

    Each layer's sheet is the user's own, else the installation's. Sheets of filters that the
    network does not have are skipped."""
    known = networks.network(network)
    channels = {layer.name: layer.channels for layer in known.layers}
    return {
        name: sheet
        for folder in (package_data.folder("atlas") / network, user_folder(network))
        for name, sheet in read(folder).items()
        if max(sheet.filters) < channels.get(name, 0)
    }


def recipe(folder: Path) -> str:
    """Return the name of the recipe of the atlas in a folder; empty where there is none."""
    return str(_index(folder).get("recipe", ""))


def _index(folder: Path) -> dict[str, Any]:
    try:
        text = (folder / _INDEX).read_text(encoding="utf-8")
        index = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return index if isinstance(index, dict) and index.get("version") == _VERSION else {}


def read(folder: Path) -> Atlas:
    """Return the atlas in a folder; empty where there is none."""
    layers = _index(folder).get("layers")
    if not isinstance(layers, dict):
        return {}
    return {
        name: Sheet(folder / f"{name}.webp", tuple(filters))
        for name, filters in layers.items()
        if _is_order(filters) and Path(name).name == name
    }


def _is_order(filters: object) -> bool:
    return (
        isinstance(filters, list)
        and 0 < len(filters) <= _MAX_FILTERS
        and all(type(number) is int and 0 <= number < 1_000_000 for number in filters)
        and len(set(filters)) == len(filters)
    )


def check(folder: Path) -> None:
    """Raise LiveflightError if a folder holds anything but an atlas, as writing replaces it all."""
    own = {_INDEX, *(sheet.path.name for sheet in read(folder).values())}
    try:
        others = sorted(path.name for path in folder.iterdir() if path.name not in own)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LiveflightError(unwritable(folder, error)) from error
    if not read(folder):
        others = others or [path.name for path in folder.iterdir()]
    if others:
        raise LiveflightError(
            f"{str(folder)!r} holds {others[0]!r}, which is no part of an atlas and would be lost: "
            "name an empty or a new folder with --out"
        )


def unwritable(folder: Path, error: OSError) -> str:
    """Return the error's text for people."""
    return f"the atlas cannot be written to {folder}: {error.strerror}; name a folder with --out"


def write(
    folder: Path,
    made: Mapping[str, tuple[Sequence[int], np.ndarray]],
    recipe: str,
    kept: Mapping[str, Sheet] = MappingProxyType({}),
) -> None:
    """Write an atlas beside the folder, a resolved path, and then replace the folder by it.

    `made`: by layer the filters in order and their thumbnails, uint8 (N, TILE, TILE, 3). `kept`:
    sheets to copy as they are. Raises OSError where it cannot be written."""
    folders.make(folder.parent)
    part = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    part.mkdir()
    try:
        for name, (_, thumbnails) in made.items():
            Image.fromarray(_sheet(thumbnails)).save(
                part / f"{name}.webp", quality=_WEBP_QUALITY, method=6
            )
        for name, sheet in kept.items():
            shutil.copyfile(sheet.path, part / f"{name}.webp")
        orders = {name: sheet.filters for name, sheet in kept.items()}
        orders |= {name: filters for name, (filters, _) in made.items()}
        layers = {name: list(map(int, filters)) for name, filters in orders.items()}
        index = {"version": _VERSION, "recipe": recipe, "layers": layers}
        (part / _INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
        _replace(folder, part)
    finally:
        _remove(part)


def _sheet(thumbnails: np.ndarray) -> np.ndarray:
    rows = -(-len(thumbnails) // COLUMNS)
    grid = np.zeros((rows * COLUMNS, TILE, TILE, 3), np.uint8)
    grid[: len(thumbnails)] = thumbnails
    grid = grid.reshape(rows, COLUMNS, TILE, TILE, 3).swapaxes(1, 2)
    return grid.reshape(rows * TILE, COLUMNS * TILE, 3)


def _replace(folder: Path, part: Path) -> None:
    old = folder.with_name(f"{part.name}.old")
    with suppress(FileNotFoundError):
        os.replace(folder, old)
    try:
        os.replace(part, folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.replace(old, folder)
        raise
    _remove(old)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
