"""Test the findings of `doctor --wall` about this machine's ranks."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from liveflight.core.contracts import LiveflightError, Size
from liveflight.diagnostics import wall_checks
from liveflight.diagnostics.doctor import Finding
from liveflight.wall import rank_card
from liveflight.wall.group import Group
from liveflight.wall.layout import Layout
from liveflight.wall.place import WallPlace
from liveflight.wall.rank_card import RankCard
from liveflight.wall.seat import Generation

WALL = Layout(2, 1).wall((640, 180))
PLACES = [WallPlace(WALL, rank, local_rank=rank) for rank in WALL.ranks]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that another program listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def displays(places: list[WallPlace], sizes: list[Size] | None) -> list[Finding]:
    taken: dict[int, int] = {}
    return [wall_checks.display(place, sizes, taken) for place in places]


def test_displays_that_are_there() -> None:
    found = displays(PLACES, [(320, 180), (640, 360)])
    assert [each.ok for each in found] == [True, True]
    assert found[0].detail == "display 0, 320x180"
    assert found[1].detail == "display 1, 640x360, stretched from 320x180"


@pytest.mark.parametrize(
    ("sizes", "detail"),
    [
        (None, "DISPLAY and WAYLAND_DISPLAY are not set"),
        ([(320, 180)], "there is no display 1, only 0 (320x180)"),
        ([(320, 180), (320, 90)],
         "display 1 has 320x90 pixels, fewer than its tile with 320x180"),
    ],
)  # fmt: skip
def test_displays_that_are_not(sizes: list[Size] | None, detail: str) -> None:
    last = displays(PLACES, sizes)[-1]
    assert (last.name, last.ok, last.needed, last.detail) == (
        "rank 1 display", False, True, detail,
    )  # fmt: skip
    assert last.remedy


def test_two_ranks_on_one_display() -> None:
    same = Layout(2, 1, displays=(0, 0)).wall((640, 180))
    places = [WallPlace(same, rank) for rank in same.ranks]
    assert [each.ok for each in displays(places, [(320, 180)])] == [True, False]
    windows = [replace(place, windows=True) for place in places]
    assert [each.ok for each in displays(windows, [(320, 180)])] == [True, True]


def test_a_taken_port_is_named(port: int) -> None:
    place = replace(PLACES[0], master=("127.0.0.1", port))
    own, taken = wall_checks.network(place)
    assert own.ok and own.detail == "127.0.0.1: this machine alone"
    assert not taken.ok and taken.needed and taken.detail.startswith(f"127.0.0.1:{port}: ")
    assert [each.ok for each in wall_checks.network(replace(place, rank=1))] == [True]


def test_an_address_of_another_machine_is_no_interface() -> None:
    (found,) = wall_checks.network(replace(PLACES[0], interface="192.0.2.1"))
    assert not found.ok and found.needed and found.detail.startswith("192.0.2.1: ")


def test_memory_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = [place.tile for place in PLACES]
    pixels_mib = 2 * 320 * 180 * 1.25 * 64 / 2**20
    needed = 2 * wall_checks.RANK_MIB + pixels_mib
    for free_mib, enough in ((needed + 1, True), (needed - 1, False)):
        free = type("Free", (), {"available": free_mib * 2**20})
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: free)
        assert wall_checks.memory(tiles).ok is enough


class MadeUpMeeting:
    def __init__(self, cards: Mapping[int, Mapping[str, object]], missing: str) -> None:
        self._cards, self._missing, self.closed = cards, missing, False

    def first(self, timeout_s: float) -> Generation:
        line = self._missing or rank_card.check(WALL, self._cards)
        if line:
            raise LiveflightError(line)
        alone = [Group(0, (0,), None, 1.0) for _ in range(2)]
        return Generation(1, (0,), *alone)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("version", "missing", "detail", "ok"),
    [
        ("1.0", "", "2 ranks fit together", True),
        ("2.0", "", "rank 1: liveflight 2.0, where rank 0 has 1.0", False),
        ("1.0", "rank 1 has not come within 60 s", "rank 1 has not come within 60 s", False),
    ],
)
def test_ranks_compare_what_they_are(version: str, missing: str, detail: str, ok: bool) -> None:
    cards = [
        RankCard(each, "2.9", "left", "cpu", 0.0, **rank_card.placed(place, None))
        for each, place in zip(("1.0", version), PLACES, strict=True)
    ]
    meetings = []

    def go(place: WallPlace, card: Mapping[str, object]) -> MadeUpMeeting:
        meetings.append(MadeUpMeeting({0: card, 1: cards[1].as_json()}, missing))
        return meetings[-1]

    found = wall_checks.compare(PLACES[0], cards[0], go, 1.0)
    assert (found.ok, found.detail, found.needed) == (ok, detail, True)
    assert meetings[0].closed


def test_ranks_that_fit_are_told_so_on_both() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        master = "127.0.0.1", probe.getsockname()[1]
    places = [replace(place, master=master) for place in PLACES]
    cards = [
        RankCard("1.0", "2.9", "left", "cpu", 0.0, **rank_card.placed(place, None))
        for place in places
    ]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(wall_checks.compare, places, cards))
    assert [each.detail for each in found] == ["2 ranks fit together"] * 2
