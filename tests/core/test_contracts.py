from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import LiveflightError, Target, nearest

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("vgg16:conv4_1:17", Target("vgg16", "conv4_1", 17)),
        ("vgg19:features.17:0", Target("vgg19", "features.17", 0)),
        ("efficientnet_lite0:stem:*", Target("efficientnet_lite0", "stem", None)),
        ("  vgg16:conv1_1:63\n", Target("vgg16", "conv1_1", 63)),
        ("a:b:999999", Target("a", "b", 999999)),
    ],
)
def test_a_target_is_read(text: str, target: Target) -> None:
    assert Target.parse(text) == target
    assert str(target) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vgg16",
        "vgg16:conv4_1",
        "vgg16:conv4_1:",
        "vgg16::3",
        ":conv4_1:3",
        "vgg16:conv4_1:-1",
        "vgg16:conv4_1:1.5",
        "vgg16:conv4_1:1e3",
        "vgg16:conv4_1:n",
        "vgg16:class:jelly,fish",
        "vgg16:class:-jellyfish",
        "vgg16:conv4_1:1234567",
        "vgg16:conv4_1:**",
        "vgg16:conv4_1:3:4",
        "vgg 16:conv4_1:3",
        "vgg16:conv\n4_1:3",
        "vgg16:conv4_1: 3",
        "\0",
        "x" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_any_other_form_is_refused_in_one_line_with_an_example(text: str) -> None:
    with pytest.raises(LiveflightError) as refused:
        Target.parse(text)
    said = str(refused.value)
    assert said.startswith(f"target {text[:80]!r} is not of the form network:layer:filter")
    assert "vgg16:conv5_1:120" in said
    assert "\n" not in said and len(said) < 300


@given(NAMES, NAMES, st.none() | st.integers(0, 999_999))
def test_what_is_written_is_read_again(network: str, layer: str, number: int | None) -> None:
    target = Target(network, layer, number)
    assert Target.parse(str(target)) == target


@given(st.text(max_size=60))
def test_no_text_gets_past_the_form(text: str) -> None:
    try:
        target = Target.parse(text)
    except LiveflightError:
        return
    assert target.network and target.layer
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("camera.zom", "; did you mean 'camera.zoom'?"),
        ("zoom", "; did you mean 'camera.zoom'?"),
        ("camrea.zoom", "; did you mean 'camera.zoom'?"),
        ("moc", ""),
        ("", ""),
        ("x" * 10000, ""),
    ],
)
def test_the_nearest_name_is_offered(name: str, said: str) -> None:
    assert nearest(name, ["camera.rotation", "camera.zoom", "show.quit"]) == said
    assert nearest(name, []) == ""
