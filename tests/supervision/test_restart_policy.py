from __future__ import annotations

from liveflight.supervision.restart_policy import BACK_OFF_S, QUIET_S, SAFE_WINDOW_S, RestartPolicy


def test_each_crash_waits_longer_and_the_last_wait_stays() -> None:
    policy = RestartPolicy(0.0)
    assert [policy.crashed(100.0 * n) for n in range(8)] == [*BACK_OFF_S, 60, 60, 60]


def test_three_crashes_in_five_minutes_lead_to_the_safe_look() -> None:
    policy = RestartPolicy(0.0)
    for now, safe in ((0, False), (150, False), (301, False), (302, True), (900, True)):
        policy.crashed(now)
        assert policy.safe is safe, now


def test_a_quiet_half_hour_forgives_one_crash_and_the_safe_look() -> None:
    policy = RestartPolicy(0.0)
    for now in (0.0, 10.0, 20.0):
        policy.crashed(now)
    policy.forgive(20 + QUIET_S - 1)
    assert policy.safe
    policy.forgive(20 + QUIET_S)
    assert not policy.safe
    assert policy.crashed(20 + QUIET_S + 1) == BACK_OFF_S[2]  # two are remembered, and this one
    assert policy.safe, "the full show was tried, and failed"
    assert policy.crashed(20 + 10 * QUIET_S) == BACK_OFF_S[0]


def test_the_full_show_is_tried_again_and_less_often_while_that_fails() -> None:
    policy = RestartPolicy(0.0)
    now = 0.0
    for now in (0.0, 10.0, 20.0):
        policy.crashed(now)
    for hours in (0.5, 1, 2, 4, 8, 16, 24, 24):
        assert not policy.may_try(now + hours * 3600 - 1)
        now += hours * 3600
        assert policy.may_try(now)
        policy.forgive(now)
        assert not policy.safe
        now += 10
        policy.crashed(now)
        assert policy.safe, "one crash is enough"
        policy.crashed(now + 1)
        now += 1
    now += 24 * 3600
    policy.forgive(now)
    policy.crashed(now + SAFE_WINDOW_S)
    assert not policy.safe, "the full show has lasted"
    for each in (1, 2):
        policy.crashed(now + SAFE_WINDOW_S + each)
    assert policy.safe and policy.patience == QUIET_S


def test_a_storm_of_crashes_is_forgiven_in_hours_not_in_weeks() -> None:
    policy = RestartPolicy(0.0)
    for now in range(1000):
        policy.crashed(float(now))
    assert policy.crashed(999 + 5 * QUIET_S) == BACK_OFF_S[0]


def test_quiet_time_is_counted_from_the_last_crash() -> None:
    policy = RestartPolicy(0.0)
    assert [policy.crashed(n * (QUIET_S - 1)) for n in range(5)] == list(BACK_OFF_S)
