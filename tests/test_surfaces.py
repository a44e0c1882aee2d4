from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message, Set, Trigger
from liveflight.surfaces import Surfaces


class Fader:
    """A surface that answers each poll by moving zoom, and says what it was told."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.told: list[tuple[float, Mapping[str, Value], Sequence[Message]]] = []
        self.closed = 0

    def open(self, mailbox: Mailbox) -> None:
        if self.trouble == "open":
            raise LiveflightError("no such fader")
        if self.trouble == "network":
            raise OSError("unplugged")
        self.mailbox = mailbox

    def poll(self, now: float) -> None:
        if self.trouble == "poll":
            raise OSError("unplugged")
        self.mailbox.put(Set("camera.zoom", now))

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        if self.trouble == "tell":
            raise OSError("unplugged")
        self.told.append((now, values, heard))

    def lines(self) -> list[str]:
        if self.trouble == "lines":
            raise OSError("unplugged")
        return [f"fader {self.trouble}"] if self.trouble else []

    def close(self) -> None:
        self.closed += 1
        if self.trouble == "close":
            raise OSError("disk full")


def opened(*faders: Fader) -> tuple[Surfaces, Mailbox, list[str]]:
    reports: list[str] = []
    mailbox = Mailbox()
    surfaces = Surfaces(mailbox, lambda trouble: reports.append(str(trouble)))
    surfaces.open(faders)
    return surfaces, mailbox, reports


def test_each_is_asked_and_told_and_closed_once() -> None:
    one, other = Fader(), Fader()
    surfaces, mailbox, reports = opened(one, other)
    surfaces.poll(1.5)
    assert mailbox.drain() == [Set("camera.zoom", 1.5)]
    surfaces.tell(1.5, {"camera.zoom": 1.5}, [Trigger("mix.random")])
    assert one.told == other.told == [(1.5, {"camera.zoom": 1.5}, [Trigger("mix.random")])]
    surfaces.close()
    surfaces.close()
    assert (one.closed, other.closed, reports) == (1, 1, [])


def test_what_is_told_later_is_told_frame_by_frame_and_at_the_latest_at_the_end() -> None:
    fader = Fader()
    surfaces, _, _ = opened(fader)
    frames: list[tuple[float, Mapping[str, Value], Sequence[Message]]] = [
        (now, {"camera.zoom": now}, [Set("camera.zoom", now)]) for now in (1.0, 2.0, 3.0, 4.0)
    ]
    surfaces.tell(*frames[0], later=True)
    surfaces.tell(*frames[1], later=True)
    assert fader.told == []
    surfaces.tell(*frames[2])
    assert fader.told == frames[:3]
    surfaces.tell(*frames[3], later=True)
    surfaces.close()
    assert fader.told == frames


def test_one_that_cannot_be_opened_is_reported_and_left_out() -> None:
    broken, whole = Fader("open"), Fader()
    surfaces, _, reports = opened(broken, whole)
    assert surfaces.opened == [whole]
    assert reports == ["no such fader; flying on without"]


def test_one_that_is_indispensable_is_missed_aloud() -> None:
    surfaces, _, reports = opened()
    with pytest.raises(LiveflightError, match="no such fader"):
        surfaces.add(Fader("open"))
    whole = Fader()
    surfaces.add(whole)
    assert surfaces.opened == [whole] and reports == []


def test_one_that_fails_holds_up_no_other() -> None:
    for trouble in ("poll", "tell"):
        broken, whole = Fader(trouble), Fader()
        surfaces, mailbox, reports = opened(broken, whole)
        surfaces.poll(2.0)
        surfaces.tell(2.0, {}, [])
        assert len(mailbox.drain()) == 1 and len(whole.told) == 1
        assert reports == ["a control surface failed: OSError('unplugged')"]
        assert surfaces.lines() == [f"fader {trouble}"]


def test_one_that_fails_as_it_opens_is_left_out() -> None:
    surfaces, _, reports = opened(Fader("network"))
    assert surfaces.opened == []
    assert reports == [
        "a control surface cannot be opened: OSError('unplugged'); flying on without"
    ]


def test_one_that_has_nothing_to_show_for_itself_hides_no_other() -> None:
    surfaces, _, reports = opened(Fader("lines"), Fader("poll"))
    assert surfaces.lines() == ["fader poll"]
    assert reports == ["a control surface failed: OSError('unplugged')"]


def test_one_that_cannot_be_closed_keeps_no_other_open() -> None:
    whole, broken = Fader(), Fader("close")
    surfaces, _, reports = opened(whole, broken)
    surfaces.close()
    assert (whole.closed, broken.closed) == (1, 1)
    assert reports == ["a control surface failed: OSError('disk full')"]


def test_one_that_cannot_be_closed_is_reported_and_the_others_are_closed() -> None:
    first, broken, last = Fader(), Fader("close"), Fader()
    surfaces, _, reports = opened(first, broken, last)
    surfaces.drop(last)
    assert (surfaces.opened, last.closed) == ([first, broken], 1)
    surfaces.close()
    assert (first.closed, broken.closed, last.closed) == (1, 1, 1)
    assert reports == ["a control surface failed: OSError('disk full')"]
