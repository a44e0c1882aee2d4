from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight.controllers.osc.packets import (
    MAX_DEPTH,
    MAX_MESSAGES,
    MAX_PACKET_BYTES,
    PacketError,
    elements,
)

A, B, C = b"/a\0\0", b"/b\0\0,\0\0\0", b"/c\0\0"
NOW = bytes(7) + b"\1"
LATER = bytes(range(248, 256))
"""A timetag that is years away."""


def bundle(*parts: bytes, timetag: bytes = NOW) -> bytes:
    return b"#bundle\0" + timetag + b"".join(struct.pack(">i", len(p)) + p for p in parts)


def nested(levels: int, packet: bytes = A) -> bytes:
    for _ in range(levels):
        packet = bundle(packet)
    return packet


def test_a_message_is_its_own_only_element() -> None:
    assert elements(A) == [A]


def test_the_messages_of_a_bundle_come_in_order_also_out_of_bundles_within_it() -> None:
    assert elements(bundle(A, B, C)) == [A, B, C]
    assert elements(bundle(A, bundle(B, bundle(C)), A)) == [A, B, C, A]


def test_an_empty_bundle_holds_nothing() -> None:
    assert elements(bundle()) == []


def test_timetags_are_ignored() -> None:
    assert elements(bundle(A, timetag=LATER)) == [A]


def test_bundles_of_python_osc_are_read() -> None:
    built = OscBundleBuilder(0)
    message = OscMessageBuilder("/camera/zoom")
    message.add_arg(0.5)
    built.add_content(message.build())
    built.add_content(message.build())
    assert elements(built.build().dgram) == [message.build().dgram] * 2


def test_the_bounds_themselves_are_allowed() -> None:
    assert elements(nested(MAX_DEPTH)) == [A]
    assert elements(bundle(*[A] * MAX_MESSAGES)) == [A] * MAX_MESSAGES
    assert len(elements(b"/" + bytes(MAX_PACKET_BYTES - 1))) == 1


@pytest.mark.parametrize(
    ("datagram", "cause"),
    {
        "too long": (b"/" + bytes(MAX_PACKET_BYTES), "longer than 16384 bytes"),
        "no timetag": (b"#bundle\0" + bytes(7), "before its timetag"),
        "half a size": (bundle() + b"\0\0", "within an element's size"),
        # python-osc reads this one for ever.
        "size -4": (bundle() + struct.pack(">i", -4), "size is above 0"),
        "size 0": (bundle() + bytes(4), "size is above 0"),
        "odd size": (bundle() + struct.pack(">i", 3) + b"/a\0", "multiple of 4"),
        "size beyond the end": (bundle() + struct.pack(">i", 8) + A, "inside its bundle"),
        "largest size": (bundle() + b"\x7f\xff\xff\xfc" + A, "inside its bundle"),
        "larger than its own bundle": (bundle(bundle() + struct.pack(">i", 8) + A, B), "inside"),
        "one level too deep": (nested(MAX_DEPTH + 1), "deeper than 8"),
        "very deep": (nested(400), "deeper than 8"),
        "one message too many": (bundle(*[A] * (MAX_MESSAGES + 1)), "more than 256"),
        "many empty bundles": (bundle(*[bundle()] * (MAX_MESSAGES + 1)), "more than 256"),
    }.values(),
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_no_osc_is_refused_whole(datagram: bytes, cause: str) -> None:
    with pytest.raises(PacketError, match=cause):
        elements(datagram)


def test_what_is_in_a_message_spoils_no_other() -> None:
    assert elements(bundle(A, b"abcd", B)) == [A, b"abcd", B]


def test_the_size_of_minus_4_takes_20_bytes() -> None:
    """Send the datagram on which python-osc hangs."""
    datagram = b"#bundle\0\0\0\0\0\0\0\0\1\xff\xff\xff\xfc"
    assert len(datagram) == 20
    with pytest.raises(PacketError):
        elements(datagram)


@given(st.recursive(st.sampled_from([A, B, C]), lambda inner: st.lists(inner, max_size=4)))
@settings(derandomize=True, deadline=None)
def test_any_tree_of_bundles_is_read_from_left_to_right(tree: bytes | list) -> None:
    def encoded(tree: bytes | list) -> bytes:
        return tree if isinstance(tree, bytes) else bundle(*map(encoded, tree))

    def leaves(tree: bytes | list) -> list[bytes]:
        return [tree] if isinstance(tree, bytes) else [leaf for sub in tree for leaf in leaves(sub)]

    def depth(tree: bytes | list) -> int:
        return 0 if isinstance(tree, bytes) else 1 + max(map(depth, tree), default=0)

    if depth(tree) <= MAX_DEPTH:
        assert elements(encoded(tree)) == leaves(tree)


@given(st.binary(max_size=64).map(lambda tail: bundle() + tail) | st.binary(max_size=64))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_random_bytes_are_messages_or_refused(datagram: bytes) -> None:
    try:
        found = elements(datagram)
    except PacketError:
        return
    assert b"".join(found) in datagram or datagram.startswith(b"#bundle")
