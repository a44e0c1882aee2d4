"""Browse the atlas over the picture, with keys and the mouse, to find a filter.

Describes a page to draw and puts messages in the mailbox; draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from textwrap import wrap

from liveflight import networks
from liveflight.core.contracts import KeyPress, LiveflightError, Pointer, Size, Target
from liveflight.core.mailbox import Mailbox, Set
from liveflight.core.thumbnail_grid import Page, ThumbnailGrid, letters, type_size, wrapped
from liveflight.core.xy_pad import CORNERS
from liveflight.networks import Layer, Network
from liveflight.networks.atlas import sheets
from liveflight.networks.atlas.sheets import Atlas, Sheet
from liveflight.show.target_navigation import known
from liveflight.show.thumbnails import Thumbnails
from liveflight.storage import starred_targets

KEY = "o"
"""Key that opens and closes the atlas."""

HELP = (
    ("Enter", "fly"),
    ("Shift+Enter", "mix"),
    ("1-4", "pad"),
    ("J", "journey"),
    ("V", "star"),
    ("S", "next star"),
    ("[ ]", "layer"),
    ("N", "network"),
    ("Esc", "close"),
)

_NOTCH_ROWS = 2
"""Rows that one notch of the wheel scrolls."""


class AtlasBrowser:
    """Take its own keys and the mouse while open; other keys work as always.

    Shows the layers of a network one at a time, in the order of the atlas. A layer without a sheet
    is shown as the numbers of its filters."""

    def __init__(self, mailbox: Mailbox, here: Callable[[], Target | None]) -> None:
        """Begin closed; `here` returns the target that is flown, if any."""
        self._mailbox, self._flown = mailbox, here
        self.open = False
        self._control = "mix.target"
        """Control that Enter sets."""
        self._network: Network = networks.network(networks.names()[0])
        self._atlas: Atlas = {}
        self._layers: list[Layer] = []
        self._layer = 0
        self._cursors: dict[tuple[str, str], int] = {}
        """Index of the cursor in each layer that was visited, by network and layer."""
        self._grid = ThumbnailGrid((1280, 720), 1, sheets.COLUMNS)
        self.thumbnails = Thumbnails()

    def choose(self, control: str = "mix.target", value: str = "") -> None:
        """Open the atlas to choose the target of a text control.

        Begins at its current `value`, or at what is flown."""
        self._control, self.open = control, True
        self._begin(self._network)
        with suppress(LiveflightError):
            self._go_to(known(value) if value else self._flown() or self._target)

    def press(self, event: KeyPress) -> bool:
        """Return whether the atlas took the key; while closed it takes the one that opens it."""
        if not self.open:
            if event.name != KEY or event.repeat:
                return False
            self.choose()
            return True
        if self._move_cursor(event.name):
            return True
        action = self._action(event.name)
        if action and not event.repeat:
            action()
        return action is not None

    def point(self, event: Pointer) -> None:
        """Handle the mouse, if the atlas is open."""
        if not self.open:
            return
        tile = self._grid.at(event.x, event.y)
        if event.action == "wheel":
            self._scroll(event)
        elif tile is not None and tile < len(self._filters):  # the grid may be of another layer
            self._cursor = tile
            if event.action == "right" or (event.action == "left" and event.shift):
                self._send("mix.target_add")
            elif event.action == "left":
                self._choose()

    def page(self, size: Size) -> Page:
        """Return the page to draw on an output of that size."""
        em, room = type_size(size), letters(size)
        title, note = f"{self._network.name}   {self._here.name}", self._note
        beside = len(title) * 1.15 + len(note) + 4 <= room
        notes = (note,) if beside else tuple(wrap(note, room))
        keys = wrapped(HELP, size)
        above = round((2.3 + 1.4 * (0 if beside else len(notes))) * em)
        below = round((1.4 * len(keys) + 0.6) * em)
        before, sheet = self._grid, self._sheet
        grid = ThumbnailGrid(size, len(self._filters), sheets.COLUMNS, above, below)
        grid = grid.scrolled(before.row, before.column)
        self._grid = grid = grid.showing(min(self._cursor, grid.count - 1))
        return Page(
            grid,
            title=title,
            note=notes,
            beside=beside,
            keys=keys,
            filters=self._filters,
            starred=self._starred,
            cursor=self._cursor,
            caption=self._caption,
            sheet=str(sheet.path) if sheet else "",
            picture=partial(self.thumbnails.sheet, sheet) if sheet else None,
        )

    # Position

    @property
    def _here(self) -> Layer:
        return self._layers[self._layer]

    @property
    def _sheet(self) -> Sheet | None:
        return self._atlas.get(self._here.name)

    @property
    def _filters(self) -> tuple[int, ...]:
        sheet = self._sheet
        return tuple(sheet.filters if sheet else range(self._here.channels))

    @property
    def _cursor(self) -> int:
        return self._cursors.get((self._network.name, self._here.name), 0)

    @_cursor.setter
    def _cursor(self, tile: int) -> None:
        self._cursors[self._network.name, self._here.name] = tile

    @property
    def _target(self) -> Target:
        return Target(self._network.name, self._here.name, self._filters[self._cursor])

    # Texts

    @property
    def _note(self) -> str:
        name = self._network.name
        if not self._atlas:
            return f"no thumbnails: `liveflight atlas {name}` makes them"
        if self._sheet is None:
            return f"no thumbnails of this layer: `liveflight atlas {name}` makes them"
        place = f"layer {self._layer + 1} of {len(self._layers)}"
        note = f"{len(self._filters)} filters   {place}"
        return note if self._control == "mix.target" else f"{note}   for {self._control}"

    @property
    def _caption(self) -> tuple[str, ...]:
        target = self._target
        name = self._network.name_of(target.layer, target.filter)
        return (f"{target.network}:", f"{target.layer}:{target.filter}", *([name] if name else ()))

    @property
    def _starred(self) -> frozenset[int]:
        here = {
            target.filter
            for target in _stars()
            if (target.network, target.layer) == (self._network.name, self._here.name)
        }
        filters = self._filters if here else ()
        return frozenset(tile for tile, number in enumerate(filters) if number in here)

    # Actions

    def _move_cursor(self, key: str) -> bool:
        """Move the cursor; return whether the key does that."""
        tile, last = self._cursor, len(self._filters) - 1
        row, column = divmod(tile, sheets.COLUMNS)
        page = self._grid.down * sheets.COLUMNS
        match key:
            case "left":
                tile -= column > 0
            case "right":
                tile += column < sheets.COLUMNS - 1
            case "up":
                tile -= sheets.COLUMNS if row else 0
            case "down":
                tile += sheets.COLUMNS if row < last // sheets.COLUMNS else 0
            case "pageup":
                tile = max(tile - page, column)
            case "pagedown":
                tile = min(tile + page, last // sheets.COLUMNS * sheets.COLUMNS + column)
            case "home" | "end":
                tile = 0 if key == "home" else last
            case _:
                return False
        self._cursor = min(tile, last)
        return True

    def _action(self, key: str) -> Callable[[], None] | None:
        """Return the action of a key that does not move the cursor; None where it has none."""
        actions: dict[str, Callable[[], None]] = {
            KEY: self._close,
            "escape": self._close,
            "return": self._choose,
            "shift+return": lambda: self._send("mix.target_add"),
            "j": lambda: self._send("mix.journey_add"),
            "v": lambda: self._send("mix.star"),
            "s": self._next_star,
            "n": self._next_network,
            "leftbracket": lambda: self._change_layer(-1),
            "rightbracket": lambda: self._change_layer(1),
        }
        if key in ("1", "2", "3", "4"):
            return lambda: self._send(CORNERS[int(key) - 1])
        return actions.get(key)

    def _close(self) -> None:
        self.open = False

    def _choose(self) -> None:
        self._send(self._control)
        self._close()

    def _send(self, control: str) -> None:
        self._mailbox.put(Set(control, str(self._target)))

    def _change_layer(self, by: int) -> None:
        """Go to the layer before or after, as far as there is one, keeping the cursor's index."""
        cursor = self._cursor
        self._layer = min(max(self._layer + by, 0), len(self._layers) - 1)
        self._cursor = min(cursor, len(self._filters) - 1)

    def _scroll(self, event: Pointer) -> None:
        grid = self._grid
        right, up = event.wheel
        if event.shift and not right:
            right, up = -up, 0
        self._grid = grid.scrolled(grid.row - _NOTCH_ROWS * up, grid.column + _NOTCH_ROWS * right)
        under = self._grid.at(event.x, event.y)
        tile = self._grid.nearest(self._cursor) if under is None else under
        self._cursor = min(tile, len(self._filters) - 1)

    def _next_network(self) -> None:
        """Go to the next named network that has an atlas."""
        names, here = networks.names(), self._network.name
        after = names.index(here) + 1 if here in names else 0
        for name in (*names[after:], *names[:after]):
            if name != here and sheets.find(name):
                self._begin(networks.network(name))
                return

    def _next_star(self) -> None:
        """Go to the star after the one under the cursor, wrapping round; else to the first."""
        starred, here = _stars(), self._target
        after = starred.index(here) + 1 if here in starred else 0
        for target in (*starred[after:], *starred[:after]):
            with suppress(LiveflightError):  # a network or filter that does not exist here
                self._go_to(known(str(target)))
                return

    def _begin(self, network: Network) -> None:
        flown = self._flown()
        if flown is None or flown.network != network.name:
            flown = Target(network.name, network.beginning.name, None)
        self._go_to(flown)

    def _go_to(self, target: Target) -> None:
        """Go to a target by its canonical names; to the first filter where the atlas lacks it."""
        self._network = networks.network(target.network)
        self._atlas = sheets.find(self._network.name)
        self._layers = sheets.drawn(self._network)
        self._layer = self._layers.index(sheets.shown_for(self._network, target.layer))
        if target.filter is not None:
            sheet = self._sheet
            self._cursor = sheet.place.get(target.filter, 0) if sheet else target.filter
        self._cursor = min(self._cursor, len(self._filters) - 1)


def _stars() -> tuple[Target, ...]:
    try:
        return starred_targets.read()
    except LiveflightError:  # reported when a star is set
        return ()
