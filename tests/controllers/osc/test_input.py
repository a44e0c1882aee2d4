from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from each import each
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from liveflight import __version__
from liveflight.controllers.osc.codec import decode
from liveflight.controllers.osc.echo_suppressor import dump
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.packets import MAX_PACKET_BYTES, PacketError
from liveflight.controllers.osc.reader import (
    ANSWERS_PER_S,
    BYTES_PER_S,
    DUMP_COST,
    MAX_LOGGED_CAUSES,
)
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.control import Control
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Query, Set, Trigger

REMOTE = [row for row in ROWS if row.remote]
SURFACE = ("127.0.0.1", 5005)
STRANGER = ("192.0.2.7", 5005)


class Watch:
    """Stand still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Box(Mailbox):
    """Let a test wait for messages."""

    def __init__(self) -> None:
        super().__init__()
        self.arrival = threading.Semaphore(0)

    def put(self, *messages: Message) -> None:
        super().put(*messages)
        self.arrival.release()

    def wait(self) -> list[Message]:
        """Return the messages of one datagram."""
        assert self.arrival.acquire(timeout=10), "nothing came"
        return self.drain()


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def osc(box: Box, watch: Watch) -> Iterator[OscInput]:
    listening = OscInput(port=0, clock=watch)
    listening.open(box)
    yield listening
    listening.close()


@pytest.fixture
def surface(osc: OscInput) -> Iterator[SimpleUDPClient]:
    client = SimpleUDPClient("127.0.0.1", osc.port, timeout=10)
    yield client
    client.close()


def text(word: str | bytes) -> bytes:
    """Return an OSC string."""
    encoded = word.encode() if isinstance(word, str) else word
    return encoded + bytes(4 - len(encoded) % 4)


def sendto(port: int, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", port))


def message(address: str | bytes, tags: str = ",", payload: bytes = b"") -> bytes:
    return text(address) + text(tags) + payload


def built(address: str, *arguments: float | str | bool | None) -> OscMessage:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build()


def bundle(*parts: bytes, timetag: bytes = bytes(7) + b"\1") -> bytes:
    return b"#bundle\0" + timetag + b"".join(struct.pack(">i", len(p)) + p for p in parts)


def nested(levels: int) -> bytes:
    packet = bundle()
    for _ in range(levels):
        packet = bundle(packet)
    return packet


# Over the wire


def test_every_remote_control_is_reached_plain_raw_and_by_steps(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    for row in REMOTE:
        for address in filter(None, (row.address, row.alias)):
            match row.kind:
                case "trigger":
                    sent: list[tuple[str, float | str]] = [("", 1), ("/raw", 1.0)]
                    expected: list[Message] = [Trigger(row.key)] * 2
                case "told" | "meter":
                    continue
                case "text":
                    sent = [("", "dusk"), ("/raw", "dawn")]
                    expected = [Set(row.key, "dusk"), Set(row.key, "dawn")]
                case "enum":
                    sent = [("", 1.0), ("/raw", 0), ("/add", 1)]
                    expected = [Set(row.key, row.choices[-1]), Set(row.key, row.choices[0])]
                    expected.append(Nudge(row.key, 1.0))
                case _:
                    sent = [("", 0.5), ("/raw", row.maximum), ("/add", -0.25)]
                    expected = [
                        Set(row.key, row.from_position(0.5)),
                        Set(row.key, True if row.kind == "bool" else row.check(row.maximum)),
                        Nudge(row.key, -0.25),
                    ]
            for (form, argument), waited in zip(sent, expected, strict=True):
                surface.send_message(address + form, argument)
                assert box.wait() == [waited]
    assert osc.refused == 0


def test_what_is_only_told_is_answered_and_cannot_be_set(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    surface.send_message("/liveflight/show/effort", "?")
    (ask,) = box.wait()
    assert isinstance(ask, Query)
    ask.reply("2 of 3 steps, canvas 0.71")
    assert OscMessage(surface.receive()).params == ["2 of 3 steps, canvas 0.71"]
    osc.receive(built("/liveflight/show/effort", "all").dgram, ("127.0.0.1", 5))
    assert osc.refused == 1


@each([row for row in REMOTE if row.settable])
def test_every_control_answers_questions(
    row: Control, osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    value: Value = "dusk" if row.kind == "text" else row.from_position(0.3)
    for form in ("", "/raw"):
        surface.send_message(row.address + form, "?")
        (ask,) = box.wait()
        assert isinstance(ask, Query) and ask.key == row.key
        ask.reply(value)
        answered = OscMessage(surface.receive())
        assert answered.address == row.address + form
        (answer,) = answered.params
        if row.kind in ("text", "enum") and (form or row.kind == "text"):
            assert answer == value
        else:
            number = row.to_position(value) if not form else float(value)
            assert answer == pytest.approx(number, rel=1e-6)
        surface.send_message(row.address + form, answer)
        (again,) = box.wait()
        assert isinstance(again, Set)
        assert again.value == (pytest.approx(value, rel=1e-5) if row.kind == "float" else value)


def test_a_question_at_a_short_address_is_answered_from_the_full_one(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    surface.send_message("/preset", "?")
    (ask,) = box.wait()
    assert isinstance(ask, Query)
    ask.reply("dusk")
    answered = OscMessage(surface.receive())
    assert (answered.address, answered.params) == ("/liveflight/show/preset", ["dusk"])


def test_an_answer_that_nobody_waits_for_harms_nobody(osc: OscInput, box: Box) -> None:
    osc.receive(built("/camera/zoom", "?").dgram, ("127.0.0.1", 9))
    (ask,) = box.drain()
    assert isinstance(ask, Query)
    ask.reply(1.0)
    osc.close()
    ask.reply(1.0)


def test_a_bundle_arrives_in_one_piece_and_in_order(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    builder = OscBundleBuilder(IMMEDIATELY)
    for content in (
        built("/liveflight/preset", 3),
        built("/camera/zoom/raw", 2.0),
        built("/mix/random"),
    ):
        builder.add_content(content)
    surface.send(builder.build())
    assert box.wait() == [
        Set("show.preset", "3"),
        Set("camera.zoom", 2.0),
        Trigger("mix.random"),
    ]


def test_too_long_a_datagram_is_refused_and_the_next_one_read(osc: OscInput, box: Box) -> None:
    named = text("/liveflight/preset") + text(",s")
    fits = bundle(*[named + text("x" * 32)] * 255, named + text("x" * 16))
    assert len(fits) == MAX_PACKET_BYTES
    osc.receive(fits, SURFACE)
    assert box.wait() == [Set("show.preset", "x" * 32), Set("show.preset", "x" * 16)]
    # Cut at the limit, it would be the valid bundle above.
    sendto(osc.port, fits + bytes(4), text("/mix/random"))
    assert box.wait() == [Trigger("mix.random")]
    assert osc.refused == 1


def test_a_taken_port_is_an_error_in_one_line_that_names_it(osc: OscInput) -> None:
    with pytest.raises(LiveflightError) as refused:
        OscInput(port=osc.port).open(Mailbox())
    line = str(refused.value)
    assert line.startswith(f"OSC cannot listen on 127.0.0.1:{osc.port} (")
    assert line.endswith("close the program that has the port, or choose another with --osc-port")
    assert "\n" not in line


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be(port: int) -> None:
    with pytest.raises(LiveflightError, match=f"OSC port {port}: allowed is 1 to 65535"):
        OscInput(port=port).open(Mailbox())


@pytest.mark.parametrize("host", ["999.1.1.1.", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_ours(host: str) -> None:
    with pytest.raises(LiveflightError, match="OSC cannot listen on"):
        OscInput(host, port=0).open(Mailbox())


def test_closing_ends_the_thread_frees_the_port_and_may_be_repeated(box: Box) -> None:
    before = threading.active_count()
    for _ in range(3):
        osc = OscInput(port=0)
        osc.close()
        osc.open(box)
        assert threading.active_count() == before + 1
        osc.close()
        osc.close()
        assert threading.active_count() == before
        again = OscInput(port=osc.port)
        again.open(box)
        again.close()


def test_listening_to_the_whole_network_is_said(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    osc = OscInput("0.0.0.0", port=0)
    osc.open(box)
    osc.close()
    assert [record.message for record in caplog.records] == [
        "OSC on 0.0.0.0: every machine there can move the controls"
    ]


# What is read


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (text("/mix/random"), [Trigger("mix.random")]),  # no type tags at all
        (message("/mix/random"), [Trigger("mix.random")]),
        (message("/mix/random", ",I"), [Trigger("mix.random")]),
        (message("/mix/random", ",N"), [Trigger("mix.random")]),
        (message("/mix/random", ",T"), [Trigger("mix.random")]),
        (message("/mix/random", ",F"), []),
        (message("/mix/random", ",i", bytes(4)), []),
        (message("/mix/random", ",f", struct.pack(">f", 1.0)), [Trigger("mix.random")]),
        (message("/preset", ",S", text("dusk")), [Set("show.preset", "dusk")]),
        (message("/preset", ",s", text("Dämmerung")), [Set("show.preset", "Dämmerung")]),
        (message("/preset", ",c", b"\0\0\x007"), [Set("show.preset", "7")]),
        (message("/camera/pan_x", ",h", struct.pack(">q", 1)), [Set("camera.pan_x", 1.0)]),
        (message("/camera/pan_x", ",d", struct.pack(">d", 0.75)), [Set("camera.pan_x", 0.5)]),
        (message("/camera/pan_x", ",F"), [Set("camera.pan_x", -1.0)]),
    ],
)
def test_arguments_of_every_type(
    datagram: bytes, expected: list[Message], osc: OscInput, box: Box
) -> None:
    osc.receive(datagram, SURFACE)
    assert box.drain() == expected
    assert osc.refused == 0


def test_future_timetags_do_not_wait(osc: OscInput, box: Box) -> None:
    later = bundle(built("/mix/random").dgram, timetag=b"\xff" * 8)
    threads = threading.active_count()
    for _ in range(100):
        osc.receive(later, SURFACE)
        assert box.drain() == [Trigger("mix.random")]
    assert threading.active_count() == threads


def test_wildcards_move_what_can_take_the_value(osc: OscInput, box: Box) -> None:
    osc.receive(built("/camera/pan_?", 1.0).dgram, SURFACE)
    assert box.drain() == [Set("camera.pan_x", 1.0), Set("camera.pan_y", 1.0)]
    osc.receive(built("/mix/*", 0.5).dgram, SURFACE)
    assert {type(found) for found in box.drain()} == {Set, Trigger}, "the target takes no 0.5"
    assert osc.refused == 0
    osc.receive(built("/mix/{target,filter_*}/add", 1).dgram, SURFACE)
    assert box.drain() == [] and osc.refused == 1


def test_questions_with_wildcards_skip_the_triggers(osc: OscInput, box: Box) -> None:
    osc.receive(built("/mix/*", "?").dgram, SURFACE)
    texts = ["mix.target_add", "mix.journey_add"]
    assert [ask.key for ask in box.drain()] == ["mix.target", "mix.crossfade", *texts, "mix.now"]
    for address in ("/mix/random", "/camera/zoom/add"):
        osc.receive(built(address, "?").dgram, SURFACE)
    assert box.drain() == [] and osc.refused == 2


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (built("/camera/zoom", 0.62), "osc camera.zoom 0.62"),
        (built("/liveflight/camera/zoom/raw", 1.25), "osc camera.zoom/raw 1.25"),
        (built("/camera/zoom/add", 1), "osc camera.zoom/add 1"),
        (built("/preset", "dusk"), "osc show.preset dusk"),
        (built("/mix/random"), "osc mix.random"),
        (built("/camera/*", 0.5), "osc /camera/* 0.5"),
        (built("/liveflight/camera/zom", 0.5), "osc refused: /liveflight/camera/zom"),
        (built("/liveflight/\n\a", 0.5), "osc refused: /liveflight/??"),
        (built("/lights/dimmer", 0.5), ""),
        (built("/*/preset", "\t" * 99), "osc refused: /*/preset"),
    ],
)
def test_the_last_message_is_there_for_the_hud(sent: OscMessage, shown: str, osc: OscInput) -> None:
    assert osc.last_message == ""
    osc.receive(sent.dgram, SURFACE)
    assert osc.last_message == shown


# What is refused

BAD = {
    "size -4": b"#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfc",
    "24 stars": message("/" + "*" * 24 + "!", ",f", bytes(4)),
    "text that is not UTF-8": message("/preset", ",s", text(b"\xff\xfe")),
    "address that is not UTF-8": message(b"/liveflight/camera/\xff", ",f", bytes(4)),
    "no address": b"abcd",
    "odd length": b"/panic\0",
    "types that are not UTF-8": text("/camera/zoom") + text(b",\xff"),
    "deep bundles": nested(400),
    "an impulse for a number": message("/camera/zoom", ",I"),
    "nothing for a number": message("/camera/zoom"),
    "NaN": message("/camera/zoom", ",f", struct.pack(">f", float("nan"))),
    "infinity, double": message("/camera/zoom/raw", ",d", struct.pack(">d", float("inf"))),
    "NaN step": message("/camera/zoom/add", ",f", struct.pack(">f", float("nan"))),
    "a number as text": message("/camera/zoom", ",s", text("0.5")),
    "a blob": message("/camera/zoom", ",b", struct.pack(">i", 4) + bytes(4)),
    "a blob of size -4": message("/camera/zoom", ",b", struct.pack(">i", -4)),
    "a colour": message("/camera/zoom", ",r", bytes(4)),
    "a timetag": message("/camera/zoom", ",t", b"\xff" * 8),
    "an array of two": message("/camera/zoom", ",[ff]", bytes(8)),
    "deep arrays": message("/camera/zoom", "," + "[" * 4000),
    "two arguments": message("/camera/zoom", ",ff", bytes(8)),
    "17 arguments": message("/camera/zoom", "," + "T" * 17),
    "types without a comma": message("/camera/zoom", "f", bytes(4)),
    "no argument where one is announced": message("/camera/zoom", ",f"),
    "half an argument": message("/camera/zoom", ",d", bytes(4)),
    "more than was announced": message("/camera/zoom", ",f", bytes(8)),
    "an address without end": b"/camera/zoom",
    "a text without end": message("/preset", ",s", b"dusk"),
    "a control of the keyboard's": message("/liveflight/show/quit"),
    "an index too high": message("/warp/mirror", ",i", struct.pack(">i", 4)),
    "a target with a line break": message("/target", ",s", text("a\nb")),
    "nothing at all": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_packet_is_reported_once_counted_always_and_changes_nothing(
    name: str,
    osc: OscInput,
    box: Box,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for _ in range(5):
        osc.receive(BAD[name], SURFACE)
    assert box.drain() == []
    assert osc.refused == 5
    (record,) = caplog.records
    assert record.name == "liveflight.controllers.osc.reader" and record.levelno == logging.WARNING
    assert record.message.startswith("osc:127.0.0.1:5005")
    assert record.message.isprintable()
    assert capfd.readouterr() == ("", "")


def test_a_refusal_names_sender_address_and_what_is_allowed(
    osc: OscInput, caplog: pytest.LogCaptureFixture
) -> None:
    osc.receive(built("/camera/zoom", "fast").dgram, STRANGER)
    osc.receive(built("/liveflight/camera/zom", 1.0).dgram, STRANGER)
    assert [record.message for record in caplog.records] == [
        "osc:192.0.2.7:5005 '/camera/zoom' refused: "
        "camera.zoom = 'fast': allowed is a number from 0 to 1",
        "osc:192.0.2.7:5005 '/liveflight/camera/zom' refused: '/liveflight/camera/zom' is no "
        "address; did you mean '/liveflight/camera/zoom'?; `liveflight controls` lists them all",
    ]


SPOILT = {
    "an unknown address": built("/liveflight/camera/zom", 0.5).dgram,
    "too many arguments": built("/liveflight/camera/zoom", 0.5, 0.5).dgram,
    "a name for a number": built("/camera/zoom", "fast").dgram,
    "no such choice": built("/warp/mirror", 9).dgram,
    "too many wildcards": built("/camera/" + "?" * 9, 0.5).dgram,
    "a bracket": built("/camera/[", 0.5).dgram,
    "no message": b"abcd",
    "half a message": text("/camera/zoom") + b",f\0\0",
} | {name: BAD[name] for name in ("NaN", "a blob", "a colour", "text that is not UTF-8")}


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_message_of_a_bundle_spoils_only_itself(
    name: str, osc: OscInput, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    pan, hue = built("/camera/pan_x", 0.75).dgram, built("/colour/hue", 0.5).dgram
    osc.receive(bundle(pan, bundle(SPOILT[name]), SPOILT[name], hue), SURFACE)
    assert box.drain() == [Set("camera.pan_x", 0.5), Set("colour.hue", 0.0)]
    assert osc.refused == 2
    assert len(caplog.records) == 1
    if SPOILT[name].startswith(b"/"):
        assert decode(pan)[0] not in caplog.text
        assert SPOILT[name].partition(b"\0")[0].decode() in caplog.records[0].message


def test_addresses_of_other_programs_are_passed_over_in_silence(
    osc: OscInput, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    zoom, swirl = built("/liveflight/camera/zoom", 0.9).dgram, built("/warp/swirl", 0.5).dgram
    others = [
        built("/lights/dimmer", 0.3).dgram,
        built("/camera/zom", 0.3).dgram,
        message("/lights/colour", ",rb", bytes(12)),
        message("/vec", ",ffff", bytes(16)),
        built("/" + "long" * 100, 1).dgram,
        built("/tx/{a,b,c,d,e,f,g,h,i,j}/[", 1).dgram,
    ]
    osc.receive(bundle(others[0], zoom, *others[1:], swirl), SURFACE)
    assert [found.key for found in box.drain()] == ["camera.zoom", "warp.swirl"]
    for other in others:
        osc.receive(other, SURFACE)
    assert (box.drain(), osc.refused, caplog.records) == ([], 0, [])
    assert osc.status_lines() == ["12 OSC messages to other addresses"]


def test_framing_that_is_broken_refuses_the_datagram(osc: OscInput, box: Box) -> None:
    good = built("/camera/pan_x", 0.75).dgram
    for broken in (bundle(good) + b"\0\0\0\x08", bundle(good, nested(9))):
        osc.receive(broken, SURFACE)
    assert box.drain() == [] and osc.refused == 2


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (message("/camera/pan_x", ",[f]", struct.pack(">f", 0.75)), Set("camera.pan_x", 0.5)),
        (message("/camera/pan_x/", ",f", struct.pack(">f", 0.75)), Set("camera.pan_x", 0.5)),
        (message("//camera//pan_x", ",f", struct.pack(">f", 0.75)), Set("camera.pan_x", 0.5)),
        (
            message("/warp/mirror/raw/", ",f", struct.pack(">f", 2.0)),
            Set("warp.mirror", "vertical"),
        ),
        (message("/liveflight/panic/"), Trigger("show.panic")),
        (message("/camera/pan_[x]/", ",f", struct.pack(">f", 0.75)), Set("camera.pan_x", 0.5)),
    ],
)
def test_arrays_and_slashes(datagram: bytes, expected: Message, osc: OscInput, box: Box) -> None:
    osc.receive(datagram, SURFACE)
    assert (box.drain(), osc.refused) == ([expected], 0)


def test_mistyped_texts_in_quick_succession_take_no_good_one_with_them(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    for name in ("plumagee", "plumage", "77"):
        osc.receive(built("/preset", name).dgram, SURFACE)
    assert [getattr(said, "value", "") for said in box.drain()] == ["plumagee", "plumage", "77"]


def test_the_log_is_bounded_whatever_comes(osc: OscInput, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(200):
        osc.receive(built(f"/liveflight/nowhere/{number}", 1.0).dgram, SURFACE)
    assert osc.refused == 200
    assert len(caplog.records) == MAX_LOGGED_CAUSES + 1
    assert "more are only counted" in caplog.records[-1].message


def test_strangers_get_no_answer_unless_they_are_feedback_hosts(box: Box) -> None:
    question = built("/camera/zoom", "?").dgram
    for feedback, answered in (((), 0), ((STRANGER[0],), 1)):
        osc = OscInput(port=0, feedback=feedback)
        osc.open(box)
        osc.receive(question, STRANGER)
        osc.close()
        assert len(box.drain()) == answered
        assert osc.refused == 1 - answered


def test_questions_are_capped_per_second(osc: OscInput, box: Box, watch: Watch) -> None:
    question = built("/camera/zoom", "?").dgram
    for _ in range(ANSWERS_PER_S + 3):
        osc.receive(question, SURFACE)
    assert len(box.drain()) == ANSWERS_PER_S and osc.refused == 3
    watch.now = 1.0
    osc.receive(question, SURFACE)
    assert len(box.drain()) == 1


def test_a_flood_is_dropped_and_forgotten_a_second_later(
    osc: OscInput, box: Box, watch: Watch
) -> None:
    pan = built("/camera/pan_x", 0.75).dgram
    for _ in range(BYTES_PER_S // len(pan)):
        osc.receive(pan, SURFACE)
    assert osc.refused > 0
    assert box.drain() == [Set("camera.pan_x", 0.5)]
    osc.receive(pan, SURFACE)
    assert box.drain() == []
    watch.now = 1.0
    osc.receive(pan, SURFACE)
    assert box.drain() == [Set("camera.pan_x", 0.5)]


def test_who_floods_locks_nobody_else_out(osc: OscInput, box: Box, watch: Watch) -> None:
    tablet, others = ("127.0.0.1", 6000), [("127.0.0.1", 7000 + n) for n in range(100)]
    pan, zoom = built("/camera/pan_x", 0.25).dgram, built("/camera/zoom", 0.5).dgram
    question = built("/camera/zoom", "?").dgram
    for _ in range(BYTES_PER_S // len(pan)):
        osc.receive(pan, SURFACE)
    for _ in range(ANSWERS_PER_S):
        osc.receive(question, ("127.0.0.1", 6001))
    box.drain()
    refused = osc.refused
    osc.receive(pan, SURFACE)
    assert box.drain() == [] and osc.refused == refused + 1
    for _ in range(20):
        osc.receive(zoom, tablet)
        osc.receive(question, tablet)
    assert len(box.drain()) == 21 and osc.refused == refused + 1
    osc.receive(question, tablet)
    assert box.drain() == [] and osc.refused == refused + 2, "its own share is spent"
    for other in others:
        osc.receive(zoom, other)
    assert osc.refused > refused + 70, "more senders than there are shares"
    box.drain()
    watch.now = 1.0
    osc.receive(pan, SURFACE)
    assert len(box.drain()) == 1


def test_a_busy_show_is_no_flood(osc: OscInput, box: Box) -> None:
    """Send sixty faders sixty times a second, each in a datagram of its own."""
    for _ in range(3600):
        osc.receive(built("/liveflight/camera/rotation/raw", 45.0).dgram, SURFACE)
    assert osc.refused == 0


def test_wildcards_cost_more_than_plain_addresses(osc: OscInput, box: Box) -> None:
    pattern = built("/*a*m*/*o*o*", 0.5).dgram
    for _ in range(1000):
        osc.receive(pattern, SURFACE)
    assert 0 < 1000 - osc.refused < 300


def test_a_fault_of_our_own_does_not_end_the_thread(
    osc: OscInput,
    box: Box,
    surface: SimpleUDPClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(datagram: bytes, sender: object, ours: object) -> None:
        monkeypatch.undo()
        box.arrival.release()
        raise RuntimeError("a bug")

    monkeypatch.setattr(osc, "receive", fails)
    surface.send_message("/mix/random", None)
    assert box.wait() == []
    surface.send_message("/mix/random", None)
    assert box.wait() == [Trigger("mix.random")]
    assert osc.refused == 1
    assert "please report it" in caplog.text


# Random bytes

VALID = [
    built("/liveflight/camera/zoom", 0.5).dgram,
    built("/camera/pan_[xy]/raw", 1).dgram,
    built("/target", "vgg16:conv4_1:7").dgram,
    built("/mix/random").dgram,
    bundle(built("/camera/zoom", 0.5).dgram, bundle(built("/preset", 3).dgram)),
]
ADDRESSES = st.sampled_from([row.address for row in REMOTE] + ["/camera/*", "/*/{zoom,hue}"])
TYPED = st.tuples(ADDRESSES, st.text("ifhdsScbrmtTFNI[]", max_size=4), st.binary(max_size=40)).map(
    lambda parts: message(parts[0], "," + parts[1], parts[2])
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a valid datagram with some bytes changed, removed or inserted."""
    datagram = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(datagram)))
        datagram[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(datagram)


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[OscInput, Mailbox]]:
    """Yield one input for all examples; its clock advances by a second at each reading."""
    mailbox = Mailbox()
    seconds = iter(range(10**9))
    osc = OscInput(port=0, clock=lambda: float(next(seconds)))
    osc.open(mailbox)
    yield osc, mailbox
    osc.close()


@given(datagram=st.one_of(st.binary(max_size=80), mutated(), TYPED))
@settings(derandomize=True, deadline=None, max_examples=1000)
def test_any_bytes_are_messages_that_controls_can_take_or_are_counted(
    datagram: bytes, target: tuple[OscInput, Mailbox]
) -> None:
    osc, mailbox = target
    before = osc.refused
    osc.receive(datagram, SURFACE)
    messages = mailbox.drain()
    assert osc.refused == before or not messages or datagram.startswith(b"#bundle")
    for found in messages:
        row = next(row for row in REMOTE if row.key == found.key)
        match found:
            case Set(_, value):
                assert row.check(value) == value
            case Nudge(_, amount):
                assert row.check(row.nudged(row.default, amount)) is not None
            case Query():
                assert row.kind != "trigger"


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(
    address=st.sampled_from(["/a", "/camera/zoom", "/x/y/z/ä"]),
    arguments=st.lists(
        st.floats(width=32, allow_nan=False) | st.integers(-(2**40), 2**40) | TEXTS | st.booleans(),
        max_size=8,
    ),
)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_messages_are_decoded_as_python_osc_decodes_them(address: str, arguments: list) -> None:
    encoded = OscMessageBuilder(address)
    for argument in arguments:
        encoded.add_arg(argument)
    reference = encoded.build()
    if len(reference.dgram) % 4 == 0:
        assert decode(reference.dgram) == (reference.address, reference.params)


def test_arguments_are_bounded() -> None:
    assert decode(message("/a", "," + "T" * 16)) == ("/a", [True] * 16)
    with pytest.raises(PacketError, match="at most 16"):
        decode(message("/a", "," + "T" * 17))


def test_a_datagram_cut_short_anywhere_is_refused() -> None:
    whole = built("/camera/zoom", 0.5, "text", 2**40).dgram
    for end in range(4, len(whole), 4):
        if end == len(text("/camera/zoom")):
            continue  # an address alone is a message without arguments
        with pytest.raises(PacketError):
            decode(whole[:end])


def test_a_real_socket_survives_the_malformed_packets(osc: OscInput, box: Box) -> None:
    sendto(osc.port, *BAD.values(), built("/mix/random").dgram)
    assert box.wait() == [Trigger("mix.random")]
    assert osc.refused == len(BAD)


# What surfaces ask of the show


def test_a_ping_is_answered_with_version_uptime_and_frames(
    osc: OscInput, box: Box, surface: SimpleUDPClient, watch: Watch
) -> None:
    for address in ("/liveflight/ping", "/Ping"):
        surface.send_message(address, None)
        (ask,) = box.wait()
        watch.now += 7.5
        assert isinstance(ask, Query) and ask.key == "show.fps"
        ask.reply(59.5)
        pong = OscMessage(surface.receive())
        assert pong.address == "/liveflight/pong"
        assert pong.params == [__version__, watch.now, 59.5]
    osc.receive(message("/ping"), STRANGER)
    assert box.drain() == [] and osc.refused == 1


def test_who_asks_for_everything_gets_it_once_a_frame(
    osc: OscInput, box: Box, surface: SimpleUDPClient
) -> None:
    values: dict[str, Value] = {row.key: row.default for row in ROWS}
    surface.send_message("/liveflight/sync", None)
    surface.send_message("/sync", 1)
    heard = box.wait() + box.wait()
    assert heard == [Trigger("show.sync")] * 2
    osc.publish(1.0, values, heard)
    got: list[bytes] = []
    while len(got) < len(dump(values)):
        got.append(surface.receive())
    assert got == dump(values)
    osc.publish(1.1, values, [Trigger("show.sync", "key"), Trigger("show.sync", "osc:192.0.2.7:9")])
    surface.send_message("/camera/zoom", "?")
    box.wait()[0].reply(1.0)  # type: ignore[union-attr]
    assert OscMessage(surface.receive()).address == "/liveflight/camera/zoom", "nothing between"


def test_a_liveflight_follows_another_that_leads_and_two_that_do_both_say_so(
    osc: OscInput, box: Box
) -> None:
    values: dict[str, Value] = {row.key: row.default for row in ROWS}
    values |= {"show.preset": "reef", "mix.target": "vgg16:conv4_1:3", "show.fps": 59.5}
    for datagram in dump(values):
        osc.receive(datagram, STRANGER)
    heard = box.drain()
    assert osc.refused == 0
    assert all(isinstance(message, Set) for message in heard)
    followed = [message.key for message in heard if isinstance(message, Set)]
    assert set(followed) == {row.key for row in REMOTE if row.settable} - {"midi.learn"}
    assert followed[0] == "show.preset", "what comes after it has been moved since"
    osc.receive(bundle(built("/show/fps", 60.0).dgram), STRANGER)
    assert osc.refused == 0
    osc.receive(built("/show/fps", 60.0).dgram, STRANGER)
    assert osc.refused == 1, "by itself it is a mistake"
    both = OscInput(port=0, feedback=[STRANGER[0]])
    both.open(box)
    both.receive(bundle(built("/camera/zoom", 0.5).dgram), STRANGER)
    assert len(box.drain()) == 1
    both.receive(bundle(*(built(a, 0.5).dgram for a in ("/camera/zoom", "/show/fps"))), STRANGER)
    both.close()
    assert (box.drain(), both.refused) == ([], 1)


def test_full_dumps_are_capped_per_second(osc: OscInput, box: Box) -> None:
    dumps = 0
    for _ in range(20):
        osc.receive(message("/sync"), SURFACE)
        dumps += len(box.drain())
    assert dumps == ANSWERS_PER_S // DUMP_COST and osc.refused == 20 - ANSWERS_PER_S // DUMP_COST


def test_a_surface_of_ipv4_is_answered_where_ipv6_is_heard_too(box: Box) -> None:
    osc = OscInput("::", 0)
    try:
        osc.open(box)
    except LiveflightError:
        pytest.skip("there is no IPv6 here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.settimeout(10)
        surface.sendto(message("/sync"), ("127.0.0.1", osc.port))
        heard: list[Message] = []
        end = time.monotonic() + 10
        while not heard and time.monotonic() < end:
            heard = box.drain()
        port = surface.getsockname()[1]
        assert [getattr(one, "origin", "") for one in heard] == [f"osc:127.0.0.1:{port}"]
        osc.publish(0.0, {"camera.zoom": 1.0}, heard)
        assert surface.recv(4096).startswith(b"#bundle")
    osc.close()


@pytest.mark.parametrize("number", ["127.0.0.1", "::1"])
def test_localhost_is_heard_and_answered_by_either_number(number: str, box: Box) -> None:
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    osc = OscInput("localhost", port=0)
    osc.open(box)
    with socket.socket(family, socket.SOCK_DGRAM) as surface:
        try:
            surface.bind((number, 0))
        except OSError:
            osc.close()
            pytest.skip("there is no IPv6 here")
        surface.settimeout(10)
        surface.sendto(built("/camera/zoom", "?").dgram, (number, osc.port))
        (ask,) = box.wait()
        assert isinstance(ask, Query)
        ask.reply(1.2)
        assert decode(surface.recv(999))[0] == "/liveflight/camera/zoom"
    osc.close()


def test_a_feedback_host_is_known_by_all_its_numbers(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def looked(host: str, *args: Any, **more: Any) -> list[Any]:
        numbers = ["fe80::1", "192.0.2.7"] if host == "tablet" else [host]
        return [entry for number in numbers for entry in real(number, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", looked)
    osc = OscInput(port=0, feedback=["tablet"])
    osc.open(box)
    for number in ("192.0.2.7", "fe80::1", "::ffff:192.0.2.7", "192.0.2.8"):
        osc.receive(built("/camera/zoom", "?").dgram, (number, 5))
    osc.close()
    assert (len(box.drain()), osc.refused) == (3, 1)


def test_a_stranger_may_ask_that_surfaces_be_told_everything(osc: OscInput, box: Box) -> None:
    osc.receive(message("/sync"), STRANGER)
    assert box.drain() == [Trigger("show.sync")]


def test_messages_say_who_spoke(osc: OscInput, box: Box) -> None:
    datagram = bundle(
        built("/camera/pan_x", 0.5).dgram, built("/warp/mirror/add", 1).dgram, message("/panic")
    )
    osc.receive(datagram, SURFACE)
    assert [found.origin for found in box.drain()] == ["osc:127.0.0.1:5005"] * 3  # type: ignore[union-attr]


def test_many_senders_are_told_apart(osc: OscInput, box: Box) -> None:
    for port in [*range(1, 200), 1]:
        osc.receive(built("/camera/pan_x", 0.5).dgram, ("127.0.0.1", port))
        (found,) = box.drain()
        assert isinstance(found, Set) and found.origin == f"osc:127.0.0.1:{port}"


def test_forged_senders_without_end_take_no_memory_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Flooded:
        """Stand in for a socket that is never empty and has a new sender in each datagram."""

        family = socket.AF_INET
        count = 0

        def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
            self.count += 1
            high, low = divmod(self.count, 60_000)
            return b"", (f"10.0.0.{high}", low + 1)

    osc = OscInput(port=0)
    osc.open(Mailbox())
    osc.close()
    flooded: Any = Flooded()
    osc._sockets, osc._counts = [flooded], {flooded: Counter()}
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    most = 0
    for _ in range(1000):
        osc._take(flooded)
        most = max(most, len(osc._counts[flooded]), len(osc._senders))
    assert flooded.count == 16_000
    assert most <= 1024
