from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from jack_box import until

from liveflight.controllers.dmx.input import DmxInput
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.midi.unavailable import MidiUnavailable
from liveflight.controllers.osc import feedback as osc_feedback
from liveflight.controllers.osc import sockets
from liveflight.controllers.osc.feedback import OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.fault_guard import FaultGuard
from liveflight.core.mailbox import Mailbox, Message, Set, Trigger
from liveflight.loop.open_controllers import HERE_ALONE, OpenControllers, requested, web_remote
from liveflight.show.flight import Flight
from liveflight.show.options import Options


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

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        if self.trouble == "tell":
            raise OSError("unplugged")
        self.told.append((now, values, heard))

    def status_lines(self) -> list[str]:
        if self.trouble == "status_lines":
            raise OSError("unplugged")
        return [f"fader {self.trouble}"] if self.trouble else []

    def close(self) -> None:
        self.closed += 1
        if self.trouble == "close":
            raise OSError("disk full")


def opened(*faders: Fader) -> tuple[OpenControllers, Mailbox, list[str]]:
    reports: list[str] = []
    mailbox = Mailbox()
    controllers = OpenControllers(
        mailbox, lambda trouble, cause=None: reports.append(str(trouble)), background=False
    )
    controllers.open((f"fader {number}", fader) for number, fader in enumerate(faders))
    return controllers, mailbox, reports


def test_each_is_asked_and_told_and_closed_once() -> None:
    one, other = Fader(), Fader()
    controllers, mailbox, reports = opened(one, other)
    controllers.poll(1.5)
    assert mailbox.drain() == [Set("camera.zoom", 1.5)]
    controllers.publish(1.5, {"camera.zoom": 1.5}, [Trigger("mix.random")])
    assert one.told == other.told == [(1.5, {"camera.zoom": 1.5}, [Trigger("mix.random")])]
    controllers.close()
    controllers.close()
    assert (one.closed, other.closed, reports) == (1, 1, [])


def test_what_is_told_later_is_told_frame_by_frame_and_at_the_latest_at_the_end() -> None:
    fader = Fader()
    controllers, _, _ = opened(fader)
    frames: list[tuple[float, Mapping[str, Value], Sequence[Message]]] = [
        (now, {"camera.zoom": now}, [Set("camera.zoom", now)]) for now in (1.0, 2.0, 3.0, 4.0)
    ]
    controllers.publish(*frames[0], later=True)
    controllers.publish(*frames[1], later=True)
    assert fader.told == []
    controllers.publish(*frames[2])
    assert fader.told == frames[:3]
    controllers.publish(*frames[3], later=True)
    controllers.close()
    assert fader.told == frames


def test_one_that_cannot_be_opened_is_reported_and_left_out() -> None:
    broken, whole = Fader("open"), Fader()
    controllers, _, reports = opened(broken, whole)
    assert controllers.opened == [whole]
    assert reports == ["no such fader; flying on without, and trying again"]


def test_one_that_is_indispensable_is_missed_aloud() -> None:
    controllers, _, reports = opened()
    with pytest.raises(LiveflightError, match="no such fader"):
        controllers.add(Fader("open"))
    whole = Fader()
    controllers.add(whole)
    assert controllers.opened == [whole] and reports == []


def test_one_that_fails_holds_up_no_other() -> None:
    for trouble in ("poll", "tell"):
        broken, whole = Fader(trouble), Fader()
        controllers, mailbox, reports = opened(broken, whole)
        controllers.poll(2.0)
        controllers.publish(2.0, {}, [])
        assert len(mailbox.drain()) == 1 and len(whole.told) == 1
        assert reports == ["fader 0 failed: OSError('unplugged')"]
        assert controllers.status_lines() == [f"fader {trouble}"]


def test_one_that_fails_as_it_opens_is_left_out() -> None:
    controllers, _, reports = opened(Fader("network"))
    assert controllers.opened == []
    assert reports == [
        "fader 0 cannot be opened: OSError('unplugged'); flying on without, and trying again"
    ]


def test_one_that_has_nothing_to_show_for_itself_hides_no_other() -> None:
    controllers, _, reports = opened(Fader("status_lines"), Fader("poll"))
    assert controllers.status_lines() == ["fader poll"]
    assert reports == ["fader 0's status lines failed: OSError('unplugged')"]


def test_one_that_cannot_be_closed_keeps_no_other_open() -> None:
    whole, broken = Fader(), Fader("close")
    controllers, _, reports = opened(whole, broken)
    controllers.close()
    assert (whole.closed, broken.closed) == (1, 1)
    assert reports == ["fader 1 failed: OSError('disk full')"]


def test_one_that_cannot_be_closed_is_reported_and_the_others_are_closed() -> None:
    first, broken, last = Fader(), Fader("close"), Fader()
    controllers, _, reports = opened(first, broken, last)
    controllers.drop(last)
    assert (controllers.opened, last.closed) == ([first, broken], 1)
    controllers.close()
    assert (first.closed, broken.closed, last.closed) == (1, 1, 1)
    assert reports == ["fader 1 failed: OSError('disk full')"]


def test_one_that_fails_is_asked_ever_more_seldom() -> None:
    broken, asked = Fader("poll"), []
    mailbox, guard = Mailbox(), FaultGuard(lambda trouble, cause=None: None, live=True)
    controllers = OpenControllers(mailbox, lambda *_: None, guard, background=False)
    controllers.add(broken, "fader 0")
    poll = broken.poll
    broken.poll = lambda now: (asked.append(now), poll(now))[1]  # type: ignore[assignment, func-returns-value]
    for frame in range(480):
        guard.now = frame / 8
        controllers.poll(frame / 8)
    apart = [after - before for before, after in pairwise(asked)]
    assert apart == sorted(apart) and len(asked) < 14
    assert apart[-1] == 10.0
    broken.trouble = ""
    for frame in range(480, 576):
        guard.now = frame / 8
        controllers.poll(frame / 8)
    assert mailbox.drain() and asked[-2:] == [574 / 8, 575 / 8]


def test_one_that_is_absent_is_tried_again_and_said_once() -> None:
    absent, whole = Fader("network"), Fader()
    controllers, mailbox, reports = opened(absent, whole)
    tried: list[float] = []
    open = absent.open

    def reopened(mailbox: Mailbox) -> None:
        tried.append(now)
        open(mailbox)

    absent.open = reopened  # type: ignore[method-assign]
    for second in range(120):
        now = float(second)
        controllers.poll(now)
    assert len(reports) == 1, "it is said once"
    apart = [after - before for before, after in pairwise(tried)]
    assert tried[0] == 3 and apart == sorted(apart) and apart[0] <= 7 and 30 <= apart[-1] <= 32
    assert controllers.opened == [whole]
    absent.trouble = ""
    for second in range(120, 160):
        now = float(second)
        controllers.poll(now)
    assert controllers.opened == [whole, absent] and reports[1:] == ["fader 0 is connected now"]
    assert mailbox.drain()
    controllers.close()
    assert absent.closed == 1


def test_looking_for_one_that_is_absent_holds_up_no_frame() -> None:
    class Slow(Fader):
        def open(self, mailbox: Mailbox) -> None:
            if threading.current_thread() is not threading.main_thread():
                assert gate.wait(60)
            super().open(mailbox)

    gate, slow, mailbox, reports = threading.Event(), Slow("open"), Mailbox(), []
    controllers = OpenControllers(
        mailbox, lambda trouble, cause=None: reports.append(trouble), background=True
    )
    controllers.open([("the slow one", slow)])
    slow.trouble = ""
    for second in range(10):
        controllers.poll(float(second))
    assert controllers.opened == []
    gate.set()
    until(lambda: controllers.poll(10.0) or bool(controllers.opened))
    assert controllers.opened == [slow]
    controllers.close()


def test_one_that_stays_absent_is_closed_with_the_others() -> None:
    absent = Fader("open")
    controllers, _, _ = opened(absent)
    controllers.close()
    assert absent.closed == 1


def udp(port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", port))
    return bound


def test_feedback_to_a_host_that_is_not_known_silences_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = False
    look_up = osc_feedback.look_up

    def looked_up(host: str, port: int) -> sockets.Endpoint:
        return look_up("127.0.0.1" if host == "stage.test" and known else host, port)

    monkeypatch.setattr(osc_feedback, "look_up", looked_up)
    reports: list[str] = []
    with udp() as one, udp() as other:
        places = (("stage.test", one.getsockname()[1]), ("127.0.0.1", other.getsockname()[1]))
        controllers = OpenControllers(
            Mailbox(), lambda trouble, cause=None: reports.append(str(trouble)), background=False
        )
        controllers.open(requested(Options(osc_feedback=places)))
        for now in range(4):
            controllers.poll(float(now))
            controllers.publish(float(now), {"camera.zoom": 1.0}, [])
        other.settimeout(10)
        assert b"/liveflight/camera/zoom" in other.recv(9999)
        assert len(reports) == 1 and "no host is called 'stage.test'" in reports[0]
        known = True
        for now in range(4, 12):
            controllers.poll(float(now))
            controllers.publish(float(now), {"camera.zoom": 1.0}, [])
        one.settimeout(10)
        assert b"/liveflight/camera/zoom" in one.recv(9999)
        controllers.close()


def test_a_port_that_is_taken_at_the_start_is_ours_once_it_is_free() -> None:
    with udp() as other:
        taken = other.getsockname()[1]
        controllers = OpenControllers(Mailbox(), lambda trouble, cause=None: None, background=False)
        given = Options(osc_port=taken, oscquery_port=0, osc_feedback=(("127.0.0.1", taken),))
        controllers.open(requested(given))
        assert [type(each) for each in controllers.opened] == [OscFeedback, MidiUnavailable]
    for now in (0.0, 3.0, 4.0, 9.0, 10.0):
        controllers.poll(now)
    assert any(isinstance(each, OscInput) for each in controllers.opened)
    feedback = controllers.opened[0]
    assert isinstance(feedback, OscFeedback)
    controllers.publish(10.0, {"camera.zoom": 1.0}, [])
    assert feedback._destinations == [], "it would come back here now"
    controllers.close()


def _no_thread(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _no_file() -> socket.socket:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(
    ("kind", "where", "what", "lack"),
    [
        (OscInput, threading.Thread, "start", _no_thread),
        (OscInput, socket, "socketpair", _no_file),
        (OscQuery, threading.Thread, "start", _no_thread),
        (OscQuery, asyncio, "new_event_loop", _no_file),
    ],
    ids=["OSC, threads", "OSC, files", "OSCQuery, threads", "OSCQuery, files"],
)
def test_one_that_could_be_opened_half_has_its_port_once_there_is_room(
    kind: type[OscInput] | type[OscQuery],
    where: object,
    what: str,
    lack: Callable[..., None],
) -> None:
    surface = kind("127.0.0.1", 0)
    surface.open(Mailbox())  # has found itself a port
    surface.close()
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, what, lack)
            with pytest.raises((RuntimeError, OSError)):
                surface.open(Mailbox())
            surface.close()
    surface.open(Mailbox())
    surface.close()


def test_midi_that_could_be_opened_half_leaves_no_process_behind(tmp_path: Path) -> None:
    closed = 0

    class Box:
        def close_all(self) -> None:
            nonlocal closed
            closed += 1

    midi = MidiInput(bindings=tmp_path / "midi.toml", ports=Box)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(RuntimeError):
            midi.open(Mailbox())
    assert closed == 1
    assert not midi.listening


def test_a_control_stays_armed_where_dmx_can_learn_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = dict(requested(Options(dmx=("artnet", 0))))
    dmx, stand_in, mailbox = wanted["DMX"], wanted["MIDI learn"], Mailbox()
    assert isinstance(dmx, DmxInput) and not dmx.listening
    stand_in.open(mailbox)
    stand_in.publish(1.0, {}, [Set("midi.learn", "camera.zoom")])
    assert mailbox.drain() == [Set("midi.learn", "")], "it could not be opened"
    monkeypatch.setattr(DmxInput, "listening", True)
    stand_in.publish(2.0, {}, [Set("midi.learn", "camera.zoom")])
    assert mailbox.drain() == []


def test_the_web_remotes_link_is_for_the_performer_alone(flight: Flight) -> None:
    links: list[str] = []
    over_picture: list[str] = []
    flight.prompt = lambda text, seconds: over_picture.append(text)
    options = Options(remote=True, oscquery_port=1)
    remote = web_remote(flight, options, links.append)
    assert [name for name, _ in requested(options, remote)][:2] == ["the web remote", "OSCQuery"]
    remote._link = "http://10.0.0.2:9000/?token=secret"
    remote.publish(1.0, {}, [])
    remote.publish(2.0, {}, [])
    assert links == [remote._link], "shown once at the start"
    remote.publish(3.0, {}, [Trigger("show.remote")])
    assert links == 2 * [remote._link], "and by its key"
    assert "http://10.0.0.2:9000/" in flight.last_message and "secret" not in flight.last_message
    assert over_picture == [flight.last_message], "where it was asked for, without the HUD too"
    remote._link = "http://localhost:9000/?token=secret"
    remote.publish(4.0, {}, [Trigger("show.remote")])
    assert over_picture[1:] == [HERE_ALONE], "a phone cannot open it"


def test_a_web_remote_without_its_server_says_so(flight: Flight) -> None:
    remote = web_remote(flight, Options(), lambda link: None)
    remote.publish(1.0, {}, [])
    assert remote.status_lines() == []
    remote.publish(2.0, {}, [Trigger("show.remote")])
    assert "OSCQuery's TCP port" in remote.status_lines()[0]
    assert not remote.watched and not remote.wanted
