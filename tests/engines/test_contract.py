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
from liveflight.core.contracts import (
    MAX_DIRECTION,
    Ascent,
    Canvas,
    Engine,
    LiveflightError,
    Mix,
    Target,
    ViewStep,
)
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

PLAIN = Ascent(smoothing=0.0, decorrelation=0.0)
"""All conditioning off, but normalised."""
SHOW = Ascent()
"""As in a flight."""


def loaded(name: str, device: str) -> Engine:
    if name == "static":
        return StaticEngine(torch.device(device))
    return engines.load(name, device)


def direction(engine: Engine, view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    return engine.directions(view, [ViewStep(mix)], ascent)


def colours(direction: Canvas) -> np.ndarray:
    """Return a direction without alpha, float64 (H, W, 3)."""
    return direction[..., :3].astype(np.float64)


def cosine(one: Canvas, other: Canvas) -> float:
    first, second = colours(one).ravel(), colours(other).ravel()
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


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
    """Share one engine, since loading takes a while."""
    engine = loaded(name, device)
    engine.prepare(NETWORK)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def activations():
    """Return a function from a view and a target to its activation: float32, on the CPU."""
    known = networks.network(NETWORK)
    module = known.load()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (known.mean, known.std))

    def activation(view: Canvas, target: Target) -> torch.Tensor:
        picture = torch.from_numpy(view[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
        with torch.no_grad():
            layer = module((picture - mean) / std, [target.layer])[target.layer]
        return layer if target.filter is None else layer[:, target.filter]

    return activation


@pytest.fixture
def view() -> Canvas:
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


def test_an_unknown_network_is_refused_and_the_engine_goes_on(engine, view):
    with pytest.raises(LiveflightError, match="there is no network 'efficientnet_lite9'"):
        engine.prepare("efficientnet_lite9")
    assert engine.ready(NETWORK)
    assert direction(engine, view, {SHALLOW: 1.0}, SHOW)[..., :3].any()


@pytest.mark.parametrize("layer", ["stem", "block5", "block14_expand"])
def test_active_filters_are_filters_of_the_layer(engine, layer):
    alive = list(engine.active_filters(NETWORK, layer))
    channels = networks.network(NETWORK).layer(layer).channels
    assert alive == sorted(set(alive))
    assert set(alive) <= set(range(channels))
    assert len(alive) > channels / 2


@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_a_direction_has_the_views_size_and_leaves_the_view(engine, view, ascent):
    before = view.copy()
    found = direction(engine, view, {DEEP: 0.7, SHALLOW: 0.3}, ascent)
    assert np.array_equal(view, before)
    assert not np.shares_memory(found, view)
    assert (found.shape, found.dtype) == ((HEIGHT, WIDTH, 4), np.float16)
    assert np.isfinite(found).all()
    assert (found[..., 3] == 1).all()


@pytest.mark.parametrize("mix", [{DEEP: 1.0}, {SHALLOW: 0.3, LAYER: 0.7}], ids=["one", "two"])
def test_a_direction_has_an_rms_of_about_one_and_no_value_over_the_largest(engine, view, mix):
    for ascent in (PLAIN, SHOW):
        found = colours(direction(engine, view, mix, ascent))
        assert np.abs(found).max() <= MAX_DIRECTION
        # As before the limit; a value next to the largest says only that it was large.
        inside = np.abs(found) < 0.98 * MAX_DIRECTION
        assert inside.mean() > 0.95
        restored = np.arctanh(found[inside] / MAX_DIRECTION) * MAX_DIRECTION
        assert 0.7 < rms(restored) < 1.02


def test_the_rms_is_exact_where_nothing_is_limited(engine, view):
    """Scale by numbers so small that the limit changes nothing, and compare the shapes."""
    plain = colours(direction(engine, view, {DEEP: 1.0}, SHOW))
    small = replace(SHOW, normalise=False)
    raw = colours(direction(engine, view, {DEEP: 1.0}, small))
    weight = 0.05 / np.abs(raw).max()
    linear = colours(direction(engine, view, {DEEP: weight}, small))
    expected = MAX_DIRECTION * np.tanh(linear / rms(linear) / MAX_DIRECTION)
    np.testing.assert_allclose(plain, expected, rtol=0, atol=0.03)
    assert rms(plain - expected) < 0.005


def test_energy_in_one_spot_is_limited(engine, view):
    found = colours(direction(engine, view, {SHALLOW: 1.0}, replace(PLAIN, objective="neuron")))
    assert 0.9 * MAX_DIRECTION < np.abs(found).max() <= MAX_DIRECTION


def test_the_same_call_gives_the_same_pixels(engine, device, view):
    views = np.concatenate([view, view[::-1]])
    steps = [ViewStep({SHALLOW: 1.0}), ViewStep({SHALLOW: 1.0}, 1.5)]
    first, second = (engine.directions(views, steps, SHOW) for _ in range(2))
    # A GPU adds up in no fixed order.
    np.testing.assert_allclose(first, second, rtol=0, atol=0 if device == "cpu" else 0.01)


@pytest.mark.parametrize("planned", [False, True], ids=["as it comes", "planned"])
@pytest.mark.parametrize(
    "mixes",
    [
        [{SHALLOW: 1.0}] * 3,
        [{SHALLOW: 1.0}, {DEEP: 1.0}, {SHALLOW: 1.0}],
        [{DEEP: 0.6, SHALLOW: 0.4}, {SHALLOW: 1.0}, {Target(NETWORK, "block5", 30): 1.0}],
    ],
    ids=["one mix", "two mixes", "three mixes"],
)
def test_stacked_views_have_the_directions_that_they_have_singly(engine, mixes, planned):
    views = [pink((WIDTH, HEIGHT), seed) for seed in range(3)]
    bands = [(0.0, 0.3, 1.0), (1.5, 0.0, 0.75), (1.5, 0.2, 0.5)]
    steps = [ViewStep(mix, *band) for mix, band in zip(mixes, bands, strict=True)]
    stacked = np.concatenate(views)
    found = engine.directions(stacked, steps, SHOW)
    if planned:  # on a GPU, those of one mix now run together
        for mix in mixes:
            engine.plan([(target.network, target.layer) for target in mix], (WIDTH, HEIGHT))
        found = engine.directions(stacked, steps, SHOW)
    assert (found.shape, found.dtype) == ((3 * HEIGHT, WIDTH, 4), np.float16)
    parts = np.split(found, 3)
    for part, view, step in zip(parts, views, steps, strict=True):
        assert cosine(part, engine.directions(view, [step], SHOW)) > 0.9999
    assert abs(cosine(parts[0], parts[2])) < 0.9, "the directions of other views look alike"


def spectra(
    engine: Engine, view: Canvas, ascent: Ascent, *parts: tuple[float, ...]
) -> tuple[np.ndarray, ...]:
    """Return the spectrum of a direction for each high pass, low pass and smoothing."""
    # Weak, so that the limit adds no frequencies: see above.
    ascent = replace(ascent, normalise=False)
    raw = np.abs(colours(direction(engine, view, {DEEP: 1.0}, ascent))).max()
    steps = [ViewStep({DEEP: 0.05 / raw}, *part) for part in parts]
    found = engine.directions(np.concatenate([view] * len(parts)), steps, ascent)
    return tuple(np.fft.fft2(colours(each), axes=(0, 1)) for each in np.split(found, len(parts)))


def cycles_per_height() -> np.ndarray:
    """Return the frequency of each bin of a view's full FFT."""
    down, across = np.fft.fftfreq(HEIGHT) * HEIGHT, np.fft.fftfreq(WIDTH) * HEIGHT
    return np.hypot(down[:, None], across)


def test_a_high_pass_removes_what_is_slow_and_keeps_what_is_fast(engine, view):
    before, after = spectra(engine, view, SHOW, (), (2.0,))
    f = cycles_per_height()
    slow, fast = f < 2 * 2**-0.5, f > 2 * 2**0.5
    total = np.linalg.norm(before)
    assert np.linalg.norm(before[slow]) > 0.05 * total
    assert np.linalg.norm(after[slow]) < 0.002 * total
    assert np.linalg.norm(before[fast]) > 0.05 * total
    assert np.linalg.norm(after[fast] - before[fast]) < 0.005 * total


def test_a_high_pass_lifts_nothing_that_is_fast(engine, view):
    steps = [ViewStep({DEEP: 1.0}, cycles) for cycles in (0.0, 2.0)]
    whole, fine = np.split(engine.directions(np.concatenate([view] * 2), steps, SHOW), 2)
    assert rms(colours(fine)) < 0.99 * rms(colours(whole))
    ends = [np.abs(np.diff(colours(each), axis=0)).mean() for each in (whole, fine)]
    assert ends[1] < 1.05 * ends[0]


def test_a_low_pass_fades_what_is_fast_and_keeps_what_is_slow(engine, view):
    ascent, cycles = replace(SHOW, smoothing=0.5), 0.2
    before, after = spectra(engine, view, ascent, (), (0.0, cycles))
    f = cycles_per_height() / HEIGHT
    slow, fast = f < cycles / 4, f > 2 * cycles
    total = np.linalg.norm(before)
    for band in (slow, fast):
        assert np.linalg.norm(before[band]) > 0.02 * total
    assert np.linalg.norm(after[slow] - before[slow]) < 0.01 * total
    assert np.linalg.norm(after[fast]) < 0.08 * np.linalg.norm(before[fast])


@pytest.mark.parametrize(("smoothing", "factor"), [(1.5, 0.5), (0.8, 2.0), (1.5, 0.0)])
def test_a_views_smoothing_is_a_factor_on_that_of_the_ascent(engine, view, smoothing, factor):
    ascent = replace(SHOW, smoothing=smoothing)
    scaled = replace(SHOW, smoothing=smoothing * factor)
    steps = [ViewStep({DEEP: 1.0}), ViewStep({DEEP: 1.0}, smoothing=factor)]
    plain, found = np.split(engine.directions(np.concatenate([view] * 2), steps, ascent), 2)
    assert cosine(found, direction(engine, view, {DEEP: 1.0}, scaled)) > 0.9999
    assert cosine(found, plain) < 0.98


def test_views_without_a_mix_have_no_direction(engine, view):
    steps = [ViewStep({}), ViewStep({SHALLOW: 1.0})]
    found = engine.directions(np.concatenate([view, view]), steps, SHOW)
    none, some = np.split(found, 2)
    assert not none[..., :3].any() and some[..., :3].any()
    assert not engine.directions(view, steps[:1], SHOW)[..., :3].any()


def test_a_view_at_its_limits_has_a_direction(engine):
    checks = np.indices((HEIGHT, WIDTH)).sum(0)[..., None] // 8 % 2
    found = direction(engine, opaque(checks.repeat(3, 2)), {SHALLOW: 1.0}, SHOW)
    assert 0.5 < rms(colours(found)) < 1.01


def test_the_alpha_that_is_given_does_not_matter(engine, view):
    expected = direction(engine, view, {SHALLOW: 1.0}, PLAIN)
    view[..., 3] = np.nan
    found = direction(engine, view, {SHALLOW: 1.0}, PLAIN)
    assert cosine(found, expected) > 0.9999
    assert (found[..., 3] == 1).all()


@pytest.mark.parametrize(("width", "height"), [(67, 41), (31, 90), (49, 48)])
def test_odd_sizes_are_flown_too(engine, width, height):
    views = np.concatenate([pink((width, height), seed) for seed in (2, 3)])
    steps = [ViewStep({DEEP: 1.0}, cycles) for cycles in (0.0, 1.5)]
    found = engine.directions(views, steps, SHOW)
    assert found.shape == (2 * height, width, 4)
    assert np.isfinite(found).all()
    assert rms(colours(found[:height])) == pytest.approx(1, abs=0.2)


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
    engine, activations, view, mix, objective, ascent
):
    def answer(view: Canvas, target: Target) -> float:
        found = activations(view, target)
        if target.filter is None:
            return float(found.square().mean())
        row, column = found.shape[-2] // 2, found.shape[-1] // 2
        return float(found.mean() if objective == "channel" else found[0, row, column])

    ascent = replace(ascent, objective=objective)
    after = view
    for _ in range(3):
        way = 0.03 * colours(direction(engine, after, mix, ascent))
        after = opaque((colours(after) + way).clip(0, 1))
    for target in mix:
        assert answer(after, target) > answer(view, target), target


def test_the_centre_is_where_up_stays_up_and_left_left(engine, activations, view):
    """Excite the stem's middle neuron of 32 x 48, which sees three rows and columns."""
    centre = activations(view, Target(NETWORK, "stem", None))[0, :, 16, 24]
    half_open = int((centre - 1).abs().argmin())  # its ReLU6 neither shut nor at its end
    mix = {Target(NETWORK, "stem", half_open): 1.0}
    found = colours(direction(engine, view, mix, replace(PLAIN, objective="neuron")))
    rows, columns = np.nonzero((np.abs(found) > 0.01).any(2))
    assert set(rows) == {32, 33, 34}
    assert set(columns) == {48, 49, 50}


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_not_finite_is_found(engine, view, bad, normalise):
    views = np.concatenate([view, view])
    views[HEIGHT + 40, 11, 1] = bad
    ascent = replace(PLAIN, normalise=normalise)
    with pytest.raises(FloatingPointError, match=r"efficientnet_lite0:block5:7\b.* is not finite"):
        engine.directions(views, [ViewStep({DEEP: 1.0}), ViewStep({SHALLOW: 1.0})], ascent)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("ascent", [PLAIN, SHOW], ids=["plain", "show"])
def test_a_weight_that_is_not_finite_is_found_and_the_next_call_is_good(engine, view, bad, ascent):
    with pytest.raises(FloatingPointError):
        direction(engine, view, {SHALLOW: bad}, ascent)
    assert np.isfinite(direction(engine, view, {SHALLOW: 1.0}, ascent)).all()


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
    """Return a function from a mix to what autograd makes of `view`, each computed once."""
    reference = loaded("autograd", "cpu")
    reference.prepare(NETWORK)
    found: dict[frozenset[tuple[Target, float]], Canvas] = {}

    def directed(mix: Mapping[Target, float]) -> Canvas:
        key = frozenset(mix.items())
        if key not in found:
            for target in mix:
                reference.prepare(target.network)
            found[key] = direction(reference, pink((WIDTH, HEIGHT), seed=5), mix, PLAIN)
        return found[key]

    yield directed
    reference.close()


@pytest.mark.parametrize("graph", GRAPHS)
def test_networks_that_are_graphs_have_like_directions_and_without_a_word(
    graphs, expected, name, device, graph, view, caplog
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
    found = direction(engine, view, mix, PLAIN)
    engine.close()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert cosine(found, expected(mix)) > 0.98
