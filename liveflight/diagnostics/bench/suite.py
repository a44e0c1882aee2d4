"""Run the topics in their order, each measured in processes of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from liveflight.diagnostics import probes
from liveflight.diagnostics.bench import (
    canvases,
    first_flight,
    frames,
    interleaved,
    latency,
    machine,
    other_programs,
    plan,
    random_weights,
    steps,
    switches,
)
from liveflight.diagnostics.bench.plan import BenchFlight, Plan
from liveflight.diagnostics.bench.tables import Table
from liveflight.system.child_process import ChildError, ask

_MEASUREMENT_LIMIT_S = 240.0
"""Seconds after which a measurement is given up."""
_RUN_LIMIT_S = 590.0
"""Seconds after which no measurement starts any more."""
_MIN_MEASUREMENT_S = 15.0
"""Seconds that a measurement needs at least: half of them go into importing torch."""
_STEPS_BUDGET_S = 150.0
"""Seconds for the steps of all engines together."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Topic:
    """The results of one topic."""

    name: str
    raw: dict[str, Any]
    """Every figure, in seconds, bytes and operations; fit for JSON."""
    tables: list[Table]


def run(plan: Plan, say: Say) -> Iterator[Topic]:
    """Measure one topic after the other, and report each measurement to `say`.

    Raises LiveflightError where a requested network or layer does not exist, ChildError where no
    measurement can run at all."""
    bench = Bench(plan, say)
    yield bench.machine()
    wanted = {case["network"] for case in bench.cases} | {each.network for each in bench.flights}
    wanted |= {other_programs.NETWORK} if plan.peers or plan.switches else set()
    own = set(bench.weights)
    say("weights")
    bench.random = random_weights.missing(sorted(wanted - own))
    with random_weights.installed(bench.random) as bench.environment:
        yield bench.steps()
        yield bench.frames()
        for asked, topic in (
            (True, bench.canvases),
            (not plan.narrowed, bench.first_flight),
            (plan.peers and bench.engine != "autograd", bench.turns),
            (plan.switches, bench.switches),
            (plan.latency, bench.latency),
            (plan.peers, bench.peers),  # takes longest
        ):
            if asked:
                yield topic()


class Bench:
    """Measure the topics of a plan; each method returns one topic."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self._say = plan, say
        self.device = plan.flight.device
        self.random: list[str] = []
        self.environment: dict[str, str] = {}
        self.best = 0.0
        self._end = time.perf_counter() + _RUN_LIMIT_S

    @property
    def cases(self) -> list[dict[str, Any]]:
        return plan.cases(self.plan, self.device)

    @property
    def flights(self) -> tuple[BenchFlight, ...]:
        return plan.flights(self.plan, self.device)

    @property
    def weights(self) -> dict[str, str]:
        """Return the files given by --weights, by network."""
        from liveflight.show.start_flight import weights_of

        return {name: str(path) for name, path in weights_of(self.plan.flight).items()}

    def machine(self) -> Topic:
        self._say("machine")
        module = machine.__name__
        raw = ask(f"{module}:facts", {}, 60)
        try:
            drawn = ask(f"{probes.__name__}:graphics", {"output": "headless"}, 60)
            raw["facts"]["GL"] = f"{drawn['renderer']}, {drawn['version']}"
        except ChildError as error:
            raw["facts"]["GL"] = f"none: {error}"
        self._say("machine: matmul and copy rates")
        given = {"device": self.device, "seconds": self.plan.seconds / 2}
        raw |= ask(f"{module}:rates", given, _MEASUREMENT_LIMIT_S)
        self.device = raw["device"]
        self.best = machine.best_rate(raw)
        return Topic("machine", raw, machine.tables(raw))

    def steps(self) -> Topic:
        raw: dict[str, Any] = {"engines": [], "random": self._random(self.cases)}
        for engine in self._engines():
            self._say(f"steps: {engine}")
            given = {"engine": engine, "cases": self.cases, "seconds": self.plan.seconds * 0.3}
            given["budget"] = _STEPS_BUDGET_S / len(self._engines())
            answer = self._ask(steps.__name__, given)
            raw["engines"].append({"engine": engine, **answer})
        return Topic("steps", raw, steps.tables(raw, self.best))

    def frames(self) -> Topic:
        from liveflight.outputs import has_display

        raw: dict[str, Any] = {"flights": []}
        for flight in self.flights:
            for output in ("headless", "window") if has_display() else ("headless",):
                given = self._flown(flight, output)
                self._say(f"frames: {described(given)}")
                answer = self._ask(frames.__name__, given)
                raw["flights"].append({"title": described(given), **answer})
        return Topic("frames", raw, frames.tables(raw))

    def canvases(self) -> Topic:
        flight = self.flights[0]
        self._say("over canvas sizes")
        given = {
            "network": flight.network,
            "layer": flight.layer,
            "filter": flight.filter,
            "view": flight.view,
            "engine": self.engine,
            "seconds": self.plan.seconds / 4,
        }
        raw = self._ask(canvases.__name__, given)
        return Topic("canvases", raw, canvases.tables(raw))

    def first_flight(self) -> Topic:
        output = _best_output()
        self._say(f"the first flight, {output}")
        given = {
            "output": output,
            "size": (1280, 720),
            "engine": self.engine,
            "fps": plan.display_fps(self.plan, self.device),
            "seconds": 8.0 if self.plan.quick else 15.0,
        }
        raw = self._ask(first_flight.__name__, given)
        return Topic("first flight", raw, first_flight.tables(raw))

    def turns(self) -> Topic:
        self._say("in turns: liveflight, autograd")
        cases = [
            {"network": each.network, "layer": each.layer, "view": each.view}
            for each in self.flights
        ]
        given = {"engine": self.engine, "cases": cases, "seconds": 1 + self.plan.seconds / 2}
        raw = self._ask(interleaved.__name__, given) | {"random": self._random(cases)}
        return Topic("turns", raw, interleaved.tables(raw))

    def peers(self) -> Topic:
        self._say("peers: liveflight, truncated autograd, the recipe, lucent")
        quick = self.plan.quick
        given = {
            "engine": self.engine,
            "weights": self.weights.get(other_programs.NETWORK),
            "side": 224,
            "rounds": 2 if quick else 3,
            "steps": 8 if quick else other_programs.STEPS,
            "seconds": 10.0 if quick else 20.0,
        }
        raw = self._ask(other_programs.__name__, given) | {"random": self.random}
        return Topic("peers", raw, other_programs.tables(raw))

    def switches(self) -> Topic:
        flight, quick = self.flights[0], self.plan.quick
        given = self._flown(flight, _best_output())
        self._say(f"switches: {described(given)}")
        given |= {
            "filters": 100 if quick else 1000,
            "layers": 20 if quick else 200,
            "places": plan.places(flight, self.random),
            "seconds": 20.0 if quick else 60.0,
        }
        raw = self._ask(switches.__name__, given) | {"title": described(given)}
        return Topic("switches", raw, switches.tables(raw))

    def latency(self) -> Topic:
        flight = self.flights[0]
        given = self._flown(flight, _best_output())
        self._say(f"latency: {described(given)}")
        given |= {
            "packets": 20 if self.plan.quick else 120,
            "seconds": 20.0 if self.plan.quick else 40.0,
            "filters": (flight.filter, flight.filter + 1 if flight.filter == 0 else 0),
        }
        raw = self._ask(latency.__name__, given) | {"title": described(given)}
        return Topic("latency", raw, latency.tables(raw))

    def _random(self, cases: Sequence[dict[str, Any]]) -> list[str]:
        """Return the networks of these cases that have random weights."""
        used = {case["network"] for case in cases}
        return [name for name in self.random if name in used]

    @property
    def engine(self) -> str:
        """Return the engine that flies."""
        return self.plan.engines[0] if self.plan.engines else "auto"

    def _engines(self) -> tuple[str, ...]:
        from liveflight import engines

        unfit = ["auto"] if self.device == "cpu" else ["auto", engines.NATIVE]
        return self.plan.engines or tuple(name for name in engines.NAMES if name not in unfit)

    def _flown(self, flight: BenchFlight, output: str) -> dict[str, Any]:
        return plan.flight_settings(self.plan, flight, output, self.device, self.weights)

    def _ask(self, module: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of the module's `measure`, or why it `failed`."""
        given = {"device": self.device, "weights": self.weights, **given}
        begun = time.perf_counter()
        left = self._end - begun
        if left < _MIN_MEASUREMENT_S:
            return {"failed": f"skipped: the bench has already taken {_RUN_LIMIT_S:.0f} seconds"}
        try:
            answer = ask(
                f"{module}:measure", given, min(_MEASUREMENT_LIMIT_S, left), self.environment
            )
        except ChildError as error:
            return {"failed": str(error)}
        return answer | {"took": time.perf_counter() - begun}


def _best_output() -> str:
    from liveflight.outputs import has_display

    return "window" if has_display() else "headless"


def described(given: dict[str, Any]) -> str:
    """Describe a flight in a few words."""
    steps = given["settings"]["ascent.steps"]
    view, size = ("x".join(map(str, given[name])) for name in ("view", "size"))
    canvas = f", canvas {'x'.join(map(str, given['canvas']))}" if given["canvas"] else ""
    return (
        f"{given['network']} {given['layer']}, {steps} view{'s' if steps != 1 else ''} of {view} "
        f"per frame{canvas}, {given['output']} {size}"
    )
