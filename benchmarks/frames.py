"""How fast the whole loop is here, and where each millisecond of a frame goes.

    python benchmarks/frames.py [--frames 300] [--size 640x360] [--headless] [liveflight's options]

Opens the real window (start it under a virtual X server where there is no display) and flies as
fast as it can; prints displayed frames per second, the parts of a frame, and what the time to the
first picture was spent on. The parts are measured in a second run in which the GPU finishes each
part before the clock is read, so that they add up; the rate is that of the first run, without those
waits.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import threading
import time

started = time.perf_counter()

from liveflight import app, engines  # noqa: E402
from liveflight.__main__ import _options, _parser  # noqa: E402
from liveflight.core.contracts import Output  # noqa: E402

imported = time.perf_counter()


def open_output(headless: bool, size: tuple[int, int]) -> Output:
    if headless:
        from liveflight.outputs.headless import Headless

        return Headless(size)
    from liveflight.outputs.window import Window

    return Window(size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--headless", action="store_true")
    own, rest = parser.parse_known_args()
    args = _parser().parse_args(["fly", *rest])
    threading.Thread(target=engines.preload, daemon=True).start()
    output = open_output(own.headless, args.size or (640, 360))
    opened = time.perf_counter()
    flight = app.build(_options(args), output, live=True)
    flight.frame(time.perf_counter())
    noise = time.perf_counter()
    while not flight.flight.mix():
        flight.frame(time.perf_counter())
        time.sleep(app.WAITING)
    loaded = time.perf_counter()
    flight.frame(time.perf_counter())
    first = time.perf_counter()
    try:
        print_start(noise, opened, loaded, first)
        print_rates(flight, own.frames)
    finally:
        flight.close()


def print_start(noise: float, opened: float, loaded: float, first: float) -> None:
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"first picture (still noise)       {noise - started:6.2f} s")
    print(f"  importing liveflight            {imported - started:6.2f} s")
    print(f"  opening the output              {opened - imported:6.2f} s")
    print(f"  shaders, first frame            {noise - opened:6.2f} s")
    print(f"first ascended picture            {first - started:6.2f} s")
    print(f"  torch and network, meanwhile    {loaded - noise:6.2f} s")
    print(f"  first step                      {first - loaded:6.2f} s")


def print_rates(flight: app.App, frames: int) -> None:
    engine = flight.flight.loader.engine
    assert engine is not None
    here = flight.flight.here
    print(f"{here} on {engine.device} in {engine.precision(here.network)}")
    print(f"canvas {flight.canvas_size}, output {flight.output.size}")
    for _ in range(20):
        flight.frame(time.perf_counter())
    intervals = []
    for _ in range(frames):
        before = time.perf_counter()
        flight.frame(before)
        intervals.append(time.perf_counter() - before)
    ordered = sorted(intervals)
    print(
        f"{frames / sum(intervals):.1f} displayed frames per second; frame p50 "
        f"{1e3 * statistics.median(intervals):.1f} ms, "
        f"p99 {1e3 * ordered[int(0.99 * frames)]:.1f} ms, worst {1e3 * ordered[-1]:.1f} ms"
    )
    flight.laps.exact = True
    parts: dict[str, list[float]] = {}
    for _ in range(frames):
        flight.frame(time.perf_counter())
        for part, seconds in flight.laps.seconds.items():
            parts.setdefault(part, []).append(seconds)
    for part, times in parts.items():
        print(f"  {part:10} {1e3 * statistics.median(times):6.2f} ms")
    print(f"  {'sum':10} {1e3 * sum(map(statistics.median, parts.values())):6.2f} ms")


if __name__ == "__main__":
    main()
