"""Define the options of unattended shows, and tell the supervisor's own from those of `fly`."""

from __future__ import annotations

import argparse
import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import time

from liveflight.cli import arguments as read
from liveflight.storage.named_files import SHOW_NAME

HEALTH_PORT = 9010
"""Beside OSC's 9000, and below the ports that Prometheus' exporters use by custom (9100 and up)."""

_SUPERVISED = "--supervised"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def add_fly(command: argparse.ArgumentParser) -> None:
    """Add the options of a show that runs by itself."""
    add = command.add_argument
    saved = "name of the show, under which it is saved (show)"
    add("--name", type=read.show_name, default=SHOW_NAME, help=saved)
    resume = "continue the show that was saved last, whatever preset, cues and controls are given"
    add("--resume", action="store_true", help=resume)
    keep = "save the show every 5 s, for --resume (`liveflight run` does so by itself)"
    add("--keep-state", action="store_true", help=keep)
    interval = "seconds between two saves (5); more spares an SD card"
    add("--keep-interval", type=read.number(1, 3600), default=5.0, metavar="S", help=interval)
    hours = 'show the picture only then: "tue-sun 10:00-18:00, fri 20:00-1:00"'
    add("--hours", type=read.hours, default=(), metavar="HOURS", help=hours)
    off = "turn the display off outside --hours, on X11; otherwise it shows black"
    add("--hours-display-off", action="store_true", help=off)
    add("--safe", action="store_true",
        help="the safe look: the embedded network and a shipped preset, on the processor; OSC and "
        "the web remote, no sound, MIDI, DMX, camera or other output")  # fmt: skip
    add(_SUPERVISED, action="store_true", help="the same as liveflight run")


def add_run(command: argparse.ArgumentParser) -> None:
    """Add the supervisor's own options to those of `fly`."""
    add = command.add_argument
    add("--restart-at", type=hour, metavar="HH:MM",
        help="start the show again once a day at this local time")  # fmt: skip
    add("--memory-limit", type=read.number(0, 1e5), metavar="GIB",
        help="memory from which it starts again (80 %% of the machine's); 0: none")  # fmt: skip
    add("--health-host", default="localhost", metavar="HOST",
        help="address of /health and /metrics (localhost)")  # fmt: skip
    add("--health-port", type=read.whole(0, 65535), default=HEALTH_PORT, metavar="PORT",
        help=f"their TCP port ({HEALTH_PORT}); 0: none")  # fmt: skip


def add_service(command: argparse.ArgumentParser) -> None:
    """Add the options of `install-service`."""
    add = command.add_argument
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--user", action="store_true",
        help="for the desktop of the user who runs this (default)")  # fmt: skip
    kind.add_argument("--system", action="store_true", help="for the whole machine; needs root")
    add("--name", type=name, default="liveflight", help="name of the service (liveflight)")
    add("--remove", action="store_true", help="end the service and remove its unit")
    add("--print", action="store_true", help="print the unit, and change nothing")
    add("options", nargs="*", metavar="-- OPTIONS", help="the options of liveflight run")


def supervised(given: Sequence[str]) -> list[str]:
    """Return the command line with `fly --supervised` as `run`."""
    words = list(given)
    if _SUPERVISED in words and words[0] in ("fly", "run", *(w for w in words if w[:1] == "-")):
        rest = [word for word in words if word != _SUPERVISED]
        return ["run", *(rest[1:] if rest[:1] in (["fly"], ["run"]) else rest)]
    return words


def without_own(given: Sequence[str]) -> list[str]:
    """Return the options of `run` without the supervisor's own; they have been parsed before."""
    own = argparse.ArgumentParser(add_help=False)
    add_run(own)
    return own.parse_known_args(list(given))[1]


def name(text: str) -> str:
    """Read the name of a show or service."""
    if not _NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not a name of letters, digits, - and _")
    return text


def hour(text: str) -> time:
    """Read a time of day: `HH:MM`."""
    found = re.fullmatch(r"(\d{1,2}):(\d\d)", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ArgumentTypeError(f"{text!r} is not a time of day such as 04:00")
    return time(int(found[1]), int(found[2]))
