"""Sizes of views and of the canvas."""

from __future__ import annotations

import math

import pytest

from liveflight.core.contracts import Size
from liveflight.show.options import DENSE_VIEW, VIEW, Options, canvas_size, view_size


@pytest.mark.parametrize("device", VIEW)
def test_a_view_has_the_pixels_that_its_device_can_look_at(device: str) -> None:
    assert view_size(Options(), device, (1920, 1080)) == VIEW[device]
    assert view_size(Options(dense=True), device, (1920, 1080)) == DENSE_VIEW[device]


@pytest.mark.parametrize("shape", [(1024, 768), (1000, 1000), (768, 1024), (3840, 1080)])
def test_a_view_has_the_shape_of_the_canvas_and_costs_the_same(shape: Size) -> None:
    width, height = view_size(Options(), "cpu", shape)
    assert width % 2 == height % 2 == 0
    assert width / height == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert width * height == pytest.approx(320 * 180, rel=0.02)


@pytest.mark.parametrize(("shape", "aspect"), [((1000, 10), 4.0), ((10, 1000), 0.25)])
def test_the_longest_views_are_four_to_one(shape: Size, aspect: float) -> None:
    width, height = view_size(Options(), "cpu", shape)
    assert width / height == pytest.approx(aspect, rel=0.02)


def test_a_view_that_was_asked_for_is_given_as_it_is() -> None:
    options = Options(view=(201, 77))
    assert view_size(options, "cuda", (1920, 1080)) == (201, 77)
    assert view_size(options, "cuda", (1920, 1080), 0.9) == (180, 70)
    assert view_size(options, "cuda", (1920, 1080), 0.5) == (168, 64), "no side below 64 pixels"
    assert view_size(Options(view=(40, 30)), "cpu", (16, 9), 0.5) == (40, 30)


def test_the_canvas_has_the_outputs_size_unless_another_was_asked_for() -> None:
    assert canvas_size(Options(), (1281, 719)) == (1281, 719)
    assert canvas_size(Options(), (1281, 719), 0.5) == (640, 360)
    asked = Options(canvas=(300, 200))
    assert canvas_size(asked, (1281, 719), most=1) == (300, 200), "however long drawing takes"
    assert canvas_size(asked, (1281, 719), 0.5) == (150, 100)


@pytest.mark.parametrize(
    ("output", "canvas"), [((1, 1), (16, 16)), ((300, 1), (300, 16)), ((1, 40), (16, 40))]
)
def test_a_window_that_is_hardly_there_has_a_canvas(output: Size, canvas: Size) -> None:
    assert canvas_size(Options(), output) == canvas_size(Options(), output, 0.5) == canvas


def test_the_canvas_has_no_more_pixels_than_can_be_drawn_in_time() -> None:
    width, height = canvas_size(Options(), (3840, 2160), most=1e6)
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert width * height == pytest.approx(1e6, rel=0.01)
    assert canvas_size(Options(), (3840, 2160), 0.9, most=1e6) == (width, height)
    assert canvas_size(Options(), (320, 180), most=1e6) == (320, 180)
    assert canvas_size(Options(), (320, 180), most=math.inf) == (320, 180)
    assert canvas_size(Options(), (1920, 1080), most=1) == (114, 64), "no side below 64 pixels"
