from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from liveflight.controllers.osc import feedback as osc_feedback
from liveflight.controllers.osc.codec import decode
from liveflight.controllers.osc.echo_suppressor import (
    FEEDBACK_CONTROLS,
    HOLD_S,
    UPDATE_INTERVAL_S,
)
from liveflight.controllers.osc.feedback import RETRY_S, OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.packets import elements
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Mailbox, Message, Set, Trigger

START: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
ZOOM = CONTROLS["camera.zoom"]


class Ear:
    """Listen on a surface's UDP port."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    def datagrams(self) -> list[bytes]:
        """Return what has come; on loopback, whatever was sent is there at once."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                return found

    def heard(self) -> dict[str, list]:
        return dict(decode(one) for datagram in self.datagrams() for one in elements(datagram))


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.socket.close()


@pytest.fixture
def feedback(ear: Ear) -> Iterator[OscFeedback]:
    """Yield a feedback that has sent everything at 0 s."""
    feedback = OscFeedback([("127.0.0.1", ear.port)])
    feedback.open(Mailbox())
    feedback.publish(0.0, START, [])
    assert set(ear.heard()) == {row.address for row in FEEDBACK_CONTROLS}
    yield feedback
    feedback.close()


def told(
    feedback: OscFeedback, ear: Ear, now: float, *heard: Message, **changed: Value
) -> dict[str, list]:
    """Return what the surface receives at `now` after zoom, pan_x and so on have changed."""
    values = {**START, **{f"camera.{name}": value for name, value in changed.items()}}
    feedback.publish(now, values, heard)
    return ear.heard()


def test_only_changes_are_told_in_one_bundle(feedback: OscFeedback, ear: Ear) -> None:
    assert told(feedback, ear, 1.0) == {}
    feedback.publish(2.0, {**START, "camera.pan_x": 0.5, "show.preset": "reef"}, [])
    (datagram,) = ear.datagrams()
    assert [decode(message) for message in elements(datagram)] == [
        ("/liveflight/show/preset", ["reef"]),
        ("/liveflight/camera/pan_x", [0.75]),
    ]


def test_changes_are_gathered(feedback: OscFeedback, ear: Ear) -> None:
    assert told(feedback, ear, UPDATE_INTERVAL_S / 2, pan_x=0.5) == {}
    assert told(feedback, ear, UPDATE_INTERVAL_S, pan_x=1.0) == {"/liveflight/camera/pan_x": [1.0]}
    assert told(feedback, ear, UPDATE_INTERVAL_S * 1.5, pan_x=0.0) == {}
    assert told(feedback, ear, UPDATE_INTERVAL_S * 2, pan_x=0.0) == {
        "/liveflight/camera/pan_x": [0.5]
    }


def test_at_most_thirty_bundles_a_second(feedback: OscFeedback, ear: Ear) -> None:
    for frame in range(120):
        feedback.publish(1 + frame / 60, {**START, "show.fps": float(frame)}, [])
    assert len(ear.datagrams()) == 60


def test_who_moved_a_fader_is_not_told_of_it_until_it_rests(
    feedback: OscFeedback, ear: Ear
) -> None:
    said = Set("camera.pan_x", 0.5, f"osc:127.0.0.1:{ear.port}")
    assert told(feedback, ear, 1.0, said, pan_x=0.5, pan_y=1.0) == {
        "/liveflight/camera/pan_y": [1.0]
    }
    assert told(feedback, ear, 1.0 + HOLD_S, pan_x=0.5, pan_y=1.0) == {}
    assert told(feedback, ear, 1.1 + HOLD_S, pan_x=0.6, pan_y=1.0) == {
        "/liveflight/camera/pan_x": [pytest.approx(0.8)]
    }


def test_what_came_of_it_is_told_where_that_is_something_else(
    feedback: OscFeedback, ear: Ear
) -> None:
    said = Set("camera.pan_x", 0.5, f"osc:127.0.0.1:{ear.port}")
    assert told(feedback, ear, 1.0, said, pan_x=0.2) == {}
    assert told(feedback, ear, 1.0 + HOLD_S, pan_x=0.2) == {
        "/liveflight/camera/pan_x": [pytest.approx(0.6)]
    }


def test_another_program_on_the_same_machine_is_told_a_moment_later(
    feedback: OscFeedback, ear: Ear
) -> None:
    said = Set("camera.pan_x", 0.5, "osc:127.0.0.1:1")
    assert told(feedback, ear, 1.0, said, pan_x=0.5) == {}
    assert told(feedback, ear, 1.0 + HOLD_S, pan_x=0.5) == {"/liveflight/camera/pan_x": [0.75]}


def test_what_others_moved_is_told_at_once(feedback: OscFeedback, ear: Ear) -> None:
    for number, origin in enumerate(("key", "midi:knob", "osc:192.0.2.7:9000", "")):
        pan = (number + 1) / 8
        said = Set("camera.pan_x", pan, origin)
        assert list(told(feedback, ear, 1.0 + number, said, pan_x=pan)) == [
            "/liveflight/camera/pan_x"
        ]


def test_a_late_frame_does_not_pull_a_fader_back_that_moved_since(
    feedback: OscFeedback, ear: Ear
) -> None:
    said = Set("camera.pan_x", 0.5, f"osc:127.0.0.1:{ear.port}")
    feedback.poll(1.0)
    feedback.poll(1.05)
    assert told(feedback, ear, 1.0, Set("camera.pan_x", 0.2, "key"), pan_x=0.2, pan_y=1.0) == {}
    assert told(feedback, ear, 1.05, said, pan_x=0.5, pan_y=1.0) == {
        "/liveflight/camera/pan_y": [1.0]
    }
    assert told(feedback, ear, 1.1 + HOLD_S, pan_x=0.5, pan_y=1.0) == {}


@pytest.mark.parametrize("message", [Trigger("show.sync"), Set("show.preset", "reef", "key")])
def test_everything_is_told_when_asked_and_after_a_preset(
    message: Message, feedback: OscFeedback, ear: Ear
) -> None:
    assert set(told(feedback, ear, 1.0, message)) == {row.address for row in FEEDBACK_CONTROLS}
    assert told(feedback, ear, 2.0) == {}


def test_a_surface_that_comes_later_is_told_everything(ear: Ear) -> None:
    port = ear.port
    ear.socket.close()
    feedback = OscFeedback([("127.0.0.1", port)])
    feedback.open(Mailbox())
    try:
        for frame in range(10):
            feedback.publish(frame * UPDATE_INTERVAL_S, {**START, "show.fps": float(frame)}, [])
        assert feedback.status_lines() == [f"OSC feedback to 127.0.0.1:{port} failed 1 times"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
            late.bind(("127.0.0.1", port))
            late.setblocking(False)
            ear.socket = late
            feedback.publish(10 * UPDATE_INTERVAL_S + RETRY_S, START, [])
            assert set(ear.heard()) == {row.address for row in FEEDBACK_CONTROLS}
            assert feedback.status_lines() != []
            feedback.publish(10 + RETRY_S, {**START, "show.fps": 9.0}, [])
            assert feedback.status_lines() == [], "what is over is no trouble"
    finally:
        feedback.close()
        feedback.close()


def test_every_place_hears_for_itself(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Ear()
    feedback = OscFeedback([("127.0.0.1", ear.port), ("localhost", other.port)])
    feedback.open(Mailbox())
    feedback.publish(0.0, START, [])
    assert ear.heard() == other.heard() != {}
    said = Set("camera.pan_x", 0.5, f"osc:127.0.0.1:{ear.port}")
    feedback.publish(1.0, {**START, "camera.pan_x": 0.5}, [said])
    feedback.publish(1.0 + HOLD_S, {**START, "camera.pan_x": 0.5}, [])
    assert (ear.heard(), other.heard()) == ({}, {"/liveflight/camera/pan_x": [0.75]})
    feedback.close()
    other.socket.close()


def test_all_that_comes_from_a_lone_tablet_is_its_own(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cover a surface that sends from another port than it listens on."""
    monkeypatch.setattr(osc_feedback, "is_loopback", lambda host: False)
    feedback = OscFeedback([("127.0.0.1", ear.port)])
    feedback.open(Mailbox())
    feedback.publish(0.0, START, [])
    ear.heard()
    said = Set("camera.pan_x", 0.5, "osc:127.0.0.1:1")
    feedback.publish(1.0, {**START, "camera.pan_x": 0.5}, [said])
    feedback.publish(1.0 + HOLD_S, {**START, "camera.pan_x": 0.5}, [])
    assert ear.heard() == {}
    feedback.close()


@pytest.mark.parametrize("number", ["127.0.0.1", "::1"])
def test_a_surface_on_localhost_is_told_at_either_number(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    real = socket.getaddrinfo
    ipv6_first = lambda host, *args, **more: real(  # noqa: E731
        "::1" if host == "localhost" else host, *args, **more
    )
    monkeypatch.setattr(socket, "getaddrinfo", ipv6_first)
    with socket.socket(family, socket.SOCK_DGRAM) as surface:
        try:
            surface.bind((number, 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
        surface.settimeout(10)
        feedback = OscFeedback([("localhost", surface.getsockname()[1])])
        feedback.open(Mailbox())
        for frame in range(10):
            feedback.publish(frame * UPDATE_INTERVAL_S, {**START, "show.fps": float(frame)}, [])
        assert surface.recv(9999).startswith(b"#bundle")
        assert feedback.status_lines() == [], "nobody at its other number is no trouble"
        feedback.close()


@pytest.mark.parametrize("late", [2, 15, 30])
def test_a_surface_that_echoes_late_swings_no_fader(late: int, ear: Ear) -> None:
    """Move a fader by key for a second; the surface echoes each update `late` frames later."""
    osc, mailbox = OscInput(port=0), Mailbox()
    osc.open(mailbox)
    feedback = OscFeedback([("127.0.0.1", ear.port)], osc)
    feedback.open(mailbox)
    pan, path = 0.0, []
    echoes: list[list[bytes]] = [[] for _ in range(late)]
    for frame in range(300):
        feedback.poll(frame * UPDATE_INTERVAL_S)
        if frame < 30:
            pan = frame / 30
        for datagram in echoes.pop(0):
            osc.receive(datagram, ("127.0.0.1", ear.port + 1))
        heard = mailbox.drain()
        for said in heard:
            if isinstance(said, Set) and said.key == "camera.pan_x":
                pan = float(said.value)
        path.append(pan)
        feedback.publish(frame * UPDATE_INTERVAL_S, {**START, "camera.pan_x": pan}, heard)
        echoes.append(ear.datagrams())
    feedback.close()
    osc.close()
    assert path == sorted(path), "it never went back"
    assert not any(echoes), "nothing more is said"
    assert osc.echo_filters == []


def test_a_host_that_is_not_known() -> None:
    feedback = OscFeedback([("127.0.0.1", 9), ("a" * 70, 9)])
    with pytest.raises(LiveflightError, match="no host is called 'aaa"):
        feedback.open(Mailbox())
    feedback.close()


def test_our_own_port_is_refused_for_what_is_told_there_would_be_heard() -> None:
    osc = OscInput(port=0)
    osc.open(Mailbox())
    feedback = OscFeedback([("127.0.0.1", osc.port)], osc)
    with pytest.raises(LiveflightError, match=f"to 127.0.0.1:{osc.port} would come back here"):
        feedback.open(Mailbox())
    osc.close()
    feedback.open(Mailbox())
    feedback.close()


def test_a_network_that_comes_later_is_waited_for(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(place: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    feedback = OscFeedback([("127.0.0.1", ear.port)])
    with monkeypatch.context() as patched:
        patched.setattr(osc_feedback, "connect_udp", unreachable)
        feedback.open(Mailbox())
        feedback.publish(0.0, START, [])
        assert feedback.status_lines() == [f"OSC feedback to 127.0.0.1:{ear.port} failed 1 times"]
    feedback.publish(RETRY_S, START, [])
    assert set(ear.heard()) == {row.address for row in FEEDBACK_CONTROLS}
    feedback.close()


def test_a_surface_that_says_again_what_it_is_told_comes_to_rest(
    feedback: OscFeedback, ear: Ear
) -> None:
    """Echo a preset as Chataigne's automatic feedback does."""
    values = {**START, "show.preset": "plumage"}
    said: list[Message] = [Set("show.preset", "plumage", "key")]
    recalls = 0
    for frame in range(60):
        feedback.publish(frame * UPDATE_INTERVAL_S, values, said)
        heard = ear.heard().get("/liveflight/show/preset", [])
        said = [Set("show.preset", name, "osc:127.0.0.1:5000") for name in heard]
        recalls += len(said)
    assert recalls == 1
