from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch

from liveflight import networks
from liveflight.diagnostics.bench import random_weights


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_it_is_a_file_of_that_network(name: str, tmp_path: Path) -> None:
    path = tmp_path / "stand-in.pth"
    random_weights.write({"network": name, "path": str(path)})
    module = networks.network(name).load(path)
    weight = module.stages["conv3_1"].weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)
    assert not module.stages["conv3_1"].bias.any()
    with torch.no_grad():
        seen = module(torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1)),
                      ["conv5_1"])["conv5_1"]  # fmt: skip
    assert 0.3 < float(seen.std()) < 3  # what comes in is as large as what goes out


def test_missing_are_those_that_come_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert random_weights.missing(["efficientnet_lite0", "vgg16", "vgg19"]) == ["vgg19"]


def test_children_find_stand_ins_and_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"the real one")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with random_weights.installed(["vgg16_torchvision"]) as environment:
        monkeypatch.setenv("TORCH_HOME", environment["TORCH_HOME"])
        random = networks.network("vgg16_torchvision").find_weights()
        real = networks.network("vgg19").find_weights()
        assert random and random.stat().st_size > 50e6
        assert real and real.read_bytes() == b"the real one"
    assert not os.path.exists(environment["TORCH_HOME"])
    assert own.exists()


def test_nothing_missing_needs_no_files() -> None:
    with random_weights.installed([]) as environment:
        assert environment == {}
