from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from liveflight.controllers.osc.codec import (
    MAX_BUNDLE_BYTES,
    Argument,
    bundles,
    decode,
    encode,
)
from liveflight.controllers.osc.packets import PacketError, elements

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ARGUMENTS = (
    st.floats(width=32, allow_nan=False) | st.integers(-(2**31), 2**31 - 1) | WORDS | st.booleans()
)


@given(address=WORDS.map(lambda word: "/" + word), arguments=st.lists(ARGUMENTS, max_size=16))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_what_is_encoded_is_decoded_by_us_and_by_python_osc(
    address: str, arguments: list[Argument]
) -> None:
    message = encode(address, *arguments)
    assert len(message) % 4 == 0
    assert decode(message) == (address, arguments)
    theirs = OscMessage(message)
    assert (theirs.address, theirs.params) == (address, arguments)


def test_an_impulse() -> None:
    assert decode(encode("/a", None)) == ("/a", [None])


@pytest.mark.parametrize("address", [f"/{'a' * length}" for length in range(8)])
def test_single_numbers_are_read_whatever_the_addresss_length(address: str) -> None:
    assert decode(encode(address, 0.5)) == (address, [0.5])
    assert decode(encode(address, -7)) == (address, [-7])


@pytest.mark.parametrize(
    "message",
    [
        b"/abc,f\0\0" + bytes(4),  # no end of the address
        b"/a\0\0\0\0\0\0,f\0\0" + bytes(4),  # padded by more than it takes
        b"/\xff\0\0,f\0\0" + bytes(4),
    ],
)
def test_what_only_looks_like_a_single_number_is_refused(message: bytes) -> None:
    with pytest.raises(PacketError):
        decode(message)


def test_a_text_that_ends_like_types_is_a_text() -> None:
    assert decode(b"/a\0\0,s\0\0abcd,f\0\0") == ("/a", ["abcd,f"])


def test_a_name_of_bytes_that_are_no_text_is_sent_all_the_same() -> None:
    assert decode(encode("/preset", "caf\udce9")) == ("/preset", ["caf\\udce9"])


def test_bundles_are_as_few_as_fit_a_network_and_in_order() -> None:
    messages = [encode(f"/some/address/{number}", float(number)) for number in range(100)]
    found = bundles(messages)
    assert len(found) == 3
    assert all(len(datagram) <= MAX_BUNDLE_BYTES for datagram in found)
    assert [message for datagram in found for message in elements(datagram)] == messages
    assert sum(OscBundle(datagram).num_contents for datagram in found) == 100
    assert all(datagram[8:16] == struct.pack(">Q", 1) for datagram in found), "at once"
    assert bundles([]) == []
    assert [
        elements(one) for one in bundles([encode("/" + "x" * MAX_BUNDLE_BYTES), encode("/a")])
    ] == [
        [encode("/" + "x" * MAX_BUNDLE_BYTES)],
        [encode("/a")],
    ]
