"""Commands of rank 0: what arrives is what was said, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveflight.core.ascent import Upkeep
from liveflight.core.camera import IDENTITY, matrix
from liveflight.core.contracts import Ascent, LiveflightError, Target
from liveflight.core.tone import Tone
from liveflight.core.views import View
from liveflight.wall.commands import decode, encode

WARP = replace(
    IDENTITY,
    matrix=matrix(1.01, 0.3, 0.01, -0.1),
    amounts={"swirl": 0.1, "hue": 1 / 3},
    kaleidoscope=6,
    folded=0.7,
    phase=12.1,
    tone=Tone(1.1, -0.03),
)
MIX = {Target("vgg16", "conv4_1", 3): 0.25, Target("vgg16", "class", None, "otter"): 0.75}


def test_everything_that_a_frame_says_arrives_as_it_was() -> None:
    view = View(0.1, -0.2, 1 / 3, 0.05, 2, True)
    said = [
        ("begin", [[[view, MIX]], Ascent(objective="neuron"), 0.02, [64, 36]]),
        ("advance", [1 / 60, Upkeep(pull=0.3)]),
        ("present", [0.1, {"show.master": 0.5, "show.blackout": True}, 1.0, 7]),
        ("quit", []),
    ]
    assert decode(encode(said)) == said


def test_a_warp_arrives_with_every_bit() -> None:
    ((_, (warp,)),) = decode(encode([("move", [WARP])]))
    np.testing.assert_array_equal(warp.matrix, WARP.matrix)
    assert warp.matrix.dtype == np.float32
    plain = np.eye(3)
    assert replace(warp, matrix=plain) == replace(WARP, matrix=plain)


def test_what_cannot_be_sent_is_told_where_it_is_said() -> None:
    with pytest.raises(TypeError, match="object cannot be sent to other ranks"):
        encode([("move", [object()])])


@pytest.mark.parametrize(
    "message",
    [b"", b"\xff", b"[[]]", b"3", b'[["move",{"kind":"Popen"}]]', b'[["x",{"kind":"mix"}]]',
     b'[["x",{"kind":"View","x":1,"nothing":2}]]'],
)  # fmt: skip
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(LiveflightError, match="start all ranks with one version"):
        decode(message)
