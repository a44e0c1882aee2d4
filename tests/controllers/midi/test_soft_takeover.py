from __future__ import annotations

import pytest

from liveflight.controllers.midi.bindings import (
    Binding,
    MidiMap,
    Sort,
    Source,
    Takeover,
    Turn,
)
from liveflight.controllers.midi.soft_takeover import SoftTakeover
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger

ZOOM = CONTROLS["camera.rotation"]
"""A straight fader from -180 to 180."""


def source(number: int = 7, sort: Sort = "cc") -> Source:
    return Source("Box", sort, 1, number)


def knobs(
    key: str = "camera.rotation",
    *,
    sort: Sort = "cc",
    turn: Turn = "absolute",
    takeover: Takeover = "pickup",
    value: str = "",
    at: Value = 0.0,
) -> SoftTakeover:
    """Return one bound knob whose control stands at `at`."""
    bound = SoftTakeover(MidiMap([Binding(source(sort=sort), key, turn, takeover, value)]))
    bound.update({key: at}, [])
    return bound


def test_a_knob_waits_until_it_comes_past_where_its_control_stands() -> None:
    bound = knobs()
    assert bound.move(source(), 100) is None
    assert bound.waiting == "camera.rotation is at 50%, its knob at 79%: down"
    assert bound.move(source(), 80) is None
    message = bound.move(source(), 60)
    assert message == Set("camera.rotation", ZOOM.from_position(60 / 127))
    assert isinstance(message, Set) and message.origin == "midi:Box"
    assert bound.waiting == ""
    assert bound.move(source(), 0) == Set("camera.rotation", -180.0), "it has it from then on"


def test_a_knob_that_jumps_takes_its_control_along_at_once() -> None:
    assert knobs(takeover="jump").move(source(), 127) == Set("camera.rotation", 180.0)


def test_a_fader_that_leaps_to_where_it_was_sent_has_a_motor_and_never_waits() -> None:
    bound = knobs(at=0.0)
    (binding,) = bound.bindings
    bound.move(source(), 127)
    assert bound.move(source(), 120) is None, "it has not been sent anywhere"
    bound.sent(binding)
    assert bound.move(source(), 66) == Set("camera.rotation", ZOOM.from_position(66 / 127))
    bound.update({"camera.rotation": -180.0}, [])
    assert bound.move(source(), 90) == Set("camera.rotation", ZOOM.from_position(90 / 127))


def test_a_knob_that_is_turned_to_where_it_was_sent_has_none() -> None:
    bound = knobs(at=0.0)
    (binding,) = bound.bindings
    bound.move(source(), 127)
    bound.sent(binding)
    moved = [bound.move(source(), value) for value in range(127, 40, -5)]
    assert moved[0] is None and moved[-1] is not None
    bound.update({"camera.rotation": 180.0}, [])
    assert bound.move(source(), 40) is None


def test_a_box_that_was_unplugged_has_to_pick_up_again() -> None:
    bound = knobs(at=ZOOM.from_position(64 / 127))
    assert bound.move(source(), 64) is not None
    bound.unplugged("Another box")
    assert bound.move(source(), 66) is not None
    bound.unplugged("Box")
    assert bound.move(source(), 120) is None, "it was turned while it was away"


def test_a_twin_that_was_unplugged_has_to_pick_up_again_too() -> None:
    bound = knobs(at=ZOOM.from_position(64 / 127))
    twin = Source("Box #2", "cc", 1, 7)
    assert bound.move(twin, 64) is not None
    bound.unplugged("Box #2")
    assert bound.move(source(), 120) is None, "it was turned while it was away"


def test_who_is_overridden_by_another_has_to_pick_up_again() -> None:
    bound = knobs(at=ZOOM.from_position(64 / 127))
    own = bound.move(source(), 64)
    assert isinstance(own, Set)
    bound.update({"camera.rotation": own.value}, [own])
    assert bound.move(source(), 90) is not None, "its own move took nothing away"
    bound.update({"camera.rotation": -90.0}, [Set("camera.rotation", -90.0, "osc:here")])
    assert bound.move(source(), 91) is None
    assert bound.move(source(), 20) is not None


def test_several_turns_within_a_frame_are_all_followed() -> None:
    bound = knobs()
    assert bound.move(source(), 64) is not None
    for value in (80, 100, 127):
        assert bound.move(source(), value) is not None


def test_what_has_just_been_learned_is_held() -> None:
    bound = SoftTakeover(MidiMap())
    bound.update({"camera.rotation": -170.0}, [])
    bound.bind(Binding(source(), "camera.rotation"))
    assert bound.move(source(), 127) == Set("camera.rotation", 180.0)


def test_14_bits_come_in_two_halves() -> None:
    bound = knobs(sort="cc14", takeover="jump")
    assert bound.move(source(7), 127) == Set(
        "camera.rotation", ZOOM.from_position(127 * 128 / 16383)
    )
    assert bound.move(source(39), 127) == Set("camera.rotation", 180.0)
    assert bound.move(source(39), 1) == Set(
        "camera.rotation", ZOOM.from_position((127 * 128 + 1) / 16383)
    )


@pytest.mark.parametrize(
    ("turn", "up", "down"), [("offset", 65, 63), ("twos", 1, 127), ("sign", 1, 65)]
)
def test_encoders_step(turn: Turn, up: int, down: int) -> None:
    assert knobs(turn=turn).move(source(), up) == Nudge("camera.rotation", 1 / 128)
    assert knobs(turn=turn).move(source(), down) == Nudge("camera.rotation", -1 / 128)
    wedges = knobs("warp.kaleidoscope", turn=turn, at=0)
    assert wedges.move(source(), up) == Nudge("warp.kaleidoscope", 1)
    assert knobs(turn="offset").move(source(), 64) is None


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("mix.random", Trigger("mix.random")),
        ("show.freeze", Nudge("show.freeze", 1)),
        ("warp.mirror", Nudge("warp.mirror", 1)),
        ("show.preset", Set("show.preset", "reef")),
        ("camera.rotation", Set("camera.rotation", 180.0)),
    ],
)
def test_a_key_going_down_acts_and_coming_up_does_not(key: str, message: Message) -> None:
    bound = knobs(key, sort="note", value="reef" if key == "show.preset" else "")
    assert bound.move(source(sort="note"), 127) == message
    assert bound.move(source(sort="note"), 0) is None


def test_a_button_that_sends_a_controller_fires_once_per_press() -> None:
    bound = knobs("mix.random")
    said = [bound.move(source(), value) for value in (127, 127, 0, 127)]
    assert said == [Trigger("mix.random"), None, None, Trigger("mix.random")]


def test_switches_and_choices_follow_a_fader() -> None:
    assert knobs("show.freeze", takeover="jump", at=False).move(source(), 127) == Set(
        "show.freeze", True
    )
    assert knobs("warp.mirror", takeover="jump", at="off").move(source(), 127) == Set(
        "warp.mirror", "both"
    )


def test_a_wheel_and_what_is_bound_to_nothing() -> None:
    bound = knobs(sort="pitch", takeover="jump")
    assert bound.move(source(sort="pitch"), 16383) == Set("camera.rotation", 180.0)
    assert bound.move(source(99), 5) is None


def test_a_twin_stands_in_until_something_is_bound_to_itself() -> None:
    bound = knobs(takeover="jump")
    twin, other = Source("Box #2", "cc", 1, 7), Source("Boxes", "cc", 1, 7)
    assert bound.move(twin, 127) == Set("camera.rotation", ZOOM.maximum)
    assert bound.move(other, 127) is None
    bound.bind(Binding(Source("Box #2", "cc", 1, 8), "camera.zoom"))
    assert bound.move(twin, 127) is None
