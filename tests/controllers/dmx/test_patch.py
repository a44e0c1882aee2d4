from __future__ import annotations

import pytest

from liveflight.controllers.binding_file import Takeover
from liveflight.controllers.dmx.bindings import ChannelBinding, DmxMap
from liveflight.controllers.dmx.patch import Patch
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Set, Trigger

FROM = "dmx:artnet 0"


def patch(
    key: str, takeover: Takeover = "jump", fine: int = 0, value: str = "", at: Value = 0.0
) -> Patch:
    made = Patch(DmxMap([ChannelBinding(1, key, fine, takeover, value)]), FROM)
    made.update({key: at}, [])
    return made


def sent(made: Patch, *levels: int, before: int | None = 0) -> list[Message]:
    """Send levels of channel 1, one after the other; return the messages."""
    found: list[Message] = []
    last = b"" if before is None else bytes([before])
    for level in levels:
        found += made.changed(last, bytes([level]))
        last = bytes([level])
    return found


def test_a_channel_moves_a_number_over_its_range() -> None:
    messages = sent(patch("camera.rotation"), 255, 255, 0, before=10)
    assert messages == [Set("camera.rotation", 180.0), Set("camera.rotation", -180.0)]
    assert all(isinstance(one, Set) and one.origin == FROM for one in messages)


def test_two_channels_move_it_in_fine_steps() -> None:
    made = patch("camera.rotation", fine=2)
    (message,) = made.changed(bytes([0x12, 0x33]), bytes([0x12, 0x34]))
    control = CONTROLS["camera.rotation"]
    assert message == Set("camera.rotation", control.from_position(0x1234 / 0xFFFF))


def test_a_switch_is_on_above_half_and_stays_as_it_is_within_a_side() -> None:
    assert sent(patch("show.freeze"), 100, 127, 128, 200, 255, 127) == [
        Set("show.freeze", True),
        Set("show.freeze", False),
    ]


def test_a_choice_goes_by_ranges() -> None:
    assert sent(patch("warp.mirror"), 63, 64, 127, 128, 255) == [
        Set("warp.mirror", word) for word in ("horizontal", "vertical", "both")
    ]


def test_a_trigger_fires_as_its_channel_rises() -> None:
    assert sent(patch("mix.random"), 127, 128, 255, 0, 255) == [Trigger("mix.random")] * 2
    assert sent(patch("mix.random"), 255, before=None) == [], "it may have been up for long"


def test_a_text_is_sent_as_its_channel_rises() -> None:
    assert sent(patch("show.preset", value="reef"), 255, 0) == [Set("show.preset", "reef")]


def test_first_levels_move_what_jumps() -> None:
    assert sent(patch("camera.rotation"), 255, before=None) == [Set("camera.rotation", 180.0)]
    assert sent(patch("camera.rotation", "pickup"), 255, before=None) == []


def test_a_channel_with_soft_takeover_waits_until_it_passes_its_control() -> None:
    made = patch("camera.rotation", "pickup")
    assert sent(made, 200, 150, before=255) == []
    assert made.waiting == "camera.rotation is at 50%, its knob at 59%: down"
    (message,) = sent(made, 100, before=150)
    assert isinstance(message, Set) and made.waiting == ""
    made.update({"camera.rotation": message.value}, [message])
    assert len(sent(made, 110, before=100)) == 1, "it holds it from then on"
    made.update({"camera.rotation": 90.0}, [Set("camera.rotation", 90.0, "key")])
    assert sent(made, 100, before=110) == [], "until someone else moves it"


def test_what_was_learned_moves_its_control_at_once() -> None:
    made = Patch(DmxMap(), FROM)
    assert made.bind(ChannelBinding(1, "show.freeze"), bytes([255])) == [Set("show.freeze", True)]
    assert made.bind(ChannelBinding(2, "mix.random"), bytes([0, 255])) == []


@pytest.mark.parametrize("levels", [b"", b"\x07"])
def test_a_channel_that_is_not_sent_moves_nothing(levels: bytes) -> None:
    made = Patch(DmxMap([ChannelBinding(9, "camera.zoom")]), FROM)
    assert made.changed(bytes(9), levels) == []
