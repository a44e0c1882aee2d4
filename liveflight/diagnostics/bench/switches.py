"""Measure whether a change of target stalls the picture.

A flight is held at the display's rate. A thousand changes of the filter inside one layer come, one
a frame, then two hundred of the layer or the network, all through the mailbox, with the crossfades
of a show.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from liveflight.diagnostics.bench.figures import intervals, mebibytes, ms, percentile
from liveflight.diagnostics.bench.tables import Table

_FRAMES_PER_CHANGE = 6
"""Frames between two changes of layer."""


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure a flight.

    `given`: as for MeasuredFlight, with `fps`; `filters` and `layers`, the numbers of changes;
    `places`, pairs of network and layer to change between; `seconds`, a limit for each phase."""
    import numpy as np

    from liveflight.diagnostics.bench.measured_flight import MeasuredFlight, resident_bytes

    flown = MeasuredFlight(given)
    flown.until_dreaming()
    fps, seconds = given["fps"], given["seconds"]
    quiet = flown.run_for(min(5.0, seconds), fps)
    rng = np.random.default_rng(given["seed"])
    before = resident_bytes()
    here = [[given["network"], given["layer"]]]
    filters = _phase(flown, random_targets(rng, here), given["filters"], 1, fps, seconds)
    layers = _phase(
        flown,
        random_targets(rng, given["places"]),
        given["layers"],
        _FRAMES_PER_CHANGE,
        fps,
        seconds,
    )
    answer = {
        "fps": fps,
        "quiet": intervals([frame.shown for frame in quiet]),
        "filters": filters,
        "layers": layers,
        "resident": [before, resident_bytes()],
        "troubles": dict(flown.app.flight.reports.counts),
    }
    flown.app.close()
    return answer


def random_targets(rng: Any, places: list[list[str]]) -> Iterator[str]:
    """Yield random filters of these layers; with several layers, never one twice in a row."""
    from liveflight import networks

    last = -1
    while True:
        choice = int(rng.integers(len(places)))
        if choice == last and len(places) > 1:
            continue
        last = choice
        network, layer = places[choice]
        channels = networks.network(network).layer(layer).channels
        yield f"{network}:{layer}:{rng.integers(channels)}"


def _phase(
    flown: Any, targets: Iterator[str], changes: int, every: int, fps: float, seconds: float
) -> dict[str, Any]:
    from liveflight.core.mailbox import Set

    done = asked = 0
    end = time.perf_counter() + seconds

    def over() -> bool:
        nonlocal done, asked
        if done >= changes or time.perf_counter() >= end:
            return True
        if asked % every == 0:
            flown.app.mailbox.put(Set("mix.target", next(targets)))
            done += 1
        asked += 1
        return False

    frames = flown.run(over, fps)
    return {"changes": done, "frames": intervals([frame.shown for frame in frames])}


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of changes."""
    if "failed" in raw:
        return [Table("Changes of target", (), (), [f"{raw['title']}: {raw['failed']}"])]
    interval = 1 / raw["fps"]
    rows = []
    for title, frames in (
        ("none", raw["quiet"]),
        (f"{raw['filters']['changes']} filters, one a frame", raw["filters"]["frames"]),
        (f"{raw['layers']['changes']} layers or networks", raw["layers"]["frames"]),
    ):
        worst = max(frames)
        rows.append(
            (
                title,
                ms(median(frames)),
                ms(percentile(frames, 0.99)),
                ms(worst),
                f"{worst / median(frames):.2f}",
                f"{worst / interval:.2f}",
            )
        )
    columns = ("changes", "frame p50", "p99", "worst", "worst / p50", "worst / interval")
    before, after = raw["resident"]
    notes = [
        f"{raw['title']}; the flight is held at {raw['fps']:g} frames per second",
        f"resident memory {mebibytes(before)} before, {mebibytes(after)} after",
    ]
    notes += [f"{count} times: {text}" for text, count in raw["troubles"].items()]
    return [Table("Changes of target", columns, rows, notes)]
