"""Measure whole frames of a real flight: the start, the rate, the parts of a frame, the memory.

The rate is that of a run as fast as possible. The parts are measured in a second run, in which the
GPU finishes each part before the clock is read, so that they add up. A third run is held at the
display's rate and counts its late frames.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from liveflight.diagnostics.bench.figures import (
    intervals,
    mebibytes,
    ms,
    percent,
    percentile,
    share_above,
    three_digits,
)
from liveflight.diagnostics.bench.tables import Table

LATE = 1.5
"""A frame is late if its interval exceeds this multiple of the wanted one, as in `loop`."""


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure a flight. `given`: as for MeasuredFlight, `seconds` per run, `fps` of the display."""
    import psutil

    started = psutil.Process().create_time()
    from liveflight.diagnostics.bench.measured_flight import MeasuredFlight, resident_bytes

    imported = time.time()
    flown = MeasuredFlight(given)
    first, dreamed = flown.until_dreaming()
    app, seconds = flown.app, given["seconds"]
    engine = app.flight.loader.engine
    assert engine is not None
    answer: dict[str, Any] = {
        "target": str(app.flight.target_selector.here),
        "device": engine.device,
        "precision": engine.precision(app.flight.target_selector.here.network),
        "canvas": app.feedback_loop.size,
        "size": app.output.size,
        "start": {
            "imports": imported - started,
            "output": flown.opened - imported,
            "first picture": first - started,
            "first dreamed picture": dreamed - started,
        },
    }
    flown.run_for(seconds / 4)
    flown.ascents.clear()
    frames = flown.run_for(seconds)
    answer["frames"] = intervals([frame.shown for frame in frames])
    answer["ascents"] = [[each.steps, each.seconds] for each in flown.ascents]
    answer["parts"] = _parts(flown, seconds)
    answer["paced"] = _paced(flown, given["fps"], seconds)
    answer["resident"] = resident_bytes()
    answer |= _device_memory(engine.device)
    app.close()
    return answer


def _parts(flown: Any, seconds: float) -> dict[str, list[float]]:
    """Return the seconds of each part in each frame."""
    frame_timer = flown.app.frame_timer
    frames: list[dict[str, float]] = []
    # The last part of the frame is still running: the dict is read after the run.
    flown.output.after_show = lambda: frames.append(frame_timer.seconds)
    frame_timer.exact = True
    flown.run_for(seconds)
    frame_timer.exact = False
    parts: dict[str, list[float]] = {}
    for frame in frames:
        for part, taken in frame.items():
            parts.setdefault(part, []).append(taken)
    return parts


def _paced(flown: Any, fps: float, seconds: float) -> dict[str, Any]:
    frames = flown.run_for(seconds, fps)
    return {
        "fps": fps,
        "frames": intervals([frame.shown for frame in frames]),
    }


def _device_memory(device: str) -> dict[str, int]:
    if device != "cuda":
        return {}
    import torch

    free, total = torch.cuda.mem_get_info()
    return {"device_reserved": torch.cuda.max_memory_reserved(), "device_used": total - free}


def held(fps: float, frames: list[float]) -> bool:
    """Return whether the rate was held: within 2 % on average, with under 1 % of frames late."""
    if not frames:
        return False
    return len(frames) / sum(frames) >= 0.98 * fps and share_above(frames, LATE / fps) < 0.01


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the tables of rates, of a frame's parts and of the held rate."""
    flights = [flight for flight in raw["flights"] if "failed" not in flight]
    failed = [f"{each['title']}: {each['failed']}" for each in raw["flights"] if "failed" in each]
    made = [_rates(flights, failed)]
    if flights:
        made += [_split(flights), _held(flights)]
    return made


def _rates(flights: list[dict[str, Any]], failed: list[str]) -> Table:
    rows = []
    for flight in flights:
        frames, ascents = flight["frames"], flight["ascents"]
        total = sum(frames)
        memory = mebibytes(flight["resident"])
        if "device_reserved" in flight:
            memory += f" + {mebibytes(flight['device_reserved'])}"
        rows.append(
            (
                flight["title"],
                three_digits(len(frames) / total),
                three_digits(sum(steps for steps, _ in ascents) / total),
                ms(median(frames)),
                ms(percentile(frames, 0.99)),
                ms(max(frames)),
                f"{flight['start']['first picture']:.1f} s",
                f"{flight['start']['first dreamed picture']:.1f} s",
                memory,
            )
        )
    columns = (
        *("flight", "frames/s", "steps/s", "frame p50", "p99", "worst"),
        *("first picture", "first dreamed", "memory"),
    )
    notes = [
        *failed,
        "as fast as possible, each waiting for its ascent as long as the display's rate allows; "
        "first picture and first dreamed one: time since the process began; "
        "memory: resident, and on CUDA what torch has reserved",
    ]
    return Table("Whole frames", columns, rows, notes)


def _split(flights: list[dict[str, Any]]) -> Table:
    names: list[str] = []
    for flight in flights:
        names += [part for part in flight["parts"] if part not in names]
    rows = []
    for flight in flights:
        parts = flight["parts"]
        cells = [ms(median(parts[name])) if name in parts else "" for name in names]
        rows.append((flight["title"], *cells, ms(sum(median(each) for each in parts.values()))))
    note = "medians of a run in which the GPU finishes each part before the clock is read"
    return Table("Parts of a frame", ("flight", *names, "sum"), rows, [note])


def _held(flights: list[dict[str, Any]]) -> Table:
    rows = []
    for flight in flights:
        paced = flight["paced"]
        fps, frames = paced["fps"], paced["frames"]
        slow = percentile(frames, 0.99)
        margin = LATE / fps - slow
        rows.append(
            (
                flight["title"],
                f"{fps:g}",
                "yes" if held(fps, frames) else "no",
                three_digits(len(frames) / sum(frames)),
                percent(share_above(frames, LATE / fps)),
                ms(median(frames)),
                ms(slow),
                f"{'+' if margin >= 0 else '-'}{ms(abs(margin))}",
            )
        )
    columns = ("flight", "asked", "held", "frames/s", "late", "frame p50", "p99", "margin")
    note = (
        "held: within 2 % on average, under 1 % of frames late (over 1.5 times the wanted "
        "interval); margin: from the p99 to a late frame"
    )
    return Table("At the display's rate", columns, rows, [note])
