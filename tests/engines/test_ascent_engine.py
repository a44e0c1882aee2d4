"""Test the engine on its reference backend against independent float64 arithmetic.

On small seeded networks; and what it computes, keeps and leaves behind.
"""

from __future__ import annotations

import gc
import logging
import math
import weakref
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_network import DEAD, LOUD, MEAN, QUIET, STD, TINY_LAYERS, register, tiny, tiny_module
from torch import nn
from torch.nn import functional as F

from liveflight import engines, networks
from liveflight.core.contracts import (
    MAX_DIRECTION,
    Ascent,
    Canvas,
    Mix,
    OutOfMemoryError,
    Target,
    ViewStep,
)
from liveflight.core.noise import opaque, pink
from liveflight.engines import conditioning, devices
from liveflight.engines.ascent_engine import AscentEngine, agreement
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import responses
from liveflight.networks import Layer
from liveflight.networks.layered import Layered

WIDTH, HEIGHT = 56, 40

PLAIN = Ascent(smoothing=0.0, decorrelation=0.0)
"""Nothing but normalised."""
SHOW = Ascent()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Layered:
    """Register the network `tiny`, and `other` with other weights."""
    module = tiny_module(seed=1)
    register(monkeypatch, "tiny", lambda: module)
    register(monkeypatch, "other", lambda: tiny_module(seed=2))
    return module


@pytest.fixture
def backend() -> AutogradBackend:
    return AutogradBackend(torch.device("cpu"))


@pytest.fixture
def engine(module: Layered, backend: AutogradBackend) -> AscentEngine:
    engine = AscentEngine(backend, torch.device("cpu"))
    engine.prepare("tiny")
    return engine


@pytest.fixture
def running(engine: AscentEngine, backend: AutogradBackend) -> Layered:
    """Return the module of `tiny` that the backend runs."""
    return backend.loaded("tiny")[1]


@pytest.fixture
def canvas() -> Canvas:
    return pink((WIDTH, HEIGHT), seed=5)


def as_picture(canvas: Canvas, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.from_numpy(canvas[..., :3].copy()).permute(2, 0, 1)[None].to(dtype)


def reference(module: Layered, picture: torch.Tensor, layer: str) -> torch.Tensor:
    """Return a layer's activation in a tiny network: float64, written out."""
    parameters = {name: value.double() for name, value in module.state_dict().items()}
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (MEAN, STD))

    def convolved(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        weight, bias = (parameters[f"stages.{name}.{part}"] for part in ("weight", "bias"))
        patches = F.unfold(x, 3, padding=1, stride=stride)
        height, width = (-(-side // stride) for side in x.shape[-2:])
        flat = weight.flatten(1) @ patches + bias[:, None]
        return flat.view(1, len(bias), height, width)

    edges = convolved((picture.double() - mean) / std, "edges", 2)
    shapes = convolved(edges.clamp(min=0), "shapes", 1)
    deep = convolved(shapes.clamp(min=0), "deep", 2)
    return {
        "edges": edges,
        "relu1": edges.clamp(min=0),
        "shapes": shapes,
        "relu2": shapes.clamp(min=0),
        "deep": deep,
    }[layer]


def total(activation: torch.Tensor, target: Target, objective: str = "channel") -> torch.Tensor:
    if target.filter is None:
        return activation.square().sum() / 2
    if objective == "neuron":
        height, width = activation.shape[-2:]
        return activation[0, target.filter, height // 2, width // 2]
    return activation[0, target.filter].sum()


def exact_gradient(
    module: Layered, canvas: Canvas, target: Target, objective: str = "channel"
) -> torch.Tensor:
    picture = as_picture(canvas, torch.float64).requires_grad_(True)
    objective_value = total(reference(module, picture, target.layer), target, objective)
    (gradient,) = torch.autograd.grad(objective_value, picture)
    return gradient


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0))


def deviation(module: Layered, target: Target) -> float:
    """Return a filter's standard deviation over other noise than the engine's."""
    pictures = [as_picture(pink((160, 120), seed, deviation=0.22)) for seed in range(20, 26)]
    filters = [reference(module, picture, target.layer)[0, target.filter] for picture in pictures]
    return float(torch.stack(filters).std())


# The gradient


TARGETS = [
    (tiny("edges", 2), "channel"),
    (tiny("relu1", 0), "channel"),
    (tiny("shapes", 6), "channel"),
    (tiny("relu2", 1), "channel"),
    (tiny("deep", 9), "channel"),
    (tiny("deep", 4), "neuron"),
    (tiny("shapes", None), "channel"),
    (tiny("deep", None), "channel"),
]


@pytest.mark.parametrize(("target", "objective"), TARGETS, ids=str)
def test_the_gradient_is_that_of_float64_arithmetic(engine, module, canvas, target, objective):
    found = engine.gradient(as_picture(canvas), {target: 1.0}, objective)
    assert (found.shape, found.dtype) == ((1, 3, HEIGHT, WIDTH), torch.float32)
    assert cosine(found, exact_gradient(module, canvas, target, objective)) > 1 - 1e-9


@pytest.mark.parametrize(("target", "objective"), TARGETS, ids=str)
def test_the_gradient_is_that_of_finite_differences(engine, module, canvas, target, objective):
    picture = as_picture(canvas, torch.float64)
    gradient = engine.gradient(picture.float(), {target: 1.0}, objective).double()
    generator = torch.Generator().manual_seed(9)
    measured, predicted = [], []
    for _ in range(8):
        change = torch.randn(picture.shape, generator=generator, dtype=torch.float64) * 1e-6
        ends = [
            total(reference(module, picture + sign * change, target.layer), target, objective)
            for sign in (1, -1)
        ]
        measured.append(float(ends[0] - ends[1]) / 2e-6)
        predicted.append(float((gradient * change).sum()) / 1e-6)
    measured, predicted = np.array(measured), np.array(predicted)
    unit = (measured @ predicted) / (predicted @ predicted)  # the filter's standard deviation
    assert unit > 0
    np.testing.assert_allclose(predicted * unit, measured, atol=1e-3 * np.abs(measured).max())


def test_a_filter_is_measured_in_its_standard_deviations(engine, module, canvas):
    for target in (tiny("edges", 2), tiny("shapes", 6), tiny("deep", 9)):
        found = engine.gradient(as_picture(canvas), {target: 1.0}, "channel")
        ratio = float(found.norm() / exact_gradient(module, canvas, target).norm())
        assert 1 / ratio == pytest.approx(deviation(module, target), rel=0.1)


def test_a_loud_filter_weighs_no_more_than_a_quiet_one(engine, canvas):
    loud, quiet = (
        engine.gradient(as_picture(canvas), {tiny("shapes", number): 1.0}, "channel")
        for number in (LOUD, QUIET)
    )
    torch.testing.assert_close(loud, quiet, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("objective", ["channel", "neuron"])
def test_weights_in_a_mix_are_linear_across_filters_layers_and_networks(engine, canvas, objective):
    engine.prepare("other")
    mix = {
        tiny("shapes", 1): 0.4,
        tiny("shapes", 6): 0.1,
        tiny("deep", 2): 0.2,
        tiny("edges", None): 0.05,
        tiny("deep", 2, "other"): 0.25,
    }
    picture = as_picture(canvas)
    mixed = engine.gradient(picture, mix, objective)
    parts = [
        weight * engine.gradient(picture, {target: 1.0}, objective)
        for target, weight in mix.items()
    ]
    torch.testing.assert_close(mixed, sum(parts), rtol=1e-4, atol=1e-6)


# The direction


def direction(
    engine: AscentEngine, view: Canvas, mix: Mix, ascent: Ascent, *band: float
) -> np.ndarray:
    """Return the direction of a view: float64 (1, 3, H, W)."""
    made = engine.directions(view, [ViewStep(mix, *band)], ascent)
    return as_picture(made, torch.float64).numpy()


def limited(values: np.ndarray) -> np.ndarray:
    return MAX_DIRECTION * np.tanh(values / MAX_DIRECTION)


HALF = 2.0**-11
"""Largest relative error of rounding to half precision."""


@pytest.mark.parametrize("target", [tiny("edges", 2), tiny("deep", 9), tiny("shapes", None)])
def test_unconditioned_but_normalised_a_direction_is_the_gradient_by_its_rms(
    engine, module, canvas, target
):
    gradient = exact_gradient(module, canvas, target).numpy()
    expected = limited(gradient / np.sqrt((gradient**2).mean()))
    found = direction(engine, canvas, {target: 1.0}, PLAIN)
    np.testing.assert_allclose(found, expected, rtol=1.1 * HALF, atol=1e-5)


def test_unconditioned_a_direction_is_the_gradient(engine, module, canvas):
    target, ascent = tiny("shapes", 6), replace(PLAIN, normalise=False)
    gradient = exact_gradient(module, canvas, target).numpy() / deviation(module, target)
    weight = 0.1 / np.abs(gradient).max()  # too small to be limited
    found = direction(engine, canvas, {target: weight}, ascent)
    # The deviation is an estimate, 10 % off at most: see above.
    np.testing.assert_allclose(found, weight * gradient, rtol=0.1, atol=1e-5)
    twice = direction(engine, canvas, {target: 2 * weight}, ascent)
    np.testing.assert_allclose(twice, 2 * found, rtol=0.01, atol=1e-5)


def test_all_conditioning_comes_in_its_order(engine, module, canvas):
    """Colour, frequencies and size first; then the band, and the limit last."""
    target = tiny("deep", 9)
    gradient = exact_gradient(module, canvas, target).float()
    ascent = Ascent(smoothing=1.2, decorrelation=0.7)
    smoothed = conditioning.curve(ViewStep({}), ascent, HEIGHT)
    band = conditioning.curve(ViewStep({}, 1.5, 0.2), PLAIN, HEIGHT)
    expected = conditioning.shape(conditioning.decorrelate(gradient, 0.7), smoothed, False)
    expected = conditioning.shape(expected / expected.square().mean().sqrt(), band, False)
    found = direction(engine, canvas, {target: 1.0}, ascent, 1.5, 0.2)
    np.testing.assert_allclose(found, limited(expected.numpy()), rtol=2 * HALF, atol=1e-4)
    assert 0.05 < np.sqrt((found**2).mean()) < 0.95, "the band took nothing, or all"


def test_one_view_is_run_after_the_other(engine, running, canvas):
    shapes: list[tuple[int, ...]] = []
    running.stages["edges"].register_forward_pre_hook(
        lambda _, inputs: shapes.append(tuple(inputs[0].shape))
    )
    steps = [ViewStep({tiny("edges", number): 1.0}) for number in range(3)]
    engine.directions(np.concatenate([canvas] * 3), steps, SHOW)
    assert shapes == [(1, 3, HEIGHT, WIDTH)] * 3


def test_red_is_red_and_blue_blue(monkeypatch):
    def reddish() -> Layered:
        convolution = nn.Conv2d(3, 1, 1, bias=False)
        convolution.weight.data = torch.tensor([3.0, 0.0, -1.0]).view(1, 3, 1, 1)
        return Layered({"colour": convolution}).requires_grad_(False)

    register(monkeypatch, "reddish", reddish, (Layer("colour", 1, 1),))
    engine = engines.load("autograd", "cpu")
    engine.prepare("reddish")
    grey = opaque(np.full((10, 14, 3), 0.5))
    found = direction(engine, grey, {Target("reddish", "colour", 0): 1.0}, PLAIN)
    per_channel = np.array([3.0 / STD[0], 0.0, -1.0 / STD[2]])
    expected = limited(per_channel / np.sqrt((per_channel**2).mean()))
    np.testing.assert_allclose(
        found, np.broadcast_to(expected[:, None, None], (1, 3, 10, 14)), rtol=2 * HALF
    )


MIXES: dict[str, Mapping[Target, float]] = {
    "one filter": {tiny("shapes", 6): 1.0},
    "two filters": {tiny("deep", 9): 0.6, tiny("deep", 2): 0.4},
    "two layers": {tiny("edges", 2): 0.5, tiny("deep", 0): 0.5},  # 9 would want the opposite
    "two networks": {tiny("deep", 9): 0.5, tiny("deep", 2, "other"): 0.5},
    "a whole layer": {tiny("deep", None): 1.0},
}


@pytest.mark.parametrize("objective", ["channel", "neuron"])
@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_every_target_answers_more_strongly_within_three_steps(
    engine, module, canvas, mix, ascent, objective
):
    engine.prepare("other")
    modules = {"tiny": module, "other": tiny_module(seed=2)}
    ascent = replace(ascent, objective=objective)
    after = canvas
    for _ in range(3):
        step = engine.directions(after, [ViewStep(mix)], ascent)
        after = opaque((after + 0.03 * step)[..., :3].clip(0, 1))
    for target in mix:
        answers = [
            float(
                total(
                    reference(modules[target.network], as_picture(picture), target.layer),
                    target,
                    objective,
                )
            )
            for picture in (canvas, after)
        ]
        assert answers[1] > answers[0], target


# Active filters


def test_a_dead_filter_is_not_active(engine):
    assert engine.active_filters("tiny", "shapes") == [n for n in range(8) if n != DEAD]


def test_a_filter_that_hardly_responds_is_not_active(monkeypatch):
    module = tiny_module(seed=1)
    module.stages["deep"].weight[7] *= 1e-3
    register(monkeypatch, "tiny", lambda: module)
    engine = engines.load("autograd", "cpu")
    engine.prepare("tiny")
    assert engine.active_filters("tiny", "deep") == [0, 1, 2, 3, 4, 5, 6, 8, 9]


@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_a_dead_filter_can_be_flown_and_does_nothing_bad(engine, canvas, ascent):
    assert (direction(engine, canvas, {tiny("shapes", DEAD): 1.0}, ascent) == 0).all()


# Formats


@pytest.mark.parametrize("target", [tiny("edges", 2), tiny("deep", 9), tiny("shapes", None)])
def test_bfloat16_agrees_with_float32(engine, module, monkeypatch, target):
    monkeypatch.setattr(devices, "precision", lambda device, dense: torch.bfloat16)
    fast = engines.load("autograd", "cpu")
    register(monkeypatch, "tiny", lambda: tiny_module(seed=1))
    fast.prepare("tiny")
    assert fast.precision("tiny") == "bfloat16"
    assert engine.precision("tiny") == "float32"
    picture = as_picture(pink((96, 64), 5))
    gradients = [each.gradient(picture, {target: 1.0}, "channel") for each in (fast, engine)]
    assert gradients[0].dtype is torch.float32
    assert cosine(*gradients) > 0.99


def vgg_head() -> Layered:
    """Return VGG's first three convolutions, with random weights."""
    generator = torch.Generator().manual_seed(4)
    stages: dict[str, nn.Module] = {}
    for name, inputs, channels in (("conv1_1", 3, 64), ("conv1_2", 64, 64), ("conv2_1", 64, 128)):
        stages[name] = nn.Conv2d(inputs, channels, 3, padding=1)
        stages[name].weight.data.normal_(0, math.sqrt(2 / 9 / inputs), generator=generator)
        stages[name].bias.data.zero_()
        stages[name.replace("conv", "relu")] = nn.ReLU()
    stages = {**dict(list(stages.items())[:4]), "pool1": nn.MaxPool2d(2), **stages}
    return Layered(stages).requires_grad_(False).eval()


def test_bfloat16_agrees_with_float32_in_vgg(monkeypatch):
    layers = (Layer("conv1_1", 64, 1), Layer("conv1_2", 64, 1), Layer("conv2_1", 128, 2))
    register(monkeypatch, "vgg_head", vgg_head, layers)
    picture, gradients = as_picture(pink((96, 64), 5)), []
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(devices, "precision", lambda device, dense, dtype=dtype: dtype)
        engine = engines.load("autograd", "cpu")
        engine.prepare("vgg_head")
        mix = {Target("vgg_head", "conv2_1", 5): 1.0}
        gradients.append(engine.gradient(picture, mix, "channel"))
    assert cosine(*gradients) > 0.99


def loaded(module: Layered, dtype: torch.dtype) -> AutogradBackend:
    backend = AutogradBackend(torch.device("cpu"))
    backend.load(networks.network("tiny"), module, dtype)
    return backend


def agreed(backend: AutogradBackend, exact: AutogradBackend, module: Layered) -> float:
    known, cpu = networks.network("tiny"), torch.device("cpu")
    stds = {layer: std for layer, (std, _) in responses(known, module).items()}
    return agreement(known, stds, backend, cpu, exact)


def test_agreement_tells_formats_that_agree_from_those_that_do_not(module):
    exact = loaded(module, torch.float32)
    assert agreed(exact, exact, module) == pytest.approx(1.0)
    assert 0.99 < agreed(loaded(module, torch.bfloat16), exact, module) < 1
    assert agreed(loaded(tiny_module(seed=2), torch.float32), exact, module) < 0.9


def overflowing() -> Layered:
    """Return `tiny` with activations too large for half, but the same filters."""
    module = tiny_module(seed=1)
    module.stages["shapes"].weight *= 1e5
    module.stages["deep"].weight *= 1e-5
    return module


def test_gradients_that_are_not_finite_do_not_agree(module):
    half, exact = loaded(overflowing(), torch.float16), loaded(overflowing(), torch.float32)
    assert not agreed(half, exact, overflowing()) > 0


@pytest.mark.parametrize(
    ("make", "format"), [(lambda: tiny_module(seed=1), "float16"), (overflowing, "float32")]
)
def test_half_is_used_only_where_it_agrees_with_float32(monkeypatch, caplog, canvas, make, format):
    monkeypatch.setattr(devices, "precision", lambda device, dense: torch.float16)
    register(monkeypatch, "tiny", make)
    engine = engines.load("autograd", "cpu")
    with caplog.at_level(logging.WARNING, logger="liveflight"):
        engine.prepare("tiny")
        engine.prepare("tiny")
    assert engine.precision("tiny") == format
    assert len(caplog.records) == (format == "float32")
    assert all("half and float32 disagree" in record.message for record in caplog.records)
    # What runs in float32 in the end was not rounded to half on the way.
    monkeypatch.undo()
    register(monkeypatch, "tiny", make)
    plain = engines.load("autograd", "cpu")
    plain.prepare("tiny")
    mix = {tiny("deep", 9): 1.0}
    gradients = [each.gradient(as_picture(canvas), mix, "channel") for each in (engine, plain)]
    assert cosine(*gradients) > (0.999 if format == "float16" else 1 - 1e-9)


# What is computed, kept and left behind


@pytest.mark.parametrize(
    ("layers", "ran"),
    [
        (["edges"], ["edges"]),
        (["shapes"], ["edges", "relu1", "shapes"]),
        (["relu2", "edges"], ["edges", "relu1", "shapes", "relu2"]),
    ],
)
def test_nothing_past_the_deepest_layer_in_use_is_computed(engine, running, canvas, layers, ran):
    calls: list[str] = []
    for name, stage in running.stages.items():
        stage.register_forward_hook(lambda *_, name=name: calls.append(name))
    direction(engine, canvas, {tiny(layer, 1): 0.5 for layer in layers}, PLAIN)
    assert calls == ran


def test_two_targets_of_one_network_share_a_forward_pass(engine, running, canvas):
    calls: list[str] = []
    running.stages["edges"].register_forward_hook(lambda *_: calls.append("edges"))
    mix = {tiny("shapes", 1): 0.3, tiny("shapes", 2): 0.3, tiny("deep", 1): 0.4}
    direction(engine, canvas, mix, PLAIN)
    assert len(calls) == 1


def test_weights_have_no_gradient_and_do_not_change(engine, running, canvas):
    before = {name: value.clone() for name, value in running.state_dict().items()}
    for _ in range(3):
        direction(engine, canvas, {tiny("deep", 9): 1.0}, SHOW)
    for name, parameter in running.named_parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None
        assert torch.equal(parameter, before[name])


def test_no_hooks_are_left_after_a_hundred_targets(engine, running, canvas):
    for number in range(100):
        target = tiny("deep", number % 10) if number % 2 else tiny("shapes", number % 8)
        direction(engine, canvas, {target: 1.0}, SHOW)
    for part in running.modules():
        assert not part._forward_hooks and not part._forward_pre_hooks
        assert not part._backward_hooks and not part._backward_pre_hooks


def test_no_activations_and_no_graph_outlive_a_step(engine, running, canvas):
    activations: list[weakref.ref[torch.Tensor]] = []
    for stage in running.stages.values():
        stage.register_forward_hook(lambda *found: activations.append(weakref.ref(found[-1])))
    gc.collect()
    gc.disable()  # nothing may wait for the collector, in a loop that must not stop for it
    try:
        for _ in range(3):
            direction(engine, canvas, {tiny("deep", 9): 1.0}, SHOW)
        assert len(activations) == 3 * 5
        assert not any(activation() is not None for activation in activations)
    finally:
        gc.enable()
    gradient = engine.gradient(as_picture(canvas), {tiny("deep", 9): 1.0}, "channel")
    assert gradient.grad_fn is None and not gradient.requires_grad


def test_memory_formats_are_channels_last(engine, running, canvas):
    layouts: list[bool] = []
    for stage in running.stages.values():
        stage.register_forward_pre_hook(
            lambda _, inputs: layouts.append(
                inputs[0].is_contiguous(memory_format=torch.channels_last)
            )
        )
    direction(engine, canvas, {tiny("deep", 9): 1.0}, PLAIN)
    assert layouts == [True] * 5
    for parameter in running.parameters():
        if parameter.ndim == 4:
            assert parameter.is_contiguous(memory_format=torch.channels_last)


def test_a_network_is_loaded_once_and_from_the_file_named_for_it(monkeypatch, tmp_path):
    loads: list[object] = []

    def loading(name: str) -> None:
        known = register(monkeypatch, name, lambda: tiny_module(seed=1))
        object.__setattr__(
            known, "loader", lambda weights, _: (loads.append((name, weights)), tiny_module(1))[1]
        )

    loading("tiny")
    loading("other")
    engine = engines.load("autograd", "cpu", weights={"tiny": tmp_path / "mine.pth"})
    for name in ("tiny", "Tiny", "tiny", "other"):
        engine.prepare(name)
    assert loads == [("tiny", tmp_path / "mine.pth"), ("other", None)]


def test_networks_that_are_closed_are_let_go(monkeypatch, backend):
    register(monkeypatch, "tiny", lambda: tiny_module(seed=1), TINY_LAYERS)
    engine = AscentEngine(backend, torch.device("cpu"))
    engine.prepare("tiny")
    module = weakref.ref(backend.loaded("tiny")[1])
    engine.close()
    gc.collect()
    assert module() is None
    assert not engine.ready("tiny")


# Memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested ..."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_short_memory_is_told_as_such(engine, backend, canvas, monkeypatch, error):
    def failing(*given: object) -> None:
        raise error

    monkeypatch.setattr(backend, "gradient", failing)
    with pytest.raises(OutOfMemoryError, match=f"{WIDTH}x{HEIGHT} does not fit"):
        direction(engine, canvas, {tiny("shapes", 6): 1.0}, PLAIN)
    monkeypatch.setattr(backend, "plan", failing)
    with pytest.raises(OutOfMemoryError, match="96x64 does not fit"):
        engine.plan([("tiny", "shapes")], (96, 64))


def test_other_errors_stay_what_they_are(engine, backend, canvas, monkeypatch):
    def failing(*given: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(backend, "gradient", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        direction(engine, canvas, {tiny("shapes", 6): 1.0}, PLAIN)
