from __future__ import annotations

import json

import pytest
from each import each

from liveflight.controllers.osc.codec import decode
from liveflight.controllers.osc.values import to_message
from liveflight.controllers.oscquery.tree import ATTRIBUTES, argument, message, node
from liveflight.core.contracts import Value
from liveflight.core.control import Control
from liveflight.core.controls import CONTROLS, ROWS

VALUES: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
REMOTE = [row for row in ROWS if row.remote]


def leaf(row: Control) -> dict:
    found = node(row.address, VALUES)
    assert found is not None
    return found


@each(REMOTE)
def test_every_remote_control_is_a_node_that_can_be_found_from_the_root(row: Control) -> None:
    found = node("/", VALUES)
    for name in row.address.split("/")[1:]:
        assert found is not None
        found = found["CONTENTS"][name]
    assert found == leaf(row)
    assert set(found) <= set(ATTRIBUTES)
    assert found["FULL_PATH"] == row.address
    assert row.help in found["DESCRIPTION"]


@each(REMOTE)
def test_what_a_node_says_can_be_sent_back(row: Control) -> None:
    found = leaf(row)
    if found["ACCESS"] == 3:
        (said,) = found["VALUE"]
        assert to_message(row, "plain", said).value == pytest.approx(VALUES[row.key])  # type: ignore[union-attr]
        if found["TYPE"] == "f":
            assert found["RANGE"][0]["MIN"] <= said <= found["RANGE"][0]["MAX"]
    else:
        assert found["ACCESS"] == (2 if row.kind == "trigger" else 1)


@each(list(VALUES))
def test_listeners_are_told_in_the_nodes_own_type(row: str) -> None:
    control = CONTROLS[row]
    address, (said,) = decode(message(control, VALUES[row]))
    assert address == control.address
    expected = argument(control, VALUES[row])
    assert said == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_a_number() -> None:
    assert leaf(CONTROLS["camera.rotation"]) == {
        "FULL_PATH": "/liveflight/camera/rotation",
        "TYPE": "f",
        "ACCESS": 3,
        "DESCRIPTION": "turns the picture; positive is clockwise (-180 to 180 deg/s)",
        "VALUE": [0.5],
        "RANGE": [{"MIN": 0.0, "MAX": 1.0}],
        "CLIPMODE": ["both"],
    }


def test_a_choice_a_switch_a_trigger_and_a_meter() -> None:
    mirror, freeze = leaf(CONTROLS["warp.mirror"]), leaf(CONTROLS["show.freeze"])
    assert (mirror["TYPE"], mirror["VALUE"]) == ("s", ["off"])
    assert mirror["RANGE"] == [{"VALS": ["off", "horizontal", "vertical", "both"]}]
    assert (freeze["TYPE"], freeze["VALUE"]) == ("T", [False])
    random, fps = leaf(CONTROLS["mix.random"]), leaf(CONTROLS["show.fps"])
    assert (random["TYPE"], random["ACCESS"], random["VALUE"]) == ("I", 2, [None])
    assert (fps["ACCESS"], fps["UNIT"], fps["RANGE"]) == (1, ["1/s"], [{"MIN": 0, "MAX": 240}])


def test_folders_and_nothing() -> None:
    camera = node("/liveflight/camera", VALUES)
    assert camera is not None
    assert list(camera["CONTENTS"]) == ["zoom", "rotation", "pan_x", "pan_y", "speed"]
    for path in ("/camera", "/liveflight/camera/zoom/raw", "/liveflight/show/quit", "/x"):
        assert node(path, VALUES) is None


def test_before_the_first_frame_everything_is_at_its_default() -> None:
    assert json.dumps(node("/", {})) == json.dumps(node("/", VALUES))
