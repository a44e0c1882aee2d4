"""The engine of static steps: on the CPU, where they run as they are, and on a GPU as graphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from seeded_vgg import seeded_vgg
from tiny_network import register, tiny, tiny_module
from torch import Tensor

from liveflight.core.contracts import Ascent, Canvas, Mix, OutOfMemoryError
from liveflight.core.noise import pink
from liveflight.engines.ascent_engine import AscentEngine
from liveflight.engines.cuda import engine as static_engine
from liveflight.engines.cuda.engine import StaticEngine
from liveflight.engines.cuda.graphs import EagerRunner, Run
from liveflight.engines.cuda.program import Upload
from liveflight.engines.torch.backend import TorchBackend
from liveflight.networks import vgg

CPU = torch.device("cpu")
SIZE = (66, 50)
SHOW = Ascent(0.03, 3, jitter=0, octaves=0.0, soften=0.02, pull=0.05)
DEEP, SHAPES = ("tiny", "deep"), ("tiny", "shapes")

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
    made = StaticEngine(CPU, seed=3, runner=runner)
    made.prepare("tiny")
    made.prepare("other")
    return made


@pytest.fixture
def canvas() -> Canvas:
    return pink(SIZE, 5)


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
def test_ascends_as_the_plain_engine_does(engine, canvas, mix, objective):
    plain = AscentEngine(TorchBackend(CPU), CPU, seed=3)
    plain.prepare("tiny")
    plain.prepare("other")
    ascent = replace(SHOW, objective=objective)
    expected = plain.ascend(canvas, mix, ascent).astype(np.float32)
    found = engine.ascend(canvas, mix, ascent).astype(np.float32)
    assert np.abs(expected - canvas).mean() > 0.005
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-11 + 1e-4)


def test_scales_are_seen_and_stepped_back_from(engine, canvas):
    plain = AscentEngine(TorchBackend(CPU), CPU, seed=3)
    plain.prepare("tiny")
    mix = {tiny("shapes", 5): 1.0}
    picture = torch.from_numpy(canvas[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
    ascent = Ascent(1.0, 1, jitter=0, smoothing=0.0, decorrelation=0.0, normalise=False)
    engine._octaves = 0.75
    engine.plan({SHAPES}, SIZE)
    made = engine._canvases[50, 66]
    sizes = {size for _, _, size in made.steps}
    assert len(sizes) > 1
    for size in sizes:
        engine.ascend(canvas, mix, replace(ascent, steps=0))  # loads the picture
        engine._objectives[SHAPES].load(engine._excitations(mix, "channel")["tiny"]["shapes"])
        made.buffers.load(ascent, (0, 0))
        made.steps[frozenset({SHAPES}), True, size]()
        expected = plain.gradient(picture, mix, "channel", size[0] / 50)
        found = made.buffers.picture - picture
        scale = float(expected.abs().max())
        torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-4)


def test_a_mix_is_sent_to_the_device_once(engine, canvas, monkeypatch):
    sent: list[int] = []
    load = Upload.load

    def watched(self: Upload, values: np.ndarray) -> None:
        sent.append(len(values))
        load(self, values)

    monkeypatch.setattr(Upload, "load", watched)
    mix, other = {tiny("deep", 2): 1.0}, {tiny("deep", 3): 1.0}
    engine.ascend(canvas, mix, SHOW)
    sent.clear()
    engine.ascend(canvas, dict(mix), SHOW)
    assert len(set(sent)) == 1 and len(sent) == SHOW.steps  # what each step reads besides
    engine.ascend(canvas, other, SHOW)
    engine.ascend(canvas, mix, replace(SHOW, objective="neuron"))
    assert len(sent) == 3 * SHOW.steps + 2


def test_warm_ups_free_their_memory_until_something_flies(engine, runner, canvas):
    engine.plan({DEEP}, SIZE)
    assert runner.clearings == [0]
    engine.plan({SHAPES}, SIZE)
    assert len(runner.clearings) == 2
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, SHOW)
    engine.plan({DEEP, SHAPES}, SIZE)
    assert len(runner.clearings) == 2


def test_a_planned_mix_is_ascended_without_preparing_anything(engine, runner, canvas):
    assert not engine.planned({DEEP}, SIZE)
    engine.plan({DEEP}, SIZE)
    assert engine.planned({DEEP}, SIZE)
    assert not engine.planned({DEEP, SHAPES}, SIZE)
    assert not engine.planned({DEEP}, (50, 66))
    before = runner.captures
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, replace(SHOW, octaves=0.75))
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
def test_a_switch_of_filters_prepares_nothing(engine, runner, canvas, mix):
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, SHOW)
    before = runner.captures
    for objective in ("channel", "neuron"):
        ascent = Ascent(0.01, 2, objective, jitter=5, octaves=0.0, smoothing=0.7, noise=0.01)
        engine.ascend(canvas, mix, ascent)
    assert runner.captures == before


def test_octaves_may_glide(engine, runner, canvas):
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, replace(SHOW, octaves=1.0))
    before = runner.captures
    for octaves in np.linspace(0, 1, 30):
        engine.ascend(canvas, {tiny("deep", 2): 1.0}, replace(SHOW, octaves=float(octaves)))
    assert runner.captures == before


def test_warm_ups_do_not_touch_the_flight(canvas):
    def flown(interrupted: bool) -> Canvas:
        engine = StaticEngine(CPU, seed=3, runner=Counting())
        engine.prepare("tiny")
        after = canvas
        for _ in range(3):
            after = engine.ascend(after, {tiny("deep", 2): 1.0}, replace(SHOW, noise=0.01))
            if interrupted:
                engine.plan({SHAPES, DEEP}, SIZE)
        return after

    assert np.array_equal(flown(True), flown(False))


def test_a_canvas_on_the_device_comes_out_on_the_device(engine, canvas):
    given = torch.from_numpy(canvas)
    before = given.clone()
    made = engine.ascend(given, {tiny("deep", 2): 1.0}, SHOW)
    assert isinstance(made, torch.Tensor)
    assert (tuple(made.shape), made.dtype) == ((50, 66, 4), torch.float16)
    assert made.is_contiguous()
    assert torch.equal(given, before)
    assert not torch.equal(made, given)
    engine.wait()


def test_on_the_device_a_bad_step_keeps_the_picture_and_is_reported_some_ticks_later(
    engine, canvas
):
    given = torch.from_numpy(canvas)
    kept = engine.ascend(given, {tiny("deep", 2): float("nan")}, SHOW).clone()
    assert torch.equal(kept[..., :3], given[..., :3])
    with pytest.raises(FloatingPointError, match="tiny:deep:2 is not finite"):
        for _ in range(4):
            kept = engine.ascend(kept, {tiny("deep", 4): 1.0}, SHOW).clone()
    assert not torch.equal(kept, given), "the flight did not go on meanwhile"
    engine.ascend(kept, {tiny("deep", 4): 1.0}, SHOW)


def test_keeps_the_steps_of_a_few_canvas_sizes(engine, canvas):
    for width in (50, 54, 58, 62):
        engine.ascend(pink((width, 50), 1), {tiny("deep", 2): 1.0}, SHOW)
    assert planned_widths(engine) == [54, 58, 62]
    engine.close()
    assert planned_widths(engine) == []


def planned_widths(engine: StaticEngine) -> list[int]:
    return [width for width in (50, 54, 58, 62, 66, 200) if engine.planned({DEEP}, (width, 50))]


RELU1, RELU2 = ("tiny", "relu1"), ("tiny", "relu2")


def planned_sets(engine: StaticEngine) -> list[set[tuple[str, str]]]:
    sets = [{DEEP}, {SHAPES}, {RELU1}, {RELU2}, {RELU1, DEEP}]
    return [layers for layers in sets if engine.planned(layers, SIZE)]


def test_the_layers_that_were_not_flown_for_longest_go_first(engine, runner, canvas, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 3)
    mixes = [{tiny(name, 1): 1.0} for name in ("deep", "shapes", "relu1", "relu2")]
    for number in (0, 1, 2, 0, 3):
        engine.ascend(canvas, mixes[number], SHOW)
    assert planned_sets(engine) == [{DEEP}, {RELU1}, {RELU2}]
    assert engine._objectives.keys() == {RELU1, DEEP, RELU2}
    assert engine._programs.keys() == {frozenset({each}) for each in (RELU1, DEEP, RELU2)}
    assert not engine.planned({SHAPES}, SIZE)
    before = runner.captures
    for number in (0, 2, 3):
        engine.ascend(canvas, mixes[number], SHOW)
    assert runner.captures == before
    engine.ascend(canvas, mixes[1], SHOW)
    assert runner.captures > before


def test_the_layers_being_flown_stay_however_many_are_planned(engine, runner, canvas, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 2)
    mix = {tiny("deep", 2): 1.0}
    engine.ascend(canvas, mix, SHOW)
    for layers in ({SHAPES}, {RELU1, DEEP}, {RELU2}):
        engine.plan(layers, SIZE)
        assert planned_sets(engine) == [{DEEP}, layers]
    before = runner.captures
    engine.ascend(canvas, mix, SHOW)
    assert runner.captures == before


def test_layers_planned_again_count_as_used(engine, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 2)
    for layers in ({DEEP}, {SHAPES}, {DEEP}, {RELU1}):
        engine.plan(layers, SIZE)
    assert planned_sets(engine) == [{DEEP}, {RELU1}]


def test_what_another_canvas_size_needs_is_kept(engine, runner, canvas, monkeypatch):
    monkeypatch.setattr(static_engine, "_MAX_LAYER_SETS", 1)
    engine.plan({DEEP}, (54, 50))
    engine.plan({DEEP, RELU1}, SIZE)
    engine.plan({SHAPES}, SIZE)
    assert engine._objectives.keys() == {DEEP, SHAPES}
    before = runner.captures
    engine.ascend(pink((54, 50), 1), {tiny("deep", 2): 1.0}, SHOW)
    assert runner.captures == before


def test_a_canvas_that_goes_just_before_a_tick_is_prepared_anew(engine, monkeypatch):
    for width in (50, 54, 58):
        engine.plan({DEEP}, (width, 50))
    taken = engine._use_prepared
    late = [62]

    def beaten(*given: object) -> object:
        while late:
            engine.plan({DEEP}, (late.pop(), 50))
        return taken(*given)

    monkeypatch.setattr(engine, "_use_prepared", beaten)
    made = engine.ascend(pink((50, 50), 1), {tiny("deep", 2): 1.0}, SHOW)
    assert made.shape == (50, 50, 4)
    assert planned_widths(engine) == [50, 58, 62]


def test_a_canvas_being_flown_outlives_what_is_planned_meanwhile(engine, canvas, monkeypatch):
    excitations = engine._excitations

    def crowded(*given: object) -> object:
        for width in (50, 54, 58, 62):
            engine.plan({DEEP}, (width, 50))
        return excitations(*given)

    monkeypatch.setattr(engine, "_excitations", crowded)
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, SHOW)
    assert planned_widths(engine) == [58, 62, 66]


def test_a_lack_of_memory_names_the_size_and_the_flight_goes_on_smaller(
    engine, runner, canvas, monkeypatch
):
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, SHOW)

    def full(run: Run) -> Run:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as context:
        context.setattr(runner, "captured", full)
        with pytest.raises(OutOfMemoryError, match="a step at 200x100 does not fit"):
            engine.ascend(pink((200, 100), 1), {tiny("deep", 2): 1.0}, SHOW)
    assert not engine.planned({DEEP}, (200, 100))
    assert planned_widths(engine) == [66]
    engine.ascend(canvas, {tiny("deep", 2): 1.0}, SHOW)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[StaticEngine]:
    register(monkeypatch, "tall", lambda: seeded_vgg("vgg16"), vgg.VGG16.layers)
    made = StaticEngine(torch.device("cuda"), seed=3)
    made.prepare("tall")
    yield made
    made.close()


def on_device(size: tuple[int, int]) -> torch.Tensor:
    return torch.from_numpy(pink(size, 5)).cuda()


def ascended(engine: StaticEngine, canvas: Tensor, mix: Mix, ascent: Ascent) -> Tensor:
    """float32 (H, W, 4), copied as soon as it is there and before another tick writes there."""
    made = engine.ascend(canvas, mix, ascent)
    engine.wait()
    copied = torch.as_tensor(made).float().clone()
    torch.cuda.synchronize()
    return copied


@pytest.mark.parametrize("filter", [7, None])
@pytest.mark.parametrize("layer", ["conv2_1", "relu3_1", "pool3", "conv4_1"])
@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_captured_steps_are_what_plain_ones_are(gpu, layer, filter, case):
    mix = {tiny(layer, filter, "tall"): 1.0}
    ascent = replace(SHOW, octaves=0.75)
    canvas = on_device((322, 183))
    captured = ascended(gpu, canvas, mix, ascent)
    plain = StaticEngine(torch.device("cuda"), seed=3, runner=EagerRunner())
    plain.prepare("tall")
    expected = ascended(plain, canvas, mix, ascent)
    assert (expected - canvas).abs().mean() > 0.005
    # Convolutions are chosen anew, and add up in another order.
    assert (captured - expected).abs().mean() < 0.002


@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_graphs_are_kept_over_a_switch_of_filters(gpu, case):
    canvas = on_device((320, 180))
    gpu.ascend(canvas, {tiny("conv4_1", 3, "tall"): 1.0}, SHOW)
    (prepared,) = gpu._canvases.values()
    before = dict(prepared.steps)
    assert all(step.__name__ == "replay" for step in before.values())  # type: ignore[attr-defined]
    first = ascended(gpu, canvas, {tiny("conv4_1", 3, "tall"): 1.0}, SHOW)
    second = ascended(gpu, canvas, {tiny("conv4_1", 9, "tall"): 1.0}, SHOW)
    assert prepared.steps == before
    assert (first - second).abs().mean() > 0.005


@pytest.mark.parametrize("case", [pytest.param(0, marks=on_gpu)], ids=["gpu"])
def test_two_steps_at_full_hd_stay_under_one_and_a_half_gibibytes(gpu, case):
    canvas = on_device((1920, 1080))
    ascent = replace(SHOW, steps=2)
    gpu.plan({("tall", "conv4_1")}, (1920, 1080))
    torch.cuda.empty_cache()  # what warm-ups left, which is freed where memory is short
    torch.cuda.reset_peak_memory_stats()
    for filter in range(4):
        canvas = gpu.ascend(canvas, {tiny("conv4_1", filter, "tall"): 1.0}, ascent)
    gpu.wait()
    assert torch.cuda.max_memory_reserved() < 1.5 * 2**30
