from __future__ import annotations

import pytest

from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger
from liveflight.inputs.osc_codec import FITS, decode
from liveflight.inputs.osc_echo import HOLD, TOLD, Echo, dump, place_of, told, wants_all
from liveflight.inputs.osc_packet import elements

ZOOM = CONTROLS["camera.zoom"]


def due(echo: Echo, now: float, **values: Value) -> list[Value]:
    return [value for _, value in echo.due(now, {"camera.zoom": values["zoom"]})]


def test_what_is_new_is_due_until_it_is_told() -> None:
    echo = Echo()
    assert echo.due(0.0, {"camera.zoom": 1.2}) == [(ZOOM, 1.2)]
    echo.told("camera.zoom", 1.2)
    assert due(echo, 0.0, zoom=1.2) == []
    assert due(echo, 0.0, zoom=1.3) == [1.3]
    echo.forget()
    assert due(echo, 0.0, zoom=1.2) == [1.2]


def test_who_moved_it_is_not_told_until_the_hand_rests_and_then_only_what_differs() -> None:
    echo = Echo()
    echo.told("camera.zoom", 1.2)
    echo.heard(1.0, "camera.zoom", 2.0, own=True)
    assert due(echo, 1.0, zoom=1.9) == []
    assert due(echo, 0.999 + HOLD, zoom=1.9) == []
    assert due(echo, 1.0 + HOLD, zoom=2.0) == [], "it said so itself"
    assert due(echo, 1.0 + HOLD, zoom=1.9) == [1.9]
    echo.heard(1.1, "camera.zoom", 2.0, own=True)
    assert due(echo, 1.0 + HOLD, zoom=1.9) == [], "the hand moves on"


def test_a_neighbour_on_the_same_machine_is_told_in_the_end() -> None:
    echo = Echo()
    echo.told("camera.zoom", 1.2)
    echo.heard(1.0, "camera.zoom", 2.0, own=False)
    assert due(echo, 1.1, zoom=2.0) == []
    assert due(echo, 1.0 + HOLD, zoom=2.0) == [2.0]


def test_a_dump_holds_everything_that_has_a_value_in_the_form_it_is_sent_in() -> None:
    values: dict[str, Value] = {row.key: row.default for row in ROWS}
    datagrams = dump(values)
    assert all(len(datagram) <= FITS for datagram in datagrams)
    said = dict(decode(message) for datagram in datagrams for message in elements(datagram))
    remote = {row.address for row in ROWS if row.remote and row.kind != "trigger"}
    assert set(said) == remote - {"/liveflight/midi/learn"}
    assert said["/liveflight/camera/zoom"] == [pytest.approx(ZOOM.to_unit(1.2))]
    assert said["/liveflight/show/governor"] == [1.0]
    assert said["/liveflight/warp/mirror"] == [0.0]
    assert said["/liveflight/mix/target"] == [""]
    assert {row.key for row in TOLD} >= {
        "show.fps", "show.step_rate", "show.late", "show.effort", "mix.target", "show.preset",
        "tempo.bpm",
    }  # fmt: skip


def test_a_meter_is_told_in_its_unit() -> None:
    assert decode(told(CONTROLS["show.fps"], 59.5)) == ("/liveflight/show/fps", [59.5])


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
    assert wants_all([message]) is all_of_it
    assert not wants_all([])


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
    assert place_of(origin) == place
