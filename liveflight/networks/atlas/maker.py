"""Make an atlas: ascend every living filter of a network from noise, for a thumbnail of each.

Thumbnails are kept in the cache as they are made, so that a run that was stopped goes on where it
was. One picture at a time: with the compiled kernels that is five times as fast as torch's autograd
in batches of eight (VGG16 to conv5_3, two cores).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from liveflight import networks
from liveflight.core.contracts import Ascent, Canvas, Engine, LiveflightError, Target
from liveflight.core.noise import pink
from liveflight.networks import Layer
from liveflight.networks.atlas import sheets as atlas
from liveflight.networks.atlas.sheets import Sheet
from liveflight.system import folders

log = logging.getLogger("liveflight.networks.atlas.maker")

_SAVED_EVERY = 16
"""Thumbnails."""

Progress = Callable[[str, int, int], None]
"""Called with a layer, how many thumbnails are done, and of how many in all."""


@dataclass(frozen=True)
class Recipe:
    """How a thumbnail is made. Another recipe makes another atlas."""

    version: int = 1
    steps: int = 32
    amount: float = 0.05
    """RMS that a first step moves the picture by, of 0..1; later ones move it less."""
    slower: float = 0.6
    """By how much less the last step moves it."""
    octaves: float = 0.3
    smoothing: float = 1.5
    soften: float = 0.02
    contrast: float = 0.2
    pull: float = 0.15
    seed: int = 5

    @property
    def name(self) -> str:
        """A name that no other recipe has."""
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()[:12]


def side(layer: Layer) -> int:
    """Return the side in pixels of the picture that a thumbnail is reduced from: what a filter of
    the layer sees has to fit, and shallow filters are seen pixel by pixel."""
    return atlas.TILE if layer.stride < 16 else 96


def make(
    engine: Engine,
    network: str,
    folder: Path | None = None,
    layers: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Make a network's atlas in `folder`, by default the user's own; return where it is. `layers`:
    those wanted, by default all whose filters are not another layer's behind a rectifier or pool.
    Others that are there by the same recipe are kept.

    Raises LiveflightError for unknown names, where it cannot be written, and for a folder that
    holds anything else."""
    known = networks.network(network)
    wanted = known.sorted(layers) or atlas.drawn(known)
    recipe = Recipe()
    folder = place(known.name, folder)
    there = {} if outdated(folder) else atlas.read(folder)
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
        order = alike(thumbnails)
        made[name] = ([filters[place] for place in order], thumbnails[order])
        done += len(filters)
    kept = {name: sheet for name, sheet in there.items() if name not in made and _whole(sheet)}
    try:
        atlas.write(folder, made, recipe.name, kept)
    except OSError as error:
        raise LiveflightError(atlas.unwritable(folder, error)) from error
    return folder


def _whole(sheet: Sheet) -> bool:
    try:
        sheet.picture()
    except LiveflightError as error:
        log.warning("%s; this layer is left out", error)
        return False
    return True


def place(network: str, folder: Path | None = None) -> Path:
    """Return where a network's atlas goes: `folder`, or by default the user's own.

    Raises LiveflightError for a folder that holds anything but an atlas, or that this user may not
    write."""
    folder = Path(os.path.realpath(folder or atlas.user_folder(network)))
    atlas.check(folder)
    if why := folders.unwritable(folder.parent):
        raise LiveflightError(f"the atlas cannot be written to {folder}: {why}; name one by --out")
    return folder


def outdated(folder: Path) -> bool:
    """Return whether the folder holds an atlas made by another recipe."""
    return atlas.recipe(folder) not in ("", Recipe().name)


def summary(folder: Path) -> str:
    """Return what an atlas holds, how large it is and where, in a line."""
    sheets = atlas.read(folder)
    filters = sum(len(sheet.filters) for sheet in sheets.values())
    size = sum(path.stat().st_size for path in folder.iterdir())
    return f"{filters} filters of {len(sheets)} layers, {size / 1e6:.2g} MB: {folder}"


def _layer(
    engine: Engine,
    network: str,
    layer: Layer,
    filters: Sequence[int],
    recipe: Recipe,
    count: Callable[[int], None],
) -> np.ndarray:
    """Return the thumbnails of a layer's filters: uint8 (N, TILE, TILE, 3), those of an earlier
    run from the cache."""
    kept = folders.caches() / "atlas" / recipe.name / network
    path = kept / f"{layer.name}.npy"
    thumbnails = _earlier(path, len(filters))
    size = (side(layer), side(layer))
    engine.plan([(network, layer.name)], size)
    try:
        for done in range(len(thumbnails), len(filters)):
            count(done)
            target = Target(network, layer.name, filters[done])
            thumbnails.append(reduced(grown(engine, target, size, recipe)))
            if done % _SAVED_EVERY == 0:
                _save(path, thumbnails)
    finally:
        if thumbnails:
            _save(path, thumbnails)
    count(len(filters))
    return np.stack(thumbnails)


def grown(engine: Engine, target: Target, size: tuple[int, int], recipe: Recipe) -> Canvas:
    """Return the picture that a filter makes of noise, of this width and height."""
    picture = pink(size, recipe.seed)
    for step in range(recipe.steps):
        ascent = Ascent(
            amount=recipe.amount * (1 - recipe.slower * step / recipe.steps),
            steps=1,
            jitter=min(size) // 8,
            octaves=recipe.octaves,
            smoothing=recipe.smoothing,
            soften=recipe.soften,
            contrast=recipe.contrast,
            pull=recipe.pull,
        )
        picture = engine.ascend(picture, {target: 1.0}, ascent)
    return picture


def reduced(picture: Canvas) -> np.ndarray:
    """Return a picture as a thumbnail: uint8 (TILE, TILE, 3)."""
    from PIL import Image

    rgb = np.rint(np.asarray(picture[..., :3], np.float32) * 255).astype(np.uint8)
    image = Image.fromarray(rgb).resize((atlas.TILE, atlas.TILE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _earlier(path: Path, most: int) -> list[np.ndarray]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return []
    shape = (atlas.TILE, atlas.TILE, 3)
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


def alike(thumbnails: np.ndarray) -> np.ndarray:
    """Return an order of thumbnails, uint8 (N, TILE, TILE, 3), in which those beside and below each
    other in a sheet look alike: cells of a self-organising map (Kohonen, 1982) as large as the
    sheet, each filled with the thumbnail that fits it best of those that are left."""
    looks = _looks(thumbnails)
    count, columns = len(looks), atlas.COLUMNS
    rows = -(-count // columns)
    cells = np.stack(np.divmod(np.arange(count), columns), 1).astype(np.float32)
    cell_of = _spread_out(looks, rows, columns)
    for radius in np.geomspace(max(rows, columns) / 3, 0.7, _ROUNDS):
        apart = ((cells[:, None] - cells[None]) ** 2).sum(2)
        near = np.exp(-apart / (2 * radius**2))
        wanted = near @ looks[cell_of] / near.sum(1, keepdims=True)
        cell_of = _assigned(wanted, looks)
    return cell_of


_ROUNDS = 24


def _spread_out(looks: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return a first order: rows by the first principal component, in a row by the second."""
    _, _, axes = np.linalg.svd(looks - looks.mean(0), full_matrices=False)
    places = looks @ axes[[0, -1 if len(axes) < 2 else 1]].T
    by_first = np.argsort(places[:, 0], kind="stable")
    parts = [by_first[row * columns : (row + 1) * columns] for row in range(rows)]
    return np.concatenate([part[np.argsort(places[part, 1], kind="stable")] for part in parts])


def _assigned(wanted: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Return for each cell the row of `looks` that it gets: the best fitting pairs first."""
    distance = (wanted**2).sum(1)[:, None] + (looks**2).sum(1)[None] - 2 * wanted @ looks.T
    cell_of = np.full(len(wanted), -1)
    taken = np.zeros(len(looks), bool)
    for pair in np.argsort(distance, axis=None, kind="stable"):
        cell, look = divmod(int(pair), len(looks))
        if cell_of[cell] < 0 and not taken[look]:
            cell_of[cell], taken[look] = look, True
    return cell_of


def _looks(thumbnails: np.ndarray) -> np.ndarray:
    """Return what is seen at first sight of each, float32 (N, D): how strong which scales and
    directions of its brightness are, its colours and their spread."""
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
