from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from liveflight.controllers.link import LinkInput
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Set

VALUES: dict[str, Value] = {"tempo.bpm": 120.0, "tempo.beats_per_bar": 4}


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[link\]"'):
        LinkInput().open(Mailbox())


class FakeLink:
    """Stand in for a session, with its clock at `micros_now` microseconds."""

    def __init__(self, bpm: float) -> None:
        self.bpm, self.micros_now, self.peers, self.enabled = bpm, 0, 0, False

    def numPeers(self) -> int:  # noqa: N802
        return self.peers

    def captureSessionState(self) -> Any:  # noqa: N802
        return self

    def commitSessionState(self, state: Any) -> None:  # noqa: N802
        assert state is self

    def clock(self) -> Any:
        return self

    def micros(self) -> int:
        return self.micros_now

    def tempo(self) -> float:
        return self.bpm

    def setTempo(self, bpm: float, micros: int) -> None:  # noqa: N802
        self.bpm = bpm

    def beatAtTime(self, micros: int, quantum: float) -> float:  # noqa: N802
        return micros / 1e6 * self.bpm / 60


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> tuple[LinkInput, FakeLink, Mailbox]:
    made: list[FakeLink] = []

    class Module:
        @staticmethod
        def Link(bpm: float) -> FakeLink:  # noqa: N802
            made.append(FakeLink(bpm))
            return made[-1]

    monkeypatch.setitem(sys.modules, "link", Module)
    surface, mailbox = LinkInput(), Mailbox()
    surface.open(mailbox)
    return surface, made[0], mailbox


Session = tuple[LinkInput, FakeLink, Mailbox]


def test_it_is_enabled_half_a_second_after_it_was_made(session: Session) -> None:
    surface, link, _ = session
    for now, enabled in ((7.0, False), (7.4, False), (7.5, True)):
        surface.poll(now)
        assert link.enabled is enabled
    surface.close()
    surface.close()
    assert not link.enabled


def test_alone_the_session_has_our_tempo_and_ours_is_left_alone(session: Session) -> None:
    surface, link, mailbox = session
    surface.poll(1.0)
    surface.publish(1.0, {**VALUES, "tempo.bpm": 97.0}, [])
    assert link.bpm == 97.0
    assert mailbox.drain() == []


def test_a_session_joined_between_poll_and_tell_keeps_its_tempo(session: Session) -> None:
    surface, link, _ = session
    surface.poll(1.0)
    link.bpm = 90.0
    surface.publish(1.0, VALUES, [])
    assert link.bpm == 90.0


def test_with_others_their_beat_is_told_and_their_tempo_kept(session: Session) -> None:
    surface, link, mailbox = session
    link.bpm, link.peers, link.micros_now = 90.0, 1, 2_000_000
    surface.poll(1.0)
    surface.publish(1.0, VALUES, [])
    assert mailbox.drain() == [Beat(3.0, 90.0)]
    assert link.bpm == 90.0


@pytest.mark.parametrize(
    ("message", "bpm"),
    [(Set("tempo.bpm", 140.0, "osc"), 140.0), (Nudge("tempo.bpm", 0.1), 118.0),
     (Set("camera.zoom", 2.0), 90.0)],
)  # fmt: skip
def test_what_a_performer_sets_is_set_for_all(
    message: Message, bpm: float, session: Session
) -> None:
    surface, link, _ = session
    link.bpm, link.peers = 90.0, 1
    surface.poll(1.0)
    surface.publish(1.0, VALUES, [message])
    assert link.bpm == pytest.approx(bpm)


def test_steps_said_together_add_up(session: Session) -> None:
    surface, link, _ = session
    link.bpm, link.peers = 90.0, 1
    surface.poll(1.0)
    surface.publish(
        1.0, VALUES, [Nudge("tempo.bpm", 0.1), Beat(0.0, 90.0), Nudge("tempo.bpm", 0.1)]
    )
    assert link.bpm == pytest.approx(146.0)


def test_two_real_peers_agree() -> None:
    """Check with the package, if multicast reaches its own machine."""
    link = pytest.importorskip("link")
    other = link.Link(97.0)
    surface, mailbox = LinkInput(), Mailbox()
    surface.open(mailbox)
    try:
        time.sleep(0.5)  # as long as Link asks for
        other.enabled = True
        time.sleep(1.5)  # of two that start within half a second, either may set the tempo

        def heard() -> Beat | None:
            surface.poll(time.monotonic())
            surface.publish(time.monotonic(), VALUES, [])
            found = [each for each in mailbox.drain() if isinstance(each, Beat)]
            return found[-1] if found else None

        if not _within(15.0, lambda: heard() is not None):
            pytest.skip("no two Link peers meet on this machine")
        assert _within(15.0, lambda: (beat := heard()) is not None and abs(beat.bpm - 97) < 0.01)
        surface.publish(0.0, VALUES, [Set("tempo.bpm", 133.0)])
        assert _within(15.0, lambda: abs(other.captureSessionState().tempo() - 133.0) < 0.01)
        beat = heard()
        assert beat is not None and beat.bpm == pytest.approx(133.0, abs=0.01)
        theirs = other.captureSessionState().phaseAtTime(other.clock().micros(), 4.0)
        apart = (beat.position - theirs + 2.0) % 4.0 - 2.0
        assert abs(apart) < 0.1
    finally:
        surface.close()
        other.enabled = False


def _within(seconds: float, wanted: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if wanted():
            return True
        time.sleep(0.02)
    return False
