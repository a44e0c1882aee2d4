"""A live sink never delays the show."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from jack_box import until

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks import live_sink
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.live_sink import (
    DROPS_SHOWN_S,
    MAX_WAITING,
    WORKING_S,
    LiveSink,
)


class Receiver(LiveSink):
    """Record what is sent; wait or fail when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.got: list[tuple[int, float]] = []
        self.opened: list[Size] = []
        self.ends: list[bool] = []
        self.go = threading.Event()
        self.go.set()
        self.gone = ""
        self.interrupted = 0
        super().__init__("the receiver", lambda: self.now)

    def open(self, size: Size) -> None:
        self.opened.append(size)
        if self.gone == "refuses":
            raise LiveflightError("nobody listens")

    def send(self, picture: Picture, at: float) -> None:
        self.go.wait()
        if self.gone:
            raise BrokenPipeError(32, "Broken pipe")
        self.got.append((int(picture[0, 0, 0]), at))

    def end(self, *, whole: bool) -> None:
        self.ends.append(whole)

    def interrupt(self) -> None:
        self.interrupted += 1
        self.gone = "interrupted"
        self.go.set()

    def show(self, number: int, size: Size = (4, 2), seconds: float = 0.0) -> None:
        self.now += seconds
        self.write(np.full((size[1], size[0], 4), number, np.uint8))

    def await_sent(self, count: int) -> None:
        until(lambda: self.sent == count)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(live_sink, "RETRY_S", (0.0, 0.0))
    sink = Receiver()
    yield sink
    sink.go.set()
    sink.close()
    assert sink.ended


def test_frames_arrive_in_order_with_the_times_they_were_shown(receiver: Receiver) -> None:
    for number in range(3):
        receiver.show(number, seconds=0.5)
        receiver.await_sent(number + 1)
    assert receiver.got == [(0, 0.5), (1, 1.0), (2, 1.5)]
    assert receiver.opened == [(4, 2)]
    assert receiver.status_lines() == []


def test_a_busy_receiver_gets_the_newest_frames_and_the_others_are_counted(
    receiver: Receiver,
) -> None:
    receiver.go.clear()
    receiver.show(0)
    until(lambda: receiver._frames.empty())
    for number in range(1, 10):
        receiver.show(number)
    assert receiver.dropped == 9 - MAX_WAITING
    assert receiver.status_lines() == ["the receiver: frames dropped: 7"]
    receiver.now += DROPS_SHOWN_S
    assert receiver.status_lines() == []
    receiver.go.set()
    receiver.await_sent(3)
    assert [number for number, _ in receiver.got] == [0, 8, 9]


def test_a_receiver_that_goes_is_opened_again_until_it_is_back(receiver: Receiver) -> None:
    receiver.show(0)
    receiver.await_sent(1)
    receiver.gone = "dead"
    receiver.show(1)
    until(lambda: receiver.trouble != "")
    assert receiver.status_lines() == ["the receiver: broken pipe"]
    receiver.gone = "refuses"
    receiver.show(2)
    until(lambda: receiver.trouble == "nobody listens")
    receiver.gone = ""
    receiver.show(3, seconds=1)
    receiver.await_sent(2)
    assert receiver.trouble, "it has to work for a while"
    receiver.show(4, seconds=WORKING_S + 0.1)
    until(lambda: receiver.trouble == "")
    assert receiver.opened == [(4, 2)] * 3
    assert receiver.ends == [False, False]


def test_another_size_begins_another_connection(receiver: Receiver) -> None:
    receiver.show(0)
    receiver.await_sent(1)
    receiver.show(1, (6, 2))
    receiver.await_sent(2)
    assert receiver.opened == [(4, 2), (6, 2)]
    assert receiver.ends == [True]


def test_a_receiver_that_takes_nothing_for_long_is_interrupted_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_sink, "RETRY_S", (60.0, 60.0))
    receiver.go.clear()
    receiver.show(0)
    until(lambda: receiver._begun is not None)
    receiver.show(1, seconds=receiver.stall_s)
    assert not receiver.interrupted
    receiver.show(2, seconds=0.1)
    receiver.show(3, seconds=0.1)
    assert receiver.interrupted == 1
    until(lambda: receiver.trouble == "it took nothing for 5 s")


def test_what_waits_is_sent_before_it_ends(receiver: Receiver) -> None:
    receiver.go.clear()
    receiver.show(0)
    until(lambda: receiver._frames.empty())
    receiver.show(1)
    receiver.stop()
    receiver.show(2)
    assert not receiver.ended
    receiver.go.set()
    receiver.close()
    assert [number for number, _ in receiver.got] == [0, 1]
    assert receiver.ends == [True]


def test_closing_a_receiver_that_hangs_interrupts_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_sink, "_INTERRUPTED_S", 60.0)
    receiver.close_s = 0.05
    receiver.go.clear()
    receiver.show(0)
    receiver.close()
    assert receiver.ended and receiver.interrupted == 1
    assert receiver.ends == [False]


def test_a_sink_that_does_not_reconnect_ends_with_its_fault(receiver: Receiver) -> None:
    receiver.reconnects = False
    receiver.gone = "full"
    receiver.show(0)
    until(lambda: receiver.ended)
    assert receiver.trouble == "broken pipe"
    receiver.show(1)


def test_without_a_thread_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        sink = Receiver()
    sink.show(0)
    sink.close()
    assert sink.ended and sink.trouble == "the system has no thread left"


def test_a_window_that_is_dragged_is_waited_for(receiver: Receiver) -> None:
    receiver.show(0)
    receiver.await_sent(1)
    for width in range(5, 45):
        receiver.show(1, (width, 2), seconds=0.03)
        until(lambda: receiver._frames.empty())
    for _ in range(3):
        receiver.show(2, (44, 2), seconds=0.3)
    until(lambda: receiver.sent > 1)
    assert receiver.opened == [(4, 2), (44, 2)]
    assert receiver.dropped >= 40, "they are counted"
