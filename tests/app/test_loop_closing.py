"""A looped flight comes back to the controls, targets and picture that it began with."""

from __future__ import annotations

import numpy as np
import pytest
from kept_frames import KeptFrames
from on_stage import STEM, Begin, Show, sunrise

from liveflight.core.contracts import Target
from liveflight.core.loop_plan import LoopPlan
from liveflight.core.modulation import ModulationRow
from liveflight.loop.loop_closing import LoopClosing
from liveflight.outputs.sinks.loop_sink import LoopSink

pytestmark = pytest.mark.gl

PLAN = LoopPlan(6.0, 4.0)
OTHER = Target(STEM.network, "stem", 5)


def looped(show: Show) -> LoopSink:
    """Make the show, of the plan's frame rate, a loop; return what gets its frames."""
    sink = LoopSink(KeptFrames(), PLAN)
    show.app.sinks = [sink]
    closing = LoopClosing(show.flight, show.app.feedback_loop, sink)
    show.app.watchers.append(closing.after_frame)
    return sink


def fly_to(show: Show, sink: LoopSink, frame: int) -> None:
    while sink.frames < frame:
        show.now += 1 / PLAN.fps
        show.app.frame(show.now)


def test_numbers_come_back_to_where_they_were(begin: Begin) -> None:
    show = begin(live=False, fps=PLAN.fps)
    sway = ModulationRow("camera.rotation", "lfo", 0.3, shape="sine", hertz=0.37)
    show.flight.modulation.follow([sway])
    with looped(show) as sink:
        assert isinstance(sink, LoopSink)
        seen = []
        while sink.frames < PLAN.total:
            fly_to(show, sink, sink.frames + 1)
            seen.append(show.flight.controls.number("camera.rotation"))
    early = seen[PLAN.first - PLAN.overlap : PLAN.first]
    late = seen[-PLAN.overlap :]
    assert np.ptp(seen) > 20
    assert abs(late[-1] - early[-1]) < 0.05 * np.ptp(seen) and abs(late[0] - early[0]) > 5


def test_the_flight_does_not_move_on_but_in_the_middle(begin: Begin) -> None:
    show = begin(live=False, fps=PLAN.fps)
    controls = show.flight.controls
    controls.set("show.autopilot", True)
    with looped(show) as sink:
        assert isinstance(sink, LoopSink)
        fly_to(show, sink, PLAN.first - 1)
        assert not controls.flag("show.autopilot") and controls.flag("cue.hold")
        fly_to(show, sink, PLAN.first)
        assert controls.flag("show.autopilot") and not controls.flag("cue.hold")
        controls.set("warp.kaleidoscope", 6)
        show.flight.aim({OTHER: 1.0})
        fly_to(show, sink, PLAN.total - PLAN.overlap - 1)
        assert show.flight.target_selector.here == OTHER
        fly_to(show, sink, PLAN.total)
        assert not controls.flag("show.autopilot") and controls.flag("cue.hold")
        assert controls.whole("warp.kaleidoscope") == 0
        mix = show.flight.mix()
    assert max(mix, key=lambda target: mix[target]) == STEM and mix[STEM] > 0.9


@pytest.mark.parametrize("zoom", [1.0, 1.3, 0.8])
def test_the_picture_comes_back(begin: Begin, zoom: float) -> None:
    show = begin(live=False, fps=PLAN.fps)
    show.flight.controls.set_immediately("camera.zoom", zoom)
    show.flight.controls.set_immediately("show.master", 0.9)
    with looped(show) as sink:
        assert isinstance(sink, LoopSink)
        fly_to(show, sink, PLAN.total - PLAN.overlap - 1)
        show.canvas = sunrise()  # another picture than any that came before
        fly_to(show, sink, PLAN.total - PLAN.overlap + 1)
        assert sink.ending
        away = np.abs(sink.ending.shown.astype(float) - sink.ending.wanted).mean()
        fly_to(show, sink, PLAN.total)
        left = np.abs(sink.ending.shown.astype(float) - sink.ending.wanted).mean()
    assert away > 20 and left < 0.1 * away, "even before the last frames are corrected"
