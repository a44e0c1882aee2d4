"""Parse the command line, and turn its options into settings."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liveflight.cli import run_options, suggestions, wall_options, wall_rank
from liveflight.cli.command_options import COMMANDS, make_parser
from liveflight.core.contracts import LiveflightError, Value

if TYPE_CHECKING:
    from liveflight.diagnostics.bench.plan import Plan
    from liveflight.show.options import Options

_FLYING = ("fly", "run", "render")
"""Commands that may be one rank of a wall."""

RENDER_FPS = 30.0
"""Frames per second of a video without `--fps`."""


def parse(given: list[str]) -> argparse.Namespace:
    """Return the command and its options; without a command it is `fly`.

    Raises LiveflightError for what is not allowed, SystemExit after --help and --version."""
    given = run_options.supervised(given)
    named = bool(given) and given[0] in (*COMMANDS, "-h", "--help", "--version")
    parser, options = make_parser()
    words = given if named else ["fly", *given]
    args, unknown = parser.parse_known_args(words)
    if not unknown and (more := wall_options.words_of_file(args)):
        args, unknown = parser.parse_known_args([words[0], *more, *words[1:]])
    if unknown:
        command = args.command if named else ""
        raise LiveflightError(suggestions.advice(unknown[0], command, options))
    if args.command == "wall":
        args.for_ranks = wall_options.for_ranks(args, given[1:])
        return parse(args.for_ranks) if wall_rank.is_one_rank(args) else args
    if args.command in _FLYING:
        wall_rank.settle(args)
    if args.command == "run":
        args.for_fly = run_options.without_own(given[1:])
    return args


def options(args: argparse.Namespace, **more: object) -> Options:
    """Return the options of the flight that was asked for; `more` come from elsewhere."""
    from liveflight.show.options import Options

    settings: dict[str, Value] = dict(args.set)
    if args.steps is not None:
        settings["ascent.steps"] = args.steps
    names = "preset network layer filter weights canvas view device engine seed fps".split()
    names += "cues record sound sound_once link image camera allow_flashing".split()
    given: dict[str, Any] = {name: getattr(args, name, None) for name in names}
    given["wall"] = getattr(args, "wall_place", None)
    given = {name: value for name, value in given.items() if value is not None}
    if getattr(args, "replay", None):
        return _replayed(args, given)
    return Options(**{**given, **more, "settings": settings})


def controllers(args: argparse.Namespace) -> dict[str, object]:
    """Return the options of the controllers and outputs that were asked for."""
    from liveflight.outputs.sinks import stream

    port = args.osc_port if args.oscquery_port is None else args.oscquery_port
    remote = args.remote or args.remote_host != "localhost"
    if remote and not port:
        option = "--remote" if args.remote else "--remote-host"
        raise LiveflightError(f"{option} needs OSCQuery's TCP port: set --oscquery-port 9000")
    if not getattr(args, "resume", False):  # a show that goes on continues its own files
        for url in args.stream:
            stream.check_new(url)
    return {
        "osc_host": args.osc_host,
        "osc_port": args.osc_port,
        "osc_feedback": tuple(args.osc_feedback),
        "oscquery_host": args.oscquery_host,
        "oscquery_port": port,
        "remote": remote,
        "remote_host": args.remote_host,
        "midi": args.midi,
        "dmx": args.dmx,
        "dmx_host": args.dmx_host,
        "streams": tuple(args.stream),
        "stream_megabits": args.stream_rate,
        "ndi": args.ndi,
        "spout": args.spout,
        "syphon": args.syphon,
        "virtual_camera": args.virtual_camera,
        "remote_save": args.allow_remote_save,
        "remote_downloads": args.allow_remote_downloads,
    }


def audience_display(args: argparse.Namespace) -> int:
    """Return the number of the display that has the picture."""
    return int(args.display if args.output_display is None else args.output_display)


def fills_display(args: argparse.Namespace) -> bool:
    """Return whether the picture begins in full screen."""
    return bool(args.fullscreen or args.kiosk or args.output_display is not None)


def files(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Return the files the flight reads and its recording, each with the option that names it."""
    names = ("image", "camera", "sound", "weights", "preset", "cues", "replay")
    named = [(f"--{name}", str(getattr(args, name, None) or "")) for name in names]
    camera = str(getattr(args, "camera", ""))
    if camera.startswith("lavfi:"):  # ffmpeg's own sources may read files: lavfi:movie=clip.mp4
        named += [("--camera", word) for word in re.split(r"[=:,;'\[\]]", camera)]
    found = [(option, Path(text)) for option, text in named if text and os.path.isfile(text)]
    return found + ([("--record", args.record)] if getattr(args, "record", None) else [])


_NOT_IN_A_LOOP = {
    "seconds": "a loop is as long as --loop says",
    "replay": "a recorded set ends where it ends",
    "sound": "a sound does not end as it began",
    "camera": "what a camera sees does not come back; --image does",
    "record": "a replay would not be the loop",
}


def check_loop(args: argparse.Namespace) -> None:
    """Raise LiveflightError where another option makes no sense with --loop."""
    for name, reason in _NOT_IN_A_LOOP.items():
        if getattr(args, name):
            raise LiveflightError(f"--{name} with --loop: {reason}: leave out one of them")


def _replayed(args: argparse.Namespace, given: Mapping[str, Any]) -> Options:
    from liveflight.show.options import Options
    from liveflight.storage import recording

    for name in ("preset", "network", "layer", "filter", "cues", "set", "steps", "seed"):
        if getattr(args, name):
            raise LiveflightError(f"--{name} comes from the recording: leave it out with --replay")
    log = recording.read(args.replay)
    fps, canvas = args.fps or log.fps, args.canvas or log.canvas
    return Options(
        **{**given, "fps": fps, "canvas": canvas, "seed": log.seed},
        settings=log.settings,
        replay=log,
    )


def plan(args: argparse.Namespace) -> Plan:
    """Return what `bench` was asked to measure."""
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
