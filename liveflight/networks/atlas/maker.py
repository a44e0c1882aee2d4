"""Make an atlas: ascend every active filter of a network from noise, for a thumbnail of each.

Thumbnails are kept in the cache as they are made, so that a run that was stopped can go on. One
picture at a time: with the compiled kernels that is five times as fast as torch's autograd in
batches of eight (VGG16 to conv5_3, two cores).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from liveflight import networks
from liveflight.core.contracts import Canvas, Engine, LiveflightError, Target
from liveflight.networks import Layer
from liveflight.networks.atlas import sheets
from liveflight.networks.atlas.ascent_from_noise import ThumbnailRecipe, optimised, sizes
from liveflight.networks.atlas.sheets import Sheet
from liveflight.system import folders

log = logging.getLogger("liveflight.networks.atlas.maker")

_ROUNDS = 24
"""Of the self-organising map."""

_SAVE_INTERVAL = 16
"""Thumbnails between two saves."""

Progress = Callable[[str, int, int], None]
"""Called with a layer, how many thumbnails are done, and of how many in all."""


def side(layer: Layer) -> int:
    """Return the side in pixels of the picture that a thumbnail is reduced from.

    A filter's receptive field must fit into it, and shallow filters are shown pixel by pixel."""
    return sheets.TILE if layer.stride < 16 else 96


def make(
    engine: Engine,
    network: str,
    folder: Path | None = None,
    layers: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Make a network's atlas in `folder`, by default the user's own; return the folder.

    `layers`: by default all but rectifiers and pools. Sheets of other layers by the same recipe are
    kept. Raises LiveflightError for unknown names, for a folder that cannot be written, and for one
    that holds anything else."""
    known = networks.network(network)
    wanted = known.sorted(layers) or sheets.drawn(known)
    recipe = ThumbnailRecipe()
    folder = place(known.name, folder)
    present = {} if outdated(folder) else sheets.read(folder)
    engine.prepare(known.name)
    total = sum(len(engine.active_filters(known.name, layer.name)) for layer in wanted)
    made: dict[str, tuple[Sequence[int], np.ndarray]] = {}
    done = 0
    for layer in wanted:
        name = layer.name

        def count(number: int, name: str = name, before: int = done) -> None:
            if progress:
                progress(name, before + number, total)

        filters = list(engine.active_filters(known.name, name))
        thumbnails = _layer(engine, known.name, layer, filters, recipe, count)
        order = similarity_order(thumbnails)
        made[name] = ([filters[index] for index in order], thumbnails[order])
        done += len(filters)
    kept = {name: sheet for name, sheet in present.items() if name not in made and _whole(sheet)}
    try:
        sheets.write(folder, made, recipe.name, kept)
    except OSError as error:
        raise LiveflightError(sheets.unwritable(folder, error)) from error
    return folder


def _whole(sheet: Sheet) -> bool:
    try:
        sheet.picture()
    except LiveflightError as error:
        log.warning("%s; this layer is left out", error)
        return False
    return True


def place(network: str, folder: Path | None = None) -> Path:
    """Return the resolved folder for a network's atlas, by default the user's own.

    Raises LiveflightError for a folder that holds anything but an atlas, or that this user may not
    write."""
    folder = Path(os.path.realpath(folder or sheets.user_folder(network)))
    sheets.check(folder)
    if why := folders.unwritable(folder.parent):
        raise LiveflightError(
            f"the atlas cannot be written to {folder}: {why}; name another folder with --out"
        )
    return folder


def outdated(folder: Path) -> bool:
    """Return whether the folder holds an atlas made by another recipe."""
    return sheets.recipe(folder) not in ("", ThumbnailRecipe().name)


def summary(folder: Path) -> str:
    """Return what an atlas holds, how large it is and where, in a line."""
    found = sheets.read(folder)
    filters = sum(len(sheet.filters) for sheet in found.values())
    size = sum(path.stat().st_size for path in folder.iterdir())
    return f"{filters} filters of {len(found)} layers, {size / 1e6:.2g} MB: {folder}"


def _layer(
    engine: Engine,
    network: str,
    layer: Layer,
    filters: Sequence[int],
    recipe: ThumbnailRecipe,
    count: Callable[[int], None],
) -> np.ndarray:
    """Return the thumbnails of a layer's filters: uint8 (N, TILE, TILE, 3).

    Those of an earlier run come from the cache."""
    kept = folders.caches() / "atlas" / recipe.name / network
    path = kept / f"{layer.name}.npy"
    thumbnails = _read_partial(path, len(filters))
    size = (side(layer), side(layer))
    for each in reversed(sizes(size, recipe)):
        engine.plan([(network, layer.name)], each)
    try:
        for done in range(len(thumbnails), len(filters)):
            count(done)
            target = Target(network, layer.name, filters[done])
            thumbnails.append(thumbnail(optimised(engine, target, size, recipe)))
            if done % _SAVE_INTERVAL == 0:
                _save(path, thumbnails)
    finally:
        if thumbnails:
            _save(path, thumbnails)
    count(len(filters))
    return np.stack(thumbnails)


def thumbnail(picture: Canvas) -> np.ndarray:
    """Return a picture as a thumbnail: uint8 (TILE, TILE, 3)."""
    from PIL import Image

    rgb = np.rint(np.asarray(picture[..., :3], np.float32) * 255).astype(np.uint8)
    image = Image.fromarray(rgb).resize((sheets.TILE, sheets.TILE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _read_partial(path: Path, most: int) -> list[np.ndarray]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return []
    shape = (sheets.TILE, sheets.TILE, 3)
    fits = found.dtype == np.uint8 and found.shape[1:] == shape and len(found) <= most
    return list(found) if fits else []


def _save(path: Path, thumbnails: Sequence[np.ndarray]) -> None:
    part = path.with_suffix(".partial")
    try:
        folders.make(path.parent)
        with part.open("wb") as file:
            np.save(file, np.stack(thumbnails), allow_pickle=False)
        part.replace(path)
    except OSError as error:
        log.warning("thumbnails cannot be kept in %s: %s", path.parent, error)


def similarity_order(thumbnails: np.ndarray) -> np.ndarray:
    """Return an order of thumbnails, uint8 (N, TILE, TILE, 3), with similar ones as neighbours.

    Neighbours in a sheet are beside and below each other. They are cells of a self-organising map
    (Kohonen, 1982) as large as the sheet, each filled with the best fitting thumbnail left."""
    features = _descriptors(thumbnails)
    count, columns = len(features), sheets.COLUMNS
    rows = -(-count // columns)
    cells = np.stack(np.divmod(np.arange(count), columns), 1).astype(np.float32)
    in_cell = _principal_order(features, rows, columns)
    for radius in np.geomspace(max(rows, columns) / 3, 0.7, _ROUNDS):
        apart = ((cells[:, None] - cells[None]) ** 2).sum(2)
        near = np.exp(-apart / (2 * radius**2))
        wanted = near @ features[in_cell] / near.sum(1, keepdims=True)
        in_cell = _assign(wanted, features)
    return in_cell


def _principal_order(features: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return an order by the first principal component by row, by the second within a row."""
    _, _, axes = np.linalg.svd(features - features.mean(0), full_matrices=False)
    scores = features @ axes[[0, -1 if len(axes) < 2 else 1]].T
    by_first = np.argsort(scores[:, 0], kind="stable")
    parts = [by_first[row * columns : (row + 1) * columns] for row in range(rows)]
    return np.concatenate([part[np.argsort(scores[part, 1], kind="stable")] for part in parts])


def _assign(wanted: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return a row of `features` for each cell, assigned greedily: the best fitting pairs first."""
    distance = (wanted**2).sum(1)[:, None] + (features**2).sum(1)[None] - 2 * wanted @ features.T
    in_cell = np.full(len(wanted), -1)
    taken = np.zeros(len(features), bool)
    for pair in np.argsort(distance, axis=None, kind="stable"):
        cell, row = divmod(int(pair), len(features))
        if in_cell[cell] < 0 and not taken[row]:
            in_cell[cell], taken[row] = row, True
    return in_cell


def _descriptors(thumbnails: np.ndarray) -> np.ndarray:
    """Return features of each thumbnail for comparing them: float32 (N, D).

    They are the power of its brightness by scale and direction, and its colours and their spread.
    """
    rgb = thumbnails.astype(np.float32) / 255
    grey = rgb.mean(3)
    size = grey.shape[1]
    power = np.abs(np.fft.rfft2(grey - grey.mean((1, 2), keepdims=True)))
    down, across = np.meshgrid(np.fft.fftfreq(size) * size, np.arange(size // 2 + 1), indexing="ij")
    scale = np.clip(np.log2(np.hypot(down, across) + 1e-6) * 1.5, 0, 6).astype(int)
    turn = (np.arctan2(down, across) / np.pi * 6).round().astype(int) % 6
    bins = (scale * 6 + turn).ravel()
    sums = np.stack([np.bincount(bins, each.ravel(), 42) for each in power])
    directions = np.sqrt(sums / (sums.sum(1, keepdims=True) + 1e-9))
    tint = np.stack([rgb[..., 0] - rgb[..., 1], (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]], 3)
    colours = np.concatenate([tint.mean((1, 2)) * 3, tint.std((1, 2)) * 2], 1)
    return np.concatenate([directions, colours], 1).astype(np.float32)
