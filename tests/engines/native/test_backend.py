"""Test gradients by compiled kernels against autograd's.

Every layer of every network, at sizes that are no multiple of anything, by strips and by parts, on
any number of threads.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import pytest
import torch
from compared_layers import compared_layers
from example_pictures import STRANGE, cosine, excited, named, picture, tiny
from seeded_vgg import seeded_vgg
from tiny_network import TINY_LAYERS, tiny_module
from torch import nn

from liveflight import networks
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.backend import Excitations, Objective
from liveflight.engines.native import backend as native_backend
from liveflight.engines.native import strips
from liveflight.engines.native.backend import NativeBackend
from liveflight.engines.native.kernels import kernels
from liveflight.engines.native.packed_weights import PackedWeights
from liveflight.engines.native.program import NativeProgram
from liveflight.networks import Network
from liveflight.networks.layered import Layered, SameConv2d

EMBEDDED = networks.network("efficientnet_lite0")
SMALL = named("tiny", TINY_LAYERS)
SIZE = (24, 32)

Pair = tuple[AutogradBackend, NativeBackend]


def both(known: Network, module: Layered) -> Pair:
    pair = AutogradBackend(torch.device("cpu")), NativeBackend()
    for backend in pair:
        backend.load(known, module, torch.float32)
    return pair


def agree(pair: Pair, known: Network, excitations: Excitations, size: tuple[int, int]) -> None:
    exact, backend = pair
    seen = picture(*size)
    found = backend.gradient(known.name, seen, excitations)
    expected = exact.gradient(known.name, seen, excitations)
    assert (found.shape, found.dtype) == (seen.shape, torch.float32)
    assert cosine(found, expected) > 0.9999, excitations
    assert float(found.norm() / expected.norm()) == pytest.approx(1, rel=1e-3), excitations


@pytest.fixture(scope="module")
def pair() -> Callable[[str], Pair]:
    """Return a function from a network's name to both backends with that network."""
    made: dict[str, Pair] = {}

    def get(name: str) -> Pair:
        if name not in made:
            made.clear()
            module = seeded_vgg(name) if name.startswith("vgg") else networks.network(name).load()
            made[name] = both(networks.network(name), module)
        return made[name]

    return get


@pytest.fixture
def small() -> Pair:
    return both(SMALL, tiny_module(1))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "vgg16", "vgg19"])
def test_every_layer_of_a_network_agrees_with_autograd(pair, name):
    known = networks.network(name)
    for layer in compared_layers(name):
        for whole, centre in ((0.0, False), (0.0, True), (0.3, False)):
            excitations = excited(known, layer.name, whole=whole, centre=centre)
            agree(pair(name), known, excitations, (35, 50))


@pytest.mark.parametrize("size", [(48, 64), (33, 47), (17, 33), (64, 31), (16, 16), (41, 1)])
@pytest.mark.parametrize("whole", [0.0, 0.3])
@pytest.mark.parametrize(
    "layers",
    [
        ("stem",),
        ("stem", "block2_expand", "block9_expand"),
        ("block2", "block3", "block4"),  # of which one is added to the next
        ("block12", "block13", "block14_expand"),
    ],
)
def test_whole_layers_and_mixes_at_awkward_sizes(pair, size, whole, layers):
    excitations = excited(EMBEDDED, *layers, whole=whole)
    agree(pair("efficientnet_lite0"), EMBEDDED, excitations, size)


@pytest.mark.parametrize("layers", [("relu1_2", "pool1"), ("relu3_1", "conv3_2", "pool4")])
@pytest.mark.parametrize("whole", [0.0, 0.3])
def test_mixes_about_pools_and_rectifiers(pair, layers, whole):
    known = networks.network("vgg16")
    agree(pair("vgg16"), known, excited(known, *layers, whole=whole), (41, 36))


@pytest.mark.parametrize("strip", [1, 9000, 1 << 20], ids=["a row each", "some rows", "all rows"])
@pytest.mark.parametrize("layer", ["block2", "block4_expand", "block9", "block14_expand"])
def test_large_maps_are_made_by_strips(monkeypatch, strip, layer):
    monkeypatch.setattr(strips, "_LARGE_FLOATS", 0)
    monkeypatch.setattr(strips, "_STRIP_FLOATS", strip)
    for whole in (0.0, 0.3):
        excitations = excited(EMBEDDED, layer, "block2", whole=whole)
        agree(both(EMBEDDED, EMBEDDED.load()), EMBEDDED, excitations, (67, 50))


def test_strips_are_taken_where_maps_leave_the_cache():
    module, weights = EMBEDDED.load(), PackedWeights(kernels().lanes)
    first, second = (
        NativeProgram(EMBEDDED, module, weights, ["block5"], size, False, threads=1).plan.floats
        for size in ((90, 160), (180, 320))
    )
    assert second < 3 * first, "four times the pixels"


@pytest.mark.parametrize("case", STRANGE)
def test_strange_networks_agree_at_every_layer(case):
    stages, skips, channels = STRANGE[case]
    known, module = tiny(stages, skips, *channels)
    exact, backend = both(known, module)
    for layer in known.layers:
        for whole in (0.0, 0.5):
            excitations = excited(known, layer.name, whole=whole)
            found = backend.gradient("tiny", picture(13, 18), excitations)
            expected = exact.gradient("tiny", picture(13, 18), excitations)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 2), (3, 3), (4, 5), (5, 4), (5, 5), (7, 6)])
@pytest.mark.parametrize("width", [7, 8, 27])
def test_channels_by_themselves_through_any_kernel(kernel, stride, width):
    alone = SameConv2d(20, 20, kernel, stride=stride, groups=20)
    stages = {"a": nn.Conv2d(3, 20, 1), "b": nn.Sequential(alone, nn.ReLU6()), "c": nn.ReLU()}
    known, module = tiny(stages, {}, 20, 20, 20)
    exact, backend = both(known, module)
    excitations = excited(known, "a", "c")
    found = backend.gradient("tiny", picture(9, width), excitations)
    expected = exact.gradient("tiny", picture(9, width), excitations)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid()), r"Sigmoid"),
        (nn.Conv2d(3, 4, 3, dilation=2), r"dilation=\(2, 2\)\) \(a\)"),
        (nn.Conv2d(3, 3, 3, groups=3), "groups=3"),
        (nn.Conv2d(3, 4, 3, stride=(1, 2)), r"stride=\(1, 2\)"),
        (SameConv2d(3, 6, 3, groups=3), "groups=3"),
        (nn.MaxPool2d(2), "Pool"),
    ],
)
def test_a_network_with_a_step_that_the_kernels_lack_is_refused_with_its_name(stage, named):
    known, module = tiny({"a": stage}, {}, 4)
    with pytest.raises(TypeError, match=named):
        NativeBackend().load(known, module, torch.float32)


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
def test_the_number_of_threads_changes_nothing(monkeypatch, threads):
    module = EMBEDDED.load()
    excitations = excited(EMBEDDED, "block5", "block10_expand")
    backends = []
    for count in (1, threads):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
        backends.append(NativeBackend())
        backends[-1].load(EMBEDDED, module, torch.float32)
    for size in ((67, 50), (180, 320), (67, 50)):
        found = (each.gradient(EMBEDDED.name, picture(*size), excitations) for each in backends)
        assert torch.equal(*found)


def spoil_memory(backend: NativeBackend) -> int:
    """Fill the memory that all programs share with NaN and return its size in floats."""
    loaded = backend._networks["tiny"]
    loaded.memory[:], loaded.owner = torch.nan, None
    return loaded.memory.numel()


def test_programs_share_one_memory_and_leave_nothing_in_it(small):
    """Change the size, and so where the frames of zeros lie."""
    exact, backend = small
    excitations = excited(SMALL, "edges", "deep")
    for _ in range(2):
        for size in (SIZE, (9, 40), (33, 17)):
            found = backend.gradient("tiny", picture(*size), excitations)
            assert cosine(found, exact.gradient("tiny", picture(*size), excitations)) > 0.9999
            largest = spoil_memory(backend)
    backend.gradient("tiny", picture(9, 40), excitations)
    assert spoil_memory(backend) == largest


def test_what_is_excited_may_change_at_every_step(small):
    exact, backend = small
    for seed in (1, 2, 2, 3):
        for layers in (("deep",), ("edges", "deep"), ("deep",)):
            excitations = excited(SMALL, *layers, seed=seed, centre=seed == 3)
            found = backend.gradient("tiny", picture(*SIZE), excitations)
            assert cosine(found, exact.gradient("tiny", picture(*SIZE), excitations)) > 0.9999


def test_nothing_excited_has_no_gradient(small):
    nothing = {"deep": Objective(torch.zeros(10)), "edges": Objective(torch.zeros(6))}
    assert not small[1].gradient("tiny", picture(*SIZE), nothing).any()


def test_a_picture_that_is_not_contiguous_is_read_as_it_is(small):
    seen = picture(*SIZE)
    strided = seen.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    excitations = excited(SMALL, "deep")
    expected = small[1].gradient("tiny", seen, excitations)
    assert torch.equal(small[1].gradient("tiny", strided, excitations), expected)


def test_what_is_planned_is_planned(small):
    backend = small[1]
    layers = ("edges", "deep")
    assert not backend.planned("tiny", layers, [SIZE])
    assert not backend.planned("other", layers, [SIZE])
    backend.plan("tiny", layers, [SIZE])
    assert backend.planned("tiny", layers, [SIZE])
    assert not backend.planned("tiny", ["deep"], [SIZE])
    assert not backend.planned("tiny", layers, [SIZE, (8, 8)])
    assert not backend.tidy()


@pytest.mark.parametrize(
    ("stages", "channels", "layers"),
    [
        (  # by parts, of which only the first is masked
            {
                "a": nn.Sequential(
                    nn.Conv2d(3, 64, 1),
                    nn.ReLU6(),
                    nn.Conv2d(64, 64, 3, padding=1, groups=64),
                    nn.Conv2d(64, 18, 1),
                )
            },
            (18,),
            ("a",),
        ),
        (  # another gradient is added to that of the depthwise convolution
            {
                "a": nn.Conv2d(3, 8, 1),
                "b": nn.Sequential(nn.Conv2d(8, 32, 1), nn.ReLU()),
                "c": nn.Conv2d(32, 32, 3, padding=1, groups=32),
                "d": nn.Conv2d(32, 9, 1),
            },
            (8, 32, 32, 9),
            ("c", "d"),
        ),
        ({"a": nn.Conv2d(3, 20, (3, 1), padding=(1, 0))}, (20,), ("a",)),
        ({"a": nn.Conv2d(3, 20, (1, 3), padding=(0, 1))}, (20,), ("a",)),
    ],
)
def test_what_is_left_out_is_needed_by_nobody(stages, channels, layers):
    """Run it in a memory that holds nothing but NaN."""
    known, module = tiny(stages, {}, *channels)
    exact, backend = both(known, module)
    for whole in (0.0, 0.3):
        excitations = excited(known, *layers, whole=whole)
        expected = exact.gradient("tiny", picture(29, 37), excitations)
        backend.gradient("tiny", picture(29, 37), excitations)
        spoil_memory(backend)
        found = backend.gradient("tiny", picture(29, 37), excitations)
        assert cosine(found, expected) > 0.9999


def test_one_network_is_prepared_while_another_flies(small):
    exact, backend = small
    excitations = excited(SMALL, "edges", "deep")
    expected = exact.gradient("tiny", picture(*SIZE), excitations)
    stop = threading.Event()

    def prepare() -> None:
        backend.load(EMBEDDED, EMBEDDED.load(), torch.float32)
        while not stop.is_set():
            backend.gradient(EMBEDDED.name, picture(96, 128), excited(EMBEDDED, "block5"))

    other = threading.Thread(target=prepare)
    other.start()
    for _ in range(300):
        assert cosine(backend.gradient("tiny", picture(*SIZE), excitations), expected) > 0.9999
    stop.set()
    other.join()


def test_programs_are_kept_within_bounds(small, monkeypatch):
    backend = small[1]
    monkeypatch.setattr(native_backend, "_MAX_PROGRAMS", 4)
    for size in ((8, 8), (8, 9), (8, 10)):
        backend.plan("tiny", ["edges"], [size])
    assert not backend.planned("tiny", ["edges"], [(8, 8)])
    assert backend.planned("tiny", ["edges"], [(8, 9), (8, 10)])


def test_a_network_that_is_loaded_again_takes_the_place_of_the_first(small):
    exact, backend = small
    backend.plan("tiny", ["deep"], [SIZE])
    for each in (exact, backend):
        each.load(SMALL, tiny_module(2), torch.float32)
    assert not backend.planned("tiny", ["deep"], [SIZE])
    agree(small, SMALL, excited(SMALL, "deep"), SIZE)


def test_plans_are_made_while_gradients_are_taken(small):
    exact, backend = small
    excitations = excited(SMALL, "edges", "deep")
    expected = exact.gradient("tiny", picture(*SIZE), excitations)
    planner = threading.Thread(
        target=lambda: [backend.plan("tiny", ["deep"], [(8, width)]) for width in range(8, 40)]
    )
    planner.start()
    for _ in range(50):
        assert cosine(backend.gradient("tiny", picture(*SIZE), excitations), expected) > 0.9999
    planner.join()
    assert backend.planned("tiny", ["deep"], [(8, 39)])


def test_closed_it_holds_nothing():
    backend, module = NativeBackend(), tiny_module(1)
    backend.load(SMALL, module, torch.float32)
    backend.gradient("tiny", picture(*SIZE), excited(SMALL, "deep"))
    held = weakref.ref(module)
    del module
    backend.close()
    gc.collect()
    assert held() is None
    assert not backend.planned("tiny", ["deep"], [SIZE])
