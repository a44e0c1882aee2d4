from __future__ import annotations

import asyncio
import gc
import http.client
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, cast

import aiohttp
import pytest
from pythonoscquery.osc_query_client import OSCQueryClient
from pythonoscquery.shared.osc_path_node import OSCPathNode
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from liveflight import __version__
from liveflight.controllers.osc.codec import decode, encode
from liveflight.controllers.osc.echo_suppressor import HOLD_S
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.osc.packets import MAX_PACKET_BYTES
from liveflight.controllers.oscquery.connection_limit import MAX_CONNECTIONS
from liveflight.controllers.oscquery.server import (
    CONTROLS_PER_S,
    FOLDER_COST,
    MAX_CLIENTS,
    Server,
)
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.oscquery.tree import node
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Query, Set, Trigger

START: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
ZOOM = "/liveflight/camera/pan_x"
PATIENCE = 20
"""Seconds; only a test that fails takes them."""


class Show:
    """Hold a served show, and read it as a client."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.osc = OscInput(port=0)
        self.osc.open(self.mailbox)
        self.query = OscQuery(port=0, osc=self.osc)
        self.query.open(self.mailbox)
        self.get("/")  # until it serves
        self.until(lambda: self.query._server)
        self.publish(0.0)

    @property
    def server(self) -> Server:
        """Return the running server, to count what it refuses and who is connected."""
        assert self.query._server
        return self.query._server

    def publish(self, now: float, *heard: Message, **camera: Value) -> None:
        values = {**START, **{f"camera.{name}": value for name, value in camera.items()}}
        self.query.publish(now, values, heard)

    def get(self, target: str, method: str = "GET", **headers: str) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.query.port, timeout=PATIENCE)
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body, kind = answer.read(), answer.headers.get("Content-Type", "")
        connection.close()
        return answer.status, body, kind

    def json(self, target: str) -> Any:
        status, body, kind = self.get(target)
        assert (status, kind) == (200, "application/json; charset=utf-8")
        return json.loads(body)

    def until(self, happened: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < end, "never happened"
            time.sleep(0.005)
        return found

    def close(self) -> None:
        self.query.close()
        self.osc.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Show]:
    show = Show()
    yield show
    show.close()


@pytest.fixture
def show(served: Show) -> Show:
    served.mailbox.drain()
    served.publish(0.0)
    return served


def talk(show: Show, talked: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]) -> None:
    """Run `talked` as one websocket client."""

    async def whole() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{show.query.port}/") as client,
        ):
            await asyncio.wait_for(talked(client), PATIENCE)

    asyncio.run(whole())


async def heard(client: aiohttp.ClientWebSocketResponse) -> tuple[str, list]:
    frame = await client.receive()
    assert frame.type is aiohttp.WSMsgType.BINARY
    return decode(frame.data)


async def until(happened: Callable[[], Any]) -> Any:
    while not (found := happened()):
        await asyncio.sleep(0.005)
    return found


# HTTP


def test_the_tree(show: Show) -> None:
    assert show.json("/") == node("/", START)
    assert show.json("/liveflight/camera/") == node("/liveflight/camera", START)
    assert show.json("/liveflight/camera/zoom") == node("/liveflight/camera/zoom", START)


def test_values_are_those_of_the_latest_frame(show: Show) -> None:
    assert show.json(f"{ZOOM}?VALUE") == {"VALUE": [0.5]}
    show.publish(1.0, pan_x=0.5)
    assert show.json(f"{ZOOM}?VALUE") == {"VALUE": [0.75]}


def test_the_host(show: Show) -> None:
    for target in ("/?HOST_INFO", f"{ZOOM}?HOST_INFO", "/nowhere?HOST_INFO"):
        info = show.json(target)
        assert info["NAME"] == f"liveflight {socket.gethostname().partition('.')[0]}"
        assert (info["OSC_IP"], info["OSC_PORT"]) == ("127.0.0.1", show.osc.port)
        assert (info["OSC_TRANSPORT"], info["WS_PORT"]) == ("UDP", show.query.port)
        assert info["EXTENSIONS"]["LISTEN"] and info["EXTENSIONS"]["RANGE"]
        assert info["METADATA"] == {"VERSION": __version__}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("?TYPE", {"TYPE": "f"}),
        ("?RANGE", {"RANGE": [{"MIN": 0.0, "MAX": 1.0}]}),
        ("?ACCESS", {"ACCESS": 3}),
        ("?CLIPMODE", {"CLIPMODE": ["both"]}),
        ("?FULL_PATH", {"FULL_PATH": ZOOM}),
    ],
)
def test_one_attribute(target: str, said: dict, show: Show) -> None:
    assert show.json(ZOOM + target) == said


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/liveflight/mix/random?RANGE", 204),
        (f"{ZOOM}?UNIT", 204),
        (f"{ZOOM}?COLOUR", 400),
        (f"{ZOOM}?TYPE&RANGE", 400),
        (f"{ZOOM}?TYPE&RANGE&_=1", 400),
        (f"{ZOOM}?COLOUR&_=1", 400),
        ("/nowhere", 404),
        ("/nowhere?VALUE", 404),
        ("/liveflight/show/quit", 404),
        ("/../../etc/passwd", 404),
        ("/%00", 404),
    ],
)
def test_what_is_not_to_be_had(target: str, status: int, show: Show) -> None:
    found, body, _ = show.get(target)
    assert found == status
    assert (body == b"") is (status == 204)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_looking_is_allowed(method: str, show: Show) -> None:
    assert show.get("/", method)[0] == 405


@pytest.mark.parametrize("target", ["?VALUE&_=1712", "?_=1712&VALUE", "?VALUE&1712", "?VALUE="])
def test_what_a_page_adds_against_its_browsers_memory_is_passed_over(
    target: str, show: Show
) -> None:
    assert show.json(ZOOM + target) == {"VALUE": [0.5]}
    assert show.json(f"{ZOOM}?_=1712") == node(ZOOM, START)
    assert show.json(f"{ZOOM}?HOST_INFO&_=1712")["NAME"]


@pytest.mark.parametrize(
    "target",
    [f"{ZOOM}/", f"/{ZOOM}//", "/camera/pan_x", "/LiveFlight/Camera/Pan_X", "//camera//pan_x"],
)
def test_addresses_are_those_of_osc(target: str, show: Show) -> None:
    assert show.json(target) == node(ZOOM, START)
    assert show.json("/liveflight/preset?VALUE") == {"VALUE": [""]}
    assert show.json("/liveflight/panic/?FULL_PATH") == {"FULL_PATH": "/liveflight/show/panic"}


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET / HTTP/1.0", "", b"200"),
        ("GET / HTTP/1.0", "Host: localhost\r\n", b"200"),
        ("GET / HTTP/1.0", "Host: evil.example\r\n", b"403"),
        ("GET / HTTP/1.0", "Host:\r\n", b"403"),
        ("GET / HTTP/1.0", "Origin: http://evil.example\r\n", b"403"),
        ("GET / HTTP/1.1", "", b"40"),  # 400 or 403: aiohttp's newer versions refuse it themselves
    ],
)
def test_only_http_of_old_may_leave_the_host_out(
    request_line: str, headers: str, status: bytes, show: Show
) -> None:
    with socket.create_connection(("127.0.0.1", show.query.port), PATIENCE) as client:
        client.sendall(f"{request_line}\r\n{headers}\r\n".encode())
        assert client.recv(12)[9:].startswith(status)


def test_head(show: Show) -> None:
    assert show.get("/", "HEAD")[:2] == (200, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:9000"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:9000"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:9000"}, 200),
        ({"Host": "["}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "192.168.1.20"}, 200),
        ({"Host": socket.gethostname() + ".local"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:9", "Origin": "http://localhost:9"}, 200),
        ({"Host": "localhost:9", "Origin": "http://localhost:8"}, 403),
        ({"Origin": "http://evil.example", "Upgrade": "websocket", "Connection": "Upgrade"}, 403),
    ],
)
def test_strange_names_and_pages_see_nothing(
    headers: dict[str, str], status: int, show: Show
) -> None:
    assert show.get("/", **headers)[0] == status


def test_rubbish_is_answered_and_not_logged(show: Show, caplog: pytest.LogCaptureFixture) -> None:
    for rubbish in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET " + b"x" * 20000):
        with socket.create_connection(("127.0.0.1", show.query.port), PATIENCE) as client:
            client.sendall(rubbish)
            client.recv(100)
    assert show.get("/")[0] == 200
    assert caplog.records == []


def test_python_oscquerys_client_reads_it_all(show: Show) -> None:
    found = ServiceInfo(
        "_oscjson._tcp.local.",
        "liveflight._oscjson._tcp.local.",
        port=show.query.port,
        parsed_addresses=["127.0.0.1"],
    )
    client = OSCQueryClient(found)
    info = client.get_host_info()
    assert info is not None
    assert (info.osc_ip, info.osc_port) == ("127.0.0.1", show.osc.port)
    whole, pan = client.query_node("/"), client.query_node(ZOOM)
    assert whole is not None and pan is not None
    assert leaves(whole) == [row.address for row in ROWS if row.remote]
    assert pan.value == [0.5]
    assert client.query_node("/nowhere") is None


def leaves(node: OSCPathNode) -> list[str]:
    if not node.contents:
        return [node.full_path]
    return [path for inside in node.contents for path in leaves(inside)]


# Websockets


def test_who_listens_is_told_where_it_stands_and_what_changes(show: Show) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        assert await heard(client) == (ZOOM, [0.5])
        show.publish(1.0, pan_x=0.5, pan_y=1.0)
        assert await heard(client) == (ZOOM, [0.75])
        await client.send_json({"COMMAND": "IGNORE", "DATA": ZOOM})
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/liveflight/warp/mirror"})
        assert await heard(client) == ("/liveflight/warp/mirror", ["off"])
        show.publish(2.0, pan_x=-1.0)
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/liveflight/show/freeze"})
        assert await heard(client) == ("/liveflight/show/freeze", [False])

    talk(show, talked)


CAMERA = {row.address for row in ROWS if row.group == "camera"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/liveflight/camera", CAMERA),
        ("/liveflight/camera/", CAMERA),
        ("/liveflight/camera/*", CAMERA),
        ("/liveflight/camera/pan_?/", {ZOOM, "/liveflight/camera/pan_y"}),
        (f"{ZOOM}/", {ZOOM}),
        ("/camera/pan_x", {ZOOM}),
        ("/liveflight/preset", {"/liveflight/show/preset"}),
        ("/", {row.address for row in ROWS if row.remote and row.kind != "trigger"}),
    ],
)
def test_who_listens_to_a_container_or_a_pattern_is_told_of_all_in_it(
    path: str, told: set[str], show: Show
) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": path})
        assert {(await heard(client))[0] for _ in told} == told
        await client.send_json({"COMMAND": "IGNORE", "DATA": path})
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/liveflight/warp/mirror"})
        show.publish(1.0, pan_x=0.75)
        assert (await heard(client))[0] == "/liveflight/warp/mirror"

    talk(show, talked)


@pytest.mark.parametrize("path", ["/nowhere", "/liveflight/camera/zom", "/liveflight/\ud800", "["])
def test_what_cannot_be_listened_to_is_refused_aloud(path: str, show: Show) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        refused = show.server.reader.refused
        await client.send_json({"COMMAND": "LISTEN", "DATA": path})
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        assert await heard(client) == (ZOOM, [0.5])
        assert show.server.reader.refused == refused + 1

    talk(show, talked)


def test_who_says_late_what_it_was_told_is_not_followed(show: Show) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        for pan in (0.0, 0.5):
            show.publish(pan, pan_x=pan)
            assert (await heard(client))[0] == ZOOM
        show.publish(0.9, pan_x=1.0)
        await client.send_bytes(encode(ZOOM, 0.5))
        show.osc.receive(encode(ZOOM, 0.5), ("127.0.0.1", 5))
        await client.send_bytes(encode(ZOOM, 0.1))
        assert await until(show.mailbox.drain) == [Set("camera.pan_x", pytest.approx(-0.8))]

    talk(show, talked)


def test_frames_of_osc_move_controls_and_are_not_echoed_under_the_finger(show: Show) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        assert await heard(client) == (ZOOM, [0.5])
        await client.send_bytes(encode(ZOOM, 0.75))
        (said,) = await until(show.mailbox.drain)
        assert said == Set("camera.pan_x", 0.5) and said.origin.startswith("oscquery:127.0.0.1:")
        show.publish(1.0, said, pan_x=0.5)
        show.publish(1.1 + HOLD_S, pan_x=0.5)
        await client.send_json({"COMMAND": "LISTEN", "DATA": "/liveflight/show/freeze"})
        assert await heard(client) == ("/liveflight/show/freeze", [False]), "it knew of the pan"
        show.publish(1.2 + HOLD_S, pan_x=1.0)
        assert await heard(client) == (ZOOM, [1.0])

    talk(show, talked)


def test_questions_pings_and_dumps_over_a_websocket(show: Show) -> None:
    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        await client.send_bytes(encode(ZOOM, "?"))
        (ask,) = await until(show.mailbox.drain)
        cast(Query, ask).reply(0.5)
        assert await heard(client) == (ZOOM, [0.75])
        await client.send_bytes(encode("/ping"))
        (ask,) = await until(show.mailbox.drain)
        cast(Query, ask).reply(60.0)
        assert (await heard(client))[0] == "/liveflight/pong"
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        assert await heard(client) == (ZOOM, [0.5])
        show.publish(1.0, Trigger("show.sync"))
        assert await heard(client) == (ZOOM, [0.5])

    talk(show, talked)


def test_nonsense_over_a_websocket_harms_nobody(show: Show) -> None:
    refused = show.server.reader.refused

    async def talked(client: aiohttp.ClientWebSocketResponse) -> None:
        for text in ("", "[", "[]", "7", '{"COMMAND": "LISTEN"}', "[" * 5000,
            '{"COMMAND": "LISTEN", "DATA": ["/"]}', '{"COMMAND": "SHUT", "DATA": "/"}',
            '{"COMMAND": "LISTEN", "DATA": "/nowhere"}',
            '{"COMMAND": "LISTEN", "DATA": "/liveflight/mix/random"}'):  # fmt: skip
            await client.send_str(text)
        for frame in (b"", b"abcd", encode("/nowhere", 1.0), b"#bundle\0" * 100):
            await client.send_bytes(frame)
        await client.send_json({"COMMAND": "LISTEN", "DATA": ZOOM})
        assert await heard(client) == (ZOOM, [0.5])
        await client.send_bytes(bytes(MAX_PACKET_BYTES + 1))
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE

    talk(show, talked)
    assert show.mailbox.drain() == []
    assert show.query.status_lines()[-1] == f"{refused + 4} OSC messages refused"
    show.until(lambda: not show.server.clients)


def test_there_is_room_for_so_many_clients(show: Show) -> None:
    async def crowd() -> None:
        async with aiohttp.ClientSession() as session:
            url = f"ws://127.0.0.1:{show.query.port}/"
            inside = [await session.ws_connect(url) for _ in range(MAX_CLIENTS)]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(url)
            assert refused.value.status == 503
            for client in inside:
                await client.close()

    asyncio.run(crowd())
    show.until(lambda: not show.server.clients)


# Beginning and end


def test_localhost_serves_both_of_its_numbers() -> None:
    query = OscQuery("localhost", port=0)
    query.open(Mailbox())
    for number in [ours.getsockname()[0] for ours in query._sockets]:
        connection = http.client.HTTPConnection(number, query.port, timeout=PATIENCE)
        connection.request("GET", "/?HOST_INFO")
        assert json.loads(connection.getresponse().read())["WS_IP"] == number
        connection.close()
    query.close()


@pytest.mark.skipif(sys.platform == "win32", reason="its sockets are no files")
def test_more_connections_than_file_numbers_cost_the_show_neither_its_own_nor_its_log() -> None:
    code = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
from liveflight.core.mailbox import Mailbox
from liveflight.controllers.oscquery.service import OscQuery
query = OscQuery(port=0)
query.open(Mailbox())
print(query.port, flush=True)
sys.stdin.readline()
print(len([open(sys.executable) for _ in range(8)]), flush=True)
query.close()
"""
    shown = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with (
        ExitStack() as opened,
        subprocess.Popen(shown, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child,
    ):
        assert child.stdout
        port = int(child.stdout.readline())
        for _ in range(80):
            opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/?HOST_INFO")
        assert connection.getresponse().status == 200
        connection.close()
        out, errors = child.communicate("\n", timeout=PATIENCE)
        assert (out, child.returncode) == ("8\n", 0)
        assert len(errors.splitlines()) <= 1, errors


class Found(ServiceListener):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.names.add(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None: ...

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None: ...


def test_it_is_announced_on_loopback(show: Show) -> None:
    zeroconf, found = Zeroconf(interfaces=["127.0.0.1"]), Found()
    wanted = {"_oscjson._tcp": show.query.port, "_osc._udp": show.osc.port}

    def ours() -> bool:
        """Expect other shows here, too, announced under numbered names."""
        for name in list(found.names):
            info = zeroconf.get_service_info(name.partition(".")[2], name)
            kind = name.partition(".")[2].removesuffix(".local.")
            if info and info.port == wanted.get(kind):
                assert name.startswith(f"liveflight {socket.gethostname().partition('.')[0]}")
                assert info.parsed_addresses() == ["127.0.0.1"]
                del wanted[kind]
        return not wanted

    try:
        ServiceBrowser(zeroconf, [f"{kind}.local." for kind in wanted], found)
        show.until(ours)
    finally:
        zeroconf.close()


def test_those_who_never_say_a_word_make_room(show: Show) -> None:
    place = ("127.0.0.1", show.query.port)
    with ExitStack() as opened:
        mute = [
            opened.enter_context(socket.create_connection(place))
            for _ in range(3 * MAX_CONNECTIONS)
        ]
        for one in mute:
            with suppress(ConnectionError):  # closed already
                one.sendall(b"GET / HTTP/1.1\r\nHo")
        server = show.server
        # The system may hand over its whole queue at once.
        show.until(lambda: len(server._runner.server.connections) < 2 * MAX_CONNECTIONS)  # type: ignore[union-attr]
        assert show.get("/?HOST_INFO")[0] == 200
        mute[0].settimeout(PATIENCE)
        with suppress(ConnectionError):
            assert mute[0].recv(1) == b""


def test_more_looks_than_are_answered_are_refused(show: Show) -> None:
    show.server._read_limit._clock = lambda: 0.0  # all within a second, however long they take
    answers = {show.get("/")[0] for _ in range(CONTROLS_PER_S // FOLDER_COST + 20)}
    assert answers == {200, 429}


def test_the_port_is_free_again_though_clients_were_hung_up_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = OscQuery(port=0)
    first.open(Mailbox())
    with socket.create_connection(("127.0.0.1", first.port)) as client:
        client.sendall(b"GET /?HOST_INFO HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(9).startswith(b"HTTP/1.1")
        first.close()
    second = OscQuery(port=first.port)
    second.open(Mailbox())
    second.close()
    gc.collect()
    assert not caplog.records, "asyncio complains of tasks that were left behind"


def test_closing_hangs_up_ends_the_thread_and_may_be_repeated() -> None:
    before = set(threading.enumerate())
    query = OscQuery(port=0)
    query.close()
    query.open(Mailbox())
    query.close()  # at once, while the web server is being loaded
    query.close()
    assert not [t for t in set(threading.enumerate()) - before if t.name == "oscquery"]


def test_without_osc_there_is_no_port_for_it() -> None:
    query = OscQuery(port=0)
    query.open(Mailbox())
    try:
        connection = http.client.HTTPConnection("127.0.0.1", query.port, timeout=PATIENCE)
        connection.request("GET", "/?HOST_INFO")
        assert "OSC_PORT" not in json.loads(connection.getresponse().read())
        connection.close()
    finally:
        query.close()


def test_a_taken_port_is_an_error_in_one_line(show: Show) -> None:
    with pytest.raises(LiveflightError, match="choose another with --oscquery-port"):
        OscQuery(port=show.query.port).open(Mailbox())


def test_serving_the_whole_network_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    query = OscQuery("0.0.0.0", port=0)
    query.open(Mailbox())
    query.close()
    assert [record.message for record in caplog.records] == [
        "OSCQuery on 0.0.0.0: every machine there can move the controls"
    ]
