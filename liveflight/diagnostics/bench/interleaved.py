"""Compare the flying engine's step with one of plain autograd, in turns in the same process.

Autograd runs channels last and is truncated at the layer. The speed of a shared machine changes
within seconds, so a ratio of two runs one after the other would mean little.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from liveflight.core.contracts import Ascent, Engine
from liveflight.diagnostics.bench import steps
from liveflight.diagnostics.bench.figures import ms, times
from liveflight.diagnostics.bench.machine import finisher
from liveflight.diagnostics.bench.tables import Table

_STEPS_PER_TURN = 3
_MIN_ROUNDS = 4


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure both engines.

    `given`: `engine`; `device`; `cases`, dicts of network, layer and view size; `weights`, files by
    network; `seconds` for each case bare, and again as flown."""
    from liveflight import engines

    weights = {name: Path(path) for name, path in given["weights"].items()}
    both = {
        "ours": engines.load(given["engine"], given["device"], weights),
        "autograd": engines.load("autograd", given["device"], weights),
    }
    cases = [{**case, **_case(both, case, given["seconds"])} for case in given["cases"]]
    return {"engine": given["engine"], "device": both["ours"].device, "cases": cases}


def _case(both: dict[str, Engine], case: dict[str, Any], seconds: float) -> dict[str, Any]:
    for engine in both.values():
        if not engine.ready(case["network"]):
            engine.prepare(case["network"])
        engine.plan([(case["network"], case["layer"])], tuple(case["view"]))
    subjects = {name: steps.views_and_step(engine, case) for name, engine in both.items()}
    finish = finisher(both["ours"].device)
    answer: dict[str, Any] = {
        "formats": {name: engine.precision(case["network"]) for name, engine in both.items()}
    }
    for kind, ascent in (("bare", steps.BARE), ("flown", steps.as_flown())):

        def step(name: str, ascent: Ascent = ascent) -> float:
            view, towards = subjects[name]
            begun = time.perf_counter()
            both[name].directions(view, [towards], ascent)
            finish()
            return time.perf_counter() - begun

        for name in [*both] * 3:
            step(name)
        taken: dict[str, list[float]] = {name: [] for name in both}
        rounds, end = 0, time.perf_counter() + seconds
        while rounds < _MIN_ROUNDS or time.perf_counter() < end:
            for name in both:
                taken[name] += [step(name) for _ in range(_STEPS_PER_TURN)]
            rounds += 1
        answer[kind] = taken
    return answer


_TITLE = "Compared with autograd"


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table that compares both engines."""
    if "failed" in raw:
        return [Table(_TITLE, (), (), [raw["failed"]])]
    rows = []
    for case in raw["cases"]:
        row = [f"{case['network']} {case['layer']}", "x".join(map(str, case["view"]))]
        for kind in ("bare", "flown"):
            ours, other = (median(case[kind][name]) for name in ("ours", "autograd"))
            row += [ms(ours), ms(other), times(other / ours)]
        rows.append((*row, *case["formats"].values()))
    columns = (
        *("layer", "view", "step p50", "autograd's", "ratio"),
        *("as flown p50", "autograd's as flown", "ratio", "format", "autograd's format"),
    )
    fewest = min(len(case[kind]["ours"]) for case in raw["cases"] for kind in ("bare", "flown"))
    notes = [
        f"on {raw['device']}; liveflight's engine is {raw['engine']}; autograd: plain and eager, "
        "channels last, nothing past the layer, no gradients of weights",
        f"in one process, a few steps each in turns, at least {fewest} of each; as flown: with the "
        "conditioning of a flight",
    ]
    if raw["random"]:
        notes.append(f"random weights: {', '.join(raw['random'])}; speed does not depend on them")
    return [Table(_TITLE, columns, rows, notes)]
