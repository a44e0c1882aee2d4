"""Test the card that a rank gathers about itself, and the picture of its test card."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from liveflight import __version__
from liveflight.core.contracts import LiveflightError
from liveflight.loop import wall_card, wall_test_card
from liveflight.wall import rank_card
from liveflight.wall.layout import Layout
from liveflight.wall.place import WallPlace

WALL = Layout(2, 1, rotations=(0, 90)).wall((640, 180))


def test_a_card_has_what_the_check_needs(tmp_path: Path) -> None:
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(b"weights")
    place = WallPlace(WALL, 1)
    given = {"device": "cpu", "display": 1, "displays": [(320, 180), (180, 320)]}
    card = wall_card.gather(place, ["vgg16", "efficientnet_lite0"], weights=weights, **given)
    assert (card.version, card.device, card.memory_mib) == (__version__, "cpu", 0.0)
    assert card.weights["vgg16"] == hashlib.sha256(b"weights").hexdigest()
    assert len(card.weights["efficientnet_lite0"]) == 64
    assert (card.canvas, card.tile, card.turns) == ((640, 180), (320, 0, 320, 180), 1)
    first = wall_card.gather(WallPlace(WALL, 0), card.weights, weights=weights, device="cpu",
                             display=0, displays=[(320, 180)])  # fmt: skip
    assert rank_card.check(WALL, {0: first.as_json(), 1: card.as_json()}) == ""


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(LiveflightError, match=r"weight file .*none\.pth cannot be read"):
        wall_card.digest(tmp_path / "none.pth")


def test_the_picture_of_a_test_card_fills_its_output() -> None:
    place = WallPlace(WALL, 1)
    for size in ((180, 320), (200, 400)):
        picture = wall_test_card.picture(place, size, "display 1")
        assert picture.shape == (size[1], size[0], 4)
        assert (picture[..., 3] == 255).all()
