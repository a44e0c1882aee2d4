from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.controllers.dmx.artnet import ArtNet
from liveflight.controllers.dmx.packets import DmxError, Levels


def packet(
    levels: bytes = b"\x01\x02",
    universe: int = 0,
    sequence: int = 0,
    code: int = 0x5000,
    version: int = 14,
    length: int | None = None,
) -> bytes:
    head = struct.pack("<8sH", b"Art-Net\0", code)
    low, high = universe & 255, universe >> 8
    size = len(levels) if length is None else length
    return head + struct.pack(">HBBBBH", version, sequence, 0, low, high, size) + levels


def test_an_artdmx_packet_has_a_universe_and_levels() -> None:
    read = ArtNet().read(packet(bytes(range(4)), universe=0x1234, sequence=7), "10.0.0.5")
    assert read == Levels("10.0.0.5", 0x1234, bytes(range(4)), 7)
    unnumbered = ArtNet().read(packet(bytes(512)), "10.0.0.5")
    assert unnumbered == Levels("10.0.0.5", 0, bytes(512), None)


def test_a_padded_packet_is_cut_to_its_length() -> None:
    read = ArtNet().read(packet(b"\x01\x02") + bytes(20), "")
    assert read is not None and read.levels == b"\x01\x02"


def test_other_packets_of_the_protocol_are_ignored() -> None:
    assert ArtNet().read(packet(code=0x2000), "") is None
    assert ArtNet().read(b"Art-Net\0\x00\x52\x00\x0e\x00\x00", "") is None


@pytest.mark.parametrize(
    ("datagram", "said"),
    [
        (b"", "not Art-Net"),
        (b"Art-Net\0\x00", "not Art-Net"),
        (b"art-net\0" + packet()[8:], "not Art-Net"),
        (packet()[:17], "cut off"),
        (packet(length=4), "cut off"),
        (packet(bytes(3)), "even number from 2 to 512"),
        (packet(b""), "even number from 2 to 512"),
        (packet(bytes(514)), "even number from 2 to 512"),
        (packet(version=13), "older than 14"),
        (packet(universe=0x8000), "above 32767"),
    ],
)
def test_what_is_wrong_is_refused(datagram: bytes, said: str) -> None:
    with pytest.raises(DmxError, match=said):
        ArtNet().read(datagram, "")


@given(st.binary(max_size=600), st.booleans())
def test_no_garbage_does_anything_else(garbage: bytes, tagged: bool) -> None:
    try:
        read = ArtNet().read(packet()[:10] + garbage if tagged else garbage, "")
    except DmxError:
        return
    assert read is None or 2 <= len(read.levels) <= 512
