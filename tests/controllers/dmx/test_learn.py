from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from liveflight.controllers.dmx.bindings import ChannelBinding
from liveflight.controllers.dmx.learn import ChannelLearner
from liveflight.core.controls import CONTROLS

ZOOM = CONTROLS["camera.zoom"]


def learned(frames: Iterable[Sequence[int]], restless: Iterable[int] = ()) -> ChannelBinding | None:
    """Return what is learned from frames at 40 a second."""
    learner = ChannelLearner(ZOOM, "", frozenset(restless))
    at = 0.0
    for at, frame in enumerate(frames):
        learner.hear(bytes(frame), at / 40)
    assert learner.found(at / 40) is None or at > 16
    return learner.found(at / 40 + 1)


def test_the_channel_that_moves_is_bound() -> None:
    assert learned([0, 0, level] for level in range(0, 60, 3)) == ChannelBinding(3, "camera.zoom")


def test_a_button_is_enough() -> None:
    assert learned([[5, 0], [5, 255]]) == ChannelBinding(2, "camera.zoom")


def test_jitter_and_channels_that_were_moving_are_not_learned() -> None:
    assert learned([100 + at % 2 * 7, 0] for at in range(40)) is None
    frames = [[at * 37 % 256, at * 2] for at in range(40)]
    assert learned(frames, restless=[1]) == ChannelBinding(2, "camera.zoom")


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 3.0, 8.0])
def test_a_coarse_and_a_fine_channel_are_learned_as_one(seconds: float) -> None:
    packets = int(40 * seconds)
    travel = np.linspace(0, 1, packets) ** 2 * (3 - 2 * np.linspace(0, 1, packets))
    values = [round(5000 + 50000 * share) for share in travel]
    found = learned([9, value >> 8, value & 255] for value in values)
    assert found == ChannelBinding(2, "camera.zoom", fine=3)


def test_two_faders_that_move_together_are_not_a_pair() -> None:
    frames = [[at * 3, at * 6, 0] for at in range(40)]
    assert learned(frames) == ChannelBinding(2, "camera.zoom"), "the one that travels farther"
    there_and_back = [*range(0, 200, 10), *range(200, 0, -10)]
    assert learned([a, a] for a in there_and_back) == ChannelBinding(1, "camera.zoom")


def test_a_text_control_keeps_its_text() -> None:
    learner = ChannelLearner(CONTROLS["show.preset"], "reef", frozenset())
    learner.hear(bytes(2), 0.0)
    learner.hear(bytes([0, 255]), 0.1)
    assert learner.found(1.0) == ChannelBinding(2, "show.preset", value="reef")


def test_nothing_is_learned_where_fewer_channels_come() -> None:
    learner = ChannelLearner(ZOOM, "", frozenset())
    learner.hear(bytes([0, 0]), 0.0)
    learner.hear(bytes([0, 255]), 0.1)
    learner.hear(bytes([0]), 0.2)
    assert learner.found(2.0) is None
