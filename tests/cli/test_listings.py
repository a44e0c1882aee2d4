from __future__ import annotations

from liveflight.cli import listings
from liveflight.networks import network


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("A", "LONG ONE", "B"), ("short", "x", ""), ("longer", "", "last")]
    assert listings.lines(rows) == ["A       LONG ONE  B", "short   x", "longer            last"]


def test_every_listing_has_as_many_cells_in_each_row() -> None:
    vgg = network("vgg16")
    for rows in (
        listings.controls(),
        listings.networks(),
        listings.layers(vgg),
        listings.presets(),
    ):
        assert len(rows) > 3
        assert len({len(row) for row in rows}) == 1
