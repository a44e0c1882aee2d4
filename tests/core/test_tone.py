from __future__ import annotations

import itertools

import pytest

from liveflight.core.tone import NEUTRAL, Tone, ToneHold


def test_a_neutral_tone_changes_nothing() -> None:
    tone = Tone(1.5, -0.2)
    assert NEUTRAL.then(tone) == tone.then(NEUTRAL) == tone


@pytest.mark.parametrize("value", [-0.25, 0.0, 0.5, 1.25])
def test_one_after_another_is_one(value: float) -> None:
    first, second, third = Tone(1.5, -0.25), Tone(0.5, 0.5), Tone(2.0, 0.125)

    def seen(tone: Tone, value: float) -> float:
        return value * tone.gain + tone.offset

    both = first.then(second)
    assert seen(both, value) == pytest.approx(seen(second, seen(first, value)))
    assert both.then(third) == first.then(second.then(third))


def statistics(tone: Tone, mean: float, deviation: float) -> tuple[float, float]:
    return mean * tone.gain + tone.offset, deviation * tone.gain


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 0.2), (0.1, 0.08), (0.9, 0.6), (-3.0, 0.3)])
def test_a_pull_ends_at_the_wanted_mean_and_deviation(mean: float, deviation: float) -> None:
    tone, away = NEUTRAL, []
    for _ in range(200):
        now = statistics(tone, mean, deviation)
        away.append((abs(now[0] - 0.45), abs(now[1] - 0.19)))
        tone = tone.pulled(*now, 0.45, 0.19, 0.1)
    assert statistics(tone, mean, deviation) == pytest.approx((0.45, 0.19), abs=1e-6)
    for (mean_before, before), (mean_after, after) in itertools.pairwise(away):
        assert mean_after <= mean_before and after <= before + 1e-12


def test_a_whole_share_is_there_at_once_and_none_stays() -> None:
    tone = Tone(1.25, 0.0)
    assert statistics(tone.pulled(0.7, 0.1, 0.5, 0.2, 1.0), 0.7 / 1.25, 0.1 / 1.25) == (
        pytest.approx((0.5, 0.2))
    )
    assert tone.pulled(0.7, 0.1, 0.5, 0.2, 0.0) == tone


def test_a_gain_alone_leaves_the_mean_where_it_is() -> None:
    tone = NEUTRAL.pulled(0.8, 0.1, 0.8, 0.2, 0.5)
    assert statistics(tone, 0.8, 0.1) == pytest.approx((0.8, 0.15))


@pytest.mark.parametrize(("deviation", "gain"), [(0.0, 4.0), (1e-9, 4.0), (0.01, 4.0), (9.0, 0.25)])
def test_the_gain_has_limits_and_the_mean_arrives_in_spite_of_them(
    deviation: float, gain: float
) -> None:
    tone = NEUTRAL
    for _ in range(300):
        tone = tone.pulled(*statistics(tone, 0.2, deviation), 0.5, 0.19, 0.2)
        assert 0.25 - 1e-9 <= tone.gain <= 4.0 + 1e-9
    assert tone.gain == pytest.approx(gain)
    assert statistics(tone, 0.2, deviation)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_statistics_that_come_late_make_no_difference(share: float) -> None:
    hold, late, at_once = ToneHold(), NEUTRAL, NEUTRAL
    found = None
    for _ in range(12):
        before = statistics(late, 0.2, 0.1)
        late = hold.pulled(late, found, 0.5, 0.2, share)
        if found:
            at_once = at_once.pulled(*statistics(at_once, 0.2, 0.1), 0.5, 0.2, share)
        found = before
        assert (late.gain, late.offset) == pytest.approx((at_once.gain, at_once.offset))
    assert hold.pulled(late, None, 0.5, 0.2, share) == late
    again = hold.pulled(late, (0.3, 0.1), 0.5, 0.2, share)
    assert again == late.pulled(0.3, 0.1, 0.5, 0.2, share), "what was before is forgotten"
