"""Map keys to messages in one table, from which the help page is derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from liveflight.controllers.control_picker import STEP, ControlPicker
from liveflight.core.contracts import KeyPress
from liveflight.core.controls import CONTROLS, ROWS, Controls
from liveflight.core.mailbox import Mailbox, Nudge, Set, Trigger

PICK = "c"
"""The key that opens and closes the list of all controls."""
LEAVE = "escape"
"""The key that closes what is open, and quits if nothing is."""
_FULLSCREEN = ("f", "f11", "alt+return")

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


def _steps(label: str, less: str, more: str, key: str, step: float = STEP) -> KeyRow:
    """Return a row of two keys that move a number down and up by `step` of fader travel."""
    return KeyRow(
        label,
        {less: (Nudge(key, -step),), more: (Nudge(key, step),)},
        repeats=CONTROLS[key].kind == "float",
    )


def _toggle(label: str, names: str, key: str, note: str = "") -> KeyRow:
    """Return a row of keys that toggle a switch or select the next choice.

    `names`: the keys, separated by spaces."""
    return KeyRow(label, {name: (Nudge(key, 1),) for name in names.split()}, note=note)


def _camera_defaults() -> tuple[KeyMessage, ...]:
    return tuple(Set(row.key, row.default) for row in ROWS if row.group == "camera")


def _fire(label: str, repeats: bool = False, **keys: str) -> KeyRow:
    return KeyRow(label, {name: (Trigger(key),) for name, key in keys.items()}, repeats)


# fmt: off
KEYS: tuple[KeyRow, ...] = (
    _fire("Left Right", left="mix.filter_previous", right="mix.filter_next", repeats=True),
    _fire("Up Down", up="mix.layer_deeper", down="mix.layer_shallower"),
    _fire("N", n="mix.network_next"),
    _fire("X", x="mix.random"),
    _fire("F6 F7", f6="mix.back", f7="mix.forth"),
    KeyRow("1 to 9", {digit: (Set("show.preset", digit),) for digit in "123456789"}),
    _fire("F3 F4", f3="show.preset_previous", f4="show.preset_next"),
    _fire("G", g="show.preset_random"),
    _fire("Backspace", backspace="show.undo"),
    _fire("V", v="show.favourite"),
    _fire("Z", z="show.snapshot"),
    KeyRow("Enter", {"return": (Trigger("cue.go"),)}),
    _toggle("L", "l", "cue.hold"),
    _toggle("Tab", "tab", "show.autopilot", "autopilot: moves to the next target by itself"),
    _toggle("F8", "f8", "show.autopilot_mode", "autopilot: along the journey, at random, by sight"),
    _steps(", .", "comma", "period", "mix.crossfade", 1 / 60),

    _steps("- +", "minus", "plus", "camera.zoom"),
    _steps("[ ]", "leftbracket", "rightbracket", "camera.rotation"),
    _steps("A D", "a", "d", "camera.pan_x"),
    _steps("S W", "s", "w", "camera.pan_y"),
    _steps("PgDn PgUp", "pagedown", "pageup", "camera.speed"),
    KeyRow("0", {"0": _camera_defaults()}, note="the camera back at its defaults"),

    _toggle("M", "m", "warp.mirror"),
    _steps("J K", "j", "k", "warp.kaleidoscope", 2),
    _steps("Q E", "q", "e", "warp.swirl"),

    _fire("T Y", t="tempo.tap", y="tempo.resync"),
    _toggle("U", "u", "tempo.quantise"),

    _toggle("Space", "space", "show.freeze"),
    _toggle("B", "b", "show.blackout"),
    _fire("R", r="show.reseed"),
    _fire("End", end="show.panic"),
    _toggle("I", "i", "show.hud"),
    _toggle("H F1 ?", "h f1 question", "show.help"),
    _fire("F2", f2="show.remote"),
    KeyRow("F F11 Alt+Enter", {key: (Trigger("show.fullscreen"),) for key in _FULLSCREEN}),
    _fire("P", p="show.screenshot"),
    _fire("F5", f5="show.save_preset"),
    KeyRow("Esc", {LEAVE: (Trigger("show.quit"),)}, note="closes what is open, or quits"),
)
# fmt: on

_OPENING = (
    f"{PICK.upper()}\tall controls: pick one, move it, let it learn its MIDI knob",
    "O\tthe atlas: pick a filter by its picture, with arrows or mouse",
    "/\tsearch: pick a class or a preset by its name",
)
"""Lines of the help page for keys that open something which takes keys of its own."""

_ROW_OF = {name: row for row in KEYS for name in row.keys}


def help_lines() -> list[str]:
    """Return the help page: one line per row, the keys and what they do separated by a tab."""
    return [*(f"{row.label}\t{row.help}" for row in KEYS), *_OPENING]


class KeyHandler(Protocol):
    """Take keys of its own while it is open."""

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

    def press(self, event: KeyPress) -> None:
        """Handle one key press, by its name; repeats of a held key count for some rows only."""
        if any(taker.press(event) for taker in self.above):
            return
        if event.name == "shift+return":  # distinct only while something is open
            event = KeyPress("return", event.repeat)
        if event.name == PICK:
            if not event.repeat:
                self.picker.toggle()
            return
        if event.name == LEAVE and not event.repeat and self._close():
            return
        if self.picker.press(event.name):
            return
        row = _ROW_OF.get(event.name)
        if row and (row.repeats or not event.repeat):
            self._mailbox.put(*row.keys[event.name])

    def _close(self) -> bool:
        """Close the innermost of an armed control, the list and the help page.

        Return whether any was open."""
        if self._controls.word("midi.learn"):
            self._mailbox.put(Set("midi.learn", ""))
        elif self.picker.open:
            self.picker.toggle()
        elif self._controls.flag("show.help"):
            self._mailbox.put(Set("show.help", False))
        else:
            return False
        return True
