"""OSC with encoders and decoders that are not ours: liblo's command-line tools, python-osc."""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.udp_client import SimpleUDPClient

from liveflight.controllers.osc.codec import encode
from liveflight.controllers.osc.echo_suppressor import FEEDBACK_CONTROLS, dump
from liveflight.controllers.osc.feedback import RETRY_S, OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.core.contracts import Value
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Query, Set, Trigger

PATIENCE = 20
VALUES: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
liblo = pytest.mark.skipif(shutil.which("oscsend") is None, reason="there is no liblo-tools here")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def osc(mailbox: Mailbox) -> Iterator[OscInput]:
    osc = OscInput(port=0)
    osc.open(mailbox)
    yield osc
    osc.close()


def drained(mailbox: Mailbox) -> list[Message]:
    """Return the next datagram."""
    end = time.monotonic() + PATIENCE
    while not (found := mailbox.drain()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.001)
    return found


@liblo
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("/liveflight/camera/pan_x f 0.75", Set("camera.pan_x", 0.5)),
        ("/camera/pan_x/raw d 0.5", Set("camera.pan_x", 0.5)),
        ("/liveflight/warp/mirror s both", Set("warp.mirror", "both")),
        ("/liveflight/warp/mirror i 1", Set("warp.mirror", "horizontal")),
        ("/liveflight/warp/kaleidoscope/add i 2", Nudge("warp.kaleidoscope", 2.0)),
        ("/liveflight/preset S reef", Set("show.preset", "reef")),
        ("/liveflight/show/freeze T", Set("show.freeze", True)),
        ("/liveflight/mix/random I", Trigger("mix.random")),
        ("/liveflight/panic", Trigger("show.panic")),
        ("/liveflight/camera/pan_[x] h 1", Set("camera.pan_x", 1.0)),
    ],
)
def test_what_liblo_sends_is_understood(
    words: str, message: Message, osc: OscInput, mailbox: Mailbox
) -> None:
    subprocess.run(["oscsend", "localhost", str(osc.port), *words.split()], check=True)
    assert drained(mailbox) == [message]
    assert osc.refused == 0


@liblo
def test_what_we_tell_is_understood_by_liblo() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    feedback = OscFeedback([("127.0.0.1", port)])
    feedback.open(Mailbox())
    listening = subprocess.Popen(
        ["stdbuf", "-oL", "oscdump", "-L", str(port)], stdout=subprocess.PIPE, text=True
    )
    assert listening.stdout
    try:
        now, said = 0.0, dict[str, str]()
        end = time.monotonic() + PATIENCE
        while not select.select([listening.stdout], [], [], 0.05)[0]:
            feedback.publish(now, VALUES, [Trigger("show.sync")])  # until it listens
            now += 2 * RETRY_S
            assert time.monotonic() < end
        while len(said) < len(FEEDBACK_CONTROLS):
            _, address, rest = listening.stdout.readline().split(" ", 2)
            said[address] = rest.strip()
        assert set(said) == {row.address for row in FEEDBACK_CONTROLS}
        assert said["/liveflight/camera/pan_x"] == "f 0.500000"
        assert said["/liveflight/mix/target"] == 's ""'
    finally:
        listening.kill()
        listening.communicate()
        feedback.close()


def test_python_osc_asks_and_is_answered(osc: OscInput, mailbox: Mailbox) -> None:
    client = SimpleUDPClient("127.0.0.1", osc.port, timeout=PATIENCE)
    client.send_message("/liveflight/camera/pan_x", "?")
    (ask,) = drained(mailbox)
    assert isinstance(ask, Query)
    ask.reply(0.5)
    answer = OscMessage(client.receive(PATIENCE))
    assert (answer.address, answer.params) == ("/liveflight/camera/pan_x", [0.75])
    client.send_message("/liveflight/sync", [])
    osc.publish(1.0, VALUES, drained(mailbox))
    contents = [OscBundle(client.receive(PATIENCE)).num_contents for _ in dump(VALUES)]
    assert sum(contents) == len(FEEDBACK_CONTROLS)
    client.close()


def test_a_flood_is_one_update_per_control_and_frame(osc: OscInput, mailbox: Mailbox) -> None:
    """Send 5,000 messages while frames drain the mailbox, a trigger after every hundred."""
    rows = [row for row in ROWS if row.remote and row.kind == "float"][:20]
    last: dict[str, Value] = {}
    fired = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(5000):
            row = rows[number % 20]
            sender.sendto(encode(row.address, (number % 97) / 96), ("127.0.0.1", osc.port))
            if number % 100 < 99:
                continue
            sender.sendto(encode("/mix/random"), ("127.0.0.1", osc.port))
            while fired <= number // 100:
                frame = drained(mailbox)
                fired += frame.count(Trigger("mix.random"))
                sets = [said for said in frame if isinstance(said, Set)]
                assert len(sets) == len({said.key for said in sets}) <= 20
                last |= {said.key: said.value for said in sets}
    assert (osc.refused, mailbox.dropped) == (0, 0)
    for number in range(4980, 5000):
        row = rows[number % 20]
        assert last[row.key] == pytest.approx(row.from_position((number % 97) / 96), rel=1e-5)
