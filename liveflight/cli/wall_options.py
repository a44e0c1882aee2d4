"""Define the options of a wall, and read the wall that they and its file describe."""

from __future__ import annotations

import argparse
import os
import socket
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from liveflight.cli import arguments as read
from liveflight.cli import run_options
from liveflight.core.contracts import LiveflightError
from liveflight.storage import named_files
from liveflight.wall import layout, wall_file
from liveflight.wall.layout import Layout
from liveflight.wall.place import DEFAULT_PORT, LOOPBACK
from liveflight.wall.tiles import Wall
from liveflight.wall.wall_file import Installation

_T = TypeVar("_T")


def add(command: argparse.ArgumentParser, *, named: bool = True) -> None:
    """Add the options of a wall; `named`: --wall too, where it is no word of its own."""
    put = command.add_argument
    if named:
        wall = "show one tile of a wall of displays: see `liveflight wall`"
        put("--wall", type=spec, metavar="COLUMNSxROWS|FILE.toml", help=wall)
    put("--wall-displays", type=_listed(read.whole(0, layout.MOST_DISPLAY)), metavar="N,N...",
        help="the display of each rank, row by row, on its own machine")  # fmt: skip
    put("--wall-windows", action="store_true", help="show the tiles in windows, for trials")
    bezel = "canvas hidden between two pictures, both bezels together; across,down"
    put("--bezel", type=_pair(layout.length), metavar="12|8mm[,...]", help=bezel)
    pitch = "millimetres from pixel to pixel of a display, for bezels in mm"
    put("--pitch", type=read.number(1e-3, 1e3), metavar="MM", help=pitch)
    width = "or the width of a display's picture as it hangs"
    put("--display-width", type=read.number(1, 1e6), metavar="MM", help=width)
    overlap = "pixels that two projectors both show, with soft edges; across,down"
    put("--overlap", type=_pair(read.whole(0, 16384)), metavar="200[,...]", help=overlap)
    turned = "degrees that each picture is turned clockwise on its display: 0, 90, 180, 270"
    put("--rotations", type=_listed(read.whole(0, 270)), metavar="0,90,...", help=turned)
    put("--rank", type=read.whole(0, layout.MOST_RANKS - 1), metavar="R",
        help="the rank of this process, where others are on other machines")  # fmt: skip
    put("--world", type=read.whole(1, layout.MOST_RANKS), metavar="N", help="number of all ranks")
    master = f"where rank 0 is met ({LOOPBACK}:{DEFAULT_PORT})"
    put("--master", type=read.host_and_port, metavar="HOST:PORT", help=master)
    own = f"this machine's address for the wall ({LOOPBACK}); auto: the one towards --master"
    put("--interface", type=_interface, metavar="ADDRESS|auto", help=own)
    put("--allow-unequal", action="store_true", help="let the ranks have different GPUs")


def add_test_card(command: argparse.ArgumentParser) -> None:
    """Add --test-card."""
    card = "show a test card on each display: rank, size, neighbours, a grid over all"
    command.add_argument("--test-card", action="store_true", help=card)


def add_check(command: argparse.ArgumentParser) -> None:
    """Add the options by which `doctor` checks a wall."""
    add(command)
    put = command.add_argument
    canvas = "size of the wall's canvas, over all displays"
    put("--canvas", type=read.size, metavar="WxH", help=canvas)
    put("--network", default="vgg16", help="the show's network, whose weights are compared (vgg16)")
    put("--weights", type=read.file, metavar="FILE", help="its weights, where the show has them")
    put("--device", default="auto", help="auto, cuda, mps or cpu")


def for_ranks(args: argparse.Namespace, given: Sequence[str]) -> list[str]:
    """Return the command of one rank for the words after `wall`, without its rank.

    A test card needs no supervisor."""
    words = list(given)
    # The wall is the first word or, after options, most likely the last that is like it.
    places = [index for index, word in enumerate(words) if os.path.expanduser(word) == args.wall]
    del words[0 if 0 in places else places[-1]]
    if args.test_card:
        return ["fly", "--wall", args.wall, *run_options.without_own(words)]
    return ["run", "--wall", args.wall, *words]


def words_of_file(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the options that a wall's file gives to the show; none without such a file."""
    found = getattr(args, "wall", None)
    if args.command not in ("fly", "run", "render", "wall") or not found:
        return ()
    path = named_files.as_path(found)
    return _file(path).options if path else ()


def installation(args: argparse.Namespace) -> Installation:
    """Return the wall that the options and its file describe; an option counts before the file.

    Raises LiveflightError."""
    found = _file(Path(args.wall)) if named_files.as_path(args.wall) else None
    found = found or Installation(Layout(*layout.grid(args.wall)))
    given: dict[str, Any] = {
        "gaps": args.bezel,
        "overlaps": args.overlap,
        "rotations": args.rotations,
        "displays": args.wall_displays,
        "pitch_mm": args.pitch,
        "width_mm": args.display_width,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return replace(
        found,
        layout=replace(found.layout, **given),
        canvas=args.canvas or found.canvas,
        windows=args.wall_windows or found.windows,
        master=args.master or found.master,
        interface=args.interface or found.interface,
        allow_unequal=args.allow_unequal or found.allow_unequal,
    )


def wall(found: Installation) -> Wall:
    """Return the tiles. Raises LiveflightError where they or the canvas do not fit."""
    if found.canvas is None:
        raise LiveflightError(
            "a wall needs the size of its canvas: --canvas WIDTHxHEIGHT, over all displays, such as"
            " 3840x1080"
        )
    return found.layout.wall(found.canvas)


def spec(text: str) -> str:
    """Read a wall: COLUMNSxROWS, or the name of a .toml file."""
    if named_files.as_path(text):
        return read.local(text)
    return text if _checked(layout.grid, text) else ""


def _file(path: Path) -> Installation:
    with named_files.reading("wall", path):
        if not path.exists():
            raise LiveflightError("there is no such file")
        data = named_files.toml(path)
        named_files.check_head(data, wall_file.VERSION, wall_file.KEYS)
        return wall_file.read(data)


def _checked(reader: Callable[[str], _T], text: str) -> _T:
    try:
        return reader(text)
    except LiveflightError as error:
        raise ArgumentTypeError(str(error)) from None


def _listed(reader: Callable[[str], _T]) -> Callable[[str], tuple[_T, ...]]:
    """Return a reader of values with commas between them."""
    return lambda text: tuple(_checked(reader, each.strip()) for each in text.split(","))


def _pair(reader: Callable[[str], _T]) -> Callable[[str], tuple[_T, _T]]:
    """Return a reader of a value across and down; one is for both."""

    def read(text: str) -> tuple[_T, _T]:
        found = _listed(reader)(text)
        if len(found) > 2:
            raise ArgumentTypeError(f"{text!r}: give one value, or two: ACROSS,DOWN")
        return found[0], found[-1]

    return read


def _interface(text: str) -> str:
    if text == "auto":
        return text
    try:
        return str(socket.getaddrinfo(text, None, flags=socket.AI_NUMERICHOST)[0][4][0])
    except OSError:
        raise ArgumentTypeError(
            f"{text!r} is no address of this machine such as 192.168.1.21, and not auto"
        ) from None
