from __future__ import annotations

import re
from typing import Any

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.wall import wall_file
from liveflight.wall.layout import NOTHING, Layout, Length
from liveflight.wall.wall_file import Installation

LEAST = {"version": 1, "wall": "2x1"}


def test_a_file_says_what_the_options_say() -> None:
    data = {
        **LEAST,
        "canvas": "3840x1080",
        "displays": [1, 0],
        "windows": True,
        "bezel": ["8mm", 12],
        "pitch": 0.25,
        "rotations": [0, 90],
        "master": "192.168.1.20:29501",
        "interface": "auto",
        "allow-unequal": True,
        "options": ["--cues", "exhibition"],
    }
    assert set(data) <= set(wall_file.KEYS)
    gaps = (Length(8, "mm"), Length(12))
    assert wall_file.read(data) == Installation(
        Layout(2, 1, gaps=gaps, rotations=(0, 90), displays=(1, 0), pitch_mm=0.25),
        (3840, 1080),
        windows=True,
        master=("192.168.1.20", 29501),
        interface="auto",
        allow_unequal=True,
        options=("--cues", "exhibition"),
    )


def test_one_value_is_for_both_directions() -> None:
    found = wall_file.read({**LEAST, "overlap": 200, "rotations": 180, "display-width": 600})
    assert found.layout == Layout(2, 1, overlaps=(200, 200), rotations=(180,), width_mm=600.0)
    assert wall_file.read({**LEAST, "bezel": "8mm"}).layout.gaps == (Length(8, "mm"),) * 2
    assert wall_file.read(LEAST) == Installation(Layout(2, 1, gaps=(NOTHING, NOTHING)))


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"wall": 2}, "wall = 2: write text in quotation marks"),
        ({"wall": "2 by 1"}, "'2 by 1' is not of the form COLUMNSxROWS, such as 2x1"),
        ({"canvas": [3840, 1080]}, "canvas = [3840, 1080]: write text in quotation marks"),
        ({"canvas": "3840"}, "canvas = '3840': write \"WIDTHxHEIGHT\" in pixels, such as "
         '"3840x1080"'),
        ({"displays": ["a"]}, "displays = 'a': write a whole number from 0 on"),
        ({"displays": [True]}, "displays = True: write a whole number from 0 on"),
        ({"bezel": "8cm"}, "bezel: '8cm' is not a length such as 12 (pixels) or 8mm"),
        ({"bezel": [1, 2, 3]}, "bezel = [1, 2, 3]: write one value, or two: [across, down]"),
        ({"bezel": float("nan")}, "bezel = nan: write a number from 0 on"),
        ({"pitch": -1}, "pitch = -1: write a number from 0 on"),
        ({"overlap": 2.5}, "overlap = 2.5: write a whole number from 0 on"),
        ({"windows": "yes"}, "windows = 'yes': write true or false"),
        ({"master": "10.0.0.1"}, "master = '10.0.0.1': write \"HOST:PORT\", such as "
         '"192.168.1.20:29500"'),
        ({"master": "host:70000"}, "master = 'host:70000': write \"HOST:PORT\", such as "
         '"192.168.1.20:29500"'),
        ({"options": "--cues a"}, "options = '--cues a': write the words of a command line, such as"
         ' ["--cues", "exhibition"]'),
        ({"options": ["--rank=1"]},
         "options: '--rank=1' belongs on the command line: leave it out"),
    ],
)  # fmt: skip
def test_mistakes_name_the_key_and_what_to_write(entry: dict[str, Any], error: str) -> None:
    with pytest.raises(LiveflightError, match=f"^{re.escape(error)}$"):
        wall_file.read({**LEAST, **entry})


def test_a_file_without_a_wall_says_how_to_write_one() -> None:
    with pytest.raises(LiveflightError, match='write wall = "COLUMNSxROWS"'):
        wall_file.read({"version": 1})
