"""Names of hosts, and all the addresses that they have."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from liveflight.controllers.osc import sockets
from liveflight.controllers.osc.sockets import bind_all, look_up
from liveflight.core.contracts import LiveflightError

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, UDP) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Make the system resolve hosts to these addresses, in this order."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def looked(host: str, *args: Any, **more: Any) -> list[Any]:
        numbers = known.get(host, [host])
        if not numbers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [entry for number in numbers for entry in real(number, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", looked)
    return known


@pytest.fixture
def listen() -> Iterator[Any]:
    with ExitStack() as opened:

        def opener(host: str, port: int = 0, kind: socket.SocketKind = UDP) -> list[socket.socket]:
            ours = bind_all(host, port, kind, "OSC", "--osc-port")
            for each in ours:
                opened.enter_context(each)
            return ours

        yield opener


@ipv6
@pytest.mark.parametrize("kind", [UDP, TCP])
@pytest.mark.parametrize("numbers", [["::1"], ["127.0.0.1"], ["::1", "127.0.0.1"], []])
def test_localhost_is_both_of_its_numbers_whatever_the_list_says(
    numbers: list[str], kind: socket.SocketKind, names: dict[str, list[str]], listen: Any
) -> None:
    names["localhost"] = numbers
    ours = listen("localhost", 0, kind)
    assert {each.getsockname()[0] for each in ours} == {"127.0.0.1", "::1"}
    assert len({each.getsockname()[1] for each in ours}) == 1
    assert {place[0] for _, place in look_up("localhost", 9)} == {"127.0.0.1", "::1"}


@ipv6
@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_at_one_of_the_numbers_is_taken(taken: str, listen: Any) -> None:
    port = listen(taken)[0].getsockname()[1]
    with pytest.raises(LiveflightError, match=f"cannot listen on localhost:{port}"):
        listen("localhost", port)


@ipv6
def test_a_name_of_several_numbers_is_all_of_them_and_of_strangers_none(
    names: dict[str, list[str]], listen: Any
) -> None:
    names["stage"] = ["::1", "127.0.0.1", "127.0.0.1", "192.0.2.1"]
    assert [each.getsockname()[0] for each in listen("stage")] == ["::1", "127.0.0.1"]
    assert [place[0] for _, place in look_up("stage", 9)] == ["::1", "127.0.0.1", "192.0.2.1"]
    names["elsewhere"] = ["192.0.2.1"]
    with pytest.raises(LiveflightError, match="cannot listen on elsewhere"):
        listen("elsewhere")


def test_without_ipv6_localhost_is_the_number_there_is(
    listen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def made(family: int, *args: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return real(family, *args)

    with monkeypatch.context() as patched:
        patched.setattr(sockets.socket, "socket", made)
        ours = bind_all("localhost", 0, UDP, "OSC", "--osc-port")
    with ours[0]:
        assert [each.getsockname()[0] for each in ours] == ["127.0.0.1"]


@ipv6
@pytest.mark.parametrize(
    ("host", "heard"),
    [
        ("::", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("::1", {"::1"}),
        ("localhost", {"127.0.0.1", "::1"}),
    ],
)
def test_who_is_heard(host: str, heard: set[str], listen: Any) -> None:
    ours = listen(host)
    port = ours[0].getsockname()[1]
    for number in ("127.0.0.1", "::1"):
        with closing(socket.socket(socket.AF_INET6 if ":" in number else socket.AF_INET, UDP)) as s:
            s.sendto(number.encode(), (number, port))
    came = set()
    for each in ours:
        for _ in range(2):
            try:
                came.add(each.recv(99).decode())
            except BlockingIOError:
                break
    assert came == heard
