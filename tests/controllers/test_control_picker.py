from __future__ import annotations

import pytest
from each import each

from liveflight.controllers.control_picker import PICKABLE, STEP, ControlPicker
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.core.text_panel import words

ACTING = ("mix.target_add", "mix.journey_add", "mix.star", "show.store", "show.name")
"""Texts that do something as soon as they are set."""


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def picker(mailbox: Mailbox) -> ControlPicker:
    picker = ControlPicker(mailbox)
    picker.toggle()
    return picker


def pick(picker: ControlPicker, key: str) -> None:
    for _ in PICKABLE:
        if picker.picked.key == key:
            return
        assert picker.press("down")
    raise AssertionError(f"{key} is not in the list")


def said(picker: ControlPicker, mailbox: Mailbox, *keys: str) -> list[Message]:
    for key in keys:
        assert picker.press(key)
    return mailbox.drain()


@each([r for r in ROWS if r.settable or r.kind == "trigger"])
def test_every_control_is_reached_with_arrows(
    row: Control, picker: ControlPicker, mailbox: Mailbox
) -> None:
    pick(picker, row.key)
    picker.panel({row.key: row.default})
    match row.kind:
        case "trigger":
            assert said(picker, mailbox, "return") == [Trigger(row.key)]
            assert said(picker, mailbox, "right", "left") == []
        case "text" if row.key in ACTING:
            assert said(picker, mailbox, "right", "left") == [], "it would be done at once"
        case "text":
            (message,) = said(picker, mailbox, "right")
            assert isinstance(message, Set) and message.key == row.key and message.value
            assert row.check(message.value) == message.value
        case "float":
            assert said(picker, mailbox, "right") == [Nudge(row.key, STEP)]
            assert said(picker, mailbox, "left") == [Nudge(row.key, -STEP)]
        case _:
            assert said(picker, mailbox, "right") == [Nudge(row.key, 1)]
            assert said(picker, mailbox, "left") == [Nudge(row.key, -1)]
    assert said(picker, mailbox, "shift+return") == [Set("midi.learn", row.key)]
    back = [Set(row.key, row.default)] if row.settable else []
    assert said(picker, mailbox, "delete") == back


def test_a_closed_picker_takes_no_key_and_an_open_one_only_its_own(mailbox: Mailbox) -> None:
    picker = ControlPicker(mailbox)
    assert not picker.press("up")
    picker.toggle()
    assert picker.press("up") and not picker.press("1") and not picker.press("space")
    picker.toggle()
    assert not picker.press("up")


def test_it_goes_round_by_lines_and_stops_at_its_ends_by_pages(picker: ControlPicker) -> None:
    first, last = PICKABLE[0], PICKABLE[-1]
    assert picker.press("up") and picker.picked is last
    assert picker.press("down") and picker.picked is first
    assert picker.press("end") and picker.picked is last
    assert picker.press("pagedown") and picker.picked is last
    assert picker.press("home") and picker.picked is first
    assert picker.press("pageup") and picker.picked is first
    shown = listed(picker)
    assert picker.press("pagedown") and picker.picked.name not in shown, "a page on"


def test_presets_are_stepped_through_in_their_order(
    picker: ControlPicker, mailbox: Mailbox
) -> None:
    from liveflight.storage import presets

    names = presets.names()
    pick(picker, "show.preset")
    picker.panel({"show.preset": names[1]})
    assert said(picker, mailbox, "right") == [Set("show.preset", names[2])]
    assert said(picker, mailbox, "left") == [Set("show.preset", names[0])]


def test_the_list_shows_what_is_picked_its_value_and_its_help(picker: ControlPicker) -> None:
    pick(picker, "camera.rotation")
    lines = words(picker.panel({"camera.rotation": 12.5, "camera.zoom": 1.2}))
    assert ">\trotation\t12.5\tdeg/s" in lines and " \tzoom\t1.2\tx/s" in lines
    assert "camera" in lines, "the heading of its group"
    pick(picker, "show.freeze")
    lines = words(picker.panel({"show.freeze": True, "show.blackout": False}))
    assert ">\tfreeze\ton" in lines and " \tblackout\toff" in lines
    assert "on or off" in lines
    pick(picker, "camera.rotation")
    lines = words(picker.panel({}))
    assert any("turns the picture" in line for line in lines) and "-180 to 180 deg/s" in lines


def test_its_rows_and_columns_stay_where_they_are(picker: ControlPicker) -> None:
    """Whatever is picked and typed, and whatever the values are."""
    heights, widths = set(), set()
    for number in range(len(PICKABLE) + 4):
        value = 10.0**-number
        panel = picker.panel({row.key: value for row in PICKABLE if row.kind == "float"})
        heights.add(len(panel))
        widths |= {tuple(cell.width for cell in row) for row in panel if len(row) == 5}
        assert picker.press("down" if number < len(PICKABLE) else "xyzw"[number - len(PICKABLE)])
    assert len(heights) == len(widths) == 1


def test_a_bar_shows_where_a_control_stands_between_its_ends(picker: ControlPicker) -> None:
    levels = picker.levels({"camera.rotation": 0.0, "camera.pan_x": 1.0, "warp.kaleidoscope": 4})
    assert levels["camera.rotation"] == (0.5, 0.5) and levels["camera.pan_x"] == (0.5, 1.0)
    assert levels["warp.kaleidoscope"] == (0.0, 0.25)
    assert "warp.mirror" not in levels and "show.freeze" not in levels


def listed(picker: ControlPicker) -> list[str]:
    """The controls that are on the screen."""
    rows = [line.split("\t") for line in words(picker.panel({}))[1:15]]
    return [row[1] for row in rows if len(row) > 1]


def test_letters_reduce_the_list_to_what_has_them(picker: ControlPicker) -> None:
    for key in "panq":
        assert picker.press(key)
    assert listed(picker) == [] and picker.press("left") and picker.press("return")
    assert "no control has these letters" in words(picker.panel({}))
    picker.press("backspace")
    assert listed(picker) == ["pan_x", "pan_y", "panic"] and picker.picked.key == "camera.pan_x"
    assert picker.press("space") and picker.press("y")
    assert listed(picker) == ["pan_y"] and picker.picked.key == "camera.pan_y"
    assert words(picker.panel({}))[0] == f"find: pan y_\t1 of {len(PICKABLE)}"
    picker.leave()
    assert picker.open and picker.picked.key == "camera.pan_y", "what was typed is cleared first"
    assert words(picker.panel({}))[0].startswith("all controls\t")
    picker.leave()
    assert not picker.open


def test_the_help_is_searched_where_no_name_fits(picker: ControlPicker) -> None:
    for key in "clockwise":
        picker.press(key)
    assert listed(picker) == ["rotation"]


def test_what_is_picked_stays_picked_while_it_has_the_letters(
    picker: ControlPicker, mailbox: Mailbox
) -> None:
    pick(picker, "camera.pan_y")
    assert said(picker, mailbox, "p", "a", "n", "right") == [Nudge("camera.pan_y", STEP)]
    assert said(picker, mailbox, "up", "right") == [Nudge("camera.pan_x", STEP)]


@pytest.mark.parametrize("key", ["mix.target", "pad.a", "pad.d", "mix.target_add", "mix.star"])
def test_a_target_is_chosen_elsewhere(key: str, picker: ControlPicker, mailbox: Mailbox) -> None:
    asked: list[tuple[str, str]] = []
    picker.choose = lambda control, value: asked.append((control, value))
    pick(picker, key)
    assert "Enter: choose in the atlas" in words(picker.panel({key: "vgg16:conv4_1:17"}))
    assert said(picker, mailbox, "return") == [] and asked == [(key, "vgg16:conv4_1:17")]


def test_other_texts_are_not(picker: ControlPicker, mailbox: Mailbox) -> None:
    picker.choose = lambda control, value: pytest.fail(f"{control} is no target")
    for key in ("show.preset", "midi.learn"):
        pick(picker, key)
        assert said(picker, mailbox, "return") == []
