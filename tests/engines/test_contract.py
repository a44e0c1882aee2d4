"""Test `core.contracts.Engine` on every engine and every device that is present.

On the embedded network, and on others with random weights.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from seeded_torchvision import cached, seeded

from liveflight import engines, networks
from liveflight.core.contracts import Ascent, Canvas, Engine, LiveflightError, Target
from liveflight.core.noise import opaque, pink
from liveflight.engines.cuda.engine import StaticEngine

ENGINES = (*engines.NAMES, "static")
"""The last is what `torch` is on CUDA; here it also runs on the CPU."""

GPUS = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
DEVICES = (
    "cpu",
    *(pytest.param(gpu, marks=pytest.mark.gpu) for gpu, present in GPUS.items() if present),
)

NETWORK = "efficientnet_lite0"
GRAPHS = ("squeezenet1_1", "googlenet", "resnet50")
"""Networks whose gradient is not derived by hand."""
WIDTH, HEIGHT = 96, 64
SHALLOW, DEEP = Target(NETWORK, "block5", 7), Target(NETWORK, "block14_expand", 22)
LAYER = Target(NETWORK, "block5", None)

PLAIN = Ascent(
    amount=0.02, steps=1, jitter=0, octaves=0.0, smoothing=0.0, decorrelation=0.0, pull=0.0
)
"""All conditioning off but the step's size."""
SHOW = Ascent(amount=0.02, steps=1, jitter=16, soften=0.02, noise=0.004, pull=0.05)
"""As in a flight."""


def loaded(name: str, device: str, seed: int = 0) -> Engine:
    if name == "static":
        return StaticEngine(torch.device(device), seed)
    return engines.load(name, device, seed)


@pytest.fixture(params=ENGINES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=DEVICES, scope="module")
def device(request: pytest.FixtureRequest, name: str) -> str:
    if (name, request.param) == ("static", "mps"):
        pytest.skip("static steps are CUDA's")
    if name == engines.NATIVE and request.param != "cpu":
        pytest.skip("compiled kernels are the processor's")
    return request.param


@pytest.fixture(scope="module")
def engine(name: str, device: str) -> Iterator[Engine]:
    """Share one engine, since loading takes a while: its random state depends on earlier calls."""
    engine = loaded(name, device, seed=1)
    engine.prepare(NETWORK)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def activations():
    """Return a function from a canvas and a target to its activation: float32, on the CPU."""
    known = networks.network(NETWORK)
    module = known.load()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (known.mean, known.std))

    def activation(canvas: Canvas, target: Target) -> torch.Tensor:
        picture = torch.from_numpy(canvas[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
        with torch.no_grad():
            layer = module((picture - mean) / std, [target.layer])[target.layer]
        return layer if target.filter is None else layer[:, target.filter]

    return activation


@pytest.fixture
def canvas() -> Canvas:
    return pink((WIDTH, HEIGHT), seed=5)


def test_an_engine_is_ready_for_what_it_prepared_and_for_nothing_else(name, device):
    engine = loaded(name, device)
    assert engine.device == device
    assert not engine.ready(NETWORK)
    engine.prepare(NETWORK)
    assert engine.ready(NETWORK)
    assert not engine.ready("vgg16")
    assert engine.precision(NETWORK) in {"float32", "float16", "bfloat16"}
    engine.close()
    assert not engine.ready(NETWORK)


def test_the_cpu_does_not_compute_in_half(engine, device):
    if device == "cpu":
        assert engine.precision(NETWORK) != "float16"


def test_an_unknown_network_is_refused_and_the_engine_goes_on(engine, canvas):
    with pytest.raises(LiveflightError, match="there is no network 'efficientnet_lite9'"):
        engine.prepare("efficientnet_lite9")
    assert engine.ready(NETWORK)
    engine.ascend(canvas, {SHALLOW: 1.0}, SHOW)


@pytest.mark.parametrize("layer", ["stem", "block5", "block14_expand"])
def test_active_filters_are_filters_of_the_layer(engine, layer):
    alive = list(engine.active_filters(NETWORK, layer))
    channels = networks.network(NETWORK).layer(layer).channels
    assert alive == sorted(set(alive))
    assert set(alive) <= set(range(channels))
    assert len(alive) > channels / 2


@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_a_canvas_comes_out_as_one_went_in(engine, canvas, ascent):
    before = canvas.copy()
    result = engine.ascend(canvas, {DEEP: 0.7, SHALLOW: 0.3}, ascent)
    assert np.array_equal(canvas, before)
    assert not np.shares_memory(result, canvas)
    assert (result.shape, result.dtype) == ((HEIGHT, WIDTH, 4), np.float16)
    assert np.isfinite(result).all()
    assert result.min() >= 0 and result.max() <= 1
    assert (result[..., 3] == 1).all()
    assert not np.array_equal(result, canvas)


def test_a_canvas_at_its_limits_stays_within_them(engine):
    checks = np.indices((HEIGHT, WIDTH)).sum(0)[..., None] // 8 % 2
    result = engine.ascend(opaque(checks.repeat(3, 2)), {SHALLOW: 1.0}, SHOW)
    assert result.min() >= 0 and result.max() <= 1


def test_the_alpha_that_is_given_does_not_matter(engine, canvas):
    canvas[..., 3] = np.nan
    assert (engine.ascend(canvas, {SHALLOW: 1.0}, PLAIN)[..., 3] == 1).all()


@pytest.mark.parametrize(("width", "height"), [(67, 41), (31, 90), (49, 48)])
def test_odd_sizes_are_flown_too(engine, width, height):
    result = engine.ascend(pink((width, height), 2), {DEEP: 1.0}, SHOW)
    assert result.shape == (height, width, 4)
    assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("mix", "objective"),
    [
        ({SHALLOW: 1.0}, "channel"),
        ({DEEP: 1.0}, "channel"),
        ({SHALLOW: 0.5, Target(NETWORK, "block5", 30): 0.5}, "channel"),
        ({SHALLOW: 0.5, DEEP: 0.5}, "channel"),
        ({LAYER: 1.0}, "channel"),
        ({SHALLOW: 1.0}, "neuron"),
        ({DEEP: 1.0}, "neuron"),
    ],
    ids=lambda value: " + ".join(map(str, value)) if isinstance(value, dict) else value,
)
@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_the_target_answers_more_strongly_within_three_steps(
    engine, activations, canvas, mix, objective, ascent
):
    def answer(canvas: Canvas, target: Target) -> float:
        found = activations(canvas, target)
        if target.filter is None:
            return float(found.square().mean())
        row, column = found.shape[-2] // 2, found.shape[-1] // 2
        return float(found.mean() if objective == "channel" else found[0, row, column])

    ascent = replace(ascent, amount=0.03, objective=objective)
    if objective == "neuron":  # what moves the picture about, moves its centre as well
        ascent = replace(ascent, jitter=0, octaves=0.0)
    after = canvas
    for _ in range(3):
        after = engine.ascend(after, mix, ascent)
    for target in mix:
        assert answer(after, target) > answer(canvas, target), target


def test_the_centre_is_where_up_stays_up_and_left_left(engine, activations, canvas):
    """Excite the stem's middle neuron of 32 x 48, which sees three rows and columns."""
    centre = activations(canvas, Target(NETWORK, "stem", None))[0, :, 16, 24]
    half_open = int((centre - 1).abs().argmin())  # its ReLU6 neither shut nor at its end
    mix = {Target(NETWORK, "stem", half_open): 1.0}
    after = engine.ascend(canvas, mix, replace(PLAIN, objective="neuron"))
    rows, columns = np.nonzero((after != canvas).any(2))
    assert set(rows) == {32, 33, 34}
    assert set(columns) == {48, 49, 50}


def test_the_amount_is_how_far_the_picture_moves(engine, canvas):
    after = engine.ascend(canvas, {DEEP: 1.0}, PLAIN)
    way = after[..., :3].astype(np.float64) - canvas[..., :3]
    assert np.sqrt((way**2).mean()) == pytest.approx(PLAIN.amount, rel=0.02)


def test_several_steps_share_the_amount(engine, canvas):
    after = engine.ascend(canvas, {DEEP: 1.0}, replace(PLAIN, steps=4))
    way = after[..., :3].astype(np.float64) - canvas[..., :3]
    assert 0.25 * 0.02 < np.sqrt((way**2).mean()) < 1.01 * 0.02


def test_without_steps_the_picture_stays(engine, canvas):
    still = Ascent(amount=0.02, steps=0)
    assert np.array_equal(engine.ascend(canvas, {DEEP: 1.0}, still), canvas)


def test_without_steps_it_still_is_held_and_grained(engine, canvas):
    held = engine.ascend(canvas, {DEEP: 1.0}, Ascent(0.02, 0, contrast=0.1, pull=1.0))
    assert float(held[..., :3].astype(np.float32).std()) == pytest.approx(0.1, rel=0.01)
    noisy = engine.ascend(canvas, {DEEP: 1.0}, Ascent(0.02, 0, noise=0.01))
    grain = noisy[..., :3].astype(np.float32) - canvas[..., :3].astype(np.float32)
    assert float(grain.std()) == pytest.approx(0.01, rel=0.05)


def test_the_seed_decides_everything(name, device, canvas):
    def flown(seed: int) -> Canvas:
        engine = loaded(name, device, seed)
        engine.prepare(NETWORK)
        after = canvas
        for _ in range(3):
            after = engine.ascend(after, {SHALLOW: 1.0}, SHOW)
        engine.close()
        return after

    first = flown(3)
    # A GPU adds up in no fixed order.
    np.testing.assert_allclose(flown(3), first, rtol=0, atol=0 if device == "cpu" else 0.01)
    assert np.abs(flown(4) - first).mean() > 0.005


def test_the_seed_decides_the_grain_too(name, device, canvas):
    grain = Ascent(0.02, 0, noise=0.01)
    first, same, other = (
        loaded(name, device, seed).ascend(canvas, {SHALLOW: 1.0}, grain) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, same)
    assert np.abs(other - first).mean() > 0.005


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_not_finite_is_found(engine, canvas, bad, steps):
    canvas[40, 11, 1] = bad
    with pytest.raises(FloatingPointError, match=r"efficientnet_lite0:block5:7 is not finite"):
        engine.ascend(canvas, {SHALLOW: 1.0}, Ascent(0.02, steps, octaves=0.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_a_weight_that_is_not_finite_is_found_and_the_next_step_is_good(
    engine, canvas, bad, ascent
):
    with pytest.raises(FloatingPointError):
        engine.ascend(canvas, {SHALLOW: bad}, ascent)
    assert np.isfinite(engine.ascend(canvas, {SHALLOW: 1.0}, ascent)).all()


def test_an_unknown_engine_is_refused_with_those_there_are():
    with pytest.raises(LiveflightError) as caught:
        engines.load("caffe")
    allowed = ", ".join(engines.NAMES)
    assert str(caught.value) == f"there is no engine 'caffe'; there is: {allowed}"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": "100"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ],
)
def test_threads_spin_briefly_unless_told_otherwise(monkeypatch, environment, expected):
    monkeypatch.setattr(os, "environ", dict(environment))
    engines.preload()
    os.environ.pop("PYTORCH_CUDA_ALLOC_CONF", None)
    assert os.environ == expected


@pytest.fixture(scope="module")
def graphs(tmp_path_factory) -> Iterator[None]:
    """Store torchvision's networks, with random weights, where torch.hub would."""
    home = tmp_path_factory.mktemp("hub")
    for graph in GRAPHS:
        cached(graph, seeded(graph), home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(home))
        yield


@pytest.fixture(scope="module")
def expected(graphs) -> Iterator[Callable[[Mapping[Target, float]], Canvas]]:
    """Return a function from a mix to what autograd makes of `canvas`, each computed once."""
    reference = loaded("autograd", "cpu")
    reference.prepare(NETWORK)
    found: dict[frozenset[tuple[Target, float]], Canvas] = {}

    def ascended(mix: Mapping[Target, float]) -> Canvas:
        key = frozenset(mix.items())
        if key not in found:
            for target in mix:
                reference.prepare(target.network)
            found[key] = reference.ascend(pink((WIDTH, HEIGHT), seed=5), mix, PLAIN)
        return found[key]

    yield ascended
    reference.close()


@pytest.mark.parametrize("graph", GRAPHS)
def test_networks_that_are_graphs_are_ascended_alike_and_without_a_word(
    graphs, expected, name, device, graph, canvas, caplog
):
    if graph != "squeezenet1_1" and name not in ("auto", "static"):
        pytest.skip("one is enough for this engine")
    first = Target(graph, networks.network(graph).layers[1].name, None)
    engine = loaded(name, device)
    engine.prepare(graph)
    engine.prepare(NETWORK)
    layer = networks.network(graph).beginning.name
    begins = Target(graph, layer, engine.active_filters(graph, layer)[-1])
    mix = {begins: 0.5, first: 0.3, SHALLOW: 0.2}
    engine.plan([(target.network, target.layer) for target in mix], (WIDTH, HEIGHT))
    after = engine.ascend(canvas, mix, PLAIN)
    engine.close()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    ways = [
        (each[..., :3].astype(np.float64) - canvas[..., :3]).ravel()
        for each in (after, expected(mix))
    ]
    cosine = ways[0] @ ways[1] / np.linalg.norm(ways[0]) / np.linalg.norm(ways[1])
    assert cosine > 0.98
