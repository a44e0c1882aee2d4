from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from liveflight.core.contracts import Value
from liveflight.core.mailbox import (
    MAX_PER_CONTROL,
    MAX_QUEUED,
    Beat,
    Mailbox,
    Message,
    Nudge,
    Query,
    Set,
    Trigger,
)


@pytest.fixture
def hectic() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def ignore(value: Value) -> None:
    """A reply that goes nowhere."""


def drained(*messages: Message) -> list[Message]:
    mailbox = Mailbox()
    for message in messages:
        mailbox.put(message)
    return mailbox.drain()


def test_a_new_mailbox_is_empty_and_a_drained_one_is_empty_again() -> None:
    mailbox = Mailbox()
    assert mailbox.drain() == []
    mailbox.put(Set("camera.zoom", 1.0), Nudge("camera.zoom", 0.1), Trigger("show.reseed"))
    assert len(mailbox.drain()) == 3
    assert mailbox.drain() == []


def test_the_last_set_of_a_control_wins() -> None:
    assert drained(Set("camera.zoom", 1.0), Set("camera.zoom", 2.0)) == [Set("camera.zoom", 2.0)]


def test_nudges_add_up() -> None:
    assert drained(
        Nudge("camera.zoom", 0.25), Nudge("camera.pan_x", 1.0), Nudge("camera.zoom", -0.75)
    ) == [Nudge("camera.pan_x", 1.0), Nudge("camera.zoom", -0.5)]


def test_a_set_forgets_the_nudges_before_it_and_keeps_those_after_it() -> None:
    assert drained(
        Nudge("camera.zoom", 0.5), Set("camera.zoom", 1.0), Nudge("camera.zoom", 0.25)
    ) == [Set("camera.zoom", 1.0), Nudge("camera.zoom", 0.25)]


def test_a_set_leaves_the_nudges_of_other_controls() -> None:
    nudge, value = Nudge("camera.pan_x", 0.5), Set("camera.zoom", 1.0)
    assert drained(nudge, value) == [nudge, value]


def test_messages_come_out_in_the_order_in_which_they_were_last_said() -> None:
    preset, reseed = Set("show.preset", "dusk"), Trigger("show.reseed")
    zoom = Set("camera.zoom", 2.0)
    assert drained(Set("camera.zoom", 1.0), preset, reseed, zoom) == [preset, reseed, zoom]


def test_of_the_texts_of_a_control_the_newest_survive_each_once() -> None:
    texts: list[Message] = [Set("show.preset", name) for name in ("good", "god", "77")]
    assert drained(*texts) == texts
    assert drained(*texts, Set("camera.zoom", 2.0), texts[0]) == [
        *texts[1:], Set("camera.zoom", 2.0), texts[0]
    ]  # fmt: skip
    flood: list[Message] = [Set("mix.target", str(number)) for number in range(1000)]
    assert drained(*flood, *texts) == [*flood[-MAX_PER_CONTROL:], *texts]


def test_a_text_too_forgets_the_nudges_before_it() -> None:
    steps: list[Message] = [Nudge("warp.mirror", 1), Set("warp.mirror", "both")]
    assert drained(*steps, Nudge("warp.mirror", 2)) == [steps[1], Nudge("warp.mirror", 2)]


def test_the_newest_beat_replaces_the_one_before() -> None:
    zoom = Set("camera.zoom", 1.0)
    assert drained(Beat(3.5, 120.0), zoom, Beat(3.52, 121.0)) == [zoom, Beat(3.52, 121.0)]


def test_triggers_and_asks_are_never_merged() -> None:
    messages: list[Message] = [Trigger("mix.random"), Query("camera.zoom", ignore)] * 3
    assert drained(*messages) == messages


def test_a_flood_is_capped_and_counted_and_the_next_frame_is_free_again() -> None:
    mailbox = Mailbox()
    mailbox.put(*[Query("camera.zoom", ignore)] * (MAX_QUEUED + 5))
    mailbox.put(Set("camera.zoom", 1.0), Nudge("camera.zoom", 0.5))
    messages = mailbox.drain()
    assert len(messages) == MAX_QUEUED + 2, (
        "values and steps are bounded by the table and always kept"
    )
    assert mailbox.dropped == 5
    mailbox.put(Trigger("mix.random"))
    assert mailbox.drain() == [Trigger("mix.random")]
    assert mailbox.dropped == 5


def test_a_flood_of_one_trigger_leaves_room_for_others() -> None:
    mailbox = Mailbox()
    for _ in range(2):
        mailbox.put(*[Trigger("mix.random")] * 1000, Trigger("show.panic"))
        assert mailbox.drain() == [
            *[Trigger("mix.random")] * MAX_PER_CONTROL,
            Trigger("show.panic"),
        ]
    assert mailbox.dropped == 2 * (1000 - MAX_PER_CONTROL)


@pytest.mark.usefixtures("hectic")
def test_what_is_put_together_is_drained_together() -> None:
    """One thread puts pairs of equal values while the other drains: no drain sees half a pair."""
    mailbox = Mailbox()
    pairs = 2000

    def play() -> None:
        for value in range(pairs):
            mailbox.put(Set("camera.pan_x", value), Set("camera.pan_y", value))

    player = threading.Thread(target=play)
    player.start()
    seen: dict[str, Value] = {}
    while player.is_alive() or seen.get("camera.pan_x") != pairs - 1:
        messages = mailbox.drain()
        seen.update({m.key: m.value for m in messages if isinstance(m, Set)})
        assert seen.get("camera.pan_x") == seen.get("camera.pan_y")
        assert len(messages) in (0, 2)
    player.join()


@pytest.mark.usefixtures("hectic")
def test_no_nudge_of_several_threads_is_lost() -> None:
    mailbox = Mailbox()

    def play() -> None:
        for _ in range(1000):
            mailbox.put(Nudge("camera.zoom", 1.0))

    players = [threading.Thread(target=play) for _ in range(4)]
    for player in players:
        player.start()
    total = 0.0
    while any(player.is_alive() for player in players):
        total += sum(m.amount for m in mailbox.drain() if isinstance(m, Nudge))
    for player in players:
        player.join()
    total += sum(m.amount for m in mailbox.drain() if isinstance(m, Nudge))
    assert total == 4000.0
