from __future__ import annotations

from liveflight.diagnostics.bench.tables import Table, markdown


def test_a_table_for_a_readme() -> None:
    table = Table("Steps", ("layer", "p50"), [("conv1_1", "1 ms"), ("a|b", "")], ["a note"])
    assert markdown(table) == (
        "**Steps**\n\n| layer | p50 |\n| --- | --- |\n| conv1_1 | 1 ms |\n| a/b |  |\n\n- a note\n"
    )


def test_without_rows_there_are_only_notes() -> None:
    assert markdown(Table("Peers", ("a",), (), ["it failed"])) == "**Peers**\n\n- it failed\n"
