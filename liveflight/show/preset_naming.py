"""Type a name for the preset of the user's own that is flown."""

from __future__ import annotations

from collections.abc import Callable

from liveflight.core.contracts import KeyPress
from liveflight.core.mailbox import Mailbox, Set
from liveflight.core.typed_text import edited
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.storage import presets

KEY = "f9"
"""The key that opens and closes the line."""

_MAX_CHARACTERS = 64
"""Length of a preset's name."""
_SEEN = 36
"""Characters of it that have room."""


class PresetNaming:
    """Take typed characters, Enter and Escape while open; other keys work as always."""

    def __init__(self, mailbox: Mailbox, browser: AtlasBrowser, flown: Callable[[], str]) -> None:
        """Begin closed; opening the line closes the `browser`. `flown` returns the preset."""
        self._mailbox, self._browser, self._flown = mailbox, browser, flown
        self.open = False
        self._name = ""
        """Name before; empty where the preset is not the user's own."""
        self._text = ""

    def press(self, event: KeyPress) -> bool:
        """Return whether the line took the key; while closed it takes the one that opens it."""
        if event.name == KEY:
            if not event.repeat:
                self._toggle()
            return True
        if not self.open:
            return False
        if event.name == "escape":
            self.open = False
        elif event.name == "return":
            if not event.repeat:
                self._rename()
        elif (text := edited(self._text, event.name, _MAX_CHARACTERS)) is not None:
            self._text = text
        else:
            return False
        return True

    def lines(self) -> list[str]:
        """Return what was typed, and the keys."""
        if not self._name:
            return [f"{self._flown()} is not a preset of your own", "",
                    "Shift+1 to 9 or Z: store this look, then F9   Esc: close"]  # fmt: skip
        typed = f"> {self._text[-_SEEN:]}_\t "  # a column: the panel keeps its size
        return [f"a new name for {self._name}", typed, "", "Enter: rename   Esc: close"]

    def _toggle(self) -> None:
        self.open = not self.open
        if self.open:
            self._browser.open = False
            self._name = self._flown() if self._flown() in presets.own() else ""
            self._text = ""

    def _rename(self) -> None:
        self.open = False
        if self._name and self._text not in ("", self._name):
            self._mailbox.put(Set("show.name", self._text))
