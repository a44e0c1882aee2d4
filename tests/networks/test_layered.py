"""The module all networks share: only as deep as asked, TensorFlow's padding, nothing clobbered."""

from pathlib import Path

import pytest
import torch
from torch import nn

from liveflight.core.contracts import LiveflightError
from liveflight.networks.layered import Layered, SameConv2d, load_parameters


def three_stages() -> Layered:
    """double, add 1 and the first stage's output, ReLU of the negative."""

    class Times(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    return Layered({"a": Times(2), "b": Times(10), "c": nn.ReLU()}, skips={"b": "a"})


def calls_of(module: Layered) -> list[str]:
    ran: list[str] = []
    for name, stage in module.stages.items():
        stage.register_forward_hook(lambda *_, name=name: ran.append(name))
    return ran


@pytest.mark.parametrize(
    ("asked", "ran"), [(["a"], "a"), (["b"], "ab"), (["b", "a"], "ab"), (["c"], "abc"), ([], "")]
)
def test_nothing_past_the_deepest_asked_layer_runs(asked, ran):
    module = three_stages()
    calls = calls_of(module)
    result = module(torch.tensor([-1.0, 3.0]), asked)
    assert list(result) == asked
    assert calls == list(ran)


def test_a_skip_adds_the_earlier_layer():
    result = three_stages()(torch.tensor([-1.0, 3.0]), ["c", "b", "a"])
    assert result["a"].tolist() == [-2.0, 6.0]
    assert result["b"].tolist() == [-22.0, 66.0]  # 20 x + 2 x
    assert result["c"].tolist() == [0.0, 66.0]


def test_a_name_that_is_no_stage_is_a_key_error():
    with pytest.raises(KeyError, match="'d'"):
        three_stages()(torch.zeros(1), ["a", "d"])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # All ones, kernel of ones: each output counts the pixels its window covers.
        ((4, 6), [[9, 9, 6], [6, 6, 4]]),  # even: the one padded row and column come last
        ((5, 3), [[4, 4], [6, 6], [4, 4]]),  # odd: one on either side
        ((4, 3), [[6, 6], [4, 4]]),
    ],
)
def test_same_padding_of_stride_two_depends_on_the_size(size, expected):
    convolution = SameConv2d(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(convolution.weight)
    with torch.no_grad():
        assert convolution(torch.ones(1, 1, *size))[0, 0].tolist() == expected


def test_same_padding_of_stride_one_is_symmetric():
    convolution = SameConv2d(1, 1, 5, bias=False)
    nn.init.ones_(convolution.weight)
    with torch.no_grad():
        out = convolution(torch.ones(1, 1, 3, 4))
    assert out[0, 0].tolist() == [[9, 12, 12, 9]] * 3


def one_convolution() -> Layered:
    return Layered({"conv": nn.Conv2d(1, 2, 1, device="meta")})


def test_a_furnished_module_is_frozen_and_ready():
    parameters = {
        "conv.weight": torch.full((2, 1, 1, 1), 3.0),
        "conv.bias": torch.tensor([0.0, 1.0]),
    }
    module = load_parameters(one_convolution(), parameters, Path("a.pth"))
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    out = module(torch.full((1, 1, 1, 2), 2.0), ["conv"])["conv"]
    assert out.tolist() == [[[[6.0, 6.0]], [[7.0, 7.0]]]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(bad):
    parameters = {"conv.weight": torch.zeros(2, 1, 1, 1), "conv.bias": torch.tensor([0.0, bad])}
    with pytest.raises(LiveflightError) as caught:
        load_parameters(one_convolution(), parameters, Path("a.pth"))
    assert str(caught.value) == (
        "a.pth holds values that are not finite, in conv.bias: get the file anew"
    )
