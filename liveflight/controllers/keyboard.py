"""Map keys to messages in one table, from which the help page is derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from liveflight.controllers.control_picker import STEP, ControlPicker
from liveflight.core.contracts import KeyPress
from liveflight.core.controls import CONTROLS, ROWS, Controls
from liveflight.core.mailbox import Mailbox, Nudge, Set, Trigger
from liveflight.core.preset_banks import slot_number

PICK = "c"
"""The key that opens and closes the list of all controls."""
LEAVE = "escape"
"""The key that closes what is open, else leaves full screen, else quits when pressed twice."""
_FULLSCREEN = ("f", "f11", "alt+return")
_SHIFT = "shift+"
_ALONE = "return"
"""The key that does nothing with Shift held, unless something takes it so: it moves a cue list."""

KeyMessage = Set | Nudge | Trigger


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Group a few keys on one line of the help page, with the messages that each of them puts."""

    label: str
    keys: dict[str, tuple[KeyMessage, ...]]
    repeats: bool = False
    """Whether a held key repeats; never for what toggles or starts something."""
    note: str = ""
    """Replaces the help of the controls."""

    @property
    def help(self) -> str:
        """Return the note, or the first part of the controls' help."""
        if self.note:
            return self.note
        controls = (message.key for messages in self.keys.values() for message in messages)
        # Up to the semicolon: the help page has no room for the details after it.
        return " / ".join(dict.fromkeys(CONTROLS[key].help.split(";")[0] for key in controls))


def _steps(
    label: str, less: str, more: str, key: str, step: float = STEP, note: str = ""
) -> KeyRow:
    """Return a row of two keys that move a number down and up by `step` of fader travel."""
    return KeyRow(
        label,
        {less: (Nudge(key, -step),), more: (Nudge(key, step),)},
        repeats=CONTROLS[key].kind == "float",
        note=note,
    )


def _toggle(label: str, names: str, key: str, note: str = "") -> KeyRow:
    """Return a row of keys that toggle a switch or select the next choice.

    `names`: the keys, separated by spaces."""
    return KeyRow(label, {name: (Nudge(key, 1),) for name in names.split()}, note=note)


def _camera_defaults() -> tuple[KeyMessage, ...]:
    return tuple(Set(row.key, row.default) for row in ROWS if row.group == "camera")


def _in_bank(label: str, modifier: str, key: str, note: str) -> KeyRow:
    """Return a row of nine keys that set a text to a slot of the bank, 1 to 9."""
    return KeyRow(label, {f"{modifier}{n}": (Set(key, n),) for n in "123456789"}, note=note)


def _fire(label: str, repeats: bool = False, note: str = "", **keys: str) -> KeyRow:
    return KeyRow(label, {name: (Trigger(key),) for name, key in keys.items()}, repeats, note)


# fmt: off
KEYS: tuple[KeyRow, ...] = (
    _fire("Left Right", True, "the filter before / the next filter",
          left="mix.filter_previous", right="mix.filter_next"),
    _fire("Up Down", up="mix.layer_deeper", down="mix.layer_shallower"),
    _fire("N", note="the next network that is here", n="mix.network_next"),
    _fire("X", x="mix.random"),
    _fire("F6 F7", note="back to the filters before, and forth", f6="mix.back", f7="mix.forth"),
    _in_bank("1 to 9", "", "show.preset", "recalls the look in this slot of the bank"),
    _in_bank("Shift+1 to 9", _SHIFT, "show.store", "stores this look in that slot"),
    KeyRow(
        "Ctrl+1 to 9", {f"ctrl+{n}": (Set("show.bank", n),) for n in range(1, 10)},
        note="chooses the bank: bank 2 has slots 11 to 19",
    ),
    _fire("F3 F4", f3="show.preset_previous", f4="show.preset_next"),
    _fire("G", g="show.preset_random"),
    _fire("Backspace", note="undo: the look before; again: redo", backspace="show.undo"),
    _fire("V", note="makes this preset a favourite, or not", v="show.favourite"),
    _fire("Z", z="show.snapshot"),
    KeyRow("Enter", {"return": (Trigger("cue.go"),)}),
    _toggle("L", "l", "cue.hold"),
    _toggle("Tab", "tab", "show.autopilot", "autopilot: moves on by itself"),
    _toggle("F8", "f8", "show.autopilot_mode", "autopilot: journey, random or sight"),
    _steps(", .", "comma", "period", "mix.crossfade", 1 / 60, "shorter and longer crossfades"),

    _steps("- +", "minus", "plus", "camera.zoom", note="flies backward and forward"),
    _steps("[ ]", "leftbracket", "rightbracket", "camera.rotation"),
    _steps("A D", "a", "d", "camera.pan_x"),
    _steps("S W", "s", "w", "camera.pan_y"),
    _steps("PgDn PgUp", "pagedown", "pageup", "camera.speed", note="slower and faster motion"),
    KeyRow("0", {"0": _camera_defaults()}, note="the camera back at its defaults"),

    _toggle("M", "m", "warp.mirror"),
    _steps("J K", "j", "k", "warp.kaleidoscope", 2, "kaleidoscope: fewer and more wedges"),
    _steps("Q E", "q", "e", "warp.swirl", note="swirl: turns the middle more"),

    _fire("T Y", note="taps the tempo / begins a bar now", t="tempo.tap", y="tempo.resync"),
    _toggle("U", "u", "tempo.quantise"),
    _toggle("F10", "f10", "sound.react"),

    _toggle("Space", "space", "show.freeze"),
    _toggle("B", "b", "show.blackout"),
    _fire("R", r="show.reseed"),
    _fire("End", note="panic: a safe look; twice: black", end="show.panic"),
    _toggle("I", "i", "show.hud"),
    _toggle("H F1 ?", "h f1 question", "show.help"),
    _fire("F2", f2="show.remote"),
    KeyRow("F F11 Alt+Enter", {key: (Trigger("show.fullscreen"),) for key in _FULLSCREEN}),
    _fire("P", p="show.screenshot"),
    _toggle("F12", "f12", "show.record"),
    _fire("F5", f5="show.save_preset"),
    KeyRow(
        "Esc", {LEAVE: (Trigger("show.leave"),)},
        note="closes what is open, leaves full screen; twice: quits",
    ),
    KeyRow("Ctrl+Q", {"ctrl+q": (Trigger("show.quit"),)}),
)
# fmt: on

_OPENING = (
    f"{PICK.upper()}\tall controls: find, move, MIDI learn",
    "O\tthe atlas: pick a filter by its picture",
    "/ Ctrl+F\tsearch: pick a class or a preset by name",
    "F9\tname: type a name for this preset of your own",
)
"""Lines of the help page for keys that open something which takes keys of its own."""

_SLOTS = ("show.preset", "show.store")
"""Controls that keys set to a slot of the bank."""
_SHOWN = ("show.help", "show.hud")
"""Switches that draw over the picture."""
_ROW_OF = {name: row for row in KEYS for name in row.keys}


def help_lines() -> list[str]:
    """Return the help page: one line per row, the keys and what they do separated by a tab."""
    return [*(f"{row.label}\t{row.help}" for row in KEYS), *_OPENING]


class KeyHandler(Protocol):
    """Take keys of its own while it is open."""

    open: bool

    def press(self, event: KeyPress) -> bool:
        """Return whether the key was its own."""
        ...


class Keyboard:
    """Put the table's messages for each key into `mailbox`, unless the picker takes the key.

    Keys outside the table do nothing. `controls` say what is open."""

    def __init__(
        self, mailbox: Mailbox, controls: Controls, above: Sequence[KeyHandler] = ()
    ) -> None:
        """Take the mailbox and the controls. `above`: these are offered a key first, in order."""
        self._mailbox, self._controls = mailbox, controls
        self.above = above
        self.picker = ControlPicker(mailbox)
        self._bank: int | None = None
        """Bank that was chosen in this frame; None: the one that the controls have."""

    def begin_frame(self) -> None:
        """Go by the controls again: they have what was pressed in the frame before."""
        self._bank = None

    def press(self, event: KeyPress) -> None:
        """Handle one key press, by its name; repeats of a held key count for some rows only.

        A key that nothing takes with Shift held is taken as without it."""
        if self._take(event) or not event.name.startswith(_SHIFT):
            return
        plain = event.name.removeprefix(_SHIFT)
        if plain != _ALONE:
            self._take(KeyPress(plain, event.repeat))

    def close_all(self) -> None:
        """Close what takes keys of its own, the help page and the HUD.

        A control that is armed for MIDI stays so."""
        for taker in self.above:
            taker.open = False
        self.picker.open = False
        shown = [key for key in _SHOWN if self._controls.flag(key)]
        self._mailbox.put(*(Set(key, False) for key in shown))

    def _take(self, event: KeyPress) -> bool:
        """Return whether something takes the key of exactly this name."""
        types = self.picker.open and not any(taker.open for taker in self.above)
        if types and self.picker.type(event.name):
            return True
        if any(taker.press(event) for taker in self.above):
            return True
        if event.name == PICK and not self.picker.open:
            if not event.repeat:
                self.picker.toggle()
            return True
        if event.name == LEAVE and not event.repeat and self._close():
            return True
        if self.picker.press(event.name):
            return True
        row = _ROW_OF.get(event.name)
        if row and (row.repeats or not event.repeat):
            self._mailbox.put(*map(self._in_bank, row.keys[event.name]))
        return row is not None

    def _in_bank(self, message: KeyMessage) -> KeyMessage:
        """Return a key's message with the number of its slot in the current bank."""
        if isinstance(message, Set) and message.key == "show.bank":
            self._bank = int(message.value)
        if not isinstance(message, Set) or message.key not in _SLOTS:
            return message
        bank = self._bank or self._controls.whole("show.bank")
        return Set(message.key, str(slot_number(bank, int(message.value))))

    def _close(self) -> bool:
        """Close the innermost of an armed control, the list and the help page.

        Return whether any was open."""
        if self._controls.word("midi.learn"):
            self._mailbox.put(Set("midi.learn", ""))
        elif self.picker.open:
            self.picker.leave()
        elif self._controls.flag("show.help"):
            self._mailbox.put(Set("show.help", False))
        else:
            return False
        return True
