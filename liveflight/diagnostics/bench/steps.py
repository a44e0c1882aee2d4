"""Measure one ascent step by engine, network, depth and size, through `Engine.directions`.

A step is the direction of one view, or of several in one call. Each is timed twice. Bare, all
conditioning is at its neutral value, so that only the gradient, the limit and the views' way in and
out remain. As flown, the controls have their defaults.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from liveflight.core.contracts import Ascent, Canvas, Engine, Target, ViewStep
from liveflight.core.noise import pink
from liveflight.diagnostics.bench.figures import ms, percent, percentile, quantity
from liveflight.diagnostics.bench.machine import finisher
from liveflight.diagnostics.bench.tables import Table

BARE = Ascent(normalise=False, smoothing=0.0, decorrelation=0.0)
_MIN_STEPS = 5
_WARM_UP_STEPS, _WARM_UP_S = 10, 0.4
"""Steps before the clock runs, or as many as fit into this many seconds."""


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure one engine.

    `given`: `engine`; `device`; `cases`, dicts of network, layer, view size and, where they are
    several, the number of views in a call; `budget`, the seconds in which a case may start;
    `seconds` for each; `weights`, files by network."""
    from liveflight import engines

    weights = {name: Path(path) for name, path in given["weights"].items()}
    engine = engines.load(given["engine"], given["device"], weights)
    answer: list[dict[str, Any]] = []
    end = time.perf_counter() + given["budget"]
    for case in given["cases"]:
        if time.perf_counter() > end:
            break
        network = case["network"]
        if not engine.ready(network):
            engine.prepare(network)
        answer.append({**case, **_case(engine, case, weights.get(network), given["seconds"])})
    skipped = len(given["cases"]) - len(answer)
    return {"engine": given["engine"], "device": engine.device, "cases": answer, "skipped": skipped}


def _case(
    engine: Engine, case: dict[str, Any], weights: Path | None, seconds: float
) -> dict[str, Any]:
    from liveflight import networks
    from liveflight.diagnostics.bench.flops import convolutions_to, step_flops

    network, layer = case["network"], case["layer"]
    width, height = case["view"]
    count = case.get("views", 1)
    views, step = views_and_step(engine, case)
    begun = time.perf_counter()
    engine.plan([(network, layer)], (width, height))
    planned = time.perf_counter() - begun
    finish = finisher(engine.device)
    if count > 1:  # a batch is prepared once there was a call of so many views
        engine.directions(views, [step] * count, BARE)
        finish()
        engine.plan([(network, layer)], (width, height))

    def timed(settings: Ascent) -> list[float]:
        return timings(lambda: engine.directions(views, [step] * count, settings), seconds, finish)

    module = networks.network(network).load(weights)
    return {
        "precision": engine.precision(network),
        "flops": count * step_flops(convolutions_to(module, layer, (width, height))),
        "planning": planned,
        "bare": timed(BARE),
        "flown": timed(as_flown()),
    }


def views_and_step(engine: Engine, case: dict[str, Any]) -> tuple[Any, ViewStep]:
    """Return the case's views and a step towards a filter of its layer; its network is ready."""
    network, layer = case["network"], case["layer"]
    alive = engine.active_filters(network, layer)
    views = [pink(tuple(case["view"]), 7 + number) for number in range(case.get("views", 1))]
    return to_device(engine, np.concatenate(views)), ViewStep(
        {Target(network, layer, alive[len(alive) // 2]): 1.0}
    )


def as_flown() -> Ascent:
    """Return what an engine does to gradients with the controls' defaults."""
    from liveflight.core.ascent import ascent
    from liveflight.core.controls import Controls

    return ascent(Controls())


def to_device(engine: Engine, views: Canvas) -> Any:
    """Return views where a flight has them: on the device if the engine takes them there."""
    if engine.stream:
        import torch

        return torch.from_numpy(views).to(engine.device)
    return views


def on_stream(stream: int) -> AbstractContextManager[object]:
    """Return a context in which torch works on an engine's `stream`; 0 changes nothing."""
    if not stream:
        return nullcontext()
    import torch

    return torch.cuda.stream(torch.cuda.ExternalStream(stream))


def timings(step: Callable[[], object], seconds: float, finish: Callable[[], None]) -> list[float]:
    """Return the duration of each `step` with its device work, for this many seconds once warm."""
    warm = time.perf_counter() + min(_WARM_UP_S, seconds)
    for _ in range(_WARM_UP_STEPS):
        step()
        finish()
        if time.perf_counter() > warm:
            break
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < _MIN_STEPS or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        finish()
        taken.append(time.perf_counter() - start)
    return taken


def _described(case: dict[str, Any]) -> str:
    view, count = "x".join(map(str, case["view"])), case.get("views", 1)
    return view if count == 1 else f"{count} of {view}"


def tables(raw: dict[str, Any], best: float) -> list[Table]:
    """Return the table of steps.

    `best` is the highest matmul rate in operations per second, 0 if unknown."""
    rows, notes = [], []
    for engine in raw["engines"]:
        if "failed" in engine:
            notes.append(f"{engine['engine']}: {engine['failed']}")
            continue
        if engine["skipped"]:
            notes.append(f"{engine['engine']}: no time for the last {engine['skipped']} of these")
        for case in engine["cases"]:
            bare, flown = case["bare"], case["flown"]
            rate = case["flops"] / median(bare)
            rows.append(
                (
                    engine["engine"],
                    f"{case['network']} {case['layer']}",
                    _described(case),
                    case["precision"],
                    ms(median(bare)),
                    ms(percentile(bare, 0.99)),
                    quantity(case["flops"], "FLOP"),
                    quantity(rate, "FLOP/s"),
                    percent(rate / best) if best else "",
                    ms(median(flown)),
                    ms(percentile(flown, 0.99)),
                )
            )
    columns = (
        *("engine", "layer", "view", "format", "step p50", "p99", "counted", "rate"),
        *("of matmul", "as flown p50", "p99"),
    )
    notes += [
        "step: the gradient of one view, or of several in one call, and their way in and out; as "
        "flown: with the conditioning of a flight",
        "counted: forward and input gradient as direct convolutions, two operations per weight "
        "and position; of matmul: share of the best matmul rate above",
    ]
    if raw["random"]:
        notes.append(f"random weights: {', '.join(raw['random'])}; speed does not depend on them")
    return [Table("One ascent step", columns, rows, notes)]
