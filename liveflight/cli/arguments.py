"""Read and check the values of command-line options.

Each reader raises argparse.ArgumentTypeError, which names the value and what is allowed.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path

from liveflight.core import opening_hours
from liveflight.core.contracts import LiveflightError, Size, Value, nearest
from liveflight.core.controls import find
from liveflight.core.opening_hours import Hours

_MIN_SIDE_PX, _MAX_SIDE_PX = 16, 16384
_UNIVERSES = {"artnet": (0, 32767, 0), "sacn": (1, 63999, 1)}
"""The first, the last and the usual universe of each DMX protocol."""


def size(text: str, example: str = "320x180") -> Size:
    """Read `WIDTHxHEIGHT` in pixels; `example` is shown in the error."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is not of the form WIDTHxHEIGHT, such as {example}")
    sides = int(width[:9]), int(height[:9])
    if not all(_MIN_SIDE_PX <= side <= _MAX_SIDE_PX for side in sides):
        allowed = f"{_MIN_SIDE_PX} to {_MAX_SIDE_PX} pixels"
        raise ArgumentTypeError(f"{text!r}: each side is from {allowed}")
    return sides


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers from `low` to `high`."""

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
    """Read frames per second: a number from 1 to 1000, or a fraction such as 30000/1001.

    The usual decimals of 24, 30, 60 ... times 1000/1001, such as 23.976 and 29.97, stand for the
    exact fractions."""
    above, slash, below = text.partition("/")
    try:
        if slash and above.isdecimal() and below.isdecimal() and int(below):
            above = repr(int(above) / int(below))
        elif slash:
            above = text
        fps = number(1, 1000)(above)
    except (ArgumentTypeError, ValueError, OverflowError):  # also for hundreds of digits
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to 1000, or 30000/1001") from None
    nominal = round(fps * 1.001)
    exact, digits = nominal * 1000 / 1001, len(text.partition(".")[2])
    usual = digits >= 2 and (nominal % 24 == 0 or nominal % 30 == 0)
    return exact if usual and round(exact, digits) == fps else fps


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) < 12 and low <= int(text) <= high):
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def choice(allowed: Sequence[str]) -> Callable[[str], str]:
    """Return a reader of one of these lower-case names, in any case."""

    def read(text: str) -> str:
        if text.lower() not in allowed:
            near = nearest(text, allowed)
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}{near}")
        return text.lower()

    return read


def file(text: str) -> Path:
    """Read the path of a file or folder."""
    return Path(local(text))


def local(text: str) -> str:
    """Read a name or path, expanding `~` and `~user`: not every shell does so after `=`."""
    if "://" in text:
        raise ArgumentTypeError(f"{text!r} is a web address: download it, and give the file")
    return os.path.expanduser(text)


def stream(text: str) -> str:
    """Read the address of a stream, or the name of an .m3u8 file."""
    from liveflight.outputs.sinks import stream

    try:
        return stream.check(os.path.expanduser(text))
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None


def video_device(text: str) -> str:
    """Read the path of a video device."""
    if text and not text.startswith("/dev/"):
        raise ArgumentTypeError(f"{text!r} is not a video device such as /dev/video10")
    return text


def camera(text: str) -> str:
    """Read a camera, a video file, a test source or another program's output."""
    if "://" in text:
        raise ArgumentTypeError(
            f"{text!r} is a web address: download the video, or feed a live stream through a"
            " virtual camera, such as OBS has"
        )
    return os.path.expanduser(text)


def sound(text: str) -> str:
    """Read an existing sound file: a render cannot listen to devices."""
    text = local(text)
    if text and not os.path.isfile(text):
        raise ArgumentTypeError(f"{text!r}: there is no such file")
    return text


def setting(key: str) -> Callable[[str], Value]:
    """Return a reader of a control's value as a preset writes it."""

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
    """Read `GROUP.NAME=VALUE`: a control's key and its value in its unit."""
    key, equals, value = text.partition("=")
    try:
        control = find(key.strip())
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not of the form GROUP.NAME=VALUE")
    if control.kind in ("text", "trigger"):
        raise ArgumentTypeError(
            f"{control.key} is a {control.kind}: --set takes numbers, switches and choices"
        )
    return control.key, setting(control.key)(value.strip())


def show_name(text: str) -> str:
    """Read the name of a show."""
    from liveflight.storage import named_files

    try:
        named_files.check_name("show", text)
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def hours(text: str) -> tuple[Hours, ...]:
    """Read opening hours, such as `tue-sun 10:00-18:00`."""
    try:
        return opening_hours.parse(text)
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None


def host_and_port(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    if not (host and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise ArgumentTypeError(f"{text!r} is not of the form HOST:PORT, such as 192.168.1.20:9001")
    return host.strip("[]"), int(port)


def dmx(text: str) -> tuple[str, int]:
    """Read `artnet` or `sacn`, with or without `:UNIVERSE`."""
    protocol, colon, universe = text.lower().partition(":")
    if protocol not in _UNIVERSES:
        near = nearest(protocol, list(_UNIVERSES))
        raise ArgumentTypeError(f"{text!r} is neither artnet nor sacn, such as sacn:1{near}")
    low, high, usual = _UNIVERSES[protocol]
    if not colon:
        return protocol, usual
    try:
        return protocol, whole(low, high)(universe)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r}: {protocol}'s universes are {low} to {high}") from None
