from __future__ import annotations

import pytest

from liveflight.controllers.dmx.merge import MAX_SOURCES, Merge
from liveflight.controllers.dmx.packets import DmxError, Levels


def levels(
    *values: int, of: str = "a", priority: int = 100, count: int | None = None, ended: bool = False
) -> Levels:
    return Levels(of, 1, bytes(values), count, priority, ended)


def test_the_highest_level_of_equal_sources_wins() -> None:
    merge = Merge(2.5)
    merge.put(levels(10, 200), 0.0)
    merge.put(levels(20, 100, 5, of="b"), 0.0)
    assert merge.levels() == bytes([20, 200, 5])
    merge.put(levels(0, 0, 0, of="b"), 0.1)
    assert merge.levels() == bytes([10, 200, 0])


def test_the_highest_priority_wins_until_it_is_silent() -> None:
    merge = Merge(2.5)
    merge.put(levels(200, priority=100), 0.0)
    merge.put(levels(10, of="b", priority=150), 0.0)
    assert merge.levels() == bytes([10])
    merge.put(levels(200, priority=100), 2.0)
    assert not merge.expire(2.5)
    assert merge.expire(2.6)
    assert merge.levels() == bytes([200])
    assert merge.expire(5.0) and merge.sources == 0 and merge.levels() == b""


def test_a_source_that_ends_is_gone_at_once() -> None:
    merge = Merge(2.5)
    merge.put(levels(1), 0.0)
    merge.put(levels(9, ended=True), 0.1)
    assert merge.sources == 0


def test_a_packet_that_was_overtaken_is_dropped() -> None:
    merge = Merge(2.5)
    for value, count in ((1, 254), (2, 255), (3, 0), (99, 255), (99, 0), (4, 3)):
        merge.put(levels(value, count=count), 0.0)
        assert merge.levels() == bytes([value]) or value == 99
    assert merge.levels() == bytes([4])
    merge.put(levels(5, count=200), 0.0)
    assert merge.levels() == bytes([5]), "it was started again"


def test_sources_are_bounded() -> None:
    merge = Merge(2.5)
    for number in range(MAX_SOURCES):
        merge.put(levels(1, of=str(number)), 0.0)
    with pytest.raises(DmxError, match="more than 16 sources"):
        merge.put(levels(1, of="one more"), 0.0)
    merge.put(levels(1, of="one more"), 3.0)
    assert merge.sources == 1
