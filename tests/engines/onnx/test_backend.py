"""Compare ONNX Runtime's gradients with autograd's, and check which sessions are made when."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from compared_layers import compared_layers
from example_pictures import STRANGE, cosine, excited, named, picture, tiny
from seeded_vgg import seeded_vgg
from tiny_network import TINY_LAYERS, tiny_module
from torch import nn

from liveflight import networks
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.onnx import backend as onnx_backend
from liveflight.engines.onnx import session_limits
from liveflight.engines.onnx import sessions as onnx_sessions
from liveflight.engines.onnx.backend import OnnxBackend
from liveflight.engines.onnx.graph_cache import GraphCache
from liveflight.engines.onnx.sessions import Provider
from liveflight.networks import Network
from liveflight.networks.layered import Layered

CPU = torch.device("cpu")
CPU_PROVIDER = (onnx_sessions.CPU, {})

NETWORKS = ("efficientnet_lite0", "vgg16", "vgg19")

Pair = tuple[AutogradBackend, OnnxBackend]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> GraphCache:
    return GraphCache(tmp_path_factory.mktemp("graphs"))


@pytest.fixture(scope="module")
def pair(cache: GraphCache) -> Callable[[str], Pair]:
    """Return both backends with a network of the registry."""
    made: dict[str, Pair] = {}

    def get(name: str) -> Pair:
        if name not in made:
            made.clear()
            module = seeded_vgg(name) if name.startswith("vgg") else networks.network(name).load()
            made[name] = both(networks.network(name), module, cache)
        return made[name]

    return get


def both(
    known: Network, module: Layered, cache: GraphCache, provider: Provider | None = None
) -> Pair:
    pair = AutogradBackend(CPU), OnnxBackend(CPU, cache, provider)
    for backend in pair:
        backend.load(known, module, torch.float32)
    return pair


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the blocked layout from ONNX Runtime."""
    monkeypatch.setattr(onnx_sessions, "block", lambda: 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_every_network_agrees_with_autograd(pair, name):
    exact, backend = pair(name)
    seen, known = picture(35, 50), networks.network(name)
    for layer in compared_layers(name):
        for centre in (False, True):
            case = f"{name}:{layer.name}, centre {centre}"
            excitations = excited(known, layer.name, centre=centre)
            found = backend.gradient(name, seen, excitations)
            expected = exact.gradient(name, seen, excitations)
            assert (found.shape, found.dtype) == (seen.shape, torch.float32), case
            assert cosine(found, expected) > 0.9999, case
            assert float(found.norm() / expected.norm()) == pytest.approx(1, rel=1e-3), case


@pytest.mark.parametrize("size", [(48, 64), (33, 47), (17, 33), (64, 31), (16, 16)])
@pytest.mark.parametrize("whole", [0.0, 0.3])
@pytest.mark.parametrize("layers", [("stem",), ("block2_expand",), ("block5", "block14_expand")])
def test_whole_layers_and_mixes_at_awkward_sizes(pair, size, whole, layers):
    exact, backend = pair("efficientnet_lite0")
    known = networks.network("efficientnet_lite0")
    excitations = excited(known, *layers, whole=whole)
    backend.plan(known.name, layers, [size])
    found = backend.gradient(known.name, picture(*size), excitations)
    assert cosine(found, exact.gradient(known.name, picture(*size), excitations)) > 0.9999


@pytest.mark.parametrize("layer", ["stem", "block2", "block6", "block14_expand"])
@pytest.mark.parametrize("whole", [0.0, 0.3])
def test_the_plain_layout_agrees_too(plain, cache, layer, whole):
    known = networks.network("efficientnet_lite0")
    exact, backend = both(known, known.load(), cache)
    excitations = excited(known, layer, whole=whole, centre=whole == 0)
    found = backend.gradient(known.name, picture(35, 50), excitations)
    assert cosine(found, exact.gradient(known.name, picture(35, 50), excitations)) > 0.9999


@pytest.mark.parametrize("case", STRANGE)
@pytest.mark.parametrize("layout", ["blocked", "plain"])
def test_strange_networks_agree_at_every_layer(request, cache, case, layout):
    if layout == "plain":
        request.getfixturevalue("plain")
    stages, skips, channels = STRANGE[case]
    known, module = tiny(stages, skips, *channels)
    exact, backend = both(known, module, cache)
    for layer in known.layers:
        for whole in (0.0, 0.5):
            excitations = excited(known, layer.name, whole=whole)
            found = backend.gradient("tiny", picture(13, 18), excitations)
            expected = exact.gradient("tiny", picture(13, 18), excitations)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_module_that_there_is_no_graph_for_is_named(cache):
    known, module = tiny({"a": nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid())}, {}, 4)
    backend = OnnxBackend(CPU, cache)
    with pytest.raises(TypeError, match=r"Sigmoid \(a\.1\)"):
        backend.load(known, module, torch.float32)


@pytest.mark.parametrize("layout", ["blocked", "plain"])
def test_a_network_that_no_session_can_be_made_of_is_not_loaded(
    request, monkeypatch, cache, layout
):
    if layout == "plain":
        request.getfixturevalue("plain")
    backend = OnnxBackend(CPU, cache)

    def broken(model: bytes, provider: tuple, optimise: bool) -> object:
        raise RuntimeError("NOT_IMPLEMENTED")

    monkeypatch.setattr(onnx_sessions, "session", broken)
    with pytest.raises(RuntimeError, match="NOT_IMPLEMENTED"):
        backend.load(SMALL, tiny_module(1), torch.float32)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Collect the models of the sessions that a test makes."""
    models: list[bytes] = []
    make = onnx_sessions.session

    def watched(model: bytes, *given: object, **named: object) -> object:
        models.append(model)
        return make(model, *given, **named)

    monkeypatch.setattr(onnx_sessions, "session", watched)
    return models


@pytest.fixture
def small(cache: GraphCache) -> Pair:
    return both(named("tiny", TINY_LAYERS), tiny_module(1), cache)


SMALL = named("tiny", TINY_LAYERS)
SIZE = (24, 32)


def test_what_is_planned_makes_no_session_later(small, made):
    exact, backend = small
    layers = ("edges", "deep")
    assert not backend.planned("tiny", layers, [SIZE])
    backend.plan("tiny", layers, [SIZE])
    assert backend.planned("tiny", layers, [SIZE])
    assert not backend.planned("tiny", ["deep"], [SIZE])
    assert not backend.planned("tiny", layers, [SIZE, (8, 8)])
    made.clear()
    for whole in (0.0, 0.5):
        excitations = excited(SMALL, *layers, whole=whole)
        found = backend.gradient("tiny", picture(*SIZE), excitations)
        assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999
    assert not made


def test_more_layers_that_are_planned_serve_fewer(small, made):
    exact, backend = small
    backend.plan("tiny", ("edges", "deep"), [SIZE])
    made.clear()
    excitations = excited(SMALL, "edges", whole=0.5)
    found = backend.gradient("tiny", picture(*SIZE), excitations)
    assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999
    assert not made


@pytest.mark.parametrize("layout", ["blocked", "plain"])
@pytest.mark.parametrize(
    ("dense", "layer", "sessions"), [(True, "deep", 2), (False, "shapes", 2), (False, "deep", 1)]
)
def test_one_session_serves_filters_and_layers_where_a_second_saves_nothing(
    dense, layer, sessions, layout, cache, made, request
):
    if layout == "plain":
        request.getfixturevalue("plain")
    known = replace(SMALL, dense=dense)
    exact, backend = both(known, tiny_module(1), cache)
    made.clear()
    backend.plan("tiny", [layer], [SIZE])
    assert len(made) == sessions
    for whole in (0.0, 0.5):
        excitations = excited(known, layer, whole=whole)
        found = backend.gradient("tiny", picture(*SIZE), excitations)
        assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999
        backend.gradient("tiny", picture(8, 8), excitations)
    assert len(made) == 2 * sessions, "what is not planned takes the same"


def test_single_layers_serve_a_mix_that_is_not_planned(small, made):
    exact, backend = small
    backend.plan("tiny", ["edges"], [SIZE])
    made.clear()
    excitations = excited(SMALL, "edges", "deep")
    found = backend.gradient("tiny", picture(*SIZE), excitations)
    assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999
    assert len(made) == 1  # for `deep`, by itself


def test_sessions_are_kept_within_bounds(small, monkeypatch):
    backend = small[1]
    monkeypatch.setattr(session_limits, "kept", lambda shared: 4)
    for size in ((8, 8), (8, 9), (8, 10)):
        backend.plan("tiny", ["edges"], [size])
    assert not backend.planned("tiny", ["edges"], [(8, 8)])
    assert backend.planned("tiny", ["edges"], [(8, 9), (8, 10)])


def test_sessions_that_are_dropped_wait_for_a_moment_to_tidy_up(small, monkeypatch):
    backend = small[1]
    monkeypatch.setattr(session_limits, "kept", lambda shared: 2)
    monkeypatch.setattr(session_limits, "dropped", lambda shared: 4)

    make = onnx_sessions.session
    made: list[weakref.ref] = []

    def watched(*given: object, **named: object) -> object:
        session = make(*given, **named)
        made.append(weakref.ref(session))
        return session

    monkeypatch.setattr(onnx_sessions, "session", watched)

    def planned(width: int) -> list[weakref.ref]:
        made.clear()
        backend.plan("tiny", ["edges"], [(8, width)])
        return list(made)

    first = planned(8)
    second = planned(9)
    assert all(each() for each in first), "takes its threads down, which may take too long"
    assert backend.tidy(), "another is left"
    assert [each() is None for each in first] == [True, False]
    assert not backend.tidy()
    assert not backend.tidy()
    assert not any(each() for each in first)
    third = planned(10)
    planned(11)
    planned(12)
    assert not any(each() for each in second), "nobody tidies up"
    assert all(each() for each in third)


def test_another_module_of_the_same_name_replaces_the_first(small):
    backend = small[1]
    excitations = excited(SMALL, "deep")
    before = backend.gradient("tiny", picture(*SIZE), excitations)
    backend.load(SMALL, tiny_module(2), torch.float32)
    assert not backend.planned("tiny", ["deep"], [SIZE])
    after = backend.gradient("tiny", picture(*SIZE), excitations)
    assert abs(cosine(before, after)) < 0.9


def test_gradients_are_taken_while_others_are_planned(small):
    exact, backend = small
    excitations = excited(SMALL, "deep")
    backend.plan("tiny", ["deep"], [SIZE])
    expected = exact.gradient("tiny", picture(*SIZE), excitations)
    sizes = [(8, 8 + more) for more in range(12)]
    planning = threading.Thread(target=backend.plan, args=("tiny", ["edges", "deep"], sizes))
    planning.start()
    while planning.is_alive():
        found = backend.gradient("tiny", picture(*SIZE), excitations)
        assert cosine(found, expected) > 0.9999
    planning.join()
    assert backend.planned("tiny", ["edges", "deep"], sizes)


def test_a_gradient_is_not_overwritten_by_the_next(small):
    backend = small[1]
    first = backend.gradient("tiny", picture(*SIZE), excited(SMALL, "deep"))
    copy = first.clone()
    backend.gradient("tiny", picture(*SIZE, seed=9), excited(SMALL, "deep", seed=4))
    assert torch.equal(first, copy)


class Device:
    """Stand for a CUDA device in the choice of a provider."""

    type, index = "cuda", 0


def test_a_provider_that_does_not_load_gives_way_to_the_cpu_with_one_line_each(
    monkeypatch, caplog, cache
):
    onnx_backend._warn_once.cache_clear()
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: type("Stream", (), {"cuda_stream": 1}))
    for _ in range(2):
        backend = OnnxBackend(Device(), cache)
        assert backend.on_cpu
    said = [record.message for record in caplog.records]
    assert said == [
        "ONNX Runtime's CUDAExecutionProvider does not load: liveflight doctor says why",
        "--engine onnx runs on the CPU",
    ]
    backend.load(SMALL, tiny_module(1), torch.float16)
    found = backend.gradient("tiny", picture(*SIZE), excited(SMALL, "deep"))
    assert torch.isfinite(found).all()


def break_cuda(monkeypatch: pytest.MonkeyPatch, why: str, after: int = 0) -> None:
    """Fail to make a session on CUDA, after so many, which are the CPU's."""
    make = onnx_sessions.session
    made = iter(range(after))

    def failing(model: bytes, provider: tuple, optimise: bool) -> object:
        if provider[0] == onnx_sessions.CUDA and next(made, None) is None:
            raise RuntimeError(why)
        return make(model, CPU_PROVIDER, optimise)

    monkeypatch.setattr(onnx_sessions, "session", failing)


def test_a_provider_that_fails_later_gives_way_too_and_says_so_once(
    plain, monkeypatch, caplog, cache
):
    onnx_backend._warn_once.cache_clear()
    break_cuda(monkeypatch, "CUDNN_STATUS_NOT_SUPPORTED\nand so on", after=1)
    exact, backend = both(SMALL, tiny_module(1), cache, (onnx_sessions.CUDA, {}))
    assert not backend.on_cpu
    excitations = excited(SMALL, "deep")
    found = backend.gradient("tiny", picture(*SIZE), excitations)
    assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999
    assert [record.message for record in caplog.records] == [
        "CUDAExecutionProvider fails, so --engine onnx runs on the CPU: CUDNN_STATUS_NOT_SUPPORTED"
    ]
    assert backend.on_cpu


def test_a_provider_that_fails_while_a_network_is_loaded_leaves_it_in_float32(
    plain, monkeypatch, cache
):
    backend = OnnxBackend(CPU, cache, (onnx_sessions.CUDA, {}))
    break_cuda(monkeypatch, "no kernel image is available")
    assert backend.load(SMALL, tiny_module(1), torch.float16) == torch.float32
    assert backend.on_cpu


def test_half_is_written_throughout_and_agrees_as_far_as_half_does(cache):
    """Use ONNX's own evaluator, since the CPU's kernels take no half."""
    from onnx.reference import ReferenceEvaluator

    from liveflight.engines.onnx import graph
    from liveflight.engines.onnx.layouts import PlainLayout

    layout = PlainLayout({}, np.float16)
    model = graph.GraphWriter(SMALL, tiny_module(1), ["deep"], (12, 10), True, layout).model()
    assert {array.dtype for array in layout.used.values()} == {np.dtype(np.float16)}
    excitations = excited(SMALL, "deep", whole=0.5)
    given = {graph.PICTURE: picture(12, 10).numpy(), **layout.used}
    values = excitations["deep"].weights.numpy(), np.float32([0]), np.float32([0.5])
    given |= dict(zip(graph.inputs("deep"), values, strict=True))
    (found,) = ReferenceEvaluator(model).run(None, given)
    exact = AutogradBackend(CPU)
    exact.load(SMALL, tiny_module(1), torch.float32)
    expected = exact.gradient("tiny", picture(12, 10), excitations)
    assert found.dtype == np.float32
    assert cosine(torch.from_numpy(found), expected) > 0.999
