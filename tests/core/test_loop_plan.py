from __future__ import annotations

import pytest

from liveflight.core.loop_plan import LoopPlan


@pytest.mark.parametrize(("seconds", "fps"), [(2, 1), (2, 30), (10, 15), (30, 29.97), (3600, 60)])
def test_the_end_becomes_the_lead_in(seconds: float, fps: float) -> None:
    plan = LoopPlan(seconds, fps)
    assert plan.frames == round(seconds * fps)
    assert plan.total == plan.first + plan.frames
    assert plan.overlap <= plan.frames / 2
    assert plan.lead_in(plan.first) is None and plan.ending(plan.total) is None
    assert plan.lead_in(plan.first - 1) == plan.ending(plan.total - 1) == plan.overlap - 1
    assert plan.lead_in(plan.first - plan.overlap) == 0
    assert plan.ending(plan.total - plan.overlap) == 0
    assert plan.lead_in(0) is None or plan.first == plan.overlap
    assert plan.progress(0) == 0.0 and plan.progress(plan.overlap) == 1.0


def test_a_long_loop_ends_within_four_seconds() -> None:
    assert LoopPlan(30, 30).overlap == 120 and LoopPlan(10, 30).overlap == 120
    assert LoopPlan(5, 30).overlap == 60
