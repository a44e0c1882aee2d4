from __future__ import annotations

import re

import pytest
from each import each

from liveflight.controllers.keyboard import KEYS, Keyboard, help_lines
from liveflight.core.contracts import KeyPress
from liveflight.core.controls import CONTROLS, Controls
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger

NAMES = [name for row in KEYS for name in row.keys]
PUNCTUATION = {"plus", "minus", "leftbracket", "rightbracket", "comma", "period", "tab", "space"}
ARROWS = {"left", "right", "up", "down", "pageup", "pagedown"}


def pressed(*events: KeyPress) -> list[Message]:
    mailbox = Mailbox()
    keyboard = Keyboard(mailbox, Controls())
    for event in events:
        keyboard.press(event)
    return mailbox.drain()


def held(name: str) -> list[Message]:
    return pressed(KeyPress(name, repeat=True))


# The table


def test_no_key_is_in_the_table_twice() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_keys_are_named_as_the_window_names_them() -> None:
    for name in NAMES:
        plain = re.sub(r"^(ctrl\+)?(alt\+)?(meta\+)?(shift\+)?", "", name)
        alone = len(plain) == 1 and (plain.islower() or plain.isdigit())
        named = {"escape", "return", "backspace", "end", "question"}
        named |= {"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f10", "f11", "f12"}
        assert alone or plain in PUNCTUATION | ARROWS | named


@each(NAMES)
def test_every_key_says_something_that_its_control_understands(name: str) -> None:
    messages = pressed(KeyPress(name))
    assert messages
    for message in messages:
        control = CONTROLS[message.key]
        match message:
            case Set(_, value):
                assert control.check(value) == value
            case Nudge(_, amount):
                moved = control.nudged(control.default, amount)
                stuck = control.default in (control.minimum, control.maximum)
                assert moved != control.default or stuck
            case _:
                assert control.kind == "trigger"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("left", Trigger("mix.filter_previous")),
        ("right", Trigger("mix.filter_next")),
        ("up", Trigger("mix.layer_deeper")),
        ("down", Trigger("mix.layer_shallower")),
        ("n", Trigger("mix.network_next")),
        ("x", Trigger("mix.random")),
        ("f6", Trigger("mix.back")),
        ("f7", Trigger("mix.forth")),
        ("return", Trigger("cue.go")),
        ("shift+x", Trigger("mix.random")),
        ("shift+3", Set("show.store", "3")),
        ("ctrl+3", Set("show.bank", 3)),
        ("f10", Nudge("sound.react", 1)),
        ("ctrl+q", Trigger("show.quit")),
        ("m", Nudge("warp.mirror", 1)),
        ("1", Set("show.preset", "1")),
        ("9", Set("show.preset", "9")),
        ("tab", Nudge("show.autopilot", 1)),
        ("space", Nudge("show.freeze", 1)),
        ("b", Nudge("show.blackout", 1)),
        ("r", Trigger("show.reseed")),
        ("end", Trigger("show.panic")),
        ("i", Nudge("show.hud", 1)),
        ("h", Nudge("show.help", 1)),
        ("f1", Nudge("show.help", 1)),
        ("question", Nudge("show.help", 1)),
        ("f", Trigger("show.fullscreen")),
        ("f11", Trigger("show.fullscreen")),
        ("alt+return", Trigger("show.fullscreen")),
        ("p", Trigger("show.screenshot")),
        ("f5", Trigger("show.save_preset")),
        ("escape", Trigger("show.leave")),
    ],
)
def test_what_a_key_does(name: str, message: Message) -> None:
    assert pressed(KeyPress(name)) == [message]


@pytest.mark.parametrize(
    ("less", "more", "key"),
    [
        ("minus", "plus", "camera.zoom"),
        ("leftbracket", "rightbracket", "camera.rotation"),
        ("a", "d", "camera.pan_x"),
        ("s", "w", "camera.pan_y"),
        ("pagedown", "pageup", "camera.speed"),
        ("comma", "period", "mix.crossfade"),
        ("q", "e", "warp.swirl"),
        ("j", "k", "warp.kaleidoscope"),
    ],
)
def test_pairs_move_a_number_down_and_up_and_back_again(less: str, more: str, key: str) -> None:
    controls = Controls()
    start = float(controls.setting(key))
    settings = []
    for name in (more, less):
        for message in pressed(KeyPress(name)):
            assert isinstance(message, Nudge)
            controls.nudge(message.key, message.amount)
        settings.append(float(controls.setting(key)))
    assert settings[0] > start
    assert settings[1] == pytest.approx(start, abs=1e-12)


def test_zero_brings_the_camera_to_rest() -> None:
    messages = pressed(KeyPress("0"))
    assert {message.key for message in messages} == {
        row.key for row in CONTROLS.values() if row.group == "camera"
    }
    for message in messages:
        assert message == Set(message.key, CONTROLS[message.key].default)


# Pressing


def test_a_held_key_goes_on_moving_a_number_and_stepping_filters() -> None:
    for name in ("plus", "minus", "leftbracket", "w", "comma", "e", "left", "right"):
        assert held(name) == pressed(KeyPress(name))


@each([name for row in KEYS if not row.repeats for name in row.keys])
def test_a_held_key_neither_toggles_nor_starts_anything_again(name: str) -> None:
    assert held(name) == []


def test_only_what_moves_a_float_or_steps_the_filter_repeats() -> None:
    for row in KEYS:
        keys = [message.key for messages in row.keys.values() for message in messages]
        filters = all(key.startswith("mix.filter_") for key in keys)
        floats = all(CONTROLS[key].kind == "float" for key in keys) and len(row.keys) == 2
        assert row.repeats is (filters or floats)


@pytest.mark.parametrize(
    "name", ["ctrl+c", "alt+f11", "meta+d", "ctrl+alt+return", "ctrl+shift+q", "shift+return"]
)
def test_the_desktops_shortcuts_and_enter_with_shift_do_nothing(name: str) -> None:
    assert pressed(KeyPress(name)) == []


def test_digits_recall_and_store_in_the_bank_that_was_chosen() -> None:
    mailbox, controls = Mailbox(), Controls()
    keyboard = Keyboard(mailbox, controls)
    for bank, number in ((1, "3"), (2, "13"), (9, "83")):
        controls.set("show.bank", bank)
        for name, key in (("3", "show.preset"), ("shift+3", "show.store")):
            keyboard.press(KeyPress(name))
            assert mailbox.drain() == [Set(key, number)]
    for name in ("ctrl+2", "3"):
        keyboard.press(KeyPress(name))
    assert mailbox.drain() == [Set("show.bank", 2), Set("show.preset", "13")], "in one frame"
    keyboard.begin_frame()
    keyboard.press(KeyPress("3"))
    assert mailbox.drain() == [Set("show.preset", "83")]


def test_presses_of_one_frame_add_up() -> None:
    twice = pressed(KeyPress("b"), KeyPress("b"))
    assert twice == [Nudge("show.blackout", 2)]
    assert CONTROLS["show.blackout"].nudged(False, 2) is False


def test_c_opens_the_list_of_all_controls_which_takes_arrows_and_letters() -> None:
    mailbox = Mailbox()
    keyboard = Keyboard(mailbox, Controls())
    for name, messages in [
        ("c", []),
        ("right", [Nudge("camera.zoom", 1 / 64)]),
        ("c", []),
        ("1", [Set("show.preset", "1")]),
        ("right", [Nudge("camera.zoom", 1 / 64)]),
        ("shift+return", [Set("midi.learn", "camera.zoom")]),
        ("escape", []),
        ("b", []),
        ("escape", []),
        ("escape", []),
        ("b", [Nudge("show.blackout", 1)]),
        ("shift+return", []),
        ("right", [Trigger("mix.filter_next")]),
    ]:
        keyboard.press(KeyPress(name))
        assert mailbox.drain() == messages
    keyboard.press(KeyPress("c", repeat=True))
    assert not keyboard.picker.open


def test_escape_closes_the_innermost_of_what_is_open_and_leaves_where_nothing_is() -> None:
    mailbox, controls = Mailbox(), Controls()
    keyboard = Keyboard(mailbox, controls)

    def escape(*, repeat: bool = False) -> list[Message]:
        keyboard.press(KeyPress("escape", repeat))
        messages = mailbox.drain()
        for message in messages:
            if isinstance(message, Set):
                controls.set(message.key, message.value)
        return messages

    controls.set("show.help", True)
    controls.set("midi.learn", "camera.zoom")
    keyboard.press(KeyPress("c"))
    assert escape() == [Set("midi.learn", "")] and keyboard.picker.open
    assert escape() == [] and not keyboard.picker.open
    assert escape() == [Set("show.help", False)]
    assert escape(repeat=True) == [], "a key that closes something does not quit by being held"
    assert escape() == [Trigger("show.leave")]


def test_a_held_escape_closes_one_thing_alone() -> None:
    mailbox, controls = Mailbox(), Controls()
    keyboard = Keyboard(mailbox, controls)
    controls.set("show.help", True)
    keyboard.press(KeyPress("c"))
    for repeat in (False, True, True):
        keyboard.press(KeyPress("escape", repeat))
    assert mailbox.drain() == [] and not keyboard.picker.open


def test_what_lies_above_is_asked_first_in_its_order() -> None:
    mailbox = Mailbox()
    asked: list[tuple[str, str]] = []

    class Above:
        open = False

        def __init__(self, name: str, own: str) -> None:
            self.name, self.own = name, own

        def press(self, event: KeyPress) -> bool:
            asked.append((self.name, event.name))
            return event.name == self.own

    keyboard = Keyboard(mailbox, Controls(), (Above("first", "b"), Above("second", "escape")))
    for name in ("b", "escape", "n"):
        keyboard.press(KeyPress(name))
    assert mailbox.drain() == [Trigger("mix.network_next")]
    wanted = [("first", "b"), ("first", "escape"), ("second", "escape")]
    assert asked == [*wanted, ("first", "n"), ("second", "n")]


def test_the_list_takes_the_keys_that_go_to_its_ends() -> None:
    """Check that End in a list does not panic."""
    mailbox = Mailbox()
    keyboard = Keyboard(mailbox, Controls())
    keyboard.press(KeyPress("c"))
    for name in ("end", "home", "pageup", "pagedown"):
        keyboard.press(KeyPress(name))
    assert mailbox.drain() == []


def test_other_keys_do_nothing() -> None:
    assert pressed(KeyPress("f13"), KeyPress(""), KeyPress("left shift"), KeyPress("ß")) == []


# The help page


def test_the_help_page_has_a_line_for_every_row_in_two_columns() -> None:
    lines = help_lines()
    assert [line.split("\t")[0] for line in lines[len(KEYS) :]] == ["C", "O", "/ Ctrl+F", "F9"]
    for line, row in zip(lines, KEYS, strict=False):
        assert line.split("\t") == [row.label, row.help]
        assert line.isascii() and len(line) <= 80


def test_the_help_page_says_what_the_controls_say() -> None:
    assert any(
        line.startswith("[ ]") and line.endswith("turns the picture") for line in help_lines()
    )
