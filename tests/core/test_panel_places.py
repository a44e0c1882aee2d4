from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import Size
from liveflight.core.panel_places import Place, places

HD, SMALL, PORTRAIT = (1280, 720), (640, 360), (720, 1280)
HUD, PICKER, HINT = (580, 250), (620, 550), (340, 48)


def test_the_hud_is_in_the_corner_and_the_line_at_the_bottom() -> None:
    found = places({"corner": HUD, "foot": HINT}, HD, 14)
    assert found == {"corner": (14, 14), "foot": (470, 658)}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (HD, {"corner": (14, 14), "main": (608, 85)}),
        (PORTRAIT, {"corner": (14, 14), "main": (50, 365)}),
        ((720, 860), {"corner": (14, 14), "main": (50, 278)}),
        ((1200, 720), {"main": (290, 85)}),
    ],
    ids=["beside", "in the middle below", "further below", "alone"],
)
def test_what_is_opened_lies_beside_or_below_the_hud_or_replaces_it(
    output: Size, expected: dict[Place, Size]
) -> None:
    assert places({"corner": HUD, "main": PICKER}, output, 14) == expected


def test_the_line_at_the_bottom_goes_where_it_would_cover_something() -> None:
    assert "foot" not in places({"main": (600, 340), "foot": HINT}, SMALL, 7)
    assert "foot" in places({"main": (600, 200), "foot": HINT}, SMALL, 7)


SIDES = st.integers(1, 900)
SIZES = st.dictionaries(st.sampled_from(("corner", "main", "foot")), st.tuples(SIDES, SIDES))


@given(SIZES, st.tuples(SIDES, SIDES), st.integers(0, 20))
def test_no_panel_lies_over_another(sizes: dict[Place, Size], output: Size, margin: int) -> None:
    found = places(sizes, output, margin)
    assert "main" in found or "main" not in sizes
    for one, other in combinations(found, 2):
        apart = [
            found[one][axis] + sizes[one][axis] <= found[other][axis]
            or found[other][axis] + sizes[other][axis] <= found[one][axis]
            for axis in (0, 1)
        ]
        assert any(apart)
