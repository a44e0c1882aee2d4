from __future__ import annotations

import pytest

from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Set, Trigger
from liveflight.core.quantise import Change, Quantise


def held(*changes: Change) -> Quantise:
    quantise = Quantise()
    for change in changes:
        quantise.hold(CONTROLS[change.key], change)
    return quantise


def test_what_waits_comes_out_once() -> None:
    quantise = held(Set("show.preset", "reef"))
    assert quantise.release() == [Set("show.preset", "reef")]
    assert quantise.release() == []


def test_a_second_change_of_the_same_kind_replaces_the_first() -> None:
    reef, ink = Set("show.preset", "reef"), Set("show.preset", "ink")
    step, target = Trigger("mix.filter_next"), Set("mix.target", "vgg16:conv4_1:3")
    assert held(reef, step, target, ink).release() == [target, ink]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([], ""),
        ([Set("show.preset", "plumage")], "at the bar: preset plumage"),
        (
            [Trigger("mix.layer_deeper"), Set("show.preset", "2")],
            "at the bar: layer deeper, preset 2",
        ),
    ],
)
def test_it_says_what_waits(changes: list[Change], text: str) -> None:
    assert held(*changes).describe("bar") == text


def test_whatever_changes_what_is_excited_can_wait() -> None:
    kinds = {row.key: row.waits for row in ROWS if row.waits}
    assert kinds["show.preset"] == "preset"
    mix = [row.key for row in ROWS if row.group == "mix" and row.kind in ("trigger", "text")]
    others = {"mix.journey_add", "mix.star"}
    assert {kinds[key] for key in mix if key not in others} == {"target"}
