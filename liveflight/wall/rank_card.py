"""Say what a rank is, and find out on rank 0 which ranks do not fit together. Pure.

A card travels as JSON, from machines that may have another version: nothing in it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from liveflight.core.contracts import Size
from liveflight.core.rect import Rect
from liveflight.wall.place import WallPlace
from liveflight.wall.tiles import Tile, Wall

_MEMORY_TOLERANCE = 0.05
"""Share by which the memory of equal GPUs may differ: drivers keep some for themselves."""
_MOST_TEXT, _MOST_ENTRIES = 200, 64
_DIGEST_SHOWN = 12


@dataclass(frozen=True)
class RankCard:
    """Hold what a rank says of itself."""

    version: str
    """Of this program."""
    torch: str
    """Version of torch; empty where it is not known."""
    host: str
    """Name of its machine."""
    device: str
    """Name of the GPU that computes, or `cpu`."""
    memory_mib: float
    """Of the GPU; 0 for a processor."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Digests of the weight files, by network."""
    canvas: Size = (0, 0)
    tile: Rect = field(default=Rect(0, 0, 0, 0))
    """The part of the canvas that it shows."""
    turns: int = 0
    display: int | None = None
    """Number of the display that it fills; None: it needs none."""
    displays: tuple[Size, ...] = ()
    """Sizes of all displays of its machine."""
    safe: bool = False
    """Whether it is in the safe look: the embedded network on the processor, after crashes."""

    def as_json(self) -> dict[str, object]:
        """Return a table that JSON can carry."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> RankCard:
        """Return the card of a table. Raises ValueError where it is none."""
        try:
            given: Any = dict(data)
            weights = dict(given["weights"])
            if len(weights) > _MOST_ENTRIES or len(given["displays"]) > _MOST_ENTRIES:
                raise ValueError("too much")
            display = given["display"]
            return cls(
                version=_text(given["version"]),
                torch=_text(given["torch"]),
                host=_text(given["host"]),
                device=_text(given["device"]),
                memory_mib=float(given["memory_mib"]),
                weights={_text(name): _text(digest) for name, digest in weights.items()},
                canvas=_size(given["canvas"]),
                tile=Rect(*(int(each) for each in given["tile"])),
                turns=int(given["turns"]),
                display=None if display is None else int(display),
                displays=tuple(map(_size, given["displays"])),
                safe=given.get("safe") is True,
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError("no card of a rank") from error


def placed(place: WallPlace, display: int | None) -> dict[str, Any]:
    """Return the fields of a card that follow from a place; `display`: that the rank fills."""
    tile = place.tile
    return {
        "canvas": place.wall.canvas,
        "tile": tile.shown,
        "turns": tile.turns,
        "display": None if place.windows else display,
        "safe": place.safe,
    }


def check(
    wall: Wall, cards: Mapping[int, Mapping[str, object]], *, allow_unequal: bool = False
) -> str:
    """Return one line that names the first rank that does not fit, and what to do; else nothing.

    `cards`: what each rank says of itself, by rank; rank 0 is among them, others may be missing.
    `allow_unequal`: whether GPUs may differ."""
    read: dict[int, RankCard] = {}
    for rank, data in sorted(cards.items()):
        if rank not in wall.ranks:
            return f"rank {rank}: the ranks of this wall are 0 to {len(wall.tiles) - 1}"
        try:
            read[rank] = RankCard.from_json(data)
        except ValueError:
            return (
                f"rank {rank}: another version of liveflight, which says of itself what rank 0 "
                "does not understand: install the same version on all machines"
            )
    first = read[0]
    for rank, card in read.items():
        faults = [*_differences(first, card, allow_unequal), *_place_faults(wall, rank, card)]
        others = [other for other in read if other < rank]
        taken = [other for other in others if _same_display(read[other], card)]
        if taken:
            faults.append(f"display {card.display} of {card.host} is rank {taken[0]}'s already")
        if faults:
            return f"rank {rank}: {faults[0]}"
    return ""


def _differences(first: RankCard, card: RankCard, allow_unequal: bool) -> Iterator[str]:
    """Yield how a rank differs from rank 0 where it must not."""
    if card.version != first.version:
        yield (
            f"liveflight {card.version}, where rank 0 has {first.version}: "
            "install the same version on both machines"
        )
    own, other = card.torch.partition("+")[0], first.torch.partition("+")[0]
    if own != other:
        yield (
            f"torch {card.torch or 'unknown'}, where rank 0 has {first.torch or 'unknown'}: "
            "install the same version on both machines"
        )
    if first.safe or card.safe:  # slow, or another picture, but better than none
        return
    for network in sorted({*first.weights, *card.weights}):
        yield from _weights(network, card.weights.get(network), first.weights.get(network))
    if not allow_unequal and not _equal_devices(first, card):
        yield (
            f"its GPU is {_device(card)}, rank 0's is {_device(first)}: the wall is as fast as the "
            "slowest; choose equal ones, or --allow-unequal"
        )


def _weights(network: str, own: str | None, other: str | None) -> Iterator[str]:
    if own == other:
        return
    if not own:
        yield f"no weights of {network}, which rank 0 has: copy its file, or give --weights"
    elif not other:
        yield f"weights of {network}, which rank 0 has not: copy the file, or give --weights"
    else:
        yield (
            f"other weights of {network} than rank 0 ({own[:_DIGEST_SHOWN]}, there "
            f"{other[:_DIGEST_SHOWN]}): copy its file, or give --weights"
        )


def _place_faults(wall: Wall, rank: int, card: RankCard) -> Iterator[str]:
    """Yield what is wrong with a rank's tile and its display."""
    tile = wall.tiles[rank]
    if (card.canvas, card.tile, card.turns) != (wall.canvas, tile.shown, tile.turns):
        own = _tile(card.tile, card.turns, card.canvas)
        yield (
            f"its tile is {own}, and by rank 0's options "
            f"{_tile(tile.shown, tile.turns, wall.canvas)}: give all ranks the same options"
        )
    if card.display is not None:
        fault = display_fault(tile, card.display, card.displays, card.host)
        if fault:
            yield fault


def display_fault(tile: Tile, number: int, displays: Sequence[Size], host: str = "") -> str:
    """Return why a tile cannot be shown on a display of a machine; empty where it can."""
    where = f" of {host}" if host else ""
    if number >= len(displays):
        there = ", ".join(f"{each} ({w}x{h})" for each, (w, h) in enumerate(displays))
        only = f", only {there}" if there else ""
        return (
            f"there is no display {number}{where}{only}: connect it, choose others with"
            " --wall-displays, or try in windows: --wall-windows"
        )
    (width, height), needed = displays[number], tile.picture
    if width < needed[0] or height < needed[1]:
        return (
            f"display {number}{where} has {width}x{height} pixels, fewer than its tile with "
            f"{needed[0]}x{needed[1]}: choose a smaller canvas or another display, or try in "
            "windows: --wall-windows"
        )
    return ""


def _equal_devices(first: RankCard, card: RankCard) -> bool:
    least, most = sorted((first.memory_mib, card.memory_mib))
    return first.device == card.device and most - least <= _MEMORY_TOLERANCE * most


def _same_display(one: RankCard, other: RankCard) -> bool:
    return one.display is not None and (one.host, one.display) == (other.host, other.display)


def _device(card: RankCard) -> str:
    if not card.memory_mib:
        return card.device
    return f"{card.device} with {card.memory_mib / 1024:.0f} GiB"


def _tile(tile: Rect, turns: int, canvas: Size) -> str:
    turned = f" turned {90 * turns} degrees" if turns else ""
    place = f"{tile.width}x{tile.height} at {tile.left},{tile.top}"
    return f"{place} of {canvas[0]}x{canvas[1]}{turned}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return "".join(each for each in value[:_MOST_TEXT] if each.isprintable())


def _size(value: Any) -> Size:
    width, height = value
    return int(width), int(height)


def local_fault(wall: Wall, displays: Sequence[Size]) -> str:
    """Return one line that names the first rank whose display is not on this machine.

    For a wall whose ranks are all on one machine, and fill their displays."""
    taken: dict[int, int] = {}
    for tile in wall.tiles:
        number = tile.rank if tile.display is None else tile.display
        fault = display_fault(tile, number, displays)
        if not fault and number in taken:
            fault = f"display {number} is rank {taken[number]}'s already"
            fault += ": choose another with --wall-displays, or try in windows: --wall-windows"
        if fault:
            return f"rank {tile.rank}: {fault}"
        taken[number] = tile.rank
    return ""
