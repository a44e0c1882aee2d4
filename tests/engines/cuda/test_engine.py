"""The engine of static steps: on the CPU, where they run as they are, and on a GPU as graphs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from seeded_vgg import seeded_vgg
from tiny_network import register, tiny, tiny_module
from torch import Tensor

from liveflight.core.contracts import Ascent, Canvas, Mix, OutOfMemoryError, ViewStep
from liveflight.core.noise import pink
from liveflight.engines.ascent_engine import AscentEngine
from liveflight.engines.cuda import engine as static_engine
from liveflight.engines.cuda.engine import StaticEngine
from liveflight.engines.cuda.graphs import EagerRunner, Run
from liveflight.engines.cuda.program import Upload
from liveflight.engines.cuda.step import MAX_BATCH, StepBuffers
from liveflight.engines.torch.backend import TorchBackend
from liveflight.networks import vgg

CPU = torch.device("cpu")
SIZE = (66, 50)
ASCENT = Ascent()
DEEP, SHAPES = ("tiny", "deep"), ("tiny", "shapes")
PLACES = [(0.0, 0.3, 1.0), (1.5, 0.0, 0.75), (1.5, 0.3, 0.5)]
"""High pass, low pass and smoothing of views of several levels."""

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


class Counting(EagerRunner):
    """Count captures, and warm up."""

    def __init__(self) -> None:
        self.captures = 0
        self.clearings: list[int] = []
        """Number of captures before each call of `clear`."""

    def warm_up(self, run: Run) -> None:
        run()

    def clear(self) -> None:
        self.clearings.append(self.captures)

    def captured(self, run: Run) -> Run:
        self.captures += 1
        return run


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "tiny", lambda: tiny_module(1))
    register(monkeypatch, "other", lambda: tiny_module(2))


@pytest.fixture
def runner() -> Counting:
    return Counting()


@pytest.fixture
def engine(runner: Counting) -> StaticEngine:
    made = StaticEngine(CPU, runner=runner)
    made.prepare("tiny")
    made.prepare("other")
    return made


@pytest.fixture
def view() -> Canvas:
    return pink(SIZE, 5)


def plain_engine(*names: str) -> AscentEngine:
    engine = AscentEngine(TorchBackend(CPU), CPU)
    for name in names:
        engine.prepare(name)
    return engine


def direction(engine: AscentEngine, view: Canvas, mix: Mix, ascent: Ascent = ASCENT) -> Canvas:
    return engine.directions(view, [ViewStep(mix)], ascent)


def stacked(count: int) -> Canvas:
    return np.concatenate([pink(SIZE, seed) for seed in range(count)])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (each[..., :3].astype(np.float64).ravel() for each in (one, other))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize(
    "mix",
    [
        {tiny("deep", 2): 1.0},
        {tiny("deep", None): 1.0},
        {tiny("deep", 2): 0.4, tiny("shapes", 5): 0.3, tiny("relu1", None): 0.3},
        {tiny("deep", 2): 0.5, tiny("relu2", 1, "other"): 0.5},
    ],
    ids=["filter", "layer", "layers", "networks"],
)
@pytest.mark.parametrize("objective", ["channel", "neuron"])
def test_directions_are_those_of_the_plain_engine(engine, view, mix, objective):
    plain, ascent = plain_engine("tiny", "other"), Ascent(objective)
    steps = [ViewStep(mix), ViewStep(mix, 1.5, 0.3, 0.75)]
    views = np.concatenate([view, view[::-1]])
    layers = {(target.network, target.layer) for target in mix}
    engine.plan(layers, SIZE)
    expected = plain.directions(views, steps, ascent).astype(np.float32)
    for _ in range(2):  # one after the other, then together
        found = engine.directions(views, steps, ascent).astype(np.float32)
        assert np.abs(expected).mean() > 0.1
        np.testing.assert_allclose(found, expected, rtol=2**-10, atol=1e-3)
        engine.plan(layers, SIZE)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of views of each step, and go on adding to it."""
    counts: list[int] = []
    pictures = StepBuffers.pictures

    def watched(self: StepBuffers, count: int) -> Tensor:
        counts.append(count)
        return pictures(self, count)

    monkeypatch.setattr(StepBuffers, "pictures", watched)
    return counts


def test_several_views_of_a_mix_run_together_once_that_is_planned(engine, runner, counts):
    engine.plan({DEEP}, SIZE)
    counts.clear()
    mix, other = {tiny("deep", 2): 1.0}, {tiny("deep", 3): 1.0}
    steps = [ViewStep(mix), ViewStep(other, 1.5), ViewStep(mix, 2.0)]
    alone = engine.directions(stacked(3), steps, ASCENT)
    assert counts == [1, 1, 1]
    engine.plan({DEEP}, SIZE)
    before, counts[:] = runner.captures, []
    together = engine.directions(stacked(3), steps, ASCENT)
    assert counts == [2, 1]
    assert runner.captures == before
    for first, second in zip(np.split(alone, 3), np.split(together, 3), strict=True):
        assert cosine(first, second) > 0.9999


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_switch_waits_for_batches(engine, count):
    steps = [ViewStep({tiny("deep", 2): 1.0})] * count
    engine.plan({DEEP}, SIZE)
    engine.directions(stacked(count), steps, ASCENT)
    assert engine.planned({DEEP}, SIZE)
    assert not engine.planned({SHAPES}, SIZE)


def test_what_was_not_planned_is_prepared_for_single_views_alone(engine, runner):
    steps = [ViewStep({tiny("deep", 2): 1.0})] * 2
    for _ in range(2):
        engine.directions(stacked(2), steps, ASCENT)
        assert runner.captures == 2  # of few filters, and of many


def test_spare_time_is_for_a_batch_in_flight(engine, runner, counts):
    engine.plan({DEEP}, SIZE)
    engine.plan({SHAPES}, SIZE)
    steps = [ViewStep({tiny(name, 2): 1.0}) for name in ("deep", "shapes", "deep", "shapes")]
    assert not engine.tidy()
    alone = engine.directions(stacked(4), steps, ASCENT)
    assert engine.tidy()
    assert not engine.tidy()
    before, counts[:] = runner.captures, []
    assert not engine.tidy()
    together = engine.directions(stacked(4), steps, ASCENT)
    assert counts == [2, 2]
    assert runner.captures == before
    assert cosine(alone, together) > 0.9999


def test_a_plan_for_other_layers_prepares_a_batch_in_flight(engine, counts):
    steps = [ViewStep({tiny("deep", 2): 1.0})] * 2
    engine.directions(stacked(2), steps, ASCENT)
    engine.plan({SHAPES}, SIZE)
    counts.clear()
    engine.directions(stacked(2), steps, ASCENT)
    assert counts == [2]


def test_views_of_equal_mixes_run_together_wherever_they_lie(engine, counts):
    mixes = [{tiny("deep", 2): 0.25, tiny("deep", 3): 0.75}, {tiny("deep", 2): 1.0}]
    mixes.append(dict(reversed(mixes[0].items())))  # another object, in another order
    views = [ViewStep(mix, *each) for mix, each in zip(mixes, PLACES, strict=True)]
    singly = [engine.directions(pink(SIZE, n), [views[n]], ASCENT) for n in range(3)]
    engine.directions(stacked(3), views, ASCENT)
    engine.plan({DEEP}, SIZE)
    counts.clear()
    together = np.split(engine.directions(stacked(3), views, ASCENT), 3)
    assert counts == [2, 1]
    for one, other in zip(singly, together, strict=True):
        assert cosine(one, other) > 0.9999


def test_more_views_than_fit_together_run_in_several_batches(engine):
    steps = [ViewStep({tiny("deep", 2): 1.0})] * (MAX_BATCH + 3)
    views = stacked(len(steps))
    engine.plan({DEEP}, SIZE)
    alone = engine.directions(views, steps, ASCENT)
    engine.plan({DEEP}, SIZE)
    together = engine.directions(views, steps, ASCENT)
    for first, second in zip(
        np.split(alone, len(steps)), np.split(together, len(steps)), strict=True
    ):
        assert cosine(first, second) > 0.9999


def test_where_memory_is_short_for_batches_views_run_singly(engine, runner, monkeypatch):
    steps = [ViewStep({tiny("deep", 2): 1.0})] * 2
    engine.plan({DEEP}, SIZE)
    alone = engine.directions(stacked(2), steps, ASCENT)

    def full(run: Run) -> Run:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as context:
        context.setattr(runner, "captured", full)
        engine.plan({DEEP}, SIZE)
        assert engine.planned({DEEP}, SIZE)
    assert np.array_equal(engine.directions(stacked(2), steps, ASCENT), alone)


def test_a_mix_is_sent_to_the_device_once(engine, view, monkeypatch):
    sent: list[int] = []
    load = Upload.load

    def watched(self: Upload, values: np.ndarray) -> None:
        sent.append(len(values))
        load(self, values)

    monkeypatch.setattr(Upload, "load", watched)
    mix, other = {tiny("deep", 2): 1.0}, {tiny("deep", 3): 1.0}
    direction(engine, view, mix)
    sent.clear()
    direction(engine, view, dict(mix))
    assert len(sent) == 1  # what each step reads besides
    direction(engine, view, other)
    direction(engine, view, mix, Ascent("neuron"))
    assert len(sent) == 3 + 2


def test_warm_ups_free_their_memory_until_something_flies(engine, runner, view):
    engine.plan({DEEP}, SIZE)
    assert runner.clearings == [0]
    engine.plan({SHAPES}, SIZE)
    assert len(runner.clearings) == 2
    direction(engine, view, {tiny("deep", 2): 1.0})
    engine.plan({DEEP, SHAPES}, SIZE)
    assert len(runner.clearings) == 2


def test_a_planned_mix_has_directions_without_preparing_anything(engine, runner, view):
    assert not engine.planned({DEEP}, SIZE)
    engine.plan({DEEP}, SIZE)
    assert engine.planned({DEEP}, SIZE)
    assert not engine.planned({DEEP, SHAPES}, SIZE)
    assert not engine.planned({DEEP}, (50, 66))
    before = runner.captures
    direction(engine, view, {tiny("deep", 2): 1.0})
    assert runner.captures == before
    engine.plan({DEEP}, SIZE)
    assert runner.captures == before


@pytest.mark.parametrize(
    "mix",
    [
        {tiny("deep", 7): 0.2, tiny("deep", 1): 0.8},
        {tiny("deep", number): 0.1 for number in range(10)},
        {tiny("deep", None): 0.5, tiny("deep", 3): 0.5},
    ],
    ids=["two", "ten", "the whole layer"],
)
def test_a_switch_of_filters_prepares_nothing(engine, runner, view, mix):
    direction(engine, view, {tiny("deep", 2): 1.0})
    before = runner.captures
    for objective in ("channel", "neuron"):
        direction(engine, view, mix, Ascent(objective, smoothing=0.7))
    assert runner.captures == before


def test_warm_ups_do_not_touch_the_flight(view):
    def flown(interrupted: bool) -> list[Canvas]:
        engine = StaticEngine(CPU, runner=Counting())
        engine.prepare("tiny")
        found = []
        for number in range(3):
            found.append(direction(engine, view, {tiny("deep", number): 1.0}))
            if interrupted:
                engine.plan({SHAPES, DEEP}, SIZE)
        return found

    assert np.array_equal(flown(True), flown(False))


def test_views_on_the_device_have_directions_on_the_device(engine, view):
    given = torch.from_numpy(view)
    before = given.clone()
    made = direction(engine, given, {tiny("deep", 2): 1.0})
    assert isinstance(made, torch.Tensor)
    assert (tuple(made.shape), made.dtype) == ((50, 66, 4), torch.float16)
    assert made.is_contiguous()
    assert torch.equal(given, before)
    expected = direction(engine, view, {tiny("deep", 2): 1.0})
    assert np.array_equal(made.numpy(), expected)
    engine.wait()


def test_on_the_device_a_bad_direction_is_zeros_and_is_reported_some_calls_later(engine):
    given = torch.from_numpy(stacked(3))
    mixes = [{tiny("deep", 4): 1.0}, {tiny("deep", 2): float("nan")}, {tiny("shapes", 4): 1.0}]
    found = engine.directions(given, [ViewStep(mix) for mix in mixes], ASCENT)
    zero = [bool((each[..., :3] == 0).all()) for each in found.split(50)]
    assert zero == [False, True, False]
    with pytest.raises(FloatingPointError, match=r"tiny:deep:2, .* is not finite"):
        for _ in range(4):
            found = direction(engine, given[:50], mixes[0])
            assert (found[..., :3] != 0).any(), "the flight did not go on meanwhile"
    for _ in range(6):
        direction(engine, given[:50], mixes[0])


def test_a_call_may_have_more_sets_of_layers_than_are_kept(engine, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 1)
    steps = [ViewStep({tiny(name, 1): 1.0}) for name in ("deep", "shapes", "relu1")]
    found = np.split(engine.directions(stacked(3), steps, ASCENT), 3)
    for number, step in enumerate(steps):
        alone = direction(engine, pink(SIZE, number), step.mix)
        assert cosine(found[number], alone) > 0.9999


def test_keeps_the_steps_of_a_few_view_sizes(engine):
    for width in (50, 54, 58, 62):
        direction(engine, pink((width, 50), 1), {tiny("deep", 2): 1.0})
    assert planned_widths(engine) == [54, 58, 62]
    engine.close()
    assert planned_widths(engine) == []


def planned_widths(engine: StaticEngine) -> list[int]:
    return [width for width in (50, 54, 58, 62, 66, 200) if engine.planned({DEEP}, (width, 50))]


RELU1, RELU2 = ("tiny", "relu1"), ("tiny", "relu2")


def planned_sets(engine: StaticEngine) -> list[set[tuple[str, str]]]:
    sets = [{DEEP}, {SHAPES}, {RELU1}, {RELU2}, {RELU1, DEEP}]
    return [layers for layers in sets if engine.planned(layers, SIZE)]


def test_the_layers_that_were_not_flown_for_longest_go_first(engine, runner, view, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 3)
    mixes = [{tiny(name, 1): 1.0} for name in ("deep", "shapes", "relu1", "relu2")]
    for number in (0, 1, 2, 0, 3):
        direction(engine, view, mixes[number])
    assert planned_sets(engine) == [{DEEP}, {RELU1}, {RELU2}]
    assert engine._objectives.keys() == {RELU1, DEEP, RELU2}
    assert engine._programs.keys() == {frozenset({each}) for each in (RELU1, DEEP, RELU2)}
    assert not engine.planned({SHAPES}, SIZE)
    before = runner.captures
    for number in (0, 2, 3):
        direction(engine, view, mixes[number])
    assert runner.captures == before
    direction(engine, view, mixes[1])
    assert runner.captures > before


def test_the_layers_being_flown_stay_however_many_are_planned(engine, runner, view, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 2)
    mix = {tiny("deep", 2): 1.0}
    direction(engine, view, mix)
    for layers in ({SHAPES}, {RELU1, DEEP}, {RELU2}):
        engine.plan(layers, SIZE)
        assert planned_sets(engine) == [{DEEP}, layers]
    before = runner.captures
    direction(engine, view, mix)
    assert runner.captures == before


def test_layers_planned_again_count_as_used(engine, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 2)
    for layers in ({DEEP}, {SHAPES}, {DEEP}, {RELU1}):
        engine.plan(layers, SIZE)
    assert planned_sets(engine) == [{DEEP}, {RELU1}]


def test_what_another_view_size_needs_is_kept(engine, runner, view, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 1)
    engine.plan({DEEP}, (54, 50))
    engine.plan({DEEP, RELU1}, SIZE)
    engine.plan({SHAPES}, SIZE)
    assert engine._objectives.keys() == {DEEP, SHAPES}
    before = runner.captures
    direction(engine, pink((54, 50), 1), {tiny("deep", 2): 1.0})
    assert runner.captures == before


def test_a_view_size_that_goes_just_before_a_call_is_prepared_anew(engine, monkeypatch):
    for width in (50, 54, 58):
        engine.plan({DEEP}, (width, 50))
    taken = engine._use_prepared
    late = [62]

    def beaten(*given: object) -> object:
        while late:
            engine.plan({DEEP}, (late.pop(), 50))
        return taken(*given)

    monkeypatch.setattr(engine, "_use_prepared", beaten)
    made = direction(engine, pink((50, 50), 1), {tiny("deep", 2): 1.0})
    assert made.shape == (50, 50, 4)
    assert planned_widths(engine) == [50, 58, 62]


def test_a_view_size_being_flown_outlives_what_is_planned_meanwhile(engine, view, monkeypatch):
    excitations = engine._excitations

    def crowded(*given: object) -> object:
        for width in (50, 54, 58, 62):
            engine.plan({DEEP}, (width, 50))
        return excitations(*given)

    monkeypatch.setattr(engine, "_excitations", crowded)
    direction(engine, view, {tiny("deep", 2): 1.0})
    assert planned_widths(engine) == [58, 62, 66]


def test_a_lack_of_memory_names_the_size_and_the_flight_goes_on_smaller(
    engine, runner, view, monkeypatch
):
    direction(engine, view, {tiny("deep", 2): 1.0})

    def full(run: Run) -> Run:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as context:
        context.setattr(runner, "captured", full)
        with pytest.raises(OutOfMemoryError, match="a step at 200x100 does not fit"):
            direction(engine, pink((200, 100), 1), {tiny("deep", 2): 1.0})
    assert not engine.planned({DEEP}, (200, 100))
    assert planned_widths(engine) == [66]
    direction(engine, view, {tiny("deep", 2): 1.0})


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[StaticEngine]:
    register(monkeypatch, "tall", lambda: seeded_vgg("vgg16"), vgg.VGG16.layers)
    made = StaticEngine(torch.device("cuda"))
    made.prepare("tall")
    yield made
    made.close()


def on_device(size: tuple[int, int], count: int = 1) -> Tensor:
    return torch.from_numpy(np.concatenate([pink(size, seed) for seed in range(count)])).cuda()


def taken(engine: StaticEngine, views: Tensor, mix: Mix, *places: tuple[float, ...]) -> Tensor:
    """Return the directions as float32 (N * H, W, 4), copied before another call writes there."""
    made = engine.directions(views, [ViewStep(mix, *each) for each in places], ASCENT)
    engine.wait()
    copied = torch.as_tensor(made).float().clone()
    torch.cuda.synchronize()
    return copied


@pytest.mark.parametrize("filter", [7, None])
@pytest.mark.parametrize("layer", ["conv2_1", "relu3_1", "pool3", "conv4_1"])
@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_captured_steps_are_what_plain_ones_are(gpu, layer, filter, case):
    mix = {tiny(layer, filter, "tall"): 1.0}
    views = on_device((322, 183), 3)
    gpu.plan({("tall", layer)}, (322, 183))
    plain = StaticEngine(torch.device("cuda"), runner=EagerRunner())
    plain.prepare("tall")
    expected = taken(plain, views, mix, *PLACES)
    for _ in range(2):  # one after the other, then together
        captured = taken(gpu, views, mix, *PLACES)
        for one, other in zip(captured.split(183), expected.split(183), strict=True):
            # Convolutions are chosen anew, and add up in another order.
            assert cosine(one.cpu().numpy(), other.cpu().numpy()) > 0.999
        gpu.plan({("tall", layer)}, (322, 183))


@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_graphs_are_kept_over_a_switch_of_filters(gpu, case):
    view = on_device((320, 180))
    direction(gpu, view, {tiny("conv4_1", 3, "tall"): 1.0})
    (prepared,) = gpu._sizes.values()
    before = dict(prepared.steps)
    assert all(step.__name__ == "replay" for step in before.values())  # type: ignore[attr-defined]
    first = taken(gpu, view, {tiny("conv4_1", 3, "tall"): 1.0}, ())
    second = taken(gpu, view, {tiny("conv4_1", 9, "tall"): 1.0}, ())
    assert prepared.steps == before
    assert (first - second).abs().mean() > 0.1


@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_steps_at_full_hd_stay_under_one_and_a_half_gibibytes(gpu, case):
    view = on_device((1920, 1080))
    gpu.plan({("tall", "conv4_1")}, (1920, 1080))
    torch.cuda.empty_cache()  # what warm-ups left, which is freed where memory is short
    torch.cuda.reset_peak_memory_stats()
    for filter in range(4):
        direction(gpu, view, {tiny("conv4_1", filter, "tall"): 1.0})
    gpu.wait()
    assert torch.cuda.max_memory_reserved() < 1.5 * 2**30
