"""What stands behind an option on the command line, read and checked. Each raises
argparse.ArgumentTypeError naming the value and what is allowed."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path

from liveflight.core.contracts import LiveflightError, Value, nearest
from liveflight.core.controls import find

Size = tuple[int, int]
"""Width and height in pixels."""

SMALLEST, LARGEST = 16, 16384


def size(text: str, example: str = "320x180") -> Size:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is not of the form WIDTHxHEIGHT, such as {example}")
    sides = int(width[:9]), int(height[:9])
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise ArgumentTypeError(f"{text!r}: each side is from {SMALLEST} to {LARGEST} pixels")
    return sides


def number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return read


def rate(text: str) -> float:
    """Frames per second: a number, or a fraction such as 30000/1001. The decimals in use for 24,
    30, 60 ... times 1000/1001, such as 23.976 and 29.97, are taken for those."""
    above, slash, below = text.partition("/")
    try:
        if slash and above.isdecimal() and below.isdecimal() and int(below):
            above = repr(int(above) / int(below))
        elif slash:
            above = text
        fps = number(1, 1000)(above)
    except (ArgumentTypeError, ValueError, OverflowError):  # hundreds of digits
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to 1000, or 30000/1001") from None
    nominal = round(fps * 1.001)
    exact, digits = nominal * 1000 / 1001, len(text.partition(".")[2])
    usual = digits >= 2 and (nominal % 24 == 0 or nominal % 30 == 0)
    return exact if usual and round(exact, digits) == fps else fps


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) < 12 and low <= int(text) <= high):
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def choice(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            near = nearest(text, allowed)
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}{near}")
        return text.lower()

    return read


def file(text: str) -> Path:
    """A file or folder to read or to write."""
    return Path(local(text))


def local(text: str) -> str:
    """A name, or a path, of which `~` and `~user` are expanded: not every shell does after `=`."""
    if "://" in text:
        raise ArgumentTypeError(f"{text!r} is an address: download it, and name the file")
    return os.path.expanduser(text)


def camera(text: str) -> str:
    """A camera, a video file or a test source."""
    if "://" in text:
        raise ArgumentTypeError(
            f"{text!r} is an address: download the video, or bring a live stream in by a virtual"
            " camera, such as OBS has"
        )
    return os.path.expanduser(text)


def sound(text: str) -> str:
    """A file that a render can hear: it has no time for devices."""
    text = local(text)
    if text and not os.path.isfile(text):
        raise ArgumentTypeError(f"{text!r}: there is no such file")
    return text


def setting(key: str) -> Callable[[str], Value]:
    """Reads a control's value as a preset would write it."""

    def read(text: str) -> Value:
        value: object = {"true": True, "false": False}.get(text.lower(), text)
        for kind in (int, float):
            if isinstance(value, str):
                try:
                    value = kind(text)
                except ValueError:
                    continue
        try:
            return find(key).check(value)
        except LiveflightError as error:
            raise ArgumentTypeError(str(error)) from None

    return read


def assignment(text: str) -> tuple[str, Value]:
    key, equals, value = text.partition("=")
    try:
        control = find(key.strip())
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not of the form GROUP.NAME=VALUE")
    if control.kind in ("text", "trigger"):
        raise ArgumentTypeError(f"{control.key} holds no number or choice that could be set")
    return control.key, setting(control.key)(value.strip())


def place(text: str) -> tuple[str, int]:
    """A host and a port, `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    if not (host and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise ArgumentTypeError(f"{text!r} is not of the form HOST:PORT, such as 192.168.1.20:9001")
    return host.strip("[]"), int(port)
