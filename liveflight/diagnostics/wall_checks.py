"""Check before a show whether this machine's ranks of a wall can take part in it."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Protocol

import psutil

from liveflight.core.contracts import LiveflightError, Size
from liveflight.diagnostics.doctor import Finding
from liveflight.wall import rank_card
from liveflight.wall.group import RankLostError
from liveflight.wall.place import WallPlace
from liveflight.wall.tiles import Tile, Wall

MEET_S = 60.0
"""Seconds that the other ranks have to run the same command."""
_ANSWER_S = 10.0
"""Seconds that a rank may be late once all have met."""
RANK_MIB = 1500.0
"""Memory of one rank besides its textures: program, network, one view's step."""
_TEXTURES, _BYTES_PER_PIXEL = 8, 8
"""Textures of a tile's size that a rank holds, and the bytes of a pixel in them: RGBA of halves."""
_PARTS = re.compile(r"((?:rank \d+: )?.*?)(?:: (.*))?", re.DOTALL)
"""The cause and the remedy in an error's text."""
_MARGIN = 1.25
"""How much larger than its tile a rank's part of the canvas is."""


class Meeting(Protocol):
    """Let ranks meet and compare their cards: see `wall.membership.Membership`."""

    def first(self, timeout_s: float) -> Any: ...
    def close(self) -> None: ...


Meet = Callable[[WallPlace, Mapping[str, object]], Meeting]
"""Goes to meet the other ranks, with this rank's card."""


def examine(
    wall: Wall, places: Sequence[WallPlace], displays: Sequence[Size] | None
) -> Iterator[Finding]:
    """Yield what there is to say of this machine's ranks, the most important first.

    `displays`: the sizes of the displays here; None where there is no desktop."""
    size = f"{wall.columns}x{wall.rows} displays, canvas {_size(wall.canvas)}"
    tiles = ", ".join(sorted({_size(tile.shown.size) for tile in wall.tiles}))
    yield Finding("wall", True, f"{size}, tiles {tiles}", needed=True)
    taken: dict[int, int] = {}
    for place in places:
        yield display(place, displays, taken)
    yield from network(places[0])
    yield memory([place.tile for place in places])


def display(place: WallPlace, displays: Sequence[Size] | None, taken: dict[int, int]) -> Finding:
    """Return whether a rank's display is there, large enough and its own.

    `taken`: the ranks of the displays so far, by number."""
    name, tile = f"rank {place.rank} display", place.tile
    if displays is None:
        remedy = "start it on a desktop"
        return Finding(name, False, "DISPLAY and WAYLAND_DISPLAY are not set", remedy, needed=True)
    if place.windows:
        return Finding(name, True, f"a window of {_size(tile.picture)}", needed=True)
    number = place.local_rank if tile.display is None else tile.display
    if fault := rank_card.display_fault(tile, number, displays):
        cause, _, remedy = fault.partition(": ")
        return Finding(name, False, cause, remedy, needed=True)
    if number in taken:
        cause = f"display {number} is rank {taken[number]}'s already"
        return Finding(name, False, cause, "choose another with --wall-displays", needed=True)
    taken[number] = place.rank
    detail = f"display {number}, {_size(displays[number])}"
    if displays[number] != tile.picture:
        fitting = f"for a pixel per pixel, tiles of {_size(displays[number])}"
        return Finding(name, True, f"{detail}, stretched from {_size(tile.picture)}", fitting, True)
    return Finding(name, True, detail, needed=True)


def network(place: WallPlace) -> Iterator[Finding]:
    """Yield whether the interface is this machine's own and, on rank 0, the port is free."""
    host, port = place.master
    name, where = "interface", place.interface
    try:
        _bind(where, 0)
    except OSError as error:
        remedy = "give this machine's own address with --interface, or --interface auto"
        yield Finding(name, False, f"{where}: {error.strerror or error}", remedy, needed=True)
        return
    yield Finding(
        name, True, f"{where}{'' if _outside(where) else ': this machine alone'}", "", True
    )
    if place.rank == 0:
        try:
            _bind(host, port)
        except OSError as error:
            remedy = "close the other program, or choose another port with --master"
            cause = f"{host}:{port}: {error.strerror or error}"
            yield Finding("port", False, cause, remedy, needed=True)
        else:
            yield Finding("port", True, f"{host}:{port} is free", needed=True)


def memory(tiles: Sequence[Tile]) -> Finding:
    """Return whether the machine's free memory is enough for its ranks, by estimate."""
    pixels = sum(tile.shown.width * tile.shown.height for tile in tiles) * _MARGIN
    needed = len(tiles) * RANK_MIB + pixels * _TEXTURES * _BYTES_PER_PIXEL / 2**20
    free = psutil.virtual_memory().available / 2**20
    ranks = f"{len(tiles)} rank{'s' * (len(tiles) > 1)}"
    detail = f"about {needed / 1024:.1f} GiB for {ranks}, {free / 1024:.1f} GiB free"
    remedy = "" if needed <= free else "a smaller canvas, or fewer ranks on this machine"
    return Finding("memory", needed <= free, detail, remedy)


def compare(
    place: WallPlace, card: rank_card.RankCard, go: Meet | None = None, seconds: float = MEET_S
) -> Finding:
    """Return whether the ranks fit together: version, weights, GPUs, displays.

    The others run the same command within these seconds. `go` is `meet`."""
    name = "all ranks"
    try:
        with closing((go or meet)(place, card.as_json())) as meeting:
            # The others have to come as far before this one closes.
            meeting.first(seconds).frames.barrier()
    except LiveflightError as error:
        cause, remedy = _PARTS.fullmatch(str(error)).groups()  # type: ignore[union-attr]
        together = "run the same command on all machines at the same time, with their ranks"
        return Finding(name, False, cause, remedy or together, needed=True)
    except RankLostError:
        remedy = "run the same command on all machines again"
        return Finding(name, False, "a rank left while the others met", remedy, needed=True)
    return Finding(name, True, f"{place.world} ranks fit together", needed=True)


def meet(place: WallPlace, card: Mapping[str, object]) -> Meeting:
    """Go to meet the other ranks; on rank 0 check all their cards."""
    from liveflight.wall.membership import Membership

    def check(cards: Mapping[int, Mapping[str, object]]) -> str:
        return rank_card.check(place.wall, cards, allow_unequal=place.allow_unequal)

    given = place.rank, place.world, place.master, card, check
    return Membership(*given, limit_s=_ANSWER_S, interface=place.interface)


def _bind(host: str, port: int) -> None:
    """Bind a TCP socket for a moment. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _outside(host: str) -> bool:
    with suppress(OSError):
        return not str(socket.gethostbyname(host)).startswith("127.")
    return host != "::1"


def _size(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
