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
from liveflight.core.controls import CONTROLS, ROWS

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


def test_every_control_is_on_the_page_with_all_ways_to_reach_it() -> None:
    lines = controls_page.markdown().splitlines()
    for row in ROWS:
        found = [line for line in lines if line.startswith(f"| `{row.key}` |")]
        assert len(found) == 1, row.key
        cells = [cell.strip() for cell in found[0].split(" | ")]
        assert len(cells) == 7, row.key
        labels = [key.label for key in KEYS for said in key.keys.values() if said[0].key == row.key]
        assert all(label in cells[4] for label in labels), row.key
        if row.settable or row.kind == "trigger":
            assert cells[4].endswith("C and arrows") and cells[6] == "yes |", row.key
        if row.remote:
            assert f"`{row.address}`" in cells[5], row.key
            assert resolve(row.address) == ([row], "plain"), row.key
            assert (node(row.address, {}) or {})["FULL_PATH"] == row.address, row.key
        else:
            assert row.writable and node(row.address, {}) is None, row.key


def widgets() -> dict[str, dict]:
    session = json.loads(controls_page.stage_control())
    return {widget["id"]: widget for tab in session["content"]["tabs"] for widget in tab["widgets"]}


def test_the_session_has_a_widget_for_every_remote_control() -> None:
    assert list(widgets()) == [row.key for row in ROWS if row.remote]


def test_what_a_widget_sends_is_understood() -> None:
    for key, widget in widgets().items():
        try:
            check_widget(CONTROLS[key], widget)
        except Exception as error:
            error.add_note(f"control {key}")
            raise


def check_widget(row: Control, widget: dict) -> None:
    """Check that what a widget sends sets its control."""
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
