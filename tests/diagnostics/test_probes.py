from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from liveflight import networks
from liveflight.core.contracts import LiveflightError
from liveflight.diagnostics import probes
from liveflight.engines import autotuning
from liveflight.system import child_process


@pytest.mark.gl
def test_who_draws() -> None:
    answer = probes.graphics({"output": "headless"})
    assert set(answer) == {"vendor", "renderer", "version"}
    assert all(answer.values())


@pytest.mark.gl
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
def test_the_hand_over_says_why_or_nothing() -> None:
    assert set(probes.picture_transfer({"output": "headless", "device": "cuda"})) == {"why"}


def test_what_there_is_to_compute_on() -> None:
    answer = probes.devices({})
    assert "threads" in answer["cpu"]
    assert answer["chosen"] in ("cpu", "cuda", "mps")
    assert answer["cuda"].startswith("no: ") == (answer["chosen"] != "cuda")


def test_an_engine_takes_a_step() -> None:
    answer = probes.engine({"name": "auto", "device": "cpu"})
    assert (answer["device"], answer["precision"]) == ("cpu", "float32")
    assert answer["seconds"] > 0


def test_what_auto_chose_is_told_once_it_has_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Processes of other tests, with other threads, write to the common file too.
    measured = autotuning.TimingCache(tmp_path / "fastest.json")
    monkeypatch.setattr(autotuning, "timings", lambda: measured)
    probes.engine({"name": "auto", "device": "cpu"})
    answer = probes.devices({})
    assert answer["remembers"] is True
    assert set(answer["seconds"]) == set(networks.names())
    times = answer["seconds"]["efficientnet_lite0"]
    assert set(times) == {"torch", "onnx", "compiled"}
    assert list(times.values()) == sorted(times.values())
    unwritable = autotuning.TimingCache(Path(__file__) / "inside a file")
    monkeypatch.setattr(autotuning, "timings", lambda: unwritable)
    answer = probes.devices({})
    assert answer["seconds"] == {name: {} for name in networks.names()}
    assert answer["remembers"] is False


def test_onnx_runtime_runs_the_smallest_model_on_the_cpu() -> None:
    assert "CPUExecutionProvider" in probes.providers({})["names"]
    assert probes.provider({"name": "CPUExecutionProvider"}) == {}


def test_streaming_names_the_encoder_that_works_here() -> None:
    found = probes.streaming({})
    assert re.match(r"\d", found["version"]) and "264" in found["encoder"]
    assert set(found["lacking"]) <= {"rtmp", "srt", "udp"}


@pytest.mark.parametrize(
    ("module", "probe", "named"),
    [
        ("sounddevice", probes.sound, "through"),
        ("link", probes.link, "version"),
        ("zeroconf", probes.zeroconf, "version"),
        ("cyndilib", probes.ndi, "version"),
    ],
)
def test_what_a_show_may_do_without(
    module: str,
    probe: Callable[[dict[str, Any]], dict[str, Any]],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        answer = child_process.ask(f"{probe.__module__}:{probe.__name__}", {}, 30)
    except child_process.ChildError as error:
        if " install " not in str(error):
            raise
        pytest.skip(str(error))
    assert re.search(r"\d+\.\d+", answer[named])
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[\w+\]"$'):
        probe({})
