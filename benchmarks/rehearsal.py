"""A set of so many minutes, played by machine on the real program: a window, UDP, MIDI by JACK's
virtual ports, a sound file; presets and morphs, faders, pads, plugs pulled. Says whether a frame
came late because of what was played, and keeps the set's log.

    python benchmarks/rehearsal.py --minutes 10 --log set.jsonl

needs a display, JACK (a server is started where none runs) and the extra `midi`.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight import app, engines
from liveflight.core import presets
from liveflight.core.contracts import Quit
from liveflight.core.controls import ROWS
from liveflight.inputs.midi_map import Binding, MidiMap, Source, default_path, dump, write
from liveflight.outputs.window import Window
from liveflight.pace import usual_rate
from liveflight.takeoff import Options

OSC = 2000
"""Messages of a whole set."""
FADERS = [row for row in ROWS if row.kind == "float" and row.group in ("camera", "warp", "colour")]
RECALLS = 12.0
"""Seconds from one preset to the next."""
PLUGS = 30.0
"""Seconds from one pull or push of the MIDI box's plug to the next."""


@contextmanager
def jack() -> Iterator[None]:
    """A server with a made-up sound card."""
    command = ["jackd", "--no-realtime", "-d", "dummy"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        time.sleep(1.0)
        try:
            yield
        finally:
            server.terminate()


class Box:
    """A MIDI controller whose plug can be pulled."""

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


class Performer(threading.Thread):
    """Plays: what is due, when it is due."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(daemon=True)
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

    def run(self) -> None:
        begun = time.perf_counter()
        doings: list[tuple[float, Callable[[int], None]]] = [
            (self._seconds / OSC, self._fade),
            (RECALLS, self._recall),
            (0.05, self._turn),
            (60 / 125 / 24, self._tick),
            (PLUGS, self._plug),
            (7.0, self._press),
        ]
        due = [(every, 0, doing) for every, doing in doings]
        while (now := time.perf_counter() - begun) < self._seconds:
            due = [self._done(now, *each) for each in due]
            time.sleep(0.004)

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
            self.osc("tempo/quantise", ["off", "beat", "bar"][count % 3])
        self.did["triggers"] += 1


def _networks(name: str) -> set[str]:
    return {target.network for target in presets.find(name).named}


def perform(
    seconds: float, log: Path | None, sound: Path | None, *, played: bool
) -> dict[str, Any]:
    """Flies for so long, with or without anybody playing."""
    threading.Thread(target=engines.preload, daemon=True).start()
    window = Window((640, 360))
    fps = usual_rate(window.ctx.info["GL_RENDERER"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = Options(
        preset="reef", fps=fps, osc_port=port, midi="rehearsal",
        sound=str(sound or ""), record=log,
    )  # fmt: skip
    show = app.build(options, window, live=True)
    spans: list[tuple[float, float]] = []

    def watch() -> None:
        spans.append((show.meter.interval, show.laps.seconds.get("control", 0.0)))

    warm = time.perf_counter() + 12
    window.events = _until(window.events, warm)  # type: ignore[method-assign]
    app.run(show, fps)
    late, show.running = show.meter.late, True
    show.watchers.append(watch)
    performer = Performer(port, seconds) if played else None
    window.events = _until(type(window).events.__get__(window), time.perf_counter() + seconds)  # type: ignore[method-assign]
    if performer:
        performer.start()
    app.run(show, fps)
    figures = _figures(spans, fps, show.meter.late - late)
    figures["troubles"] = dict(show.flight.reports.counts)
    if performer:
        figures["played"] = dict(performer.did) | {"MIDI": performer.box.sent}
    show.close()
    return figures


def _until(events: Callable[[], Any], end: float) -> Callable[[], Any]:
    return lambda: [*events(), Quit()] if time.perf_counter() > end else events()


def _figures(spans: list[tuple[float, float]], fps: float, late: int) -> dict[str, Any]:
    controls = sorted(control for _, control in spans)
    caused = sum(
        1 for interval, control in spans if interval > 1.5 / fps and interval - control < 1.5 / fps
    )
    return {
        "frames": len(spans),
        "fps": len(spans) / sum(interval for interval, _ in spans),
        "late": late,
        "late because of control handling": caused,
        "control p50 ms": 1e3 * statistics.median(controls),
        "control p99 ms": 1e3 * controls[int(0.99 * len(controls))],
        "control worst ms": 1e3 * controls[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--log", type=Path, help="the set's log, for liveflight render --replay")
    parser.add_argument("--sound", type=Path, help="an audio file to be heard")
    args = parser.parse_args()
    with TemporaryDirectory() as home, jack():
        os.environ["XDG_CONFIG_HOME"] = home
        knob = Binding(Source("Rehearsal:knobs", "cc", 1, 21), "camera.rotation", takeover="jump")
        write(dump(MidiMap([knob])), default_path())
        for played in (False, True):
            seconds = args.minutes * 60 if played else min(args.minutes * 60, 60)
            print("played" if played else "left alone", flush=True)
            found = perform(seconds, args.log if played else None, args.sound, played=played)
            for name, value in found.items():
                print(
                    f"  {name}: {value:.2f}" if isinstance(value, float) else f"  {name}: {value}"
                )


if __name__ == "__main__":
    main()
