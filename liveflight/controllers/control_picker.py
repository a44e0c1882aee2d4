"""Reach every control from the keyboard: find it by typing, move it with the arrows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from textwrap import wrap

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.core.text_panel import Bars, Cell, Level, Panel, Row, Text, row
from liveflight.core.xy_pad import CORNERS
from liveflight.storage import presets

STEP = 1 / 64
"""Fader travel of one press: about 5 % more zoom, 6 degrees per second more rotation.

A power of two, so that as many presses back return a linear fader exactly."""
_VISIBLE_ROWS = 14
"""Lines of the list on the screen at a time, headings included."""
_MAX_CHARACTERS = 30
"""Length of the text that can be typed."""
_HELP_LETTERS = 60
"""Letters of a line of a control's help, of which there are two."""

_MARK, _NAME, _BAR, _VALUE, _UNIT = 0.6, 10.0, 7.5, 5.0, 5.2
"""Widths of the columns in type sizes."""
_WHOLE = 31.5
"""Width of all of them, with the gaps between them."""

PICKABLE: tuple[Control, ...] = tuple(row for row in ROWS if row.writable)
"""All controls that can be moved or fired, in the table's order."""

_ACTIONS = ("mix.target_add", "mix.journey_add", "mix.star")
"""Texts that act as soon as they are set, so that stepping through them would act each time."""
_KEYS = {"show.store": "Shift+1 to 9", "show.name": "F9"}
"""Texts that act too, and the keys that set them: there is nothing to pick from."""
_TARGETS = ("mix.target", *CORNERS, *_ACTIONS)
"""Texts that are chosen in the atlas."""

_ACTION_KEYS = ("left", "right", "return", "shift+return", "delete", "backspace")
HELP = (
    "Up Down: pick   Left Right: move   Enter: fire   Delete: default",
    "letters: find   Shift+Enter: MIDI learn   Esc: close",
)


class ControlPicker:
    """Take letters, arrows and a few more keys while it is open; others keep their meaning.

    Letters that are typed reduce the list to the controls that contain them."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._text = ""
        self._found: tuple[Control, ...] = PICKABLE
        self._place = 0
        """Index of the picked control in what was found."""
        self._picked = PICKABLE[0]
        self._suggestions: dict[str, list[str]] = {}
        self._values: Mapping[str, Value] = {}
        self.open = False
        self.choose: Callable[[str, str], None] = lambda key, value: None
        """Opens the choice of a target for a text control, given its key and value."""

    @property
    def picked(self) -> Control:
        return self._picked

    def toggle(self) -> None:
        self.open = not self.open
        self._suggestions = {}  # presets may have come since
        self._find("")

    def leave(self) -> None:
        """Clear what was typed; close where nothing was."""
        if self._text:
            self._find("")
        else:
            self.toggle()

    def press(self, key: str) -> bool:
        """Return whether the key was its own; a closed picker takes none."""
        if not self.open:
            return False
        last = len(self._found) - 1
        match key:
            case "up" | "down":
                self._pick((self._place + (1 if key == "down" else -1)) % (last + 1 or 1))
            case "pageup" | "pagedown":
                page = self._place + (_VISIBLE_ROWS if key == "pagedown" else -_VISIBLE_ROWS)
                self._pick(min(max(page, 0), last))
            case "home" | "end":
                self._pick(0 if key == "home" else last)
            case _:
                return self.type(key) or self._act(key)
        return True

    def type(self, key: str) -> bool:
        """Take a key that types; return whether it does."""
        match key:
            case "backspace" if self._text:
                self._find(self._text[:-1])
            case "space" if self._text:
                self._find(f"{self._text} ")
            case _ if len(key) == 1 and key.isalpha():
                self._find((self._text + key)[:_MAX_CHARACTERS])
            case _:
                return False
        return True

    def panel(self, values: Mapping[str, Value]) -> Panel:
        """Return what was typed, the list around the cursor, the picked control's help, and keys.

        It always has the same rows and columns."""
        self._values = values
        count = f"{len(self._found)} of {len(PICKABLE)}"
        typed = f"find: {self._text}_" if self._text else "all controls"
        head = row(Text(typed, "accent", 22.0), Text(count, "dim", _WHOLE - 22.8, right=True))
        rows, help = self._list(values), self._help()
        return (head, *rows, row(" "), *help, *(row(Text(line, "dim", _WHOLE)) for line in HELP))

    def levels(self, values: Mapping[str, Value]) -> Mapping[str, Level]:
        """Return the levels of the bars by key; one with values below 0 begins at 0."""
        return {
            each.key: (
                each.to_position(0) if each.minimum < 0 else 0.0,
                each.to_position(values.get(each.key, each.default)),
            )
            for each in self._found
            if _has_bar(each)
        }

    def _list(self, values: Mapping[str, Value]) -> list[Row]:
        """Return the visible part of the list, with a heading for each group."""
        listed: list[Control | str] = []
        for group, controls in groupby(self._found, lambda each: each.group):
            listed += [group, *controls]
        here = listed.index(self._picked) if self._found else 0
        first = min(max(here - _VISIBLE_ROWS // 2, 0), max(len(listed) - _VISIBLE_ROWS, 0))
        seen = listed[first : first + _VISIBLE_ROWS] or ["no control has these letters"]
        if isinstance(seen[0], Control):  # its heading has scrolled away
            seen[0] = seen[0].group
        rows = [
            row(Text(each, "dim"))
            if isinstance(each, str)
            else _shown(each, values.get(each.key), picked=each is self._picked)
            for each in seen
        ]
        return rows + [row(" ")] * (_VISIBLE_ROWS - len(rows))

    def _help(self) -> Panel:
        lines = wrap(self._picked.help, _HELP_LETTERS, max_lines=2, placeholder=" ...")
        first, second = (*lines, " ")[:2]
        range = Text(_range(self._picked) or " ", "dim", _WHOLE)
        return row(Text(first, width=_WHOLE)), row(Text(second, width=_WHOLE)), row(range)

    def _find(self, text: str) -> None:
        """Reduce the list to the controls that contain all words of a text, or their help does."""
        self._text = text
        words = text.split()
        self._found = tuple(
            each for each in PICKABLE if all(word in _words(each.key) for word in words)
        ) or tuple(each for each in PICKABLE if all(word in each.help.lower() for word in words))
        self._pick(self._found.index(self._picked) if self._picked in self._found else 0)

    def _pick(self, place: int) -> None:
        self._place = place
        if self._found:
            self._picked = self._found[place]

    def _act(self, key: str) -> bool:
        """Do something with the picked control; return whether the key does that."""
        if not self._found:
            return key in _ACTION_KEYS
        match key:
            case "left" | "right":
                self._put(self._step(1 if key == "right" else -1))
            case "return":
                self._put(self._fired())
            case "delete" | "backspace":
                if self.picked.settable:
                    self._put(Set(self.picked.key, self.picked.default))
            case "shift+return":
                self._put(Set("midi.learn", self.picked.key))
            case _:
                return False
        return True

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


def _words(key: str) -> str:
    return key.replace(".", " ").replace("_", " ")


def _has_bar(control: Control) -> bool:
    return control.kind in ("float", "int")


def _shown(control: Control, value: Value | None, *, picked: bool) -> Row:
    """Return a control's row: name, bar, value and unit."""
    mark = Text(">" if picked else " ", "accent", _MARK)
    name = Text(control.name, "accent" if picked else "normal", _NAME)
    if control.kind == "trigger" or value is None:
        return row(mark, name)
    if not _has_bar(control):
        return row(mark, name, Text(control.shown(value), width=_BAR + _VALUE + _UNIT + 1.6))
    cells: tuple[Cell, ...] = (
        Bars((control.key,), _BAR),
        Text(control.shown(value), width=_VALUE, right=True),
        Text(control.unit, "dim", _UNIT),
    )
    return row(mark, name, *cells)


def _range(row: Control) -> str:
    if row.key in _TARGETS:
        return "Enter: choose in the atlas"
    if row.key in _KEYS:
        return f"key: {_KEYS[row.key]}"
    return "" if row.kind in ("text", "trigger") else row.range
