"""Measure one tick part by part over canvas sizes, with one view size and GL idle in between.

The cost of the network must not depend on the canvas: the engine's step, the hand-over and the
preparation. What grows with the canvas is GL's work alone.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from liveflight.core.contracts import Ascent, Engine, Size, ViewStep
from liveflight.core.noise import pink
from liveflight.diagnostics.bench.figures import mebibytes, ms, percent
from liveflight.diagnostics.bench.tables import Table

SIZES: tuple[Size, ...] = ((640, 360), (960, 540), (1280, 720), (1920, 1080), (3840, 2160))
_FRAME = ("views", "hand-over", "ascent", "adding", "warp", "measuring", "present")
_LIMITER = "flash limiter"
_PARTS = ("preparation", *_FRAME, _LIMITER)
_FPS = 30.0
_MOTION = 1.03, 0.01, 0.0, 0.0
"""Zoom, rotation and pan between two warps."""
_STILL_S = 1.0
"""Seconds between two frames for the flash limiter: at 1 / _FPS these fast motions may flash."""
_WARM_UP = 3
_LEAST = 15
"""Ticks that are timed at least."""
_MOST_VIEWS = 20_000


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure all canvas sizes that this GPU allows.

    `given`: network, layer, filter, view, device, engine, weights (by network), seconds for each
    size."""
    view: Size = (given["view"][0], given["view"][1])
    answer: list[dict[str, Any]] = []
    for size in SIZES:
        answer.append({"canvas": size, **_canvas(given, size, view)})
    return {"view": view, "canvases": answer}


def _canvas(given: dict[str, Any], size: Size, view: Size) -> dict[str, Any]:
    from liveflight import engines
    from liveflight.core.contracts import LiveflightError
    from liveflight.diagnostics.bench.measured_flight import resident_bytes
    from liveflight.outputs.offscreen import Offscreen

    weights = {name: Path(path) for name, path in given["weights"].items()}
    engine = engines.load(given["engine"], given["device"], weights)
    engine.prepare(given["network"])
    began = time.perf_counter()
    engine.plan([(given["network"], given["layer"])], view)
    prepared = time.perf_counter() - began
    before = resident_bytes()
    try:
        output = Offscreen(size)
    except LiveflightError as error:
        return {"failed": str(error)}
    try:
        parts = _parts(given, output, engine, size, view)
        parts["preparation"] = [prepared]
        grown = max(resident_bytes() - before, 0)
        return {"parts": parts, "grown": grown, "seen": views_until_seen(size, view)}
    finally:
        output.close()
        engine.close()


def _parts(
    given: dict[str, Any], output: Any, engine: Engine, size: Size, view: Size
) -> dict[str, list[float]]:
    """Return the seconds of each part in each tick."""
    from liveflight.core.ascent import Upkeep
    from liveflight.core.camera import IDENTITY, matrix
    from liveflight.core.contracts import Target, Warp
    from liveflight.core.view_planner import ViewPlanner
    from liveflight.core.views import ViewSettings
    from liveflight.loop.feedback_loop import FeedbackLoop
    from liveflight.loop.frame_timer import FrameTimer
    from liveflight.render.flash_limiter import FlashLimiter
    from liveflight.render.present import PresentPass
    from liveflight.system.worker import Worker

    timer = FrameTimer(output.ctx.finish)
    timer.exact = True
    loop = FeedbackLoop(
        output.ctx, size, 1, Worker(background=False), Worker(background=False), timer.end
    )
    present, limiter = PresentPass(output.ctx), FlashLimiter(output.ctx)
    planner = ViewPlanner(1)
    loop.use_engine(engine)
    mix = {Target(given["network"], given["layer"], given["filter"]): 1.0}
    motion = Warp(matrix(*_MOTION), phase=IDENTITY.phase)
    upkeep = Upkeep(pull=4.0)
    parts: dict[str, list[float]] = {}
    end = time.perf_counter() + given["seconds"]
    count = 0
    while count < _WARM_UP + _LEAST or time.perf_counter() < end:
        timer.start()
        next_view = planner.next(size, view, ViewSettings())
        timer.end("planning")
        loop.begin(engine, [(next_view, mix)], Ascent(), 0.03, view)
        loop.collect_result(60.0)
        for _ in range(3):  # the motion from one warp to the next
            loop.move(motion, 1 / _FPS)
        loop.advance(1 / _FPS, upkeep)
        present.draw(
            loop.texture(), output.framebuffer, output.size, bottom_up=False, warp=loop.shown
        )
        timer.end("present")
        target, finest = limiter.samples(size)
        present.draw(
            *(loop.texture(), target.framebuffer, target.size),
            bottom_up=False,
            warp=loop.shown,
            sharp=False,
            sketch=True,
            finest=finest,
        )
        limiter.limit(output.framebuffer, size, _STILL_S, bottom_up=False, frame=count)
        timer.end(_LIMITER)
        taken = {**timer.seconds, "ascent": _step(engine, [ViewStep(mix)], view)}
        count += 1
        if count > _WARM_UP:
            for part, seconds in taken.items():
                parts.setdefault(part, []).append(seconds)
    limiter.release()
    present.release()
    loop.close()
    return parts


def _step(engine: Engine, steps: list[ViewStep], view: Size) -> float:
    """Return the seconds of the engine's step, once GL has left the processor's caches."""
    seen = pink(view, 1)
    for _ in range(2):
        began = time.perf_counter()
        engine.directions(seen, steps, Ascent())
        engine.wait()
        seconds = time.perf_counter() - began
    return seconds


def views_until_seen(canvas: Size, view: Size) -> int:
    """Return how many views it takes until each pixel was in one of the finest, camera still."""
    from liveflight.core.view_planner import ViewPlanner
    from liveflight.core.views import ViewSettings

    aspect = canvas[0] / canvas[1]
    xs = (np.arange(160) / 159 - 0.5) * aspect
    ys = (np.arange(90) / 89 - 0.5)[:, None]
    unseen = np.ones((90, 160), bool)
    planner = ViewPlanner(1)
    for number in range(1, _MOST_VIEWS + 1):
        each = planner.next(canvas, view, ViewSettings())
        if not each.finest:
            continue
        place = each.matrix
        across = place[0, 0] * xs + place[0, 1] * ys + place[0, 2]
        down = place[1, 0] * xs + place[1, 1] * ys + place[1, 2]
        unseen &= (abs(across) > view[0] / view[1] / 2) | (abs(down) > 0.5)
        if not unseen.any():
            return number
    return _MOST_VIEWS


def _limiter_share(parts: dict[str, list[float]]) -> str:
    if _LIMITER not in parts:  # figures of before there was one
        return ""
    return percent(median(parts[_LIMITER]) / sum(median(parts[part]) for part in _FRAME))


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of parts."""
    columns = ("canvas", *_PARTS, "of a frame", "memory", "views until seen")
    if "failed" in raw:
        return [Table("Over canvas sizes", columns, [], [raw["failed"]])]
    rows, notes = [], []
    for each in raw["canvases"]:
        name = "x".join(map(str, each["canvas"]))
        if "failed" in each:
            notes.append(f"{name}: {each['failed']}")
            continue
        parts = each["parts"]
        cells = [ms(median(parts[part])) if part in parts else "" for part in _PARTS]
        share = _limiter_share(each["parts"])
        rows.append((name, *cells, share, mebibytes(each["grown"]), str(each["seen"])))
    view = "x".join(map(str, raw["view"]))
    notes += [
        f"one view of {view}, medians, GL idle after each part; ascent: the engine's step alone; "
        "warp: that of a whole canvas",
        f"of a frame: what the {_LIMITER} adds to the other parts of a frame while nothing flashes",
        "memory: by which the process grows (software GL: textures too)",
        "views until seen: with the camera still, until each pixel was in a view of the finest "
        "level; divide by the views per second of the flight",
    ]
    return [Table("Over canvas sizes", columns, rows, notes)]
