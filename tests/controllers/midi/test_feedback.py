from __future__ import annotations

import pytest

from liveflight.controllers.midi.bindings import Binding, Sort, Source, Turn
from liveflight.controllers.midi.feedback import INTERVAL_S, MAX_PER_FRAME, MidiFeedback
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger


def bound(
    key: str, sort: Sort = "cc", number: int = 7, turn: Turn = "absolute", *, value: str = "",
    feedback: bool = True,
) -> Binding:  # fmt: skip
    return Binding(Source("Box", sort, 2, number), key, turn, value=value, feedback=feedback)


class Devices:
    """Collect the messages that open devices are sent, frame by frame."""

    def __init__(self, *bindings: Binding, port: str = "Box") -> None:
        self.feedback, self.bindings, self.port = MidiFeedback(), bindings, port
        self.values: dict[str, Value] = {row.key: row.default for row in CONTROLS.values()}
        self.now = 0.0

    def frame(
        self, values: dict[str, Value] | None = None, *heard: Message, dt: float = 0.05
    ) -> list[list[int]]:
        self.now += dt
        self.values.update(values or {})
        pairs = [(self.port, each) for each in self.bindings]
        self.feedback.update(pairs, self.values, heard)
        sent = [message for _, message in self.feedback.take(self.now)]
        assert {port for port, _ in sent} <= {self.port}
        return [data for _, data in sent]


ROTATION = "camera.rotation"
"""A straight fader from -180 to 180."""


@pytest.mark.parametrize(
    ("binding", "values", "messages"),
    [
        (bound(ROTATION), {ROTATION: 180.0}, [[0xB1, 7, 127]]),
        (bound(ROTATION), {ROTATION: -180.0}, [[0xB1, 7, 0]]),
        (bound(ROTATION, "pitch", 0), {ROTATION: 180.0}, [[0xE1, 127, 127]]),
        (bound(ROTATION, "cc14"), {ROTATION: 0.0}, [[0xB1, 7, 64], [0xB1, 39, 0]]),
        (bound(ROTATION, turn="twos"), {ROTATION: 90.0}, [[0xB1, 7, 95]]),
        (bound(ROTATION, "note"), {ROTATION: 0.0}, [[0x91, 7, 64]]),
        (bound("show.blackout", "note"), {"show.blackout": True}, [[0x91, 7, 127]]),
        (bound("show.blackout", "note"), {"show.blackout": False}, [[0x91, 7, 0]]),
        (bound("show.blackout"), {"show.blackout": True}, [[0xB1, 7, 127]]),
        (bound("sound.react", "note"), {"sound.react": "gentle"}, [[0x91, 7, 64]]),
        (bound("show.preset", "note", value="reef"), {"show.preset": "reef"}, [[0x91, 7, 127]]),
        (bound("show.preset", "note", value="reef"), {"show.preset": "ink"}, [[0x91, 7, 0]]),
        (bound("show.panic", "note"), {}, []),
        (bound(ROTATION, feedback=False), {ROTATION: 90.0}, []),
    ],
)
def test_what_a_knob_is_sent(
    binding: Binding, values: dict[str, Value], messages: list[list[int]]
) -> None:
    assert Devices(binding).frame(values) == messages


def test_only_what_has_changed_is_sent_and_all_of_it_on_sync_and_when_a_port_comes() -> None:
    devices = Devices(bound(ROTATION), bound("show.blackout", "note"))
    everything = [[0xB1, 7, 64], [0x91, 7, 0]]
    assert devices.frame() == everything
    assert devices.frame() == []
    assert devices.frame({"show.blackout": True}) == [[0x91, 7, 127]]
    assert devices.frame({ROTATION: 0.1}) == [], "less than a step of the knob"
    everything[1] = [0x91, 7, 127]
    assert sorted(devices.frame({}, Trigger("show.sync"))) == sorted(everything)
    devices.feedback.forget("Other")
    assert devices.frame() == []
    devices.feedback.forget("Box")
    assert sorted(devices.frame()) == sorted(everything)


def moved(devices: Devices, binding: Binding, raw: int) -> Set:
    """Return the message of a fader that a hand moves."""
    devices.feedback.moved(devices.port, binding, raw, acted=True)
    value = CONTROLS[binding.control].from_position(raw / 127)
    return Set(binding.control, value, "midi:Box")


def test_a_fader_is_not_sent_what_it_set_itself_but_all_others_are() -> None:
    one, other = bound(ROTATION, number=7), bound(ROTATION, number=8)
    devices = Devices(one, other)
    devices.frame()
    for raw in (70, 80, 90):
        message = moved(devices, one, raw)
        assert devices.frame() == [], "it has not reached its control yet"
        assert devices.frame({ROTATION: message.value}, message) == [[0xB1, 8, raw]]
    assert devices.frame({ROTATION: 180.0}) == [[0xB1, 7, 127], [0xB1, 8, 127]]


def test_a_fader_of_few_choices_is_not_pulled_to_the_nearest_one() -> None:
    fader = bound("warp.kaleidoscope")
    devices = Devices(fader)
    devices.frame()
    message = moved(devices, fader, 83)
    assert devices.frame({"warp.kaleidoscope": message.value}, message) == []
    assert devices.frame() == []


def test_a_ring_and_a_buttons_light_follow_their_own_moves() -> None:
    ring, button = bound(ROTATION, turn="offset"), bound("show.blackout", "note")
    devices = Devices(ring, button)
    devices.frame()
    devices.feedback.moved("Box", ring, 65, acted=True)
    turned = Nudge(ROTATION, 1 / 128, "midi:Box")
    assert devices.frame({ROTATION: 2.9}, turned) == [[0xB1, 7, 65]]
    devices.feedback.moved("Box", button, 100, acted=True)
    pressed = Nudge("show.blackout", 1, "midi:Box")
    assert devices.frame({"show.blackout": True}, pressed) == [[0x91, 7, 127]]
    devices.feedback.moved("Box", button, 0, acted=False)
    assert devices.frame() == [[0x91, 7, 127]], "its release may have put it out"


def test_a_control_that_moves_all_the_time_is_sent_thirty_times_a_second_and_its_last_value() -> (
    None
):
    devices = Devices(bound(ROTATION))
    devices.frame()
    sent = []
    for frame in range(240):
        sent += devices.frame({ROTATION: -180 + 1.5 * frame}, dt=1 / 240)
    assert 25 <= len(sent) <= 30
    sent += devices.frame(dt=INTERVAL_S)
    assert sent[-1] == [0xB1, 7, 126]


def test_many_at_once_share_the_frames_and_none_is_forgotten() -> None:
    keys = ("camera.rotation", "camera.pan_x", "camera.pan_y")
    knobs = [bound(keys[number % 3], number=number) for number in range(96)]
    devices = Devices(*knobs)
    counts = dict.fromkeys(range(96), 0)
    for frame in range(120):
        share = frame / 120
        sent = devices.frame({keys[0]: 180 * share, keys[1]: share, keys[2]: -share}, dt=1 / 60)
        assert len(sent) <= MAX_PER_FRAME
        for _, number, _ in sent:
            counts[number] += 1
    assert min(counts.values()) >= 10


@pytest.mark.parametrize(
    ("binding", "raw", "after", "echo"),
    [
        (bound(ROTATION), 64, 0.4, True),
        (bound(ROTATION), 65, 0.4, True),  # a motor that is a step off
        (bound(ROTATION), 68, 0.1, False),
        (bound(ROTATION), 64, 0.6, False),
        (bound(ROTATION, "pitch", 0), 8200, 0.1, True),
        (bound(ROTATION, "cc14"), 64, 0.1, True),
        (bound("show.blackout", "note"), 0, 0.01, True),
        (bound("show.blackout", "note"), 0, 0.1, False),
        (bound(ROTATION, turn="twos"), 64, 0.01, True),
        (bound(ROTATION, turn="twos"), 63, 0.01, False),
    ],
)
def test_what_comes_back_is_known_for_an_echo(
    binding: Binding, raw: int, after: float, echo: bool
) -> None:
    devices = Devices(binding)
    assert not devices.feedback.is_echo("Box", binding, raw, 0.0)
    devices.frame()
    assert devices.feedback.is_echo("Box", binding, raw, devices.now + after) is echo
    assert not devices.feedback.is_echo("Other", binding, raw, devices.now + after)


def test_a_press_is_taken_for_an_echo_only_once() -> None:
    pad = bound("show.blackout", "note")
    devices = Devices(pad)
    devices.frame({"show.blackout": True})
    taken = [devices.feedback.is_echo("Box", pad, 127, devices.now) for _ in range(2)]
    assert taken == [True, False]
