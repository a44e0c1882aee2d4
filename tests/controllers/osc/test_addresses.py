from __future__ import annotations

import re

import pytest
from each import each
from hypothesis import given, settings
from hypothesis import strategies as st

from liveflight.controllers.osc.addresses import (
    MAX_ADDRESS_BYTES,
    MAX_WILDCARDS,
    UnknownAddressError,
    is_pattern,
    resolve,
)
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import CONTROLS, ROWS, Control

REMOTE = [row for row in ROWS if row.remote]


def keys(address: str) -> set[str]:
    controls, form = resolve(address)
    assert form == "plain"
    return {control.key for control in controls}


@each(REMOTE)
def test_every_remote_control_is_at_its_address_in_every_form(row: Control) -> None:
    for address in filter(None, (row.address, row.alias)):
        short = address.removeprefix("/liveflight")
        for spelling in (address, short, address.upper(), short.title()):
            assert resolve(spelling) == ([row], "plain")
            assert resolve(spelling + "/raw") == ([row], "raw")
            assert resolve(spelling + "/ADD") == ([row], "add")


@each([row for row in ROWS if not row.remote])
def test_the_network_cannot_quit_save_or_leave_full_screen(row: Control) -> None:
    with pytest.raises(UnknownAddressError):
        resolve(row.address)
    assert row not in resolve("/liveflight/*/*")[0]
    assert row not in resolve(f"/{row.group}/*")[0]


def test_an_unknown_address_names_the_nearest() -> None:
    with pytest.raises(UnknownAddressError) as refused:
        resolve("/liveflight/camera/zom")
    assert str(refused.value) == (
        "'/liveflight/camera/zom' is no address; did you mean '/liveflight/camera/zoom'?; "
        "`liveflight controls` lists them all"
    )
    with pytest.raises(UnknownAddressError, match="did you mean '/camera/zoom'"):
        resolve("/zoom")


@pytest.mark.parametrize(
    "address",
    [
        *("/", "//", "/\0", "/../etc", "/raw", "/add", "/camera/zoom/raw/add"),
        *("/liveflight", "/liveflight/", "/liveflight/liveflight/camera/zoom"),
        *("/camera", "/camera/zoom/x", "/x//camera/zoom", "camera/zoom"),
    ],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UnknownAddressError) as refused:
        resolve(address)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("spelt", ["{}/", "{}//", "/{}", "{}/raw/", "{}//raw"])
def test_slashes_too_many_do_not_count(spelt: str) -> None:
    form = "raw" if "raw" in spelt else "plain"
    for address in ("/liveflight/camera/zoom", "/camera/zoom", "/Camera//Zoom"):
        assert resolve(spelt.format(address)) == ([CONTROLS["camera.zoom"]], form)
    assert keys("/camera/pan_*/") == {"camera.pan_x", "camera.pan_y"}


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("/liveflight/camera/zom", True),
        ("/liveflight", True),
        ("/LIVEFLIGHT//x", True),
        ("/liveflights/camera/zoom", False),
        ("/lights/dimmer", False),
        ("/composition/layers/1/clips/{1,2,3,4,5,6,7,8,9}/[", False),
        ("/" + "x" * 1000, False),
    ],
)
def test_what_lies_outside_may_be_another_programs(address: str, ours: bool) -> None:
    with pytest.raises(UnknownAddressError) as refused:
        resolve(address)
    assert refused.value.foreign is not ours


# Wildcards


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("/liveflight/camera/pan_?", {"camera.pan_x", "camera.pan_y"}),
        ("/camera/pan_[xy]", {"camera.pan_x", "camera.pan_y"}),
        ("/camera/pan_[w-z]", {"camera.pan_x", "camera.pan_y"}),
        ("/camera/pan_[!x]", {"camera.pan_y"}),
        ("/camera/pan_[!a-wy]", {"camera.pan_x"}),
        ("/CAMERA/{ZOOM,Rotation,none}", {"camera.zoom", "camera.rotation"}),
        ("/camera/{zoo,zoom}{m,}", {"camera.zoom"}),
        ("/camera/*oo*", {"camera.zoom"}),
        ("/camera/**z**m**", {"camera.zoom"}),
        ("/*/zoom", {"camera.zoom"}),
        ("/live*/*/zoom", {"camera.zoom"}),
        ("/{camera,colour}/[zh]*", {"camera.zoom", "colour.hue"}),
        ("/mix/layer_*", {"mix.layer_deeper", "mix.layer_shallower"}),
        ("/liveflight/t*", {"mix.target"}),
        ("/liveflight/*", {row.key for row in ROWS if row.alias}),
    ],
)
def test_wildcards_of_osc(pattern: str, meant: set[str]) -> None:
    assert is_pattern(pattern)
    assert keys(pattern) == meant


def test_a_star_stops_at_a_slash() -> None:
    assert keys("/camera/*") == {row.key for row in ROWS if row.group == "camera"}
    assert keys("/*") == {row.key for row in ROWS if row.alias}, "the aliases, which have one part"
    for pattern in (
        "/liveflight/camera*",
        "/live*zoom",
        "/liveflight?camera?zoom",
        "/camera[!a]zoom",
    ):
        with pytest.raises(UnknownAddressError):
            resolve(pattern)


def test_everything_is_everything() -> None:
    assert keys("/liveflight/*/*") == {row.key for row in REMOTE}


def test_a_form_may_follow_a_pattern() -> None:
    controls, form = resolve("/camera/*/raw")
    assert form == "raw" and CONTROLS["camera.speed"] in controls


def test_a_pattern_that_fits_nothing_is_an_unknown_address() -> None:
    for pattern in ("/camera/?", "/camera/[0-9]*", "/camera/{a,b}", "/*/*/*/*", "/camera/[z-a]oom"):
        with pytest.raises(UnknownAddressError):
            resolve(pattern)


@pytest.mark.parametrize(
    "part", ["[", "]", "{", "}", "[]", "[z", "zo}om", "{zoom", "[[z]]", "{{z}}"]
)
def test_brackets_come_in_pairs(part: str) -> None:
    with pytest.raises(LiveflightError, match="bracket"):
        resolve(f"/camera/{part}")


def test_an_address_is_bounded() -> None:
    with pytest.raises(LiveflightError, match="at most 256 bytes"):
        resolve("/camera/" + "a" * MAX_ADDRESS_BYTES)
    with pytest.raises(LiveflightError, match="at most 256 bytes"):
        resolve("/camera/" + "ä" * (MAX_ADDRESS_BYTES // 2))
    with pytest.raises(UnknownAddressError):
        resolve("/" + "a" * (MAX_ADDRESS_BYTES - 1))


@pytest.mark.parametrize("sign", ["*", "?", "[a]", "{a}"])
def test_wildcards_are_bounded(sign: str) -> None:
    with pytest.raises(LiveflightError, match="at most 8 wildcards"):
        resolve("/camera/" + sign * (MAX_WILDCARDS + 1))
    with pytest.raises(UnknownAddressError):
        resolve("/camera/none" + sign * MAX_WILDCARDS)


def test_alternatives_are_bounded() -> None:
    assert keys("/camera/{zoom,b,c,d,e,f,g,h}") == {"camera.zoom"}
    with pytest.raises(LiveflightError, match="wildcards and alternatives"):
        resolve("/camera/{zoom,b,c,d,e,f,g,h,i}")


def test_24_stars_are_refused_before_they_are_matched() -> None:
    """Match an address that keeps python-osc's backtracking matcher busy for seconds."""
    with pytest.raises(LiveflightError, match="at most 8 wildcards"):
        resolve("/" + "*" * 24 + "!")


WORDS = st.text("abz_*?", max_size=6)
"""Pieces of patterns that mean the same to OSC and, but for the stars, to regular expressions."""


@given(WORDS)
@settings(derandomize=True, deadline=None, max_examples=500)
def test_stars_and_question_marks_agree_with_a_regular_expression(word: str) -> None:
    pattern = f"/camera/{word}zo?*{word}"
    expression = re.compile(pattern.replace("*", "[^/]*").replace("?", "[^/]"))
    if sum(pattern.count(sign) for sign in "*?") > MAX_WILDCARDS:
        return
    expected = {row.key for row in REMOTE if expression.fullmatch(f"/{row.group}/{row.name}")}
    try:
        found = keys(pattern)
    except UnknownAddressError:
        found = set()
    assert found == expected


@given(st.text("/abcmoz*?[]{},!-_\0ä", max_size=40))
@settings(derandomize=True, deadline=None, max_examples=1000)
def test_any_address_means_controls_or_is_refused(tail: str) -> None:
    for address in (tail, f"/camera/{tail}"):
        try:
            controls, _ = resolve(address)
        except LiveflightError as refused:
            assert "\n" not in str(refused)
        else:
            assert controls
