"""Test the choice of device and number format."""

import pytest
import torch

from liveflight.core.contracts import LiveflightError
from liveflight.engines import autotuning, devices


@pytest.fixture
def have(monkeypatch):
    def have(cuda: bool, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return have


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_first_that_is_here(have, cuda, mps, chosen):
    have(cuda, mps)
    assert devices.choose("auto").type == chosen


def test_the_cpu_may_be_asked_for_beside_a_gpu(have):
    have(True, True)
    assert devices.choose("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("asked", "cuda", "mps", "allowed"),
    [
        ("cuda", False, False, "auto, cpu"),
        ("mps", True, False, "auto, cuda, cpu"),
        ("vulkan", False, True, "auto, mps, cpu"),
        ("", False, False, "auto, cpu"),
    ],
)
def test_a_device_that_is_not_here_is_refused_with_those_that_are(have, asked, cuda, mps, allowed):
    have(cuda, mps)
    with pytest.raises(LiveflightError) as caught:
        devices.choose(asked)
    assert str(caught.value) == f"there is no device {asked!r} on this machine; there is: {allowed}"


@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("dense", [True, False])
def test_gpus_try_half(device, dense):
    assert devices.precision(torch.device(device), dense) is torch.float16


@pytest.fixture
def faster(monkeypatch):
    def faster(name: str) -> None:
        monkeypatch.setattr(
            autotuning, "fastest", lambda question, ways: name if name in ways else next(iter(ways))
        )

    return faster


@pytest.mark.parametrize(
    ("abilities", "dense", "expected"),
    [
        ({"avx512_bf16": True}, True, torch.bfloat16),
        ({"amx_bf16": True}, True, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": True}, False, torch.float32),
        ({"avx512_fp16": True, "amx_fp16": True, "avx512_f": True}, True, torch.float32),
        ({}, False, torch.float32),
    ],
)
def test_the_cpu_never_computes_in_half(monkeypatch, faster, abilities, dense, expected):
    faster("torch.bfloat16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert devices.precision(torch.device("cpu"), dense) is expected


def test_bfloat16_is_left_where_float32_is_faster(monkeypatch, faster):
    faster("torch.float32")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert devices.precision(torch.device("cpu"), dense=True) is torch.float32


def test_an_older_torch_that_cannot_tell_gets_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert devices.precision(torch.device("cpu"), dense=True) is torch.float32


@pytest.mark.parametrize(
    ("named", "count", "rank", "seen"),
    [
        (None, 4, 2, "2"), (None, 2, 3, "1"), (None, 1, 1, None), (None, 0, 1, None),
        ("4,5", 9, 1, "5"), ("GPU-a", 9, 1, "GPU-a"), ("", 9, 1, ""),
    ],
)  # fmt: skip
def test_each_rank_of_a_machine_takes_its_own_gpu(
    monkeypatch: pytest.MonkeyPatch, named: str | None, count: int, rank: int, seen: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    devices.take(rank, environment)
    assert environment.get("CUDA_VISIBLE_DEVICES") == seen
