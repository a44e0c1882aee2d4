from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.controllers.dmx import bindings as dmx_bindings
from liveflight.controllers.dmx.bindings import ChannelBinding, DmxMap
from liveflight.core.contracts import LiveflightError

BINDINGS = [
    ChannelBinding(1, "camera.zoom"),
    ChannelBinding(2, "camera.rotation", fine=3, takeover="pickup"),
    ChannelBinding(512, "show.preset", value="reef"),
    ChannelBinding(9, "mix.random"),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dmx.toml"
    dmx_bindings.write(dmx_bindings.dump(DmxMap(BINDINGS)), path)
    assert list(dmx_bindings.read(path)) == BINDINGS
    assert list(dmx_bindings.read(tmp_path / "none.toml")) == []


def test_a_channel_is_in_one_binding() -> None:
    bindings = DmxMap(BINDINGS)
    bindings.bind(ChannelBinding(3, "camera.speed"))
    assert [each.channel for each in bindings] == [1, 512, 9, 3], "3 was the fine channel of 2"
    bindings.bind(ChannelBinding(8, "camera.speed", fine=9))
    assert [each.channel for each in bindings] == [1, 512, 3, 8]
    assert bindings.forget("camera.speed") == 2
    assert [each.channel for each in bindings] == [1, 512]


def test_no_more_are_bound_than_can_be_read_again(tmp_path: Path) -> None:
    wide = [ChannelBinding(at, "tempo.beats_per_bar", at + 200, "pickup") for at in range(1, 100)]
    bindings = DmxMap(wide)
    dmx_bindings.write(dmx_bindings.dump(bindings), tmp_path / "dmx.toml")
    assert list(dmx_bindings.read(tmp_path / "dmx.toml")) == wide
    with pytest.raises(LiveflightError, match="99 channels are bound"):
        bindings.bind(ChannelBinding(512, "camera.zoom"))


def test_levels_are_fader_positions() -> None:
    coarse, fine = ChannelBinding(2, "camera.zoom"), ChannelBinding(2, "camera.zoom", fine=1)
    assert coarse.position(bytes([7, 255])) == 1.0
    assert coarse.position(bytes([7, 51])) == pytest.approx(0.2)
    assert fine.position(bytes([0x34, 0x12])) == 0x1234 / 0xFFFF
    assert coarse.position(bytes([7])) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"control": "camera.zooom"}, "did you mean 'camera.zoom'?"),
        ({"control": "show.fps"}, "control = 'show.fps'"),
        ({"control": "show.quit"}, "show.quit cannot be reached from the network"),
        ({"channel": 0}, "channel = '0': allowed is 1 to 512"),
        ({"channel": None}, "the binding of camera.zoom has no channel: 1 to 512"),
        ({"fine": 7}, "fine = 7: allowed is another channel than 7"),
        ({"takeover": "soft"}, "takeover = 'soft': allowed is pickup, jump"),
        ({"port": "Box"}, "a binding has no 'port'"),
        ({"control": "show.preset"}, "value = 'None': allowed is a line"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(change: dict[str, object], said: str) -> None:
    row = {"channel": 7, "control": "camera.zoom", **change}
    row = {key: value for key, value in row.items() if value is not None}
    with pytest.raises(LiveflightError) as refused:
        dmx_bindings.parse({"version": 1, "binding": [row]})
    assert said in str(refused.value)
