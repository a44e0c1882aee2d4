from __future__ import annotations

import pytest
from each import each

from liveflight.controllers.control_picker import PICKABLE, STEP, ControlPicker
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger

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
    picker.lines({row.key: row.default})
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
    assert said(picker, mailbox, "l") == [Set("midi.learn", row.key)]
    back = [Set(row.key, row.default)] if row.settable else []
    assert said(picker, mailbox, "delete") == back


def test_a_closed_picker_takes_no_key_and_an_open_one_only_its_own(mailbox: Mailbox) -> None:
    picker = ControlPicker(mailbox)
    assert not picker.press("up")
    picker.toggle()
    assert picker.press("up") and not picker.press("b") and not picker.press("space")
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
    shown = [line.split("\t")[0][2:] for line in picker.lines({}) if "\t" in line][:-1]
    assert picker.press("pagedown") and picker.picked.key not in shown, "a page on"
    assert picker.press("up") and picker.picked.key == shown[-1]


def test_presets_are_stepped_through_in_their_order(
    picker: ControlPicker, mailbox: Mailbox
) -> None:
    from liveflight.storage import presets

    names = presets.names()
    pick(picker, "show.preset")
    picker.lines({"show.preset": names[1]})
    assert said(picker, mailbox, "right") == [Set("show.preset", names[2])]
    assert said(picker, mailbox, "left") == [Set("show.preset", names[0])]


def test_the_list_shows_what_is_picked_its_value_and_its_help(picker: ControlPicker) -> None:
    pick(picker, "camera.rotation")
    lines = picker.lines({"camera.rotation": 12.5, "camera.zoom": 1.2})
    assert "> camera.rotation\t12.5 deg/s" in lines
    assert "  camera.zoom\t1.2 x/s" in lines
    pick(picker, "show.freeze")
    lines = picker.lines({"show.freeze": True, "show.blackout": False})
    assert "> show.freeze\ton" in lines and "  show.blackout\toff" in lines
    assert any("\ton or off" in line for line in lines)
    pick(picker, "camera.rotation")
    lines = picker.lines({})
    assert any("turns the picture" in line and "-180 to 180 deg/s" in line for line in lines)
    assert len(lines) < 20


@pytest.mark.parametrize("key", ["mix.target", "pad.a", "pad.d", "mix.target_add", "mix.star"])
def test_a_target_is_chosen_elsewhere(key: str, picker: ControlPicker, mailbox: Mailbox) -> None:
    asked: list[tuple[str, str]] = []
    picker.choose = lambda control, value: asked.append((control, value))
    pick(picker, key)
    lines = picker.lines({key: "vgg16:conv4_1:17"})
    assert any(line.endswith("\tEnter: choose in the atlas") for line in lines)
    assert said(picker, mailbox, "return") == [] and asked == [(key, "vgg16:conv4_1:17")]


def test_other_texts_are_not(picker: ControlPicker, mailbox: Mailbox) -> None:
    picker.choose = lambda control, value: pytest.fail(f"{control} is no target")
    for key in ("show.preset", "midi.learn"):
        pick(picker, key)
        assert said(picker, mailbox, "return") == []
