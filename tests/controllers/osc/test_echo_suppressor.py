from __future__ import annotations

import pytest

from liveflight.controllers.osc.codec import MAX_BUNDLE_BYTES, decode
from liveflight.controllers.osc.echo_suppressor import (
    FEEDBACK_CONTROLS,
    HOLD_S,
    MAX_ECHO_DELAY_S,
    EchoSuppressor,
    dump,
    needs_full_update,
    origin_address,
    update_message,
)
from liveflight.controllers.osc.packets import elements
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger

ZOOM = CONTROLS["camera.zoom"]


def due(echo: EchoSuppressor, now: float, **values: Value) -> list[Value]:
    return [value for _, value in echo.due(now, {"camera.zoom": values["zoom"]})]


def test_what_is_new_is_due_until_it_is_told() -> None:
    echo = EchoSuppressor()
    assert echo.due(0.0, {"camera.zoom": 1.2}) == [(ZOOM, 1.2)]
    echo.note_sent("camera.zoom", 1.2, 0.0)
    assert due(echo, 0.0, zoom=1.2) == []
    assert due(echo, 0.0, zoom=1.3) == [1.3]
    echo.forget()
    assert due(echo, 0.0, zoom=1.2) == [1.2]


def test_who_moved_it_is_not_told_until_the_hand_rests_and_then_only_what_differs() -> None:
    echo = EchoSuppressor()
    echo.note_sent("camera.zoom", 1.2, 0.0)
    echo.note_received(1.0, "camera.zoom", 2.0, own=True)
    assert due(echo, 1.0, zoom=1.9) == []
    assert due(echo, 0.999 + HOLD_S, zoom=1.9) == []
    assert due(echo, 1.0 + HOLD_S, zoom=2.0) == [], "it said so itself"
    assert due(echo, 1.0 + HOLD_S, zoom=1.9) == [1.9]
    echo.note_received(1.1, "camera.zoom", 2.0, own=True)
    assert due(echo, 1.0 + HOLD_S, zoom=1.9) == [], "the hand moves on"


def test_a_neighbour_on_the_same_machine_is_told_in_the_end() -> None:
    echo = EchoSuppressor()
    echo.note_sent("camera.zoom", 1.2, 0.0)
    echo.note_received(1.0, "camera.zoom", 2.0, own=False)
    assert due(echo, 1.1, zoom=2.0) == []
    assert due(echo, 1.0 + HOLD_S, zoom=2.0) == [2.0]


def moved(positions: list[float], every: float = 0.04) -> EchoSuppressor:
    """Return a suppressor whose listener was sent these positions in turn."""
    echo = EchoSuppressor()
    for number, position in enumerate(positions):
        echo.note_sent("camera.zoom", ZOOM.from_position(position), number * every)
    return echo


@pytest.mark.parametrize("position", [0.1, 0.2, 0.30000001, 0.4])
def test_what_a_listener_was_told_and_says_late_is_an_echo(position: float) -> None:
    echo = moved([0.1, 0.2, 0.3, 0.4])
    said = Set("camera.zoom", ZOOM.from_position(position), "osc:10.0.0.5:9")
    assert echo.is_echo(0.5, said) and echo.is_echo(0.12 + MAX_ECHO_DELAY_S, said) is (
        position == 0.4
    )


@pytest.mark.parametrize("message", [Set("camera.zoom", ZOOM.from_position(0.25)),
    Set("camera.rotation", 0.0), Nudge("camera.zoom", 0.1), Trigger("show.sync")])  # fmt: skip
def test_what_it_was_not_told_is_no_echo(message: Message) -> None:
    assert not moved([0.1, 0.2, 0.3]).is_echo(0.5, message)


def test_a_hand_that_has_begun_to_move_may_end_where_it_was_told() -> None:
    echo = moved([0.0, 0.5])
    assert not echo.is_echo(0.3, Set("camera.zoom", ZOOM.from_position(0.2)))
    assert not echo.is_echo(0.4, Set("camera.zoom", ZOOM.from_position(0.0)))


def test_a_button_that_is_pressed_and_let_go_is_no_echo() -> None:
    echo = EchoSuppressor()
    echo.note_sent("show.freeze", False, 0.0)
    for at, down in ((0.2, True), (0.3, False), (0.6, True), (0.7, False)):
        assert not echo.is_echo(at, Set("show.freeze", down))
        echo.note_received(at, "show.freeze", down, own=True)


def test_who_echoes_an_older_position_is_told_the_latest_again_and_comes_to_rest() -> None:
    echo = moved([0.1, 0.4])
    zoom = float(ZOOM.from_position(0.4))
    assert due(echo, 0.5, zoom=zoom) == []
    assert echo.is_echo(0.5, Set("camera.zoom", ZOOM.from_position(0.1)))
    assert due(echo, 0.5, zoom=zoom) == [zoom]
    echo.note_sent("camera.zoom", zoom, 0.5)
    assert echo.is_echo(1.0, Set("camera.zoom", zoom))
    assert due(echo, 1.0, zoom=zoom) == []


def test_a_dump_holds_everything_that_has_a_value_in_the_form_it_is_sent_in() -> None:
    values: dict[str, Value] = {row.key: row.default for row in ROWS}
    datagrams = dump(values)
    assert all(len(datagram) <= MAX_BUNDLE_BYTES for datagram in datagrams)
    said = dict(decode(message) for datagram in datagrams for message in elements(datagram))
    remote = {row.address for row in ROWS if row.remote and row.kind != "trigger"}
    assert set(said) == remote - {"/liveflight/midi/learn"}
    assert said["/liveflight/camera/zoom"] == [pytest.approx(ZOOM.to_position(1.2))]
    assert said["/liveflight/show/governor"] == [1.0]
    assert said["/liveflight/warp/mirror"] == [0.0]
    assert said["/liveflight/mix/target"] == [""]
    assert {row.key for row in FEEDBACK_CONTROLS} >= {
        "show.fps", "show.step_rate", "show.late", "show.effort", "mix.target", "show.preset",
        "tempo.bpm",
    }  # fmt: skip


def test_a_meter_is_told_in_its_unit() -> None:
    assert decode(update_message(CONTROLS["show.fps"], 59.5)) == ("/liveflight/show/fps", [59.5])


@pytest.mark.parametrize(
    ("message", "all_of_it"),
    [
        (Trigger("show.sync"), True),
        (Set("show.preset", "reef"), True),
        (Trigger("mix.random"), False),
        (Nudge("camera.zoom", 0.1), False),
    ],
)
def test_when_everything_is_told(message: Message, all_of_it: bool) -> None:
    assert needs_full_update([message]) is all_of_it
    assert not needs_full_update([])


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("osc:127.0.0.1:5005", ("127.0.0.1", 5005)),
        ("oscquery:fe80::1%3:5005", ("fe80::1%3", 5005)),
        ("midi:Launch Control", ("", 0)),
        ("midi:nano:2", ("nano", 2)),
        ("key", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_where_a_message_came_from(origin: str, place: tuple[str, int]) -> None:
    assert origin_address(origin) == place
