"""Looks whose mirrors and wedges differ come in without a cut. Drawn for real."""

from __future__ import annotations

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import STEM
from kept_frames import KeptFrames

from liveflight.app import App
from liveflight.core.camera import DISSOLVE_S
from liveflight.core.contracts import Value
from liveflight.outputs.offscreen import Offscreen
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.options import Options
from liveflight.storage.presets import Preset

pytestmark = pytest.mark.gl

SIZE = (64, 36)
BEGUN = 4
"""Frames before the second look: the first ones load, plan and fold."""
DITHER = 1.0
"""Grey levels by which a picture that does not change differs from the one before, on average."""
RESAMPLED = 3.0
"""The same where the canvas is warped: from then on its own filter has drawn what was folded."""


def look(**settings: Value) -> Preset:
    """One in which nothing moves, and no brightness is held."""
    named = {key.replace("__", "."): value for key, value in settings.items()}
    still: dict[str, Value] = {"camera.zoom": 1.0, "colour.pull": 0.0, "ascent.soften": 0.0}
    return Preset("look", {STEM: 1.0}, still | named)


def recalled(before: Preset, after: Preset, fps: int, seconds: float) -> np.ndarray:
    """Return the pictures, 0..255, from the recall of a second preset on.

    Its morph takes `seconds`, and the flight lasts one second more."""
    shown = KeptFrames()
    flight = Flight(NetworkLoader(FakeEngine, background=False), seed=0)
    flight.recall(before)
    flight.controls.jump()
    app = App(Offscreen(SIZE), flight, Options(canvas=SIZE, fps=fps), live=False, sinks=[shown])
    try:
        for frame in range(BEGUN + round(fps * (1 + seconds)) + 1):
            if frame == BEGUN:
                flight.preset_player.recall(after, seconds)
            app.frame(frame / fps)
    finally:
        app.close()
    return np.array(shown.pictures[BEGUN - 1 :], np.float64)


CHANGES = [
    pytest.param(look(), look(warp__kaleidoscope=12), id="wedges"),
    pytest.param(look(warp__kaleidoscope=12), look(warp__kaleidoscope=3), id="fewer wedges"),
    pytest.param(look(), look(warp__mirror="both"), id="mirror"),
    pytest.param(look(warp__mirror="both"), look(warp__kaleidoscope=5), id="mirror to wedges"),
]


@pytest.mark.parametrize("seconds", [0.0, 0.5])
@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_no_frame_of_a_morph_is_a_cut(before: Preset, after: Preset, seconds: float) -> None:
    fps = 30
    pictures = recalled(before, after, fps, seconds)
    way = np.abs(pictures[-1] - pictures[0]).mean()
    steps = np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3))
    assert way > 5 * DITHER
    assert steps.max() < 2 * way / (fps * DISSOLVE_S) + DITHER
    assert steps[-fps // 4 :].max() < RESAMPLED, "it has an end"


def test_it_is_the_same_at_every_frame_rate() -> None:
    slow, fast = (recalled(look(), look(warp__kaleidoscope=6), fps, 0.25) for fps in (20, 40))
    for moment, picture in enumerate(slow):
        assert np.abs(picture - fast[min(2 * moment, len(fast) - 1)]).mean() < RESAMPLED


def test_what_is_unfolded_goes_on_from_where_it_is() -> None:
    pictures = recalled(look(warp__kaleidoscope=6), look(), 30, 0.25)
    assert np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3)).max() < RESAMPLED
