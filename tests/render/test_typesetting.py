from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.core.text_panel import Bars, Panel, Text, of_lines, row
from liveflight.render.typesetting import typeset

LINES = ("block14_expand:22", "59.8 fps")
SIZES = ((1280, 720), (640, 360), (1920, 1080), (720, 1280))


def light(panel: Panel, size: tuple[int, int], *, fitted: bool) -> np.ndarray:
    """Brightness of the text."""
    return typeset(panel, size, fitted=fitted).pixels[..., :3].max(-1)


def test_is_larger_in_a_larger_window() -> None:
    small, large = (
        light(of_lines(LINES), size, fitted=False) for size in ((640, 360), (2560, 1440))
    )
    assert large.shape[0] > 2.5 * small.shape[0] and large.shape[1] > 2.5 * small.shape[1]


def right_ends(panel: np.ndarray) -> np.ndarray:
    return np.nonzero(panel.max(axis=0) > 100)[0]


def test_a_tab_sets_columns_in_line() -> None:
    keys = light(of_lines(["I\tL", "long name\tL"]), (640, 360), fitted=True)
    middle = keys.shape[0] // 2
    upper, lower = right_ends(keys[:middle]), right_ends(keys[middle:])
    assert upper[-1] == lower[-1]
    assert upper[upper > upper[0] + 10].min() > 60


def test_a_long_page_is_set_in_blocks_parted_at_empty_lines() -> None:
    sections = [[f"section {i}", *(f"{key}\twhat it does" for key in "ABCD"), ""] for i in range(6)]
    lines = of_lines(line for section in sections for line in section)
    page = light(lines, (640, 360), fitted=True)
    assert page.shape[0] <= 360 and page.shape[1] <= 640
    narrow = light(of_lines(sections[0]), (640, 360), fitted=True)
    assert page.shape[1] > 1.8 * narrow.shape[1]
    # Each block begins with a heading: there is light in the first line again and again.
    first = np.nonzero(page[: page.shape[0] // 12].max(axis=0) > 100)[0]
    assert first.size and np.diff(first).max() > 30


@pytest.mark.parametrize("size", SIZES)
def test_numbers_change_and_nothing_moves(size: tuple[int, int]) -> None:
    """A number stands at the right end of its width, and what follows stays where it is."""

    def panel(number: str) -> np.ndarray:
        return light((row("zoom", Text(number, width=5.0, right=True), "x/s"),), size, fitted=False)

    one, other = panel("8"), panel("188.88")
    assert one.shape == other.shape
    after = np.nonzero((one != other).any(0))[0].max() + 1
    assert one[:, after:].sum() > panel("")[:, after:].sum(), "the last digit is where it was"


def test_a_text_that_is_too_long_for_its_width_is_cut() -> None:
    def width(text: str) -> int:
        return typeset((row(Text(text, width=6.0)),), (640, 360), fitted=False).pixels.shape[1]

    assert width("x") == width("a very long name of a preset") < 120


@pytest.mark.parametrize("size", SIZES)
def test_bars_have_their_places_inside_the_panel(size: tuple[int, int]) -> None:
    made = typeset((row("beat", Bars(("a", "b", "c"), 6.0), "end"),), size, fitted=False)
    assert [bar.name for bar in made.bars] == ["a", "b", "c"]
    one, two, three = made.bars
    assert one.left + one.width < two.left and two.left + two.width < three.left
    height, width = made.pixels.shape[:2]
    assert three.left + three.width < width and 0 < one.top and one.top + one.height < height
    track = made.pixels[one.top : one.top + one.height, one.left : one.left + one.width, 0]
    assert (track > 40).all() and (track < 120).all()


def test_tones_have_colours_of_their_own() -> None:
    def colour(tone: str) -> tuple[int, ...]:
        pixels = typeset((row(Text("III", tone)),), (1280, 720), fitted=False).pixels  # type: ignore[arg-type]
        return tuple(pixels.reshape(-1, 4)[pixels[..., :3].sum(-1).argmax()][:3])

    assert len({colour(tone) for tone in ("normal", "dim", "accent", "alarm")}) == 4


ODD = "\x00\ud800\udfff\u202e\u200b\n\r\x1b日本🙂\ufffd\U0010ffff→é½"


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 20), (322, 180)])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    "lines",
    [[ODD], ["\t\t\t"], ["a\tb", "c", "\td\te"], ["W" * 10_000], [f"line {i}" for i in range(500)]],
    ids=["odd", "tabs", "ragged", "wide", "tall"],
)
def test_never_raises_and_never_leaves_the_window(
    size: tuple[int, int], fitted: bool, lines: list[str]
) -> None:
    panel = (*of_lines(lines), row(Bars(("a",), 9.0), Text(lines[0], "alarm", 3.0, True)))
    made = typeset(panel, size, fitted=fitted)
    height, width = made.pixels.shape[:2]
    assert made.pixels.dtype == np.uint8 and made.pixels.shape[2] == 4
    assert 1 <= height <= size[1] and 1 <= width <= size[0]
    assert np.all(made.pixels[..., :3].max(-1) <= made.pixels[..., 3])
    assert all(bar.left + bar.width <= width for bar in made.bars)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=30), min_size=1, max_size=5))
def test_takes_any_text(lines: Sequence[str]) -> None:
    for fitted in (False, True):
        assert typeset(of_lines(lines), (64, 36), fitted=fitted).pixels.size
