"""OSC 1.0 messages and bundles, from bytes and into them.

python-osc's parsers decode the arguments. Its own list of them is not used: it knows no impulse,
warns through the root logger and lets faults of the text escape.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from pythonosc.parsing import osc_types

from liveflight.controllers.osc.packets import PacketError

Argument = float | int | bool | str | None
"""None is an impulse, nil, or no argument at all."""

MOST_ARGUMENTS = 16
FITS = 1400
"""Bytes of a bundle that no network on the way has to cut in two."""

_BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)
"""How a bundle begins, with the timetag that means at once."""

_PARSERS: dict[str, Callable[[bytes, int], tuple[Argument, int]]] = {
    "i": osc_types.get_int,
    "h": osc_types.get_int64,
    "f": osc_types.get_float,
    "d": osc_types.get_double,
    "s": osc_types.get_string,
    "S": osc_types.get_string,
}
_CONSTANTS: dict[str, Argument] = {"T": True, "F": False, "N": None, "I": None}
_STRANGE = {"b": "a blob", "r": "a colour", "m": "MIDI", "t": "a timetag"}
"""Types that no control takes."""
_SINGLE = {b",f\0\0": struct.Struct(">f"), b",i\0\0": struct.Struct(">i")}


def address_of(message: bytes) -> str:
    """Return the address of a message, whatever else is in it. Raises PacketError where it is no
    message."""
    if not message.startswith(b"/") or len(message) % 4:
        raise PacketError("a message begins with / and is a multiple of 4 bytes long")
    return message.partition(b"\0")[0].decode(errors="replace")


def decode(message: bytes) -> tuple[str, list[Argument]]:
    """Address and arguments of one message, a multiple of 4 bytes long; an array is what is in it.
    Raises PacketError."""
    try:
        if number := _SINGLE.get(message[-8:-4]):  # nearly all that surfaces ever send
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
    if not tags.startswith(",") or len(tags) > 1 + MOST_ARGUMENTS:
        raise PacketError(f"argument types begin with a comma and are at most {MOST_ARGUMENTS}")
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
    named = f"; {_STRANGE[tag]} is none" if tag in _STRANGE else ""
    raise PacketError(f"argument types are i h f d s S c T F N I{named}")


def encode(address: str, *arguments: Argument) -> bytes:
    """One message. Whole numbers have 32 bits, floats are single; None is an impulse."""
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
    encoded = text.encode(errors="backslashreplace")  # a preset's name is a file's: any bytes
    return encoded + bytes(4 - len(encoded) % 4)


def bundles(messages: Iterable[bytes]) -> list[bytes]:
    """The messages in their order, in as few bundles as they fit into; one that is longer than
    FITS travels alone."""
    found: list[bytes] = []
    for message in messages:
        element = struct.pack(">i", len(message)) + message
        if found and len(found[-1]) + len(element) <= FITS:
            found[-1] += element
        else:
            found.append(_BUNDLE + element)
    return found
