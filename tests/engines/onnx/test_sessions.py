"""Sessions: what fails at full optimisation, which providers load, and the blocked layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper

from liveflight.engines.onnx import sessions
from liveflight.engines.onnx.sessions import CPU, CUDA, TENSORRT


def model(kind: str = "Relu") -> bytes:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy")
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"])], "g", [x], [y])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def test_a_session_runs_its_model():
    session = sessions.session(model(), (CPU, {}), optimise=True)
    (found,) = session.run(None, {"x": np.float32([-1, 0, 2])})
    assert found.tolist() == [0, 0, 2]


def test_what_fails_at_full_optimisation_is_tried_with_the_simplest(monkeypatch):
    levels, make = [], ort.InferenceSession

    def picky(content: bytes, options: ort.SessionOptions, providers: list) -> object:
        levels.append(options.graph_optimization_level)
        if levels[-1] == ort.GraphOptimizationLevel.ORT_ENABLE_ALL:
            raise RuntimeError("a fused node found no kernel")
        return make(content, options, providers=providers)

    monkeypatch.setattr(ort, "InferenceSession", picky)
    sessions.session(model(), (CPU, {}), optimise=True)
    every = ort.GraphOptimizationLevel
    assert levels == [every.ORT_ENABLE_ALL, every.ORT_ENABLE_BASIC]


def test_a_model_that_never_runs_raises_and_writes_nothing(capfd):
    with pytest.raises(Exception, match="NoSuchOperator"):
        sessions.session(model("NoSuchOperator"), (CPU, {}), optimise=True)
    assert capfd.readouterr() == ("", "")


def test_the_cpu_loads_and_an_unknown_provider_does_not(capfd):
    assert sessions.loads((CPU, {}))
    assert not sessions.loads(("NoSuchExecutionProvider", {}))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_without_a_card_cuda_does_not_load_and_is_quiet_about_it(capfd):
    assert not sessions.loads((CUDA, {}))
    assert capfd.readouterr() == ("", "")


def test_without_cuda_there_is_the_cpu_alone():
    assert sessions.providers(torch.device("cpu"), 0) == [(CPU, {})]
    assert sessions.providers(torch.device("mps"), 0) == [(CPU, {})]


@pytest.mark.parametrize("tensorrt", [True, False])
def test_on_cuda_tensorrt_comes_first_where_it_is_installed(monkeypatch, tensorrt):
    found = object() if tensorrt else None
    monkeypatch.setattr(sessions.importlib.util, "find_spec", lambda name: found)
    providers = sessions.providers(torch.device("cuda", 1), 77)
    assert [name for name, _ in providers] == ([TENSORRT] if tensorrt else []) + [CUDA]
    for _, options in providers:
        assert options["device_id"] == "1"
        assert options["user_compute_stream"] == "77"


def test_a_block_is_eight_or_sixteen_channels_or_there_is_none(monkeypatch):
    assert sessions.block() in (0, 8, 16)

    def failing(*given: object, **named: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(sessions, "session", failing)
    assert sessions.block.__wrapped__() == 0


def test_a_session_tells_its_makers_nothing(tmp_path: Path) -> None:
    """Run without the variables that silence ONNX Runtime's telemetry under test.

    It leaves a number for the machine, and what it will send, in the user's cache."""
    hidden = ("ORT_", "CI", "PYTEST", "GITHUB", "XDG")
    left = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    code = (
        "import liveflight; from liveflight.engines.onnx import sessions as s;"
        "print(s.loads((s.CPU, {})))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=left | {"HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "True\n"
    assert not list(tmp_path.rglob("*onnxruntime*"))
