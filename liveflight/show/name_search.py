"""Search for targets by word: classes of networks that have a classifier, and presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from liveflight import networks
from liveflight.core.contracts import KeyPress, Target
from liveflight.core.mailbox import Mailbox, Set
from liveflight.core.typed_text import edited
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.storage import presets

KEYS = ("/", "ctrl+f")
"""The keys that open the search; on many keyboards the slash needs Shift and a digit."""

HELP = ("Enter: fly there   Shift+Enter: add to the mix", "Up Down: pick   Esc: close")

_ROWS = 12
"""Names shown at a time."""
_MAX_CHARACTERS = 40
"""Length of the text that can be typed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one name that can be found."""

    name: str
    kind: str
    """Kind and number, such as `class 107`."""
    control: str
    """Control that picking it sets."""
    value: str

    @property
    def words(self) -> str:
        return f"{self.name} {self.kind}".lower()


class NameSearch:
    """Take typed characters, arrows, Enter and Escape while open; other keys work as always."""

    def __init__(self, mailbox: Mailbox, browser: AtlasBrowser) -> None:
        """Begin closed; opening the search closes the `browser`."""
        self._mailbox, self._browser = mailbox, browser
        self.open = False
        self._text = ""
        self._entries: Sequence[Entry] = ()
        self._found: Sequence[Entry] = ()
        self._place = 0

    def press(self, event: KeyPress) -> bool:
        """Return whether the search took the key; while closed it takes the one that opens it."""
        name = event.name
        if not self.open:
            if name not in KEYS or event.repeat:
                return False
            self._start()
            return True
        text = edited(self._text, name, _MAX_CHARACTERS)
        match name:
            case "escape":
                self.open = False
            case "return" | "shift+return":
                if not event.repeat:
                    self._pick(adding=name != "return")
            case "up" | "down":
                self._step(1 if name == "down" else -1)
            case "pageup" | "pagedown":
                self._step(_ROWS if name == "pagedown" else -_ROWS)
            case "left" | "right":
                pass
            case _ if text is not None:
                self._filter(text)
            case _:
                return False
        return True

    def lines(self) -> list[str]:
        """Return what was typed, the names around the picked one, and the keys.

        A tab separates columns."""
        first = min(max(self._place - _ROWS // 2, 0), max(len(self._found) - _ROWS, 0))
        rows = [
            f"{'>' if first + index == self._place else ' '} {entry.name}\t{entry.kind}"
            for index, entry in enumerate(self._found[first : first + _ROWS])
        ]
        rows += [" "] * (_ROWS - len(rows))  # so that the panel keeps its size
        if not self._found:
            rows[0] = "  no match"
        return [f"/ {self._text}_\t{len(self._found)} of {len(self._entries)}", *rows, "", *HELP]

    def _start(self) -> None:
        self._browser.open, self.open = False, True
        of_presets = [Entry(name, "preset", "show.preset", name) for name in presets.names()]
        self._entries = [*of_presets, *_classes()]
        self._filter("")

    def _filter(self, text: str) -> None:
        """Reduce the list to the entries that contain all words of a text.

        First those whose name begins with it, then those in which a word does."""
        self._text, self._place = text, 0
        words, asked = text.lower().split(), text.lower().strip()
        found = [entry for entry in self._entries if all(word in entry.words for word in words)]

        def rank(entry: Entry) -> int:
            name = entry.name.lower()
            return 0 if name.startswith(asked) else 1 if f" {asked}" in f" {name}" else 2

        self._found = sorted(found, key=rank)

    def _step(self, by: int) -> None:
        self._place = min(max(self._place + by, 0), max(len(self._found) - 1, 0))

    def _pick(self, *, adding: bool) -> None:
        if not self._found:
            return
        entry = self._found[self._place]
        added = adding and entry.control == "mix.target"
        self._mailbox.put(Set("mix.target_add" if added else entry.control, entry.value))
        self.open = adding


@cache
def _classes() -> list[Entry]:
    """Return the named filters of all named networks."""
    return [
        Entry(name, f"{layer} {number}", "mix.target", str(Target(network, layer, number)))
        for network in networks.names()
        for layer, names in networks.network(network).filter_names.items()
        for number, name in enumerate(names())
    ]
