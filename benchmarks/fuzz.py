"""Feed random and mutated input to everything that reads from outside.

    python benchmarks/fuzz.py [--seed 7] [--only osc ...]

Prints for each kind of input the number of cases, how many were refused, and the time of the
reading call: processor time of its thread, and elapsed time, which shows a busy machine. Exits with
1 if a case raised anything but a LiveflightError, took more than 2 ms of processor time (100 ms for
recordings, which no show waits for), or changed what it must not change. A case that is too slow at
first, perhaps because of cold caches, is read twice more, and counts if it was too slow each time.
"""

from __future__ import annotations

import argparse
import gc
import logging
import random
import statistics
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, Protocol

from fuzz_files import CueLists, Logs, MidiBindings, Presets

from liveflight.controllers.osc.codec import Argument, bundles, encode
from liveflight.controllers.osc.input import OscInput
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Query, Set


class Subject(Protocol):
    """One kind of input."""

    name: str
    cases: int
    slowest: float
    """Seconds of processor time that one case may take."""

    def case(self, chance: random.Random) -> bytes:
        """Return an input, mostly invalid."""
        ...

    def lay(self, case: bytes) -> None:
        """Put the input where the show finds it, if it is a file."""

    def read(self, case: bytes) -> Any:
        """Return what the show reads; this is timed. Raise LiveflightError if it is refused."""
        ...

    def check(self, found: Any) -> None:
        """Check what `read` returned, or None where it refused.

        Raise AssertionError if it cannot be used or something changed that must not."""
        ...

    def close(self) -> None:
        """Clean up."""


def mutated(valid: bytes, chance: random.Random) -> bytes:
    """Return the bytes with a few changed, removed or inserted."""
    data = bytearray(valid)
    for _ in range(chance.randint(1, 6)):
        place = chance.randint(0, len(data))
        data[place : place + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
    return bytes(data)


class OscPackets:
    """Send datagrams to the OSC port, as from this machine."""

    name = "osc"
    cases = 20000
    slowest = 0.002
    _TAGS = "ifhdsScbrmtTFNI[]"
    _WORDS = ("", "?", "0.5", "off", "\u00e9\n", "x" * 300, "vgg16:conv4_1:*", "*", "../../etc")

    def __init__(self) -> None:
        seconds = iter(range(10**9))
        self._mailbox = Mailbox()
        self._osc = OscInput(port=0, clock=lambda: float(next(seconds)))
        self._osc.open(self._mailbox)
        self._threads = threading.active_count()
        self._addresses = [
            address + form
            for row in ROWS
            for address in filter(None, (row.address, row.alias))
            for form in ("", "/raw", "/add")
        ] + [
            "/ping",
            "/*",
            "/*/*",
            "/lights/dimmer",
            "/camera//zoom/",
            "/liveflight/camera/zom",
            "/{camera,warp}/*",
            "/[!a]*/?*?",
            "/**a**/*b*",
            "/#bundle",
        ]

    def case(self, chance: random.Random) -> bytes:
        match chance.randrange(6):
            case 0:
                return chance.randbytes(chance.randint(0, 200))
            case 1:
                return self._typed(chance)
            case 2:
                return mutated(self._bundle(chance), chance)
            case 3:
                return self._bundle(chance)
            case 4:
                return self._message(chance)
            case _:
                return mutated(self._message(chance), chance)

    def lay(self, case: bytes) -> None:
        """Do nothing: a datagram is read as it comes."""

    def read(self, case: bytes) -> bool:
        self._bundled = case.startswith(b"#")
        refused = self._osc.refused
        self._osc.receive(case, ("127.0.0.1", 5005))
        if self._osc.refused > refused:
            raise LiveflightError(self._osc.last_message)
        return True

    def check(self, found: bool | None) -> None:
        """Check that a bad message changes nothing, and spoils no other message of a bundle."""
        messages = self._mailbox.drain()
        for message in messages:
            _check(message)
        assert threading.active_count() == self._threads, "a thread more or less"
        assert found or self._bundled or not messages, "refused, and yet it did something"

    def close(self) -> None:
        self._osc.close()

    def _message(self, chance: random.Random) -> bytes:
        number = chance.choice([0, 1, -1, 2**31 - 1, chance.randint(-9, 99)])
        extremes = [0.0, 1.0, -1e38, 1e-45, float("nan"), float("inf"), chance.uniform(-1, 2)]
        values: list[Argument] = [number, chance.choice(extremes), chance.choice(self._WORDS)]
        values += [True, False, None]
        given = chance.choices(values, k=chance.choice([0, 1, 1, 1, 1, 2, 17]))
        return encode(chance.choice(self._addresses), *given)

    def _typed(self, chance: random.Random) -> bytes:
        """Return a message with a known address, any types and any payload."""
        tags = "".join(chance.choices(self._TAGS, k=chance.randint(0, 18)))
        head = encode(chance.choice(self._addresses))[:-4]
        tail = ("," + tags).encode()
        payload = chance.randbytes(4 * chance.randint(0, 20))
        return head + tail + bytes(4 - len(tail) % 4) + payload

    def _bundle(self, chance: random.Random) -> bytes:
        messages = [self._message(chance) for _ in range(chance.choice([0, 1, 3, 20, 300]))]
        packet = (bundles(messages) or [b"#bundle\0" + bytes(8)])[0]
        for _ in range(chance.choice([0, 0, 1, 7, 9, 200])):
            packet = b"#bundle\0" + chance.randbytes(8) + struct.pack(">i", len(packet)) + packet
        return packet


def _check(message: Message) -> None:
    """Check that a control can take the message."""
    assert not isinstance(message, Beat), "OSC sends no clock"
    row = CONTROLS[message.key]
    assert row.remote, "a control for the keyboard only"
    match message:
        case Set(_, value):
            assert row.check(value) == value
        case Nudge(_, amount):
            row.check(row.nudged(row.default, amount))
        case Query(_, reply):
            reply(row.default)


SUBJECTS: tuple[type[Subject], ...] = (OscPackets, Presets, CueLists, MidiBindings, Logs)


def fuzz(subject: Subject, seed: int) -> Iterator[str]:
    """Read all cases of a subject; yield a line for every fault, and the summary last."""
    chance = random.Random(seed)
    busy, passed, refused, faults, over = [], [], 0, 0, 0
    for number in range(subject.cases):
        case = subject.case(chance)
        took, clock, error = _read(subject, case)
        busy.append(took)
        passed.append(clock)
        refused += isinstance(error, LiveflightError)
        if error and not isinstance(error, LiveflightError):
            faults += 1
            fault = "".join(traceback.format_exception(error))
            yield f"FAULT {subject.name} case {number} {case!r:.200}: {fault}"
        if took > subject.slowest:
            over += 1
            took = min(took, *(_read(subject, case)[0] for _ in range(2)))
        if took > subject.slowest:
            yield f"SLOW {subject.name} case {number} took {took * 1e3:.1f} ms: {case!r:.200}"
    subject.close()
    most = f"{over} over {subject.slowest * 1e3:g} ms at first"
    yield (
        f"{subject.name}: {subject.cases} cases, {refused} refused, {faults} faults; "
        f"processor {_spread(busy)}, {most}; clock {_spread(passed)}"
    )


def _spread(seconds: list[float]) -> str:
    percent = statistics.quantiles(seconds, n=100)
    figures = zip(("p50", "p99", "max"), (percent[49], percent[98], max(seconds)), strict=True)
    return " ".join(f"{name} {1e3 * each:.2f}" for name, each in figures) + " ms"


def _read(subject: Subject, case: bytes) -> tuple[float, float, Exception | None]:
    """Return the processor time, the elapsed time, and what was raised."""
    subject.lay(case)
    found, error = None, None
    clock, busy = time.perf_counter(), time.thread_time()
    try:
        found = subject.read(case)
    except Exception as raised:
        error = raised
    took = time.thread_time() - busy, time.perf_counter() - clock
    try:
        subject.check(found)
    except Exception as raised:
        error = raised
    return *took, error


class _Formatted(logging.Handler):
    """Format the log's lines, as a show would, and drop them."""

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    args = parser.parse_args()
    logging.basicConfig(handlers=[_Formatted()])
    gc.freeze()  # imported modules belong to no case
    well = True
    for subject in SUBJECTS:
        if subject.name in args.only:
            for line in fuzz(subject(), args.seed):
                well &= not line.startswith(("FAULT", "SLOW"))
                print(line, flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
