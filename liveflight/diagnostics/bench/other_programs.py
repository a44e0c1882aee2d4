"""Compare liveflight's ascent with other programs: VGG16, one filter of conv4_1, 224x224.

All use the same weights, device and starting picture. All are warmed up, waited for, and timed in
turns. Two things are measured: milliseconds per step, and seconds until the picture excites the
filter as much as lucent's does after 64 steps (as the common recipe's, where lucent is missing).

The activation is measured by one forward pass of torchvision's network for all programs, on the
whole picture and outside of the times. Every program takes its usual steps. Only torchvision's
in-place ReLUs are replaced for all: behind a hook they would make the others ascend the activation
after its ReLU. liveflight takes part twice. As flown, its conditioning trades activation for a
picture without noise. Plain, it follows the bare gradient at the same step length, as the common
recipe does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from liveflight.diagnostics.bench.figures import ms, percentile, times
from liveflight.diagnostics.bench.steps import on_stream
from liveflight.diagnostics.bench.tables import Table

if TYPE_CHECKING:
    from liveflight.diagnostics.bench.recipes import Climber

NETWORK, LAYER, PLACE = "vgg16", "conv4_1", 17
_OURS = ("plain", "flown")
SEED = 3
STEPS = 64
"""Steps after which lucent's activation is the goal."""
_FPS = 30.0
"""Steps per second of a flight, for their length."""
_MAX_STEPS = 192
"""Steps after which the other programs give up."""
INSTALL = "pip install torch-lucent"


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure all programs.

    `given`: `engine`; `device`; `weights`, a file, or None for those of this machine; `side` of the
    picture; `rounds`; `steps` of the goal; `seconds`, a limit for one climb including the
    measurements of its activation, which its own seconds leave out."""
    from liveflight import engines, networks
    from liveflight.diagnostics.bench.machine import finisher
    from liveflight.diagnostics.bench.recipes import CommonRecipe, TruncatedRecipe

    weights = Path(given["weights"] or networks.network(NETWORK).find_weights() or "")
    engine = engines.load(given["engine"], given["device"], {NETWORK: weights})
    engine.prepare(NETWORK)
    finish = finisher(engine.device)
    alive = engine.active_filters(NETWORK, LAYER)
    number = alive[len(alive) // 2]
    model = torchvision_vgg16(weights, engine.device)
    features, side = model.features, given["side"]
    lucent = load_lucent(model, number, side, engine.device)
    start = lucent.start(SEED) if lucent else start_noise(side)

    def make(name: str) -> Climber:
        if name in _OURS:
            return _Ours(engine, number, start, name == "plain")
        recipe = CommonRecipe if name == "recipe" else TruncatedRecipe
        return recipe(features, PLACE, number, start)

    names = (*_OURS, "truncated", "recipe")
    answer = {
        "engine": given["engine"],
        "device": engine.device,
        "precision": engine.precision(NETWORK),
        "side": side,
        "filter": number,
        "lucent": lucent is not None,
        "steps": _turns({name: make(name) for name in names}, lucent, given["rounds"], finish),
    }

    def seen(picture: np.ndarray) -> float:
        from liveflight.diagnostics.bench.recipes import activation

        return activation(features, PLACE, number, picture)

    answer["climb"] = _climbs(make, names, lucent, seen, given, finish)
    answer["start"] = seen(start)
    engine.close()
    return answer


class _Ours:
    """Ascend with liveflight's engine, plain or with the conditioning of a flight.

    The whole picture is its only view."""

    def __init__(self, engine: Any, number: int, start: np.ndarray, plain: bool) -> None:
        import torch

        from liveflight.core.ascent import amount
        from liveflight.core.contracts import Target, ViewStep
        from liveflight.core.controls import Controls
        from liveflight.core.noise import opaque
        from liveflight.diagnostics.bench.steps import BARE, as_flown, to_device

        self._engine = engine
        self._step = ViewStep({Target(NETWORK, LAYER, number): 1.0})
        self._ascent = replace(BARE, normalise=True) if plain else as_flown()
        self._amount = amount(Controls(), 1 / _FPS)
        self._view = to_device(engine, opaque(start))
        self._picture = torch.as_tensor(self._view)
        """The same memory."""
        engine.plan([(NETWORK, LAYER)], (start.shape[1], start.shape[0]))

    def step(self) -> None:
        import torch

        with on_stream(self._engine.stream):
            found = self._engine.directions(self._view, [self._step], self._ascent)
            direction = torch.as_tensor(found, device=self._picture.device)[..., :3]
            self._picture[..., :3].add_(direction, alpha=self._amount).clamp_(0.0, 1.0)

    def picture(self) -> np.ndarray:
        self._engine.wait()
        rgb: np.ndarray = self._picture[..., :3].float().cpu().numpy()
        return rgb


def torchvision_vgg16(weights: Path, device: str) -> Any:
    """Return torchvision's VGG16 with these weights; a missing classifier is all zeros."""
    import torch
    from torch import nn
    from torchvision.models import vgg16

    from liveflight.networks import weights as files

    with torch.device("meta"):  # random weights for the classifier would take seconds
        model = vgg16(weights=None, init_weights=False)
    model = model.to_empty(device="cpu")
    for parameter in model.classifier.parameters():
        nn.init.zeros_(parameter)
    model.load_state_dict(files.read(weights), strict=False)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model.to(device).eval()


def load_lucent(model: Any, number: int, side: int, device: str) -> Any:
    """Return lucent's ascent, or None where it is not installed or cannot use the device."""
    from liveflight.diagnostics.bench.recipes import Lucent

    if device not in ("cpu", "cuda"):
        return None
    try:
        return Lucent(model, PLACE, number, side)
    except ImportError:
        return None


def start_noise(side: int) -> np.ndarray:
    """Return the starting picture without lucent: float32 (side, side, 3) in 0..1."""
    from liveflight.core.noise import pink

    return pink((side, side), SEED)[..., :3].astype(np.float32)


def _turns(
    climbers: dict[str, Climber], lucent: Any, rounds: int, finish: Callable[[], None]
) -> dict[str, list[float]]:
    """Return the seconds of each step; in every round, each program takes some steps."""
    for climber in climbers.values():
        climber.step()
        climber.step()
        finish()
    if lucent:
        lucent.run(2, SEED, finish)
    taken: dict[str, list[float]] = {name: [] for name in climbers}
    for _ in range(rounds):
        for name, climber in climbers.items():
            for _ in range(3):
                begun = time.perf_counter()
                climber.step()
                finish()
                taken[name].append(time.perf_counter() - begun)
        if lucent:
            # The first step of each of its runs includes a set-up that the others have done.
            taken.setdefault("lucent", []).extend(lucent.run(3, SEED, finish)[0][1:])
    return taken


def _climbs(
    make: Callable[[str], Climber],
    names: tuple[str, ...],
    lucent: Any,
    seen: Callable[[np.ndarray], float],
    given: dict[str, Any],
    finish: Callable[[], None],
) -> dict[str, Any]:
    """Return each program's seconds and steps to the goal, and the activation it reached."""
    climbs: dict[str, Any] = {}
    if lucent:
        taken, picture = lucent.run(given["steps"], SEED, finish)
        goal = seen(picture)
        climbs["lucent"] = {"seconds": sum(taken), "steps": len(taken), "reached": goal}
    else:
        climbs["recipe"] = _climb(make("recipe"), float("inf"), given["steps"], seen, 600, finish)
        goal = climbs["recipe"]["reached"]
    for name in names:
        if name not in climbs:
            climbs[name] = _climb(make(name), goal, _MAX_STEPS, seen, given["seconds"], finish)
    climbs["goal"] = goal
    return climbs


def _climb(
    climber: Climber,
    goal: float,
    most: int,
    seen: Callable[[np.ndarray], float],
    seconds: float,
    finish: Callable[[], None],
) -> dict[str, Any]:
    taken: list[float] = []
    reached, end = float("-inf"), time.perf_counter() + seconds
    while reached < goal and len(taken) < most and time.perf_counter() < end:
        begun = time.perf_counter()
        climber.step()
        finish()
        taken.append(time.perf_counter() - begun)
        reached = seen(climber.picture())
    return {"seconds": sum(taken), "steps": len(taken), "reached": reached}


_TITLE = "Compared with other programs"
_TITLES = {
    "plain": "liveflight, plain",
    "flown": "liveflight, conditioned as in a flight",
    "truncated": "truncated autograd, float32",
    "recipe": "40-line recipe: whole stack, hook, weight gradients, Adam",
    "lucent": "lucent, render_vis",
}


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table that compares the programs."""
    if "failed" in raw:
        return [Table(_TITLE, (), (), [raw["failed"]])]
    ours = median(raw["steps"]["plain"])
    own = raw["climb"]["plain"]
    goal = raw["climb"]["goal"]
    rows = []
    for name, taken in raw["steps"].items():
        climb = raw["climb"][name]
        there = climb["reached"] >= goal
        rows.append(
            (
                _TITLES[name],
                ms(median(taken)),
                ms(percentile(taken, 0.99)),
                times(median(taken) / ours),
                f"{'' if there else 'over '}{climb['seconds']:.2f} s",
                str(climb["steps"]),
                f"{'' if there else 'over '}{times(climb['seconds'] / own['seconds'])}",
            )
        )
    columns = ("", "step p50", "p99", "to plain", "to the goal", "steps", "to plain")
    side, by = raw["side"], "lucent" if raw["lucent"] else "the recipe"
    notes = [
        f"{NETWORK} {LAYER}, filter {raw['filter']}, {side}x{side}, on {raw['device']}; "
        f"liveflight's engine is {raw['engine']} in {raw['precision']}; "
        "to plain: times as long as plain",
        f"the goal: the mean activation of {by} after its steps ({goal:.3g}, from "
        f"{raw['start']:.3g} at the start)",
        "lucent shows the network its padded and transformed picture (about 248x248), as it is "
        "usually run; all start from the picture that its parametrisation starts from",
    ]
    if not raw["lucent"]:
        notes[2] = f"lucent is not installed (or does not run on {raw['device']}): {INSTALL}"
    if raw["random"]:
        notes.append(
            "random weights: the speed does not depend on them, but the time to the goal does: "
            "random filters respond to noise, which conditioning keeps out of the picture"
        )
    return [Table(_TITLE, columns, rows, notes)]
