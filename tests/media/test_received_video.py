"""Another program's output as a camera."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from jack_box import until

from liveflight.core.contracts import LiveflightError
from liveflight.media import received_video
from liveflight.media.received_video import ReceivedVideo, reduced
from liveflight.media.spout_source import SpoutSource
from liveflight.media.syphon_source import SyphonSource


class Sender(ReceivedVideo):
    """Receive what a test sends."""

    def __init__(self) -> None:
        self.frame: np.ndarray | None = None
        self.gone = ""
        self.opened = self.ended = 0
        self.wake = threading.Event()
        super().__init__("ndi:deck")

    def open(self) -> None:
        self.opened += 1
        if self.gone:
            raise LiveflightError(self.gone)

    def receive(self) -> np.ndarray | None:
        self.wake.wait(0.01)
        if self.gone:
            raise LiveflightError(self.gone)
        frame, self.frame = self.frame, None
        return frame

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(received_video, "RETRY_S", (0.0, 0.0))
    with closing(Sender()) as source:
        yield source
    assert source.opened == source.ended


def taken(sender: Sender) -> np.ndarray:
    found: list[np.ndarray] = []

    def take() -> bool:
        if (frame := sender.newest(0.0)) is not None:
            found.append(frame)
        return bool(found)

    until(take)
    return found[0]


def test_the_newest_frame_is_taken_once(sender: Sender) -> None:
    assert sender.newest(0.0) is None
    sender.frame = np.full((4, 6, 3), 9, np.uint8)
    assert (taken(sender) == 9).all()
    assert sender.newest(1.0) is None


def test_a_sender_that_goes_is_looked_for_until_it_is_back(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    sender.gone = "the deck is off"
    until(lambda: sender.opened >= 3)
    sender.gone = ""
    sender.frame = np.zeros((4, 6, 3), np.uint8)
    taken(sender)
    lines = [record.message for record in caplog.records]
    assert lines == [
        "camera ndi:deck: the deck is off; it is tried again",
        "camera ndi:deck: it is back",
    ]


def test_large_frames_are_reduced_by_whole_numbers() -> None:
    frame = np.zeros((1081, 1921, 3), np.uint8)
    frame[:, ::3] = 90
    small = reduced(frame)
    assert small.shape == (360, 640, 3) and (small == 30).all()
    assert reduced(np.full((1, 1920, 3), 7, np.uint8)).tolist() == [[[7, 7, 7]] * 960]
    plain = np.ones((4, 6, 3), np.uint8)
    assert reduced(plain) is not plain and (reduced(plain) == 1).all()


@pytest.mark.skipif(sys.platform == "win32", reason="there is Spout here")
def test_spout_names_the_system_that_has_it(caplog: pytest.LogCaptureFixture) -> None:
    with closing(SpoutSource("deck")):
        until(lambda: "Spout works on Windows" in caplog.text)


@pytest.mark.skipif(sys.platform == "darwin", reason="there is Syphon here")
def test_syphon_names_the_system_that_has_it(caplog: pytest.LogCaptureFixture) -> None:
    with closing(SyphonSource("deck")):
        until(lambda: "Syphon works on macOS" in caplog.text)
