from __future__ import annotations

import http.client
import json
import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liveflight import __version__
from liveflight.supervision import health_server
from liveflight.supervision.health import Health
from liveflight.supervision.health_server import MAX_CONNECTIONS, HealthServer

BEAT = {
    "frames": 100, "late": 7, "late_by": {"warp": 4, "system": 3}, "fps": 59.9,
    "gpu_memory_mib": 512.0, "gpu_temperature": None, "flash_limited": 2, "asleep": False,
    "loading": False, "preset": 'a "quoted"\\name', "network": "vgg16", "engine": "auto on cpu",
    "last_error": "",
}  # fmt: skip


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock, lambda: 5000.0)


def test_a_show_is_well_for_five_seconds_after_a_frame(health: Health, clock: Clock) -> None:
    assert not health.is_well
    health.frame(BEAT)
    clock.now += 5
    assert health.is_well
    clock.now += 0.1
    assert not health.is_well
    health.frame({**BEAT, "asleep": True})
    clock.now += 100
    assert health.is_well
    health.ended("signal")
    assert not health.is_well


def test_counts_are_those_of_all_shows(health: Health) -> None:
    health.frame(BEAT)
    health.ended("signal")
    health.frame({**BEAT, "frames": 5, "late": 1, "late_by": {"warp": 1}})
    health.ended("hang")
    health.ended("hang")
    found = health.fields()
    assert (found["frames"], found["late"], found["flash_limited"]) == (105, 8, 4)
    assert found["late_by"] == {"warp": 5, "system": 3}
    assert found["restarts"] == {"signal": 1, "hang": 2}
    assert found["version"] == __version__


def test_the_last_error_has_its_time(health: Health) -> None:
    assert health.fields()["last_error_time"] is None
    health.frame({**BEAT, "last_error": "no MIDI"})
    assert health.fields()["last_error"] == "no MIDI"
    assert health.fields()["last_error_time"] == 5000


@pytest.mark.parametrize(
    "beat",
    [
        {},
        dict.fromkeys(BEAT, None),
        dict.fromkeys(BEAT, "text"),
        dict.fromkeys(BEAT, math.nan),
        dict.fromkeys(BEAT, 1e300),
        {key: [[]] for key in BEAT},
        {**BEAT, "late_by": {"warp": "many", "x" * 10**4: 1, **dict.fromkeys(map(str, range(99)))}},
    ],
)
def test_any_heartbeat_can_be_reported(health: Health, beat: dict[str, Any]) -> None:
    health.frame(beat)
    json.loads(health.as_json(), parse_constant=pytest.fail)
    check_metrics(health.as_metrics())
    health.ended("signal")


def check_metrics(text: str) -> dict[str, float]:
    """Return the samples of a text in Prometheus' format 0.0.4, read by its grammar."""
    label = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'
    sample = re.compile(rf"(liveflight_[a-z_]+)(\{{{label}(?:,{label})*\}})? (\S+)")
    found: dict[str, float] = {}
    typed: set[str] = set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if named := re.fullmatch(r"# TYPE (liveflight_[a-z_]+) (counter|gauge)", line):
            assert named[1] not in typed
            assert (named[2] == "counter") == named[1].endswith("_total")
            typed.add(named[1])
        elif not re.fullmatch(r"# HELP liveflight_[a-z_]+ [^\n]+", line):
            read = sample.fullmatch(line)
            assert read and read[1] in typed, line
            found[read[1] + (read[2] or "")] = float(read[3])
    return found


def test_metrics_are_in_prometheus_format(health: Health, clock: Clock) -> None:
    health.frame(BEAT)
    health.memory_mib = 2.0
    health.restarts = {"hang": 3}
    clock.now += 2
    found = check_metrics(health.as_metrics())
    assert found["liveflight_frames_total"] == 100
    assert found['liveflight_late_frames_total{cause="warp"}'] == 4
    assert found['liveflight_restarts_total{cause="hang"}'] == 3
    assert found["liveflight_memory_bytes"] == 2 * 2**20
    assert found["liveflight_last_frame_age_seconds"] == 2
    assert found["liveflight_up"] == 1
    assert not any("temperature" in name for name in found)


# The server


@pytest.fixture
def serve(health: Health) -> Iterator[Callable[..., HealthServer]]:
    opened: list[HealthServer] = []

    def serve(host: str = "localhost", port: int = 0) -> HealthServer:
        said: list[str] = []
        opened.append(HealthServer(health, host, port, said.append))
        opened[-1].said = said  # type: ignore[attr-defined]
        return opened[-1]

    yield serve
    for each in opened:
        each.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(
    server: HealthServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    until(lambda: server.port)
    connection = http.client.HTTPConnection("localhost", server.port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def test_health_and_metrics_are_served(
    health: Health, serve: Callable[..., HealthServer], clock: Clock
) -> None:
    server = serve()
    status, headers, body = ask(server, "/health")
    assert (status, headers["Content-Type"]) == (503, "application/json")
    health.frame(BEAT)
    status, _, body = ask(server, "/health?now")
    assert (status, json.loads(body)["frames"]) == (200, 100)
    status, headers, body = ask(server, "/metrics")
    assert (status, headers["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    assert check_metrics(body.decode())["liveflight_frames_total"] == 100
    status, headers, body = ask(server, "/health", "HEAD")
    assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 100
    clock.now += 6
    assert ask(server, "/health")[0] == 503
    assert ask(server, "/metrics")[0] == 200


def test_nothing_else_is(serve: Callable[..., HealthServer]) -> None:
    server = serve()
    for path in ("/", "/healthy", "/../etc/passwd", "/health/"):
        assert ask(server, path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(server, "/health", method)[0] == 501


def test_foreign_names_and_pages_are_refused(serve: Callable[..., HealthServer]) -> None:
    server = serve()
    assert ask(server, "/health", Host="evil.example")[0] == 403
    assert ask(server, "/metrics", Origin="http://evil.example")[0] == 403
    assert ask(server, "/metrics", Host="127.0.0.1:1")[0] == 200


def test_a_busy_port_is_said_once_and_taken_when_it_is_free(
    serve: Callable[..., HealthServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_server, "_RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve("127.0.0.1", port)
        time.sleep(0.3)
    until(lambda: server.port)
    assert ask(server, "/metrics")[0] == 200
    first, second = server.said  # type: ignore[attr-defined]
    assert f"127.0.0.1:{port}" in first and "--health-port" in first
    assert "is served" in second


def test_a_host_that_does_not_exist_ends_nothing(serve: Callable[..., HealthServer]) -> None:
    server = serve("no-such-host.invalid", 9010)
    until(lambda: server.said)  # type: ignore[attr-defined]
    server.close()


def test_silent_connections_keep_nobody_else_out_for_long(
    serve: Callable[..., HealthServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_server, "_LONGEST_S", 0.3)
    server = serve()
    until(lambda: server.port)
    silent = [
        socket.create_connection(("localhost", server.port)) for _ in range(MAX_CONNECTIONS + 4)
    ]

    def answers() -> bool:
        try:
            return ask(server, "/metrics")[0] == 200
        except OSError:
            return False

    until(answers)
    for each in silent:
        each.close()
