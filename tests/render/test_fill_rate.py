from __future__ import annotations

import moderngl
import pytest
from made_textures import Textures

from liveflight.render import fill_rate
from liveflight.render.fill_rate import canvas_pixels

pytestmark = pytest.mark.gl


class Clock:
    """Each drawing takes the next of these seconds."""

    def __init__(self, *seconds: float) -> None:
        self._times = [time for each in seconds for time in (0.0, each)]

    def perf_counter(self) -> float:
        return self._times.pop(0)


def test_the_best_round_counts_and_the_interval(
    ctx: moderngl.Context, textures: Textures, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, rounds = [], fill_rate._ROUNDS - 2
    for interval in (1 / 30, 1 / 60):
        monkeypatch.setattr(fill_rate, "time", Clock(0.9, 0.004, *[0.02] * rounds))
        found.append(canvas_pixels(ctx, interval))
    share = fill_rate._SHARE
    assert found[0] == pytest.approx(640 * 360 / 0.004 / 30 * share)
    assert found[1] == pytest.approx(found[0] / 2)
    assert textures.alive == 0


def test_no_canvas_is_larger_than_4k_by_itself(
    ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill_rate, "time", Clock(*[0.0] * fill_rate._ROUNDS))
    assert canvas_pixels(ctx, 1 / 60) == 3840 * 2160
