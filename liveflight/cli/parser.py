"""The commands and their options, and what the options ask for."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from liveflight import __version__, engines
from liveflight.cli import arguments as read
from liveflight.cli import suggestions
from liveflight.core.contracts import LiveflightError, Value

if TYPE_CHECKING:
    from liveflight.diagnostics.bench.plan import Plan
    from liveflight.show.options import Options

RENDERED = 30.0
"""Frames per second of a video, where nobody asked for another rate."""

COMMANDS: Mapping[str, str] = {
    "fly": "open the window and fly (this is what no command does)",
    "render": "fly offline, into a video file or a folder of PNGs",
    "controls": "list every control with its OSC address",
    "networks": "list the networks, a network's layers, or the names of a layer's filters",
    "find": "list the filters that answer to a picture most",
    "atlas": "make a thumbnail of every filter of a network",
    "presets": "list the presets",
    "cues": "list the cue lists",
    "doctor": "say what works on this machine, and what to do about the rest",
    "bench": "measure how fast it is here, a few minutes; with everything, up to ten",
}


def parse(given: list[str]) -> argparse.Namespace:
    """The command and its options. No command is `fly`.

    Raises LiveflightError for what is not allowed, SystemExit after --help and --version."""
    named = bool(given) and given[0] in (*COMMANDS, "-h", "--help", "--version")
    parser, options = _parser()
    args, unknown = parser.parse_known_args(given if named else ["fly", *given])
    if unknown:
        command = args.command if named else ""
        raise LiveflightError(suggestions.advice(unknown[0], command, options))
    return args


def options(args: argparse.Namespace, **more: object) -> Options:
    """How the flight begins that was asked for."""
    from liveflight.show.options import Options

    settings: dict[str, Value] = dict(args.set)
    if args.steps is not None:
        settings["ascent.steps"] = args.steps
    names = "preset network layer filter weights canvas device engine seed fps".split()
    names += "cues record sound sound_once link image camera".split()
    given: dict[str, Any] = {name: getattr(args, name, None) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    if getattr(args, "replay", None):
        return _again(args, given)
    return Options(**{**given, **more, "settings": settings})


def controllers(args: argparse.Namespace) -> dict[str, object]:
    """The Options of the control surfaces that were asked for."""
    port = args.osc_port if args.oscquery_port is None else args.oscquery_port
    return {
        "osc_host": args.osc_host,
        "osc_port": args.osc_port,
        "osc_feedback": tuple(args.osc_feedback),
        "oscquery_host": args.oscquery_host,
        "oscquery_port": port,
        "midi": args.midi,
        "remote_save": args.allow_remote_save,
        "remote_downloads": args.allow_remote_downloads,
    }


def files(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """The files that the flight reads, and the one that it is recorded in, each with the option
    that names it."""
    names = ("image", "camera", "sound", "weights", "preset", "cues", "replay")
    named = [(f"--{name}", str(getattr(args, name, None) or "")) for name in names]
    camera = str(getattr(args, "camera", ""))
    if camera.startswith("lavfi:"):  # ffmpeg's own sources may read files: lavfi:movie=clip.mp4
        named += [("--camera", word) for word in re.split(r"[=:,;'\[\]]", camera)]
    found = [(option, Path(text)) for option, text in named if text and os.path.isfile(text)]
    return found + ([("--record", args.record)] if getattr(args, "record", None) else [])


def _again(args: argparse.Namespace, given: Mapping[str, Any]) -> Options:
    from liveflight.show.options import Options
    from liveflight.storage import recording

    for name in ("preset", "network", "layer", "filter", "cues", "set", "steps", "seed"):
        if getattr(args, name):
            raise LiveflightError(f"--{name} is what the log says: leave it out beside --replay")
    log = recording.read(args.replay)
    fps, canvas = args.fps or log.fps, args.canvas or log.canvas
    return Options(
        **{**given, "fps": fps, "canvas": canvas, "seed": log.seed},
        settings=log.settings,
        replay=log,
    )


def plan(args: argparse.Namespace) -> Plan:
    """What `bench` was asked to measure."""
    from liveflight.diagnostics.bench.plan import Plan

    return Plan(
        quick=args.quick,
        peers=args.peers or args.all,
        switches=args.switches or args.all,
        latency=args.latency or args.all,
        engines=tuple(dict.fromkeys(args.engine)),
        display_fps=args.display_fps,
        size=args.size or Plan.size,
        flight=options(args, engine=args.engine[0] if args.engine else "auto"),
    )


def _parser() -> tuple[argparse.ArgumentParser, dict[str, list[str]]]:
    """With every command's options."""
    parser = _Parser(
        prog="liveflight",
        description="Play a neural network's filters live.",
        epilog="`liveflight COMMAND --help` lists a command's options; fly's need no command.",
    )
    parser.add_argument("--version", action="version", version=f"liveflight {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    adders = {"fly": _add_fly, "render": _add_render, "networks": _add_networks}
    adders |= {"controls": _add_controls, "doctor": _add_doctor, "bench": _add_bench}
    adders |= {"find": _add_find, "atlas": _add_atlas}
    options = {}
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in adders:
            adders[name](command)
        options[name] = [each for each in command._option_string_actions if each[1:] != "-help"]
    return parser, options


def _add_fly(command: argparse.ArgumentParser) -> None:
    _add_flight(command)
    _add_preset(command)
    _add_engine(command)
    add = command.add_argument
    add("--fullscreen", action="store_true")
    add("--display", type=read.whole(0, 99), default=0, metavar="N", help="which screen")
    fps = "frames per second at most (60; 30 where the processor draws)"
    add("--fps", type=read.rate, help=fps)
    add("--allow-remote-save", action="store_true", help="snapshots may come over OSC")
    add("--allow-remote-downloads", action="store_true",
        help="so may presets and targets whose weights have to be downloaded")  # fmt: skip
    add("--osc-host", default="localhost", metavar="HOST", help="where OSC is heard (localhost)")
    _add_port(command)
    midi = "play by MIDI: all ports, or those with this word in their names"
    add("--midi", nargs="?", const="", metavar="PORT", help=midi)
    heard = "what modulation hears"
    add("--sound", type=read.local, default="", metavar="default|DEVICE|FILE", help=heard)
    add("--sound-once", action="store_true", help="a sound file ends, instead of looping")
    add("--no-render", action="store_true", help="without a display, end with code 2")
    add("--link", action="store_true", help="share the beat of the network's Ableton Link session")
    add("--osc-feedback", type=read.place, action="append", default=[], metavar="HOST:PORT",
        help="a surface that is told where the controls stand; may be repeated")  # fmt: skip
    add("--oscquery-host", default="localhost", metavar="HOST",
        help="where OSCQuery is served (localhost)")  # fmt: skip
    add("--oscquery-port", type=read.whole(0, 65535), metavar="PORT",
        help="its TCP port (OSC's number); 0: no OSCQuery")  # fmt: skip


def _add_render(command: argparse.ArgumentParser) -> None:
    _add_flight(command)
    _add_preset(command)
    _add_engine(command)
    add = command.add_argument
    add("--seconds", type=read.number(1e-3, 1e6), help="10, or as long as --replay")
    add("--fps", type=read.rate, help="30, or as in --replay; also 30000/1001")
    add("--replay", type=read.file, metavar="LOG", help="fly a recorded flight again")
    out = "a name in .mp4, or a folder for PNGs (flight.mp4, or the next number that is free)"
    add("--out", type=read.file, help=out)
    _add_overwrite(command, "out")
    sound = "what modulation hears, and the video sounds like"
    command.add_argument("--sound", type=read.sound, default="", metavar="FILE", help=sound)


def _add_controls(command: argparse.ArgumentParser) -> None:
    form = command.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as the page docs/controls.md")
    form.add_argument(
        "--open-stage-control", action="store_true", help="as a session of Open Stage Control"
    )


def _add_networks(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", default="")
    command.add_argument("layer", nargs="?", default="", help="one whose filters have names")
    command.add_argument("--all", action="store_true", help="torchvision's others too")


def _add_find(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("picture", type=read.file)
    add("--network", default="vgg16", help="see `liveflight networks` (vgg16)")
    _add_layers(command)
    add("--most", type=read.whole(1, 100), default=5, metavar="N", help="filters per layer (5)")
    add("--fly", action="store_true", help="fly the strongest one of the deepest layer, from noise")


def _add_atlas(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NETWORK", help="see `liveflight networks`")
    _add_layers(command)
    out = "a new folder, or one of an atlas (the user's own, where liveflight looks)"
    command.add_argument("--out", type=read.file, metavar="FOLDER", help=out)
    _add_device(command)
    _add_engine(command)


def _add_layers(command: argparse.ArgumentParser) -> None:
    help = "only these (all, without what rectifiers and pools only repeat)"
    command.add_argument("--layers", nargs="+", default=[], metavar="LAYER", help=help)


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    _add_port(command)


def _add_bench(command: argparse.ArgumentParser) -> None:
    _add_flight(command, "640x360")
    add = command.add_argument
    add("--quick", action="store_true", help="a minute's impression in place of a measurement")
    add(
        "--peers",
        action="store_true",
        help="autograd in turns, and the same ascent as others do it",
    )
    add("--switches", action="store_true", help="whether changes of target stall the picture")
    add("--latency", action="store_true", help="from an OSC packet to the picture")
    add("--all", action="store_true", help="peers, switches and latency")
    add("--engine", type=read.choice(engines.NAMES), action="append", default=[], metavar="NAME",
        help="measure this engine, and fly with it; may be repeated (all)")  # fmt: skip
    add("--display-fps", type=read.rate, metavar="N",
        help="the rate that is to be held (30 on a CPU, else 60)")  # fmt: skip
    add("--json", type=read.file, metavar="FILE", help="every figure, into this file")
    _add_overwrite(command, "json")
    add("--markdown", action="store_true", help="tables for a README")


def _add_overwrite(command: argparse.ArgumentParser, name: str) -> None:
    help = f"even where there is a file that --{name} names: it is replaced"
    command.add_argument("--overwrite", action="store_true", help=help)


def _add_flight(command: argparse.ArgumentParser, size: str = "1280x720") -> None:
    add = command.add_argument
    add("--network", default="", help="see `liveflight networks`")
    add("--layer", default="", help="see `liveflight networks NETWORK`")
    add("--filter", default="", metavar="N", help="its number or name, or * for the whole layer")
    kept = "the network's: .safetensors, .pth, .h5 or .onnx"
    add("--weights", type=read.file, metavar="FILE", help=kept)
    add("--canvas", type=read.size, metavar="WxH", help="the picture that is dreamed")
    shown = partial(read.size, example=size)
    add("--size", type=shown, metavar="WxH", help=f"the picture that is shown ({size})")
    add("--steps", type=read.setting("ascent.steps"), metavar="N", help="ascent steps per frame")
    add("--set", type=read.assignment, action="append", default=[], metavar="GROUP.NAME=VALUE",
        help="any control, in its unit; may be repeated")  # fmt: skip
    add("--seed", type=read.whole(0, 2**31 - 1), default=0, help="the noise it starts from")
    _add_device(command)


def _add_preset(command: argparse.ArgumentParser) -> None:
    help = "a preset's name, slot or file"
    add = command.add_argument
    add("--preset", type=read.local, default="", metavar="NAME|FILE.toml", help=help)
    cues = "plays a cue list, for ever"
    add("--cues", type=read.local, default="", metavar="NAME|FILE.toml", help=cues)
    record = "writes down what is played, for --replay; where there is one, FILE_2 and so on"
    add("--record", type=read.file, metavar="FILE", help=record)
    image = "start from this picture, and grow on it: see seed.amount"
    add("--image", type=read.file, metavar="FILE", help=image)
    camera = "grow on a camera (/dev/video0, 0, a name), a video file, or lavfi:SOURCE"
    add("--camera", type=read.camera, default="", metavar="DEVICE|FILE", help=camera)


def _add_engine(command: argparse.ArgumentParser) -> None:
    help = "what takes the ascent steps (auto: the fastest here)"
    names, metavar = read.choice(engines.NAMES), "|".join(engines.NAMES)
    command.add_argument("--engine", default="auto", type=names, metavar=metavar, help=help)


def _add_port(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--osc-port",
        type=read.whole(0, 65535),
        default=9000,
        metavar="PORT",
        help="9000; 0: no OSC",
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LiveflightError(f"{message}; `{self.prog} --help` lists what is allowed")
