from __future__ import annotations

import json
from pathlib import Path

import pytest

from liveflight.cli import controls_page
from liveflight.controllers.keyboard import KEYS
from liveflight.controllers.osc.addresses import resolve
from liveflight.controllers.osc.values import to_message
from liveflight.controllers.oscquery.tree import node
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_table_says() -> None:
    page = (DOCS / "controls.md").read_text(encoding="utf-8")
    assert page == controls_page.markdown(), (
        "run `python -m liveflight controls --markdown > docs/controls.md`"
    )


def test_the_session_is_what_the_table_says() -> None:
    session = (DOCS / "open-stage-control.json").read_text(encoding="utf-8")
    assert session == controls_page.stage_control(), (
        "run `python -m liveflight controls --open-stage-control > docs/open-stage-control.json`"
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_control_is_on_the_page_with_all_ways_to_reach_it(row: Control) -> None:
    (line,) = [
        line
        for line in controls_page.markdown().splitlines()
        if line.startswith(f"| `{row.key}` |")
    ]
    cells = [cell.strip() for cell in line.split(" | ")]
    assert len(cells) == 7
    labels = [key.label for key in KEYS for said in key.keys.values() if said[0].key == row.key]
    assert all(label in cells[4] for label in labels)
    if row.settable or row.kind == "trigger":
        assert cells[4].endswith("C and arrows") and cells[6] == "yes |"
    if row.remote:
        assert f"`{row.address}`" in cells[5]
        assert resolve(row.address) == ([row], "plain")
        found = node(row.address, {})
        assert found is not None and found["FULL_PATH"] == row.address
    else:
        assert row.movable and node(row.address, {}) is None


def widgets() -> dict[str, dict]:
    session = json.loads(controls_page.stage_control())
    return {widget["id"]: widget for tab in session["content"]["tabs"] for widget in tab["widgets"]}


def test_the_session_has_a_widget_for_every_remote_control() -> None:
    assert list(widgets()) == [row.key for row in ROWS if row.remote]


@pytest.mark.parametrize("row", [r for r in ROWS if r.remote], ids=lambda row: row.key)
def test_what_a_widget_sends_is_understood(row: Control) -> None:
    widget = widgets()[row.key]
    assert widget["address"] == row.address
    match widget["type"]:
        case "fader":
            assert to_message(row, "plain", float(widget["range"]["max"])).value == row.maximum  # type: ignore[union-attr]
            start = to_message(row, "plain", float(widget["default"])).value  # type: ignore[union-attr]
            assert start == pytest.approx(row.default, rel=0.01, abs=0.02)
        case "dropdown":
            for name, position in widget["values"].items():
                assert to_message(row, "plain", position).value == name  # type: ignore[union-attr]
        case "button":
            assert to_message(row, "plain", widget["on"])
        case "input":
            assert to_message(row, "plain", "reef")
        case "text":
            assert row.kind in ("told", "meter")
        case kind:
            pytest.fail(f"a {kind} of which nothing is known")
