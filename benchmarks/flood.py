"""Does a flood of OSC cost the picture frames? Flies in a window (on a display of its own where
there is Xvfb and no display), first left alone, then flooded.

    python benchmarks/flood.py [--seconds 10] [-- OPTIONS FOR LIVEFLIGHT]

Floods: every one of 200 addresses sixty times a second in bundles, as TouchDesigner's OSC Out CHOP
sends; and 5,000 messages a second in datagrams of their own. For each: frames that came late,
frames per second, how long a question waited for its answer, and the feedback bundles per second.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from liveflight.controllers.osc.codec import bundles, decode, encode
from liveflight.core.controls import ROWS

ADDRESSES = 200
PER_SECOND = 5000
PATIENCE = 60.0


class Ear:
    """The configured surface: counts what it is told."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.heard = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            self.socket.recv(65536)
            self.heard += 1


class Show:
    def __init__(self, port: int) -> None:
        self.place = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(2.0)

    def ask(self, key: str) -> float:
        """A control's value; raises TimeoutError where no answer comes."""
        address = f"/liveflight/{key.replace('.', '/')}"
        self.socket.sendto(encode(address, "?"), self.place)
        while True:
            told, arguments = decode(self.socket.recv(65536))
            if told == address:
                return float(arguments[0] or 0)

    def wait(self) -> None:
        """Until it flies."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(TimeoutError):
                if self.ask("show.step_rate") > 0:
                    return
        raise SystemExit("liveflight did not begin to fly")


def messages(second: float) -> list[bytes]:
    """Every address as it stands at `second`: most at rest, the camera moving."""
    rows = [row for row in ROWS if row.remote and row.kind in ("float", "int", "bool")]
    rows = [row for row in rows if row.group not in ("show", "tempo", "mix")]
    found: list[bytes] = []
    while len(found) < ADDRESSES:
        spelt = (str.lower, str.title, str.upper)[len(found) // (4 * len(rows))]
        for row in rows:
            unit = row.to_unit(row.default)
            if row.group == "camera":
                unit = min(max(unit + 0.1 * math.sin(second), 0.0), 1.0)
            for address in (row.address, row.address.removeprefix("/liveflight")):
                found.append(encode(spelt(address), unit))
                found.append(encode(spelt(address) + "/raw", float(row.from_unit(unit))))
    return found[:ADDRESSES]


def touchdesigner(show: Show, until: float) -> int:
    """Every channel every cook at 60 Hz. How many messages that were."""
    sent, due = 0, time.perf_counter()
    while time.perf_counter() < until:
        for datagram in bundles(messages(due)):
            show.socket.sendto(datagram, show.place)
        sent += ADDRESSES
        due += 1 / 60
        time.sleep(max(0.0, due - time.perf_counter()))
    return sent


def singles(show: Show, until: float) -> int:
    """5,000 datagrams a second, in bursts of five. How many that were."""
    sent, due, every = 0, time.perf_counter(), messages(1.0)[:20]
    while time.perf_counter() < until:
        for _ in range(5):
            show.socket.sendto(every[sent % 20], show.place)
            sent += 1
        due += 5 / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
    return sent


def quiet(show: Show, until: float) -> int:
    time.sleep(max(0.0, until - time.perf_counter()))
    return 0


def measure(name: str, show: Show, ear: Ear, seconds: float) -> None:
    time.sleep(2.0)
    flood = {"left alone": quiet, "200 at 60 Hz": touchdesigner, "5,000 a second": singles}[name]
    sent: list[int] = []
    sender = Show(show.place[1])
    late, heard, began = show.ask("show.late"), ear.heard, time.perf_counter()
    until = began + seconds
    thread = threading.Thread(target=lambda: sent.append(flood(sender, until)))
    thread.start()
    waits, rates, lost = [], [], 0
    while time.perf_counter() < until:
        asked = time.perf_counter()
        try:
            rates.append(show.ask("show.fps"))
            waits.append(time.perf_counter() - asked)
        except TimeoutError:
            lost += 1
        time.sleep(0.1)
    thread.join()
    took = time.perf_counter() - began
    print(
        f"{name:<16}{sent[0] / took:8.0f} messages/s  {show.ask('show.late') - late:4.0f} late"
        f"  {statistics.mean(rates):5.1f} frames/s  answer p50 {statistics.median(waits) * 1e3:.0f}"
        f" max {max(waits) * 1e3:.0f} ms, {lost} lost  {(ear.heard - heard) / took:.0f} told/s"
    )


@contextmanager
def display() -> Iterator[dict[str, str]]:
    """An environment with a display."""
    xvfb = shutil.which("Xvfb")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or not xvfb:
        yield dict(os.environ)
        return
    ours, theirs = os.pipe()
    command = [xvfb, "-displayfd", str(theirs), "-noreset", "-screen", "0", "1280x720x24"]
    server = subprocess.Popen(
        command, pass_fds=[theirs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    try:
        with os.fdopen(ours) as answer:
            yield {**os.environ, "DISPLAY": f":{answer.readline().strip()}"}
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("options", nargs="*", help="after --: options for liveflight")
    args = parser.parse_args()
    ear = Ear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "liveflight", "--osc-port", str(port)]
    command += ["--osc-feedback", f"127.0.0.1:{ear.port}", *args.options]
    with display() as environment:
        flying = subprocess.Popen(command, env=environment)
        try:
            show = Show(port)
            show.wait()
            time.sleep(5.0)
            for name in ("left alone", "200 at 60 Hz", "5,000 a second", "left alone"):
                measure(name, show, ear, args.seconds)
        finally:
            flying.terminate()
            flying.wait()


if __name__ == "__main__":
    main()
