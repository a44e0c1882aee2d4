from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacn.messages.data_packet import DataPacket

from liveflight.controllers.dmx.packets import DmxError, Levels
from liveflight.controllers.dmx.sacn import Sacn
from liveflight.core.contracts import LiveflightError

CID = tuple(range(16))


@pytest.fixture
def sacn() -> Sacn:
    protocol = Sacn()
    protocol.load()
    return protocol


def packet(**fields: object) -> bytes:
    made = {"cid": CID, "sourceName": "Desk", "universe": 7, "dmxData": (1, 2, 3), **fields}
    return bytes(DataPacket(**made).getBytes())


def test_a_data_packet_has_a_source_a_priority_and_levels(sacn: Sacn) -> None:
    read = sacn.read(packet(priority=150, sequence=9), "10.0.0.5")
    levels = b"\x01\x02\x03" + bytes(509)
    assert read == Levels(bytes(CID).hex(), 7, levels, 9, 150)


def test_a_source_may_send_fewer_channels(sacn: Sacn) -> None:
    short = bytearray(packet()[: 126 + 3])
    short[123:125] = (4).to_bytes(2, "big")
    read = sacn.read(bytes(short), "")
    assert read is not None and read.levels == b"\x01\x02\x03"


def test_a_source_says_that_it_ends(sacn: Sacn) -> None:
    read = sacn.read(packet(streamTerminated=True), "")
    assert read is not None and read.ended


def test_previews_other_start_codes_and_other_packets_are_ignored(sacn: Sacn) -> None:
    assert sacn.read(packet(previewData=True), "") is None
    assert sacn.read(packet(dmxStartCode=0xDD), "") is None
    other = bytearray(packet())
    other[21] = 8
    assert sacn.read(bytes(other), "") is None


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (4, b"X", "not sACN"),
        (43, b"\x07", "not those of E1.31"),
        (44, b"\xff\xff", "not those of E1.31"),
        (108, b"\xc9", "not those of E1.31"),
        (113, b"\0\0", "not those of E1.31"),
        (123, b"\x02\x02", "more than 512"),
    ],
)
def test_what_is_wrong_is_refused(sacn: Sacn, at: int, value: bytes, said: str) -> None:
    datagram = bytearray(packet())
    datagram[at : at + len(value)] = value
    with pytest.raises(DmxError, match=said):
        sacn.read(bytes(datagram), "")


@given(st.binary(max_size=700), st.integers(0, 130))
def test_no_garbage_does_anything_else(garbage: bytes, kept: int) -> None:
    sacn = Sacn()
    sacn.load()
    try:
        read = sacn.read(packet()[:kept] + garbage, "")
    except DmxError:
        return
    assert read is None or (len(read.levels) <= 512 and 0 <= read.priority <= 200)


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sacn.messages", None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[dmx\]"'):
        Sacn().load()


def test_each_universe_has_a_multicast_group(sacn: Sacn) -> None:
    assert sacn.group(0x0102) == "239.255.1.2"
