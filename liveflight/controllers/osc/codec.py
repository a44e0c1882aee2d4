"""Decode and encode OSC 1.0 messages and bundles.

python-osc's parsers decode the arguments. Its own message class is not used: it knows no impulse,
warns through the root logger and lets decoding errors of texts escape.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from pythonosc.parsing import osc_types

from liveflight.controllers.osc.packets import PacketError

Argument = float | int | bool | str | None
"""None stands for an impulse, nil, or no argument at all."""

MAX_ARGUMENTS = 16
MAX_BUNDLE_BYTES = 1400
"""Largest bundle that fits into one packet on every network on the way."""

_BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)
"""Head of a bundle, with the timetag that means at once."""

_PARSERS: dict[str, Callable[[bytes, int], tuple[Argument, int]]] = {
    "i": osc_types.get_int,
    "h": osc_types.get_int64,
    "f": osc_types.get_float,
    "d": osc_types.get_double,
    "s": osc_types.get_string,
    "S": osc_types.get_string,
}
_CONSTANTS: dict[str, Argument] = {"T": True, "F": False, "N": None, "I": None}
_REFUSED_TYPES = {"b": "a blob", "r": "a colour", "m": "MIDI", "t": "a timetag"}
"""Types of arguments that no control takes."""
_ONE_NUMBER = {b",f\0\0": struct.Struct(">f"), b",i\0\0": struct.Struct(">i")}


def address_of(message: bytes) -> str:
    """Return the address of a message without reading the rest. Raises PacketError."""
    if not message.startswith(b"/") or len(message) % 4:
        raise PacketError("a message begins with / and is a multiple of 4 bytes long")
    return message.partition(b"\0")[0].decode(errors="replace")


def decode(message: bytes) -> tuple[str, list[Argument]]:
    """Return the address and the arguments of one message, a multiple of 4 bytes long.

    Arrays are flattened. Raises PacketError."""
    try:
        if number := _ONE_NUMBER.get(
            message[-8:-4]
        ):  # one number: nearly all that surfaces ever send
            address = message[:-8].rstrip(b"\0")
            if b"\0" not in address and len(address) // 4 == len(message) // 4 - 3:
                return address.decode(), list(number.unpack_from(message, len(message) - 4))
        return _decoded(message)
    except osc_types.ParseError:
        raise PacketError("the message ends before its arguments do") from None
    except UnicodeDecodeError:
        raise PacketError("texts are UTF-8") from None


def _decoded(message: bytes) -> tuple[str, list[Argument]]:
    address, place = osc_types.get_string(message, 0)
    tags, place = osc_types.get_string(message, place) if message[place:] else (",", place)
    if not tags.startswith(",") or len(tags) > 1 + MAX_ARGUMENTS:
        raise PacketError(f"argument types begin with a comma and are at most {MAX_ARGUMENTS}")
    arguments: list[Argument] = []
    for tag in tags[1:].replace("[", "").replace("]", ""):
        argument, place = _argument(tag, message, place)
        arguments.append(argument)
    if place != len(message):
        raise PacketError("the message does not end with its last argument")
    return address, arguments


def _argument(tag: str, message: bytes, place: int) -> tuple[Argument, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], place
    if tag in _PARSERS:
        return _PARSERS[tag](message, place)
    if tag == "c":
        code, place = osc_types.get_int(message, place)
        return chr(code % 128), place
    named = f"; {_REFUSED_TYPES[tag]} is not allowed" if tag in _REFUSED_TYPES else ""
    raise PacketError(f"argument types are i h f d s S c T F N I{named}")


def encode(address: str, *arguments: Argument) -> bytes:
    """Return one message. Integers have 32 bits, floats are single; None is an impulse."""
    tags, content = ",", b""
    for argument in arguments:
        match argument:
            case bool():
                tags += "T" if argument else "F"
            case int():
                tags, content = tags + "i", content + struct.pack(">i", argument)
            case float():
                tags, content = tags + "f", content + struct.pack(">f", argument)
            case str():
                tags, content = tags + "s", content + _text(argument)
            case None:
                tags += "I"
    return _text(address) + _text(tags) + content


def _text(text: str) -> bytes:
    encoded = text.encode(errors="backslashreplace")  # a preset's name is a file name: any bytes
    return encoded + bytes(4 - len(encoded) % 4)


def bundles(messages: Iterable[bytes]) -> list[bytes]:
    """Return bundles of the messages in their order, each of MAX_BUNDLE_BYTES at most.

    A message that is longer has a bundle of its own."""
    found: list[bytes] = []
    for message in messages:
        element = struct.pack(">i", len(message)) + message
        if found and len(found[-1]) + len(element) <= MAX_BUNDLE_BYTES:
            found[-1] += element
        else:
            found.append(_BUNDLE + element)
    return found
