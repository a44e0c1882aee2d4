"""Real sockets: senders that flood, and one that does not."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from liveflight.controllers.osc.codec import encode
from liveflight.controllers.osc.flood_isolation import (
    DRAIN_TIMEOUT_S,
    MAX_ISOLATED,
    SILENCE_S,
    TURN_DATAGRAMS,
    FloodIsolation,
)
from liveflight.controllers.osc.input import OscInput
from liveflight.core.mailbox import Mailbox, Set

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps senders apart")


def udp(host: str = "127.0.0.1") -> socket.socket:
    ours = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind((host, 0))
    ours.setblocking(False)
    return ours


@pytest.fixture(params=["127.0.0.1", "::1"])
def sockets(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    """Yield the common socket, a flooding sender and a quiet one."""
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


def nobody(sender: object) -> bool:
    return False


def test_a_flood_fills_its_own_buffer_and_comes_in_turns(sockets: list[socket.socket]) -> None:
    common, loud, quiet = sockets
    place = common.getsockname()
    loud.sendto(b"before", place)
    apart = FloodIsolation()
    assert apart.put(common, loud.getsockname(), 0.0) and apart
    for _ in range(5000):
        loud.sendto(bytes(200), place)
    quiet.sendto(b"quiet", place)
    assert list(apart.datagrams(999, 0.0, nobody)) == [], "what was said before comes first"
    assert came(common) == [b"before", b"quiet"], "the flood would have filled it"
    apart.emptied(common)
    assert list(apart.datagrams(999, 0.0, lambda sender: True)) == [], "it had more than its share"
    turn = [(bytes(200), loud.getsockname(), common)] * TURN_DATAGRAMS
    assert list(apart.datagrams(999, 0.0, nobody)) == turn
    apart.close()


def test_where_others_keep_the_common_socket_full_who_is_kept_apart_is_heard(
    sockets: list[socket.socket],
) -> None:
    common, loud, _ = sockets
    apart = FloodIsolation()
    apart.put(common, loud.getsockname(), 3.0)
    loud.sendto(b"blackout", common.getsockname())
    assert list(apart.datagrams(999, 2.9 + DRAIN_TIMEOUT_S, nobody)) == []
    heard = list(apart.datagrams(999, 3.0 + DRAIN_TIMEOUT_S, nobody))  # it has never been empty
    assert [datagram for datagram, _, _ in heard] == [b"blackout"]
    apart.close()


def test_who_falls_silent_is_heard_with_the_others_again(sockets: list[socket.socket]) -> None:
    common, loud, _ = sockets
    apart = FloodIsolation()
    apart.put(common, loud.getsockname(), 0.0)
    apart.emptied(common)
    loud.sendto(b"loud", common.getsockname())
    assert len(list(apart.datagrams(999, 1.0, nobody))) == 1
    assert list(apart.datagrams(999, 0.9 + SILENCE_S, nobody)) == [] and apart
    assert list(apart.datagrams(999, 1.0 + SILENCE_S, nobody)) == [] and not apart
    loud.sendto(b"calm", common.getsockname())
    assert came(common) == [b"calm"]


def test_the_port_stays_taken(sockets: list[socket.socket]) -> None:
    common, loud, _ = sockets
    apart = FloodIsolation()
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
    apart = FloodIsolation()
    place = sockets[1].getsockname()
    kept = [
        apart.put(sockets[0], (place[0], port, *place[2:]), 0.0)
        for port in range(1, MAX_ISOLATED + 3)
    ]
    assert kept == [True] * MAX_ISOLATED + [False] * 2
    apart.close()


def test_who_floods_is_found_out_and_the_others_are_heard() -> None:
    mailbox = Mailbox()
    osc = OscInput(port=0)
    end = time.monotonic() + 20
    with udp() as loud, udp() as quiet:
        loud.setblocking(True)
        osc.open(mailbox)
        place = ("127.0.0.1", osc.port)
        while not osc._isolation:
            for _ in range(500):
                loud.sendto(encode("/camera/pan_x", 0.5), place)
            assert time.monotonic() < end, "nobody found out"
        for _ in range(5000):
            loud.sendto(encode("/camera/pan_x", 0.75), place)
        quiet.sendto(encode("/camera/pan_y", 0.75), place)
        while Set("camera.pan_y", 0.5) not in mailbox.drain():
            assert time.monotonic() < end, "it was crowded out"
            time.sleep(0.001)
    osc.close()


def test_the_last_of_a_burst_stands_though_its_sender_is_set_apart_in_between() -> None:
    mailbox = Mailbox()
    osc = OscInput(port=0)
    osc.open(mailbox)
    end, last = time.monotonic() + 20, -1.0
    with udp() as loud:
        for burst in range(20):
            for number in range(1, 301):
                pan = (number + burst) / 400
                loud.sendto(encode("/camera/pan_x/raw", pan), ("127.0.0.1", osc.port))
            while last != pytest.approx(pan):
                for said in mailbox.drain():
                    assert isinstance(said, Set)
                    last = float(said.value)
                assert time.monotonic() < end, "an earlier one came last"
                time.sleep(0.0005)
    osc.close()
