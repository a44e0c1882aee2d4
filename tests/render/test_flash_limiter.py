"""The flash limiter, judged by the meter of benchmarks/, which shares no code with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import moderngl
import numpy as np
import pytest
from flash_meter import judged
from flashing import HIGH, WIDE, Frame, Screen, frames, part, sine, square

pytestmark = pytest.mark.gl

HALF = np.zeros((HIGH, WIDE))
HALF[:, : WIDE // 2] = 1.0
CHECKS = (np.indices((HIGH, WIDE)).sum(0) // 4 % 2).astype(float)
NOISE = np.kron(np.random.default_rng(1).random((90, 9, 16)), np.ones((1, 10, 10)))
_ROWS, _COLUMNS = np.indices((HIGH, WIDE)) // 8
PHASES = (7 * _ROWS + 3 * _COLUMNS**2 + _COLUMNS) % 6 / 6
"""Of squares of 1.5 degrees: as many rise as fall in any frame."""
Light = Callable[[float], object]


@pytest.fixture
def screen(ctx: moderngl.Context) -> Iterator[Screen]:
    screen = Screen(ctx)
    yield screen
    screen.release()


def shown(
    screen: Screen, light: Light, seconds: float, fps: float
) -> tuple[list[Frame], list[Frame]]:
    """Return what was to be shown, and what was."""
    given = list(frames(light, seconds, fps))
    return given, screen.play(iter(given), fps)


ATTACKS = [
    pytest.param(square(10, 0.0, 1.0), 30.0, id="10 Hz"),
    pytest.param(square(3.3, 0.1, 0.6), 30.0, id="3.3 Hz"),
    pytest.param(square(30, 0.0, 1.0), 60.0, id="30 Hz at 60 fps"),
    pytest.param(square(8, 0.0, 1.0), 144.0, id="8 Hz at 144 fps"),
    pytest.param(square(10, 0.0, part(0.27)), 30.0, id="a quarter of a field"),
    pytest.param(square(6, HALF, 1 - HALF), 30.0, id="opposed halves"),
    pytest.param(square(8, CHECKS, 1 - CHECKS), 30.0, id="opposed squares"),
    pytest.param(lambda now: NOISE[int(15 * now)], 30.0, id="cuts"),
    pytest.param(sine(4, 0.1, 0.6), 30.0, id="sine"),
    pytest.param(
        lambda now: 0.45 + 0.3 * np.sin(2 * np.pi * (10 * now + PHASES)),
        60.0,
        id="squares out of phase",
    ),
    pytest.param(
        lambda now: np.broadcast_to(
            0.45 + 0.3 * np.sin(2 * np.pi * (10 * now + np.arange(WIDE) / WIDE)), (HIGH, WIDE)
        ),
        60.0,
        id="a wave of the picture's width",
    ),
    pytest.param(square(6, (0.0, 0.0, 0.0), (0.9, 0.0, 0.0)), 30.0, id="red and black"),
    pytest.param(square(6, (0.0, 0.0, 0.9), (0.3, 0.0, 0.0)), 30.0, id="red and blue"),
]


@pytest.mark.parametrize(("light", "fps"), ATTACKS)
def test_nothing_flashes_more_than_three_times_in_a_second(
    screen: Screen, light: Light, fps: float
) -> None:
    given, found = shown(screen, light, 1.6 if fps < 100 else 1.2, fps)
    assert not judged(iter(given), fps).passes, "it is no attack"
    assert judged(iter(found), fps).passes
    assert screen.limiter.frames > 0


@pytest.mark.parametrize("fps", [30.0, 60.0])
@pytest.mark.parametrize(
    "light",
    [
        pytest.param(square(3, 0.1, 0.6), id="3 Hz"),
        pytest.param(square(12, 0.2, 0.28), id="8 %"),
        pytest.param(sine(1, 0.0, 1.0), id="a slow sine"),
        pytest.param(square(10, 0.0, part(0.1)), id="a small place"),
        pytest.param(lambda now: NOISE[int(4 * now)], id="four cuts a second"),
    ],
)
def test_what_is_allowed_stays_as_it_is_bit_by_bit(
    screen: Screen, light: Light, fps: float
) -> None:
    given, found = shown(screen, light, 1.3, fps)
    for one, other in zip(given, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert screen.limiter.frames == 0 and not screen.limiter.limited


def test_a_strobe_becomes_steady_and_the_picture_is_back_a_second_after_it(screen: Screen) -> None:
    def attack(now: float) -> object:
        return square(10, 0.0, 0.9)(now) if now < 4 else 0.5

    given, found = shown(screen, attack, 5.5, 30.0)
    levels = np.array([frame.mean() for frame in found])
    strobe = levels[60:120]
    assert 100 < strobe.mean() < 200 and np.ptp(strobe) < 60, "neither black nor frozen"
    for one, other in zip(given[-6:], found[-6:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not screen.limiter.limited


def test_far_from_a_flashing_corner_nothing_changes(screen: Screen) -> None:
    corner = np.zeros((HIGH, WIDE))
    corner[:24, :40] = 1.0
    given, found = shown(screen, square(10, 0.3, 0.3 + 0.6 * corner), 2.0, 30.0)
    assert judged(iter(found), 30.0).passes
    for one, other in zip(given, found, strict=True):
        np.testing.assert_array_equal(one[75:, 135:], other[75:, 135:])


def test_a_change_of_size_gives_no_new_budget(ctx: moderngl.Context, screen: Screen) -> None:
    given = list(frames(square(10, 0.1, 0.8), 3.0, 30.0))
    sizes = [(1, 1), (2, 2), (1, 2), (2, 1)]
    levels = []
    for number, frame in enumerate(given):
        high, wide = sizes[number // 9 % 4]
        out = screen.show(np.repeat(np.repeat(frame, high, 0), wide, 1), 1 / 30)
        levels.append(np.full((HIGH, WIDE, 3), round(out.mean()), np.uint8))
    assert judged(iter(levels), 30.0).passes


def test_the_limited_picture_is_the_right_way_up(ctx: moderngl.Context) -> None:
    flash = np.zeros((HIGH, WIDE))
    flash[:30] = 1.0  # above
    given = list(frames(square(10, 0.2 * flash, flash), 1.5, 30.0))
    both = [Screen(ctx, bottom_up) for bottom_up in (False, True)]
    try:
        for frame in given:
            one, other = (screen.show(frame, 1 / 30) for screen in both)
            assert np.abs(one.astype(int) - other).max() <= 2, "but for the dither"
        assert both[1].limiter.limited and one[:20].mean() > one[60:].mean() + 50
    finally:
        for screen in both:
            screen.release()


def test_the_same_frames_are_limited_alike(ctx: moderngl.Context) -> None:
    given = list(frames(lambda now: NOISE[int(12 * now)], 1.5, 30.0))
    screens = [Screen(ctx), Screen(ctx)]
    try:
        first, second = (screen.play(iter(given), 30.0) for screen in screens)
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)
    finally:
        for screen in screens:
            screen.release()
