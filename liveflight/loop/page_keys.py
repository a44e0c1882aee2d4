"""Say where on the web remote is what a key would open in the window."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.controllers import keyboard
from liveflight.core.contracts import KeyPress
from liveflight.show import atlas_browser, name_search, preset_naming

_KEYS = "keys: on the web remote, Keys"
_SEARCH = "search: on the web remote, Looks or Filters"
_PLACES = {
    "i": "status: on the web remote, Play",
    **dict.fromkeys(("h", "f1", "question"), _KEYS),
    keyboard.PICK: "all controls: on the web remote, Controls",
    atlas_browser.KEY: "atlas: on the web remote, Filters",
    **dict.fromkeys(name_search.KEYS, _SEARCH),
    preset_naming.KEY: "names: on the web remote, Looks, arrange",
}
"""The panel that each key opens, and where the page has it: short, for a phone."""


class PageKeys:
    """Take the keys that open something, while the performer has it on a page.

    Nothing takes what is typed then: nobody would see it."""

    open = False

    def __init__(self, on_page: Callable[[], bool], note: Callable[[str], None]) -> None:
        """`on_page` returns whether a page is in view; `note` tells the performer."""
        self._on_page, self._note = on_page, note

    def press(self, event: KeyPress) -> bool:
        """Return whether the key would open something that the page has."""
        place = _PLACES.get(event.name)
        if place is None or not self._on_page():
            return False
        if not event.repeat:
            self._note(place)
        return True
