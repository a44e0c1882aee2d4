"""Reach every control from the keyboard: pick it from a list, move it with the arrows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.core.xy_pad import CORNERS
from liveflight.storage import presets

STEP = 1 / 64
"""Fader travel of one press: about 5 % more zoom, 6 degrees per second more rotation.

A power of two, so that as many presses back return a linear fader exactly."""
_VISIBLE_ROWS = 15
"""Lines of the list on the screen at a time."""

PICKABLE: tuple[Control, ...] = tuple(row for row in ROWS if row.writable)
"""All controls that can be moved or fired, in the table's order."""

_ACTIONS = ("mix.target_add", "mix.journey_add", "mix.star")
"""Texts that act as soon as they are set, so that stepping through them would act each time."""
_KEYS = {"show.store": "Shift+1 to 9", "show.name": "F9"}
"""Texts that act too, and the keys that set them: there is nothing to pick from."""
_TARGETS = ("mix.target", *CORNERS, *_ACTIONS)
"""Texts that are chosen in the atlas."""

HELP = "Up Down: pick   Left Right: move   Enter: fire   Delete: default   L: MIDI learn   C: close"


class ControlPicker:
    """Take the arrows and a few more keys while it is open; other keys keep their meaning."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._place = 0
        self._suggestions: dict[str, list[str]] = {}
        self._values: Mapping[str, Value] = {}
        self.open = False
        self.choose: Callable[[str, str], None] = lambda key, value: None
        """Opens the choice of a target for a text control, given its key and value."""

    @property
    def picked(self) -> Control:
        return PICKABLE[self._place]

    def toggle(self) -> None:
        self.open = not self.open
        self._suggestions = {}  # presets may have come since

    def press(self, key: str) -> bool:
        """Return whether the key was its own; a closed picker takes none."""
        if not self.open:
            return False
        match key:
            case "up" | "down":
                self._place = (self._place + (1 if key == "down" else -1)) % len(PICKABLE)
            case "pageup" | "pagedown":
                page = self._place + (_VISIBLE_ROWS if key == "pagedown" else -_VISIBLE_ROWS)
                self._place = min(max(page, 0), len(PICKABLE) - 1)
            case "home" | "end":
                self._place = 0 if key == "home" else len(PICKABLE) - 1
            case "left" | "right":
                self._put(self._step(1 if key == "right" else -1))
            case "return":
                self._put(self._fired())
            case "delete" | "backspace":
                if self.picked.settable:
                    self._put(Set(self.picked.key, self.picked.default))
            case "l":
                self._put(Set("midi.learn", self.picked.key))
            case _:
                return False
        return True

    def lines(self, values: Mapping[str, Value]) -> list[str]:
        """Return the list around the cursor, the picked control's help, and the keys.

        A tab separates columns."""
        self._values = values
        first = min(max(self._place - _VISIBLE_ROWS // 2, 0), max(len(PICKABLE) - _VISIBLE_ROWS, 0))
        seen = PICKABLE[first : first + _VISIBLE_ROWS]
        rows = [
            f"{'>' if row is self.picked else ' '} {row.key}\t{_shown(row, values.get(row.key))}"
            for row in seen
        ]
        return [*rows, "", f"{self.picked.help}\t{_range(self.picked)}", HELP]

    def _step(self, way: int) -> Message | None:
        control = self.picked
        match control.kind:
            case "float":
                return Nudge(control.key, way * STEP)
            case "trigger":
                return None
            case "text":
                return self._suggested(control.key, way)
            case _:
                return Nudge(control.key, way)

    def _fired(self) -> Message | None:
        match self.picked.kind:
            case "trigger":
                return Trigger(self.picked.key)
            case "bool" | "enum":
                return Nudge(self.picked.key, 1)
            case "text" if self.picked.key in _TARGETS:
                self.choose(self.picked.key, str(self._values.get(self.picked.key, "")))
        return None

    def _suggested(self, key: str, way: int) -> Message | None:
        """Return a message for the next (`way` 1) or previous (-1) text; None without any."""
        if key not in self._suggestions:
            self._suggestions[key] = _sensible_texts(key)
        texts, here = self._suggestions[key], str(self._values.get(key, ""))
        if not texts:
            return None
        place = texts.index(here) + way if here in texts else (0 if way > 0 else -1)
        return Set(key, texts[place % len(texts)])

    def _put(self, message: Message | None) -> None:
        if message:
            self._mailbox.put(message)


def _sensible_texts(key: str) -> list[str]:
    """Return the texts to step through: presets, controls, or the presets' targets."""
    if key == "show.preset":
        return list(presets.names())
    if key == "midi.learn":
        return [row.key for row in PICKABLE]
    if key in (*_ACTIONS, *_KEYS):
        return []
    targets: dict[str, None] = {}
    for name in presets.names():
        try:
            targets |= dict.fromkeys(str(target) for target in presets.find(name).all_targets)
        except LiveflightError:  # `liveflight presets` says what is wrong with it
            continue
    return list(targets)


def _shown(row: Control, value: Value | None) -> str:
    if row.kind == "trigger" or value is None:
        return ""
    return f"{row.shown(value)} {row.unit}".rstrip()


def _range(row: Control) -> str:
    if row.key in _TARGETS:
        return "Enter: choose in the atlas"
    if row.key in _KEYS:
        return f"key: {_KEYS[row.key]}"
    return "" if row.kind in ("text", "trigger") else row.range
