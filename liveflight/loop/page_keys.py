"""Say where on the web remote is what a key would open in the window."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.controllers import keyboard
from liveflight.core.contracts import KeyPress
from liveflight.show import atlas_browser, name_search, preset_naming

_KEYS = "the keys: on the web remote, under Keys"
_SEARCH = "the search: on the web remote, presets under Looks, classes under Filters"
_PLACES = {
    "i": "the status display: on the web remote, beside the picture",
    **dict.fromkeys(("h", "f1", "question"), _KEYS),
    keyboard.PICK: "the list of controls: on the web remote, under Controls",
    atlas_browser.KEY: "the atlas: on the web remote, under Filters",
    **dict.fromkeys(name_search.KEYS, _SEARCH),
    preset_naming.KEY: "names of presets: on the web remote, under Looks, arrange",
}
"""What opens with a key, and where the page has it."""


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
