"""Real sockets: senders that flood, and one that does not."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from liveflight.core.mailbox import Mailbox, Set
from liveflight.inputs.osc import OscInput
from liveflight.inputs.osc_codec import encode
from liveflight.inputs.osc_flood import APART, EACH, MOST, PAUSE, Apart

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps senders apart")


def udp(host: str = "127.0.0.1") -> socket.socket:
    ours = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind((host, 0))
    ours.setblocking(False)
    return ours


@pytest.fixture(params=["127.0.0.1", "::1"])
def sockets(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    """Where everybody is heard, who floods, and who does not."""
    try:
        three = [udp(request.param) for _ in range(3)]
    except OSError:
        pytest.skip("there is no IPv6 here")
    yield three
    for each in three:
        each.close()


def came(ours: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(ours.recv(999))
        except BlockingIOError:
            return found


def test_a_flood_fills_its_own_buffer_until_its_time_is_over(sockets: list[socket.socket]) -> None:
    common, loud, quiet = sockets
    place = common.getsockname()
    apart = Apart()
    assert apart.put(common, loud.getsockname(), 0.0) and apart
    for _ in range(5000):
        loud.sendto(bytes(200), place)
    quiet.sendto(b"quiet", place)
    assert came(common) == [b"quiet"], "the flood would have filled it"
    read = list(apart.datagrams(999, PAUSE))
    assert len(read) == EACH and {sender for _, sender in read} == {loud.getsockname()}
    assert list(apart.datagrams(999, 1.5 * PAUSE)) == [], "a look now and then"
    while list(apart.datagrams(999, APART)):
        pass
    assert not apart
    loud.sendto(b"calm", place)
    assert came(common) == [b"calm"]


def test_the_port_stays_taken(sockets: list[socket.socket]) -> None:
    common, loud, _ = sockets
    apart = Apart()
    assert apart.put(common, loud.getsockname(), 0.0)
    assert apart.put(common, loud.getsockname(), 0.0), "it is already"
    for reuse in (0, 1):
        with socket.socket(common.family, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            with pytest.raises(OSError):
                other.bind(common.getsockname())
    apart.close()
    apart.close()


def test_so_many_are_kept_apart(sockets: list[socket.socket]) -> None:
    apart = Apart()
    place = sockets[1].getsockname()
    kept = [apart.put(sockets[0], (place[0], port, *place[2:]), 0.0) for port in range(1, MOST + 3)]
    assert kept == [True] * MOST + [False] * 2
    apart.close()


def test_who_floods_is_found_out_and_the_others_are_heard() -> None:
    mailbox = Mailbox()
    osc = OscInput(port=0)
    osc.open(mailbox)
    place = ("127.0.0.1", osc.port)
    pan = encode("/camera/pan_x", 0.5)
    end = time.monotonic() + 20
    with udp() as loud, udp() as quiet:
        while not osc._apart:
            loud.setblocking(True)
            loud.sendto(encode("/x" * 4000, 0.5), place)
            assert time.monotonic() < end, "nobody found out"
        for _ in range(3000):
            loud.sendto(pan, place)
        quiet.sendto(encode("/camera/pan_y", 0.75), place)
        while Set("camera.pan_y", 0.5) not in mailbox.drain():
            assert time.monotonic() < end, "it was crowded out"
            time.sleep(0.001)
    osc.close()
