"""Draw found filters on a terminal: a block per layer, thumbnails side by side.

A character cell shows two pixels, one above the other. The upper half block (U+2580) has the colour
of the upper pixel, its background the colour of the lower one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.networks.atlas import sheets
from liveflight.show.filter_ranking import Found

log = logging.getLogger("liveflight.filters")

_HALF = "\u2580"
_MAX_WIDTH, _MIN_WIDTH = 24, 8
"""Cells across a thumbnail."""
_GAP = 2
"""Cells between two thumbnails."""


def fits(console: Console) -> bool:
    """Return whether a terminal can show thumbnails: it has enough colours and the half block."""
    try:
        _HALF.encode(console.encoding)
    except UnicodeError:
        return False
    many = console.color_system in ("256", "truecolor")
    return console.is_terminal and many and not console.no_color


def blocks(found: Sequence[Found], width: int) -> Iterator[RenderableType]:
    """Yield what to print, in `width` cells: for each layer its name and its found filters.

    Each filter has its number, score and name, below a thumbnail where the network's atlas has one.
    """
    for layer, group in groupby(found, lambda each: (each.target.network, each.target.layer)):
        filters = list(group)
        yield Text(":".join(layer), style="bold")
        across = max(min(width // len(filters) - _GAP, _MAX_WIDTH), _MIN_WIDTH)
        pairs = list(zip(filters, _thumbnails(*layer, filters), strict=True))
        most = max(width // (across + _GAP), 1)
        for first in range(0, len(pairs), most):
            yield _row(pairs[first : first + most], across)


def _row(pairs: Sequence[tuple[Found, np.ndarray | None]], across: int) -> Table:
    table = Table(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
    for _ in pairs:
        table.add_column(width=across)
    if any(picture is not None for _, picture in pairs):
        table.add_row(*(half_blocks(picture, across) for _, picture in pairs))
    table.add_row(*(_caption(each, across) for each, _ in pairs))
    return table


def half_blocks(picture: np.ndarray | None, across: int) -> Text:
    """Return a square picture, uint8 (H, W, 3), `across` cells wide and half as many lines high.

    The text is empty without a picture."""
    text = Text()
    if picture is None:
        return text
    size = (across, across // 2 * 2)
    pixels = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append(_HALF, Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
        text.append("\n")
    text.rstrip()
    return text


def _caption(each: Found, across: int) -> Text:
    number, score = str(each.target.filter), f"{each.score:.1f}"
    gap = " " * max(across - len(number) - len(score), 1)
    caption = Text.assemble((number, "bold"), gap, (score, "dim"))
    return caption.append(f"\n{each.name}") if each.name else caption


def _thumbnails(network: str, layer: str, filters: Iterable[Found]) -> list[np.ndarray | None]:
    sheet = sheets.find(network).get(layer)
    try:
        picture = sheet.picture() if sheet else None
    except LiveflightError as error:
        log.warning("%s", error)
        picture = None
    if sheet is None or picture is None:
        return [None for _ in filters]
    edge = _edge(networks.network(network).layer(layer).stride)
    thumbnails = (sheet.thumbnail(picture, each.target.filter or 0) for each in filters)
    return [
        one if one is None else one[edge : -edge or None, edge : -edge or None]
        for one in thumbnails
    ]


def _edge(stride: int) -> int:
    """Return how many pixels of a thumbnail's rim to crop.

    A shallow filter's pattern is small and repeats. It would be lost if the whole thumbnail were
    reduced to a few cells."""
    return {1: 20, 2: 20, 4: 16, 8: 12}.get(stride, 0) * sheets.TILE // 64
