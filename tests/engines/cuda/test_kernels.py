"""The kernels, compiled by the real NVRTC wherever torch brings it; run where there is a GPU."""

from __future__ import annotations

import logging

import pytest
import torch

from liveflight.engines.cuda import kernels, program
from liveflight.engines.relu import Relu

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
GPU = pytest.param("cuda", marks=on_gpu)


@pytest.mark.parametrize("architecture", ["sm_75", "sm_86", "sm_90", "sm_120"])
def test_compiles_for_every_generation_that_torch_serves(architecture: str) -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    code = kernels.compiled(architecture)
    assert code.startswith(b"\x7fELF")
    assert all(name.encode() in code for name in kernels._NAMES)


def test_says_what_nvrtc_refuses() -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    with pytest.raises(RuntimeError, match=r"NVRTC refuses sm_1: .*invalid value"):
        kernels.compiled("sm_1")


def test_other_devices_have_none() -> None:
    assert kernels.kernels_on(torch.device("cpu")) is None


def test_without_them_torch_goes_on_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(device: torch.device) -> None:
        raise ImportError("No module named 'cuda'")

    monkeypatch.setattr(kernels, "CudaKernels", none)
    kernels._loaded.cache_clear()
    with caplog.at_level(logging.WARNING):
        found = [kernels.kernels_on(torch.device("cuda", 0)) for _ in range(2)]
    kernels._loaded.cache_clear()
    assert found == [None, None]
    assert caplog.messages == [
        "no kernels of our own, so a step takes longer: No module named 'cuda'"
    ]


@pytest.mark.parametrize("device", [GPU])
@pytest.mark.parametrize("shape", [(8, 6, 10), (64, 13, 23), (16, 2, 2), (128, 54, 96)])
def test_pools_forward_and_backward_as_torch_does(
    monkeypatch: pytest.MonkeyPatch, device: str, shape: tuple[int, int, int]
) -> None:
    x = torch.randn(3, *shape, device=device).half().relu()
    x = x.to(memory_format=torch.channels_last)
    gradient = torch.randn(3, shape[0], shape[1] // 2, shape[2] // 2, device=device).half()

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        pooled = program._pool(x, Relu())
        spread = program._unpool(gradient, Relu(), x, pooled, torch.empty_like(x))
        return pooled, spread

    own = both()
    monkeypatch.setattr(kernels, "kernels_on", lambda device: None)
    assert all(map(torch.equal, own, both()))


class _Launches(kernels.CudaKernels):
    """Keep what would be launched."""

    def __init__(self) -> None:
        self.launches: list[tuple[str, int, tuple[object, ...]]] = []

    def _launch(self, name: str, threads: int, *given: torch.Tensor | int | float) -> None:
        places = [each.data_ptr() if isinstance(each, torch.Tensor) else each for each in given]
        self.launches.append((name, threads, tuple(places)))


def maps(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    made = torch.zeros(count, channels, height, width, dtype=torch.float16)
    return made.to(memory_format=torch.channels_last)


def test_each_map_of_a_batch_is_a_launch_of_its_own() -> None:
    launches = _Launches()
    x = maps(3, 16, 7, 10)
    one = 16 * 7 * 10 * 2  # bytes
    pooled = launches.pool(x)
    assert pooled.shape == (3, 16, 3, 5)
    for number, (name, threads, given) in enumerate(launches.launches):
        places = (x.data_ptr() + number * one, pooled.data_ptr() + number * 16 * 3 * 5 * 2)
        assert (name, threads, given) == ("pool", 2 * 3 * 5, (*places, 10, 5, 2, 2 * 3 * 5))
    assert len(launches.launches) == 3
    launches.launches.clear()
    filters, bias = torch.zeros(3, 3, 16).half(), torch.zeros(16).half()
    y = launches.depthwise(x, filters, bias, (4, 5), (2, 2), (1, 1), Relu())
    back = launches.depthwise_back(y, filters, (7, 10), (2, 2), (1, 1))
    sizes = (3, 3, 2, 2, 1, 1, 2)
    for number in range(3):
        given = x.data_ptr() + number * one, y.data_ptr() + number * 16 * 4 * 5 * 2
        name, threads, found = launches.launches[number]
        rest = (0.0, float("inf"), 7, 10, 5, *sizes, 2 * 4 * 5)
        assert (name, threads) == ("depthwise", 2 * 4 * 5)
        assert found == (given[0], filters.data_ptr(), bias.data_ptr(), given[1], *rest)
        name, threads, found = launches.launches[3 + number]
        assert (name, threads) == ("depthwise_back", 2 * 7 * 10)
        place = back.data_ptr() + number * one
        assert found == (given[1], filters.data_ptr(), place, 4, 5, 10, *sizes, 2 * 7 * 10)
