"""Play a set by machine on the real program, and count the frames that are late because of it.

    python benchmarks/rehearsal.py --minutes 10 --log set.jsonl --browser --ndi --record

The set has a window, UDP, MIDI through JACK's virtual ports and a sound file, with presets, morphs,
faders, pads and pulled plugs. It is compared with a flight that nobody plays, and recorded. Needs a
display, JACK (a server is started if none runs) and the extra `midi`. `--browser` keeps the web
remote open in Chromium, `--ndi` offers the picture as an NDI source, `--record` writes it to a
video: while it is left alone, too, since all three take processors from a machine that has few.

Control handling is the parts `control`, `publish` and `outputs` of a frame: messages are drained
and applied, glides, morphs and modulation advance, surfaces are polled and updated, the recording
is written, the picture is handed to the outputs.
The time counts in which this keeps the frame loop's thread busy or waiting for a lock, a file or
Python itself. The time does not count in which the thread could run but the system ran another one,
or the machine another system: that happens as often with nobody playing. Linux reports it: the
delay in the run queue is in schedstat, and a thread without a context switch was kept only by its
own work, whatever time passed.

A frame is late if more than 1.5 times the wanted interval passes until the next one begins. It is
late because of control handling if it would have been on time with the median handling time of the
flight that nobody plays.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import resource
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight import app, engines
from liveflight.controllers.midi.bindings import (
    Binding,
    MidiMap,
    Source,
    default_path,
    dump,
    write,
)
from liveflight.core.contracts import Quit
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Set
from liveflight.loop import live_loop
from liveflight.loop.frame_pacer import usual_rate
from liveflight.loop.frame_timer import FrameTimer
from liveflight.outputs.window import Window
from liveflight.show.options import Options
from liveflight.storage import presets

OSC = 2000
"""OSC messages of a whole set."""
FADERS = [row for row in ROWS if row.kind == "float" and row.group in ("camera", "warp", "colour")]
PRESET_EVERY_S = 12.0
PLUG_EVERY_S = 30.0
"""Seconds between pulling and pushing the MIDI box's plug."""

_C = ctypes.PyDLL(None)

Frames = list[tuple[float, tuple[float, float, float]]]


@contextmanager
def jack() -> Iterator[None]:
    """Run a JACK server with a dummy sound card."""
    command = ["jackd", "--no-realtime", "-d", "dummy"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        time.sleep(1.0)
        try:
            if server.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with {server.returncode}")
            yield
        finally:
            server.terminate()


class Box:
    """Stand in for a MIDI controller whose plug can be pulled."""

    def __init__(self) -> None:
        self.sent = 0
        self.out: Any = None
        self.plug()

    def plug(self) -> None:
        import rtmidi

        if self.out is None:
            self.out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Rehearsal")
            self.out.open_virtual_port("knobs")
        else:
            self.out.close_port()
            self.out = None

    def send(self, *data: int) -> None:
        if self.out is not None:
            self.out.send_message(data)
            self.sent += 1


class Performer:
    """Play each gesture when it is due.

    It runs in a process of its own: opening a MIDI port stops all of Python for several frames."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rng = random.Random(7)
        self.did: Counter[str] = Counter()
        self.box = Box()

    def osc(self, address: str, value: float | str | None = None) -> None:
        message = OscMessageBuilder(f"/liveflight/{address}")
        if value is not None:
            message.add_arg(value)
        self._udp.sendto(message.build().dgram, ("127.0.0.1", self._port))
        self.did["OSC"] += 1

    def play(self) -> dict[str, int]:
        begun = time.perf_counter()
        doings: list[tuple[float, Callable[[int], None]]] = [
            (self._seconds / OSC, self._fade),
            (PRESET_EVERY_S, self._recall),
            (0.05, self._turn),
            (60 / 125 / 24, self._tick),
            (PLUG_EVERY_S, self._plug),
            (7.0, self._press),
        ]
        due = [(every, 0, doing) for every, doing in doings]
        while (now := time.perf_counter() - begun) < self._seconds:
            due = [self._done(now, *each) for each in due]
            time.sleep(0.004)
        return dict(self.did) | {"MIDI": self.box.sent}

    def _done(
        self, now: float, every: float, count: int, doing: Callable[[int], None]
    ) -> tuple[float, int, Callable[[int], None]]:
        while now >= count * every:
            doing(count)
            count += 1
        return every, count, doing

    def _fade(self, count: int) -> None:
        row = FADERS[count // 40 % len(FADERS)]
        self.osc(f"{row.group}/{row.name}", 0.5 + 0.3 * self._rng.uniform(-1, 1))

    def _recall(self, count: int) -> None:
        names = [name for name in presets.names() if "efficientnet_lite0" in _networks(name)]
        self.osc("morph/time/raw", float(count % 4))
        self.osc("preset", names[count % len(names)])
        self.did["presets"] += 1

    def _turn(self, count: int) -> None:
        self.box.send(0xB0, 21, (count * 3) % 128)

    def _tick(self, count: int) -> None:
        self.box.send(0xF8)

    def _plug(self, count: int) -> None:
        if count:
            self.box.plug()
            self.did["plugs"] += 1

    def _press(self, count: int) -> None:
        names = ["mix/random", "mix/filter_next", "tempo/tap", "show/undo", "show/reseed"]
        self.osc(names[count % len(names)])
        if count % 9 == 4:
            self.osc("tempo/quantise", ["off", "beat", "bar"][count // 9 % 3])
        self.did["triggers"] += 1


def _networks(name: str) -> set[str]:
    return {target.network for target in presets.find(name).all_targets}


def play(port: int, seconds: float) -> dict[str, int]:
    """Play a set and return what was done."""
    return Performer(port, seconds).play()


class Handling(FrameTimer):
    """Measure for each frame what control handling costs the frame loop's thread."""

    frames: list[tuple[float, float, float]]
    """Seconds of each frame: on the processor, kept by handling, kept from running."""

    def __init__(self, finish: Callable[[], None]) -> None:
        super().__init__(finish)
        self.frames = []
        self._queue = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._text = ctypes.create_string_buffer(100)
        self._sums = [0.0, 0.0, 0.0]
        self._clocks = self._read()

    def start(self) -> None:
        super().start()
        self.frames.append((self._sums[0], self._sums[1], self._sums[2]))
        self._sums = [0.0, 0.0, 0.0]
        self._clocks = self._read()

    def end(self, part: str) -> None:
        super().end(part)
        before, self._clocks = self._clocks, self._read()
        if part in ("control", "publish", "outputs"):
            spent = zip(before, self._clocks, strict=True)
            busy, whole, queued, gone = (now - then for then, now in spent)
            kept = whole - queued if gone else busy
            added = (busy, kept, max(whole - kept, 0.0))
            self._sums = [sum(each) for each in zip(self._sums, added, strict=True)]

    def _read(self) -> tuple[float, float, float, int]:
        """Return this thread's processor time, elapsed time, queueing time and context switches."""
        # Like `os.pread`, but without releasing Python's lock, which would cost a frame more than
        # everything measured here.
        assert _C.pread(self._queue, self._text, 99, 0) > 0
        queued = int(self._text.value.split()[1]) / 1e9
        gone = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        return time.thread_time(), time.perf_counter(), queued, gone


def perform(
    seconds: float,
    log: Path | None,
    sound: Path | None,
    pool: ProcessPoolExecutor | None,
    *,
    browser: bool,
    ndi: bool,
    record: bool,
) -> tuple[float, Frames]:
    """Fly for this many seconds, with somebody playing if there is a `pool`.

    Return the wanted rate, and for each frame the interval to the next and `Handling`'s seconds."""
    threading.Thread(target=engines.preload, daemon=True).start()
    window = Window((640, 360))
    fps = usual_rate(window.ctx.info["GL_RENDERER"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = Options(
        preset="reef", fps=fps, osc_port=port, midi="rehearsal",
        sound=str(sound or ""), record=log,
        oscquery_port=port if browser else 0, ndi="rehearsal" if ndi else "",
    )  # fmt: skip
    show = app.build(options, window, live=True)
    assert isinstance(show.frame_timer, Handling)
    if record:
        show.mailbox.put(Set("show.record", True))
    page = _opened(port) if browser else None
    intervals: list[float] = []
    warm = time.perf_counter() + 12
    window.events = _until(window.events, warm)  # type: ignore[method-assign]
    live_loop.run(show, fps)
    show.running = True
    show.frame_timer.frames.clear()
    show.watchers.append(lambda: intervals.append(show.frame_counter.interval))
    window.events = _until(type(window).events.__get__(window), time.perf_counter() + seconds)  # type: ignore[method-assign]
    played = pool.submit(play, port, seconds) if pool else None
    live_loop.run(show, fps)
    print(f"  troubles: {dict(show.flight.reports.counts)}")
    if played:
        print(f"  played: {played.result()}")
    if browser:
        watched = [each for each in show.controllers.opened if getattr(each, "watched", False)]
        print(f"  the page was open at the end: {bool(watched)}")
    if said := show.flight.values()["show.outputs"]:
        print(f"  outputs: {said}")
    if page:
        page.terminate()
        page.wait()
    show.close()
    # A frame's interval is known only once the next one begins.
    return fps, list(zip(intervals, show.frame_timer.frames, strict=True))[1:]


def _opened(port: int) -> subprocess.Popen[bytes]:
    """Open the web remote in Chromium, without a window."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,844"]
    command += ["--remote-debugging-port=0", f"http://127.0.0.1:{port}/"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _until(events: Callable[[], Any], end: float) -> Callable[[], Any]:
    return lambda: [*events(), Quit()] if time.perf_counter() > end else events()


def _figures(frames: Frames, fps: float, usual: float) -> dict[str, Any]:
    """Return the figures; `usual` is the handling time in seconds with nobody playing."""
    limit = 1.5 / fps
    late = [(interval, kept) for interval, (_, kept, _) in frames if interval > limit]
    caused = [each for each in late if each[0] - max(each[1] - usual, 0.0) <= limit]
    figures: dict[str, Any] = {
        "frames": len(frames),
        "fps": round(len(frames) / sum(interval for interval, _ in frames), 2),
        "late": len(late),
        "late because of control handling": len(caused),
        "by how much, and control handling took more than usual, ms": "; ".join(
            f"{1e3 * (interval - limit):.1f}, {1e3 * (kept - usual):.1f}"
            for interval, kept in caused
        ),
    }
    names = ("on the processor", "with what it waits for", "kept from going on")
    for name, spent in zip(names, zip(*(each for _, each in frames), strict=True), strict=True):
        ranked = sorted(1e3 * each for each in spent)
        p99 = ranked[int(0.99 * len(ranked))]
        figures[f"control handling {name}, ms"] = (
            f"p50 {statistics.median(ranked):.2f}, p99 {p99:.2f}, worst {ranked[-1]:.2f}"
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--log", type=Path, help="the set's log, for liveflight render --replay")
    parser.add_argument("--sound", type=Path, help="an audio file as sound input")
    parser.add_argument("--browser", action="store_true", help="keep the web remote open")
    parser.add_argument("--ndi", action="store_true", help="offer an NDI source")
    parser.add_argument("--record", action="store_true", help="record a video")
    args = parser.parse_args()
    more = {"browser": args.browser, "ndi": args.ndi, "record": args.record}
    with TemporaryDirectory() as home, jack():
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_VIDEOS_DIR"] = home
        knob = Binding(Source("Rehearsal:knobs", "cc", 1, 21), "camera.rotation", takeover="jump")
        write(dump(MidiMap([knob])), default_path())
        app.FrameTimer = Handling  # type: ignore[misc]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(int).result()  # starts the process before it is needed
            usual: float | None = None
            for title, player in (("left alone", None), ("played", pool)):
                seconds = args.minutes * 60 if player else min(args.minutes * 60, 60)
                print(title, flush=True)
                fps, frames = perform(
                    seconds, args.log if player else None, args.sound, player, **more
                )
                if usual is None:
                    usual = statistics.median(kept for _, (_, kept, _) in frames)
                for name, value in _figures(frames, fps, usual).items():
                    print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
