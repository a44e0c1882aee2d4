from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from liveflight.outputs.sinks.sound_pipe import SoundPipe

RATE = 1000
pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")


@pytest.fixture
def pipe() -> Iterator[SoundPipe]:
    made = SoundPipe(RATE, lambda: 0.0)
    made.began = 10.0
    yield made
    made.close()


def block(count: int) -> np.ndarray:
    return np.arange(1, count + 1, dtype=np.float32)


def test_blocks_follow_each_other_in_spite_of_jitter(pipe: SoundPipe) -> None:
    for number, late in enumerate((0.0, 0.05, -0.03, 0.08)):
        sound = pipe.in_step((block(100), RATE, 10.1 + number / 10 + late))
        np.testing.assert_array_equal(sound, block(100))
    assert pipe.written == 400


def test_what_is_missing_is_silent_and_what_is_too_much_is_left_out(pipe: SoundPipe) -> None:
    sound = pipe.in_step((block(100), RATE, 11.0))
    assert len(sound) == 1000 and not sound[:900].any()
    np.testing.assert_array_equal(sound[900:], block(100))
    assert len(pipe.in_step((block(500), RATE, 11.1))) == 100
    assert len(pipe.in_step((block(500), RATE, 11.0))) == 0
    assert len(pipe.in_step((block(0), RATE, 12.1))) == 1000


def test_sound_of_another_rate_is_converted(pipe: SoundPipe) -> None:
    tone = np.sin(np.arange(2000) * 2 * np.pi * 5 / 2000).astype(np.float32)
    sound = pipe.in_step((tone, 2000, 11.0))
    wanted = np.sin(np.arange(1000) * 2 * np.pi * 5 / 1000)
    np.testing.assert_allclose(sound, wanted, atol=1e-3)
    assert len(pipe.in_step((np.zeros(0, np.float32), 2000, 11.0))) == 0


def test_nothing_is_written_before_the_first_picture(pipe: SoundPipe) -> None:
    pipe.began = None
    assert len(pipe.in_step((block(100), RATE, 10.0))) == 0


def test_it_closes_without_having_started_and_leaves_no_file_open() -> None:
    before = len(os.listdir("/dev/fd"))
    made = SoundPipe(RATE)
    made.close()
    made.close()
    assert len(os.listdir("/dev/fd")) == before


def test_it_ends_although_more_is_heard() -> None:
    made = SoundPipe(RATE)
    reader = os.dup(made.reader)
    made.start()
    made.put(block(10), RATE)
    made.stop()
    made.put(block(10), RATE)
    assert made._blocks.qsize() <= 1
    made.close()
    os.close(reader)
