from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from liveflight.wall import rank_card
from liveflight.wall.layout import Layout
from liveflight.wall.place import WallPlace
from liveflight.wall.rank_card import RankCard

WALL = Layout(2, 1, displays=(0, 1)).wall((640, 180))
DIGEST, OTHER = "ab12" * 16, "cd34" * 16


def card(rank: int, **more: Any) -> RankCard:
    place = WallPlace(WALL, rank)
    known = RankCard(
        version="1.0",
        torch="2.9.0+cpu",
        host="left",
        device="NVIDIA H200",
        memory_mib=143771.0,
        weights={"vgg16": DIGEST},
        displays=((320, 180), (1920, 1080)),
        **rank_card.placed(place, rank),
    )
    return replace(known, **more)


def check(second: RankCard, first: RankCard | None = None, **more: Any) -> str:
    """Check two cards that have travelled as JSON."""
    cards = {0: first or card(0), 1: second}
    sent = {rank: json.loads(json.dumps(each.as_json())) for rank, each in cards.items()}
    return rank_card.check(WALL, sent, **more)


def test_a_card_travels_as_json() -> None:
    sent = json.loads(json.dumps(card(1).as_json()))
    assert RankCard.from_json(sent) == card(1)


def test_in_the_safe_look_a_rank_fits_whatever_it_computes_with() -> None:
    safe = {"safe": True, "device": "cpu", "memory_mib": 0.0, "weights": {}}
    assert check(card(1, **safe)) == ""
    assert check(card(1), card(0, **safe)) == ""
    assert "liveflight 2.0" in check(card(1, version="2.0", **safe))
    assert "there is no display 1" in check(card(1, displays=((320, 180),), **safe))


def test_equal_ranks_fit() -> None:
    assert check(card(1)) == ""
    assert check(card(1, memory_mib=143000.0, torch="2.9.0+cu128")) == ""
    assert check(card(1, host="right", display=0, displays=((320, 180),))) == ""
    assert rank_card.check(WALL, {0: card(0).as_json()}) == ""


@pytest.mark.parametrize(
    ("second", "line"),
    [
        ({"version": "2.0"}, "rank 1: liveflight 2.0, where rank 0 has 1.0: install the same "
         "version on both machines"),
        ({"torch": "2.8.1"}, "rank 1: torch 2.8.1, where rank 0 has 2.9.0+cpu: install the same "
         "version on both machines"),
        ({"weights": {"vgg16": OTHER}}, "rank 1: other weights of vgg16 than rank 0 (cd34cd34cd34, "
         "there ab12ab12ab12): copy its file, or give --weights"),
        ({"weights": {}}, "rank 1: no weights of vgg16, which rank 0 has: copy its file, or give "
         "--weights"),
        ({"weights": {"vgg16": DIGEST, "vgg19": DIGEST}}, "rank 1: weights of vgg19, which rank 0 "
         "has not: copy the file, or give --weights"),
        ({"device": "NVIDIA RTX 4090", "memory_mib": 24564.0}, "rank 1: its GPU is NVIDIA RTX 4090 "
         "with 24 GiB, rank 0's is NVIDIA H200 with 140 GiB: the wall is as fast as the slowest; "
         "choose equal ones, or --allow-unequal"),
        ({"memory_mib": 70000.0}, "rank 1: its GPU is NVIDIA H200 with 68 GiB, rank 0's is NVIDIA "
         "H200 with 140 GiB: the wall is as fast as the slowest; choose equal ones, or "
         "--allow-unequal"),
        ({"device": "cpu", "memory_mib": 0.0}, "rank 1: its GPU is cpu, rank 0's is NVIDIA H200 "
         "with 140 GiB: the wall is as fast as the slowest; choose equal ones, or "
         "--allow-unequal"),
        ({"tile": card(0).tile}, "rank 1: its tile is 320x180 at 0,0 of 640x180, and by rank 0's "
         "options 320x180 at 320,0 of 640x180: give all ranks the same options"),
        ({"turns": 1, "canvas": (640, 200)}, "rank 1: its tile is 320x180 at 320,0 of 640x200 "
         "turned 90 degrees, and by rank 0's options 320x180 at 320,0 of 640x180: give all ranks "
         "the same options"),
        ({"displays": ((320, 180),)}, "rank 1: there is no display 1 of left, only 0 (320x180): "
         "connect it, choose others with --wall-displays, or try in windows: --wall-windows"),
        ({"displays": ((320, 180), (320, 160))}, "rank 1: display 1 of left has 320x160 pixels, "
         "fewer than its tile with 320x180: choose a smaller canvas or another display, or try in "
         "windows: --wall-windows"),
        ({"display": 0}, "rank 1: display 0 of left is rank 0's already"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_that_names_the_rank(
    second: dict[str, Any], line: str
) -> None:
    assert check(card(1, **second)) == line


def test_unequal_gpus_may_be_allowed() -> None:
    assert check(card(1, device="NVIDIA L40S", memory_mib=4.0), allow_unequal=True) == ""


def test_a_rank_in_a_window_or_a_render_needs_no_display() -> None:
    place = WallPlace(WALL, 1, windows=True)
    assert rank_card.placed(place, 7)["display"] is None
    assert check(card(1, display=None, displays=())) == ""


@pytest.mark.parametrize(
    "data",
    [
        {}, {**card(1).as_json(), "weights": 3}, {**card(1).as_json(), "tile": [1, 2, 3]},
        {**card(1).as_json(), "memory_mib": "much"}, {**card(1).as_json(), "version": 3},
        {**card(1).as_json(), "displays": [[1, 2]] * 99}, {**card(1).as_json(), "canvas": 4},
        {**card(1).as_json(), "turns": float("inf")},
    ],
)  # fmt: skip
def test_a_card_that_is_none_is_another_version(data: dict[str, object]) -> None:
    line = rank_card.check(WALL, {0: card(0).as_json(), 1: data})
    assert line.startswith("rank 1: another version of liveflight, which says of itself what")


def test_a_rank_beyond_the_wall_is_refused() -> None:
    line = rank_card.check(WALL, {0: card(0).as_json(), 2: card(1).as_json()})
    assert line == "rank 2: the ranks of this wall are 0 to 1"


def test_a_card_cannot_write_to_the_terminal() -> None:
    assert "\x1b" not in check(card(1, version="\x1b[2J2.0"))


@pytest.mark.parametrize(
    ("displays", "line"),
    [
        ([(320, 180), (320, 180)], ""),
        ([], "rank 0: there is no display 0: connect it"),
        ([(320, 180)], "rank 1: there is no display 1, only 0 (320x180): connect it"),
        ([(320, 180), (300, 180)], "rank 1: display 1 has 300x180 pixels, fewer than its tile"),
    ],
)
def test_one_machines_displays(displays: list[tuple[int, int]], line: str) -> None:
    found = rank_card.local_fault(WALL, displays)
    assert found.startswith(line) and bool(found) == bool(line)


def test_two_ranks_of_one_machine_need_two_displays() -> None:
    same = Layout(2, 1, displays=(0, 0)).wall((640, 180))
    line = rank_card.local_fault(same, [(320, 180)])
    assert line.startswith("rank 1: display 0 is rank 0's already: choose another")


def test_a_turned_picture_needs_a_turned_display() -> None:
    upright = Layout(1, 1, rotations=(90,)).wall((180, 320))
    assert rank_card.local_fault(upright, [(320, 180)]) == ""
    assert rank_card.local_fault(upright, [(180, 320)]).startswith("rank 0: display 0 has 180x320")
