"""The kernels, compiled by the real NVRTC wherever torch brings it; run where there is a GPU."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from liveflight.core.contracts import Ascent
from liveflight.core.noise import pink
from liveflight.engines.cuda import kernels, program
from liveflight.engines.cuda.step import StepBuffers
from liveflight.engines.relu import Relu

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
GPU = pytest.param("cuda", marks=on_gpu)
ASCENT = Ascent(
    0.3, 1, decorrelation=0.7, smoothing=1.2, soften=0.1, noise=0.02, pull=0.3, contrast=0.2
)


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
    x = torch.randn(1, *shape, device=device).half().relu()
    x = x.to(memory_format=torch.channels_last)
    gradient = torch.randn(1, shape[0], shape[1] // 2, shape[2] // 2, device=device).half()

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        pooled = program._pool(x, Relu())
        spread = program._unpool(gradient, Relu(), x, pooled, torch.empty_like(x))
        return pooled, spread

    own = both()
    monkeypatch.setattr(kernels, "kernels_on", lambda device: None)
    assert all(map(torch.equal, own, both()))


@pytest.mark.parametrize("device", [GPU])
@pytest.mark.parametrize("bad", [False, True])
def test_conditions_as_torch_does(device: str, bad: bool) -> None:
    size = (54, 97)
    own, plain = (StepBuffers(size, torch.device(device), seed=5) for _ in range(2))
    plain._kernels = None
    gradient = torch.randn(1, 3, *size, device=device)
    if bad:
        gradient[0, 1, 7, 9] = float("nan")
    for buffers in (own, plain):
        buffers.source.copy_(torch.from_numpy(pink(size[::-1], 3)))
        buffers.begin()
        buffers.load(replace(ASCENT, amount=0.3), (-5, 7))
        torch.testing.assert_close(buffers.seen(), torch.roll(buffers.picture, (-5, 7), (2, 3)))
        buffers.add(gradient)
        buffers.finish()
    assert own.not_finite == plain.not_finite == float(bad)
    torch.testing.assert_close(own.result.float(), plain.result.float(), rtol=0, atol=1e-3)
    if bad:
        assert torch.equal(own.result[..., :3], own.source[..., :3])
