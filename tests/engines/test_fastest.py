"""Test the choice of the fastest backend for each network."""

from __future__ import annotations

import logging
from functools import partial

import pytest
import torch
from tiny_network import register, tiny_module

from liveflight import networks
from liveflight.engines import autotuning
from liveflight.engines.autograd import AutogradBackend
from liveflight.engines.autotuning import TimingCache
from liveflight.engines.backend import excitation
from liveflight.engines.fastest import FastestBackend, remembered


class Counted(AutogradBackend):
    """Run the reference under a name, record its loads, and fail where `broken` names it."""

    def __init__(self, name: str, broken: set[str], loads: list[str]) -> None:
        super().__init__(torch.device("cpu"))
        self.name, self.broken, self.loads = name, broken, loads

    def load(self, known, module, dtype):
        if self.name in self.broken:
            raise RuntimeError("it is broken")
        self.loads.append(self.name)
        return super().load(known, module, dtype)


@pytest.fixture
def broken() -> set[str]:
    return set()


@pytest.fixture
def loads() -> list[str]:
    return []


@pytest.fixture
def backend(monkeypatch, tmp_path, broken, loads) -> FastestBackend:
    register(monkeypatch, "tiny", lambda: tiny_module(seed=1))
    here = TimingCache(tmp_path / "fastest.json")
    monkeypatch.setattr(autotuning, "fastest", here.fastest)
    return FastestBackend(
        {name: partial(Counted, name, broken, loads) for name in ("one", "other")}
    )


def load(backend: FastestBackend) -> torch.dtype:
    return backend.load(networks.network("tiny"), tiny_module(seed=1), torch.float32)


def gradient(backend: AutogradBackend | FastestBackend) -> torch.Tensor:
    picture = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(5))
    excited = {"shapes": excitation({2: 1.0}, torch.ones(8), "channel")}
    return backend.gradient("tiny", picture, excited)


def test_the_gradient_is_the_chosen_backends(backend):
    assert load(backend) == torch.float32
    exact = AutogradBackend(torch.device("cpu"))
    exact.load(networks.network("tiny"), tiny_module(seed=1), torch.float32)
    assert torch.equal(gradient(backend), gradient(exact))


def test_once_measured_only_the_fastest_is_loaded(backend, loads):
    load(backend)
    assert sorted(loads) == ["one", "other"]
    loads.clear()
    load(backend)
    assert len(loads) == 1


@pytest.mark.parametrize("name", ["one", "other"])
def test_a_backend_that_fails_is_passed_over_with_a_line(backend, broken, caplog, name):
    broken.add(name)
    with caplog.at_level(logging.WARNING, logger="liveflight"):
        load(backend)
    assert [record.message for record in caplog.records] == [
        f"{name} does not work here, so it is left alone: it is broken"
    ]
    assert gradient(backend).abs().sum() > 0


def test_a_backend_that_breaks_later_is_replaced_with_a_line(backend, broken, loads, caplog):
    load(backend)
    loads.clear()
    load(backend)
    broken.add(loads[-1])
    with caplog.at_level(logging.WARNING, logger="liveflight"):
        load(backend)
    assert len(caplog.records) == 1
    assert "tiny cannot be flown by" in caplog.records[0].message
    assert gradient(backend).abs().sum() > 0


def test_where_none_works_the_cause_is_told(backend, broken):
    broken |= {"one", "other"}
    with pytest.raises(RuntimeError, match="it is broken"):
        load(backend)


def test_a_closed_backend_lets_go(backend):
    load(backend)
    backend.close()
    with pytest.raises(KeyError):
        gradient(backend)


def test_what_was_measured_is_told(backend, monkeypatch, tmp_path):
    here = TimingCache(tmp_path / "fastest.json")
    monkeypatch.setattr(autotuning, "timings", lambda: here)
    assert remembered("tiny", ["one", "other"]) == {}
    load(backend)
    times = remembered("tiny", ["one", "other"])
    assert times.keys() == {"one", "other"} and min(times.values()) > 0
    assert remembered("tiny", ["one"]) == {}, "that was another question"
