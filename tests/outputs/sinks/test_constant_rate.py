from __future__ import annotations

import numpy as np
import pytest

from liveflight.outputs.sinks.constant_rate import ConstantRate


def test_frames_at_the_rate_are_taken_once_in_spite_of_jitter() -> None:
    rate, jitter = ConstantRate(30), np.random.default_rng(1).uniform(-0.4, 0.4, 300)
    jitter[0] = 0
    assert [rate.copies((n + jitter[n]) / 30) for n in range(300)] == [1] * 300


def test_a_slow_show_repeats_frames_and_a_fast_one_drops_some() -> None:
    slow, fast = ConstantRate(30), ConstantRate(30)
    assert [slow.copies(5 + n / 10) for n in range(4)] == [1, 3, 3, 3]
    assert sum(fast.copies(n / 60) for n in range(60)) in (30, 31)
    assert fast.seconds == pytest.approx(1, abs=0.04)


def test_a_long_gap_is_cut_short_and_time_goes_on_from_there() -> None:
    rate = ConstantRate(10)
    assert rate.copies(0.0) == 1
    assert rate.copies(3600.0) == 101
    assert [rate.copies(3600.0 + n / 10) for n in (1, 2)] == [1, 1]


def test_time_that_goes_back_drops_frames() -> None:
    rate = ConstantRate(10)
    assert [rate.copies(at) for at in (1.0, 1.1, 0.5, 1.2)] == [1, 1, 0, 1]
