"""Run the commands of the command line and print what they find.

Each command imports what it needs when it runs, so that `--help` and the lists stay quick.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from liveflight.cli import (
    crash_command,
    filter_commands,
    fly_command,
    listings,
    parser,
    render_command,
    run_command,
    service_command,
    wall_command,
)
from liveflight.core.contracts import LiveflightError
from liveflight.storage import new_files
from liveflight.system import folders, terminal


def controls(args: argparse.Namespace) -> int:
    """List every control with its OSC address, or print a page made from the list."""
    if args.markdown or args.open_stage_control:
        from liveflight.cli import controls_page

        page = controls_page.markdown() if args.markdown else controls_page.stage_control()
        print(page, end="")
        return 0
    _print(listings.lines(listings.controls()))
    print(
        "\nA plain address takes a fader position 0..1, or the name of a choice; ADDRESS/raw takes"
        "\nthe unit listed; ADDRESS/add a signed step. A trigger takes nothing or 1. Send ? to ask"
        "\nfor a value."
    )
    return 0


def networks(args: argparse.Namespace) -> int:
    """List the networks, one network's layers, or the names of a layer's filters."""
    from liveflight.networks import network

    if not args.name:
        _print(listings.lines(listings.networks(args.all)))
        if not args.all:
            print("\nThe other classifiers of torchvision can be flown too: --all lists them.")
        return 0
    known = network(args.name)
    if args.layer:
        _print(listings.lines(listings.filters(known, args.layer)))
        return 0
    print(f"{known.title}\n")
    _print(listings.lines(listings.layers(known)))
    return 0


def find(args: argparse.Namespace) -> int:
    """List the filters that respond most to a picture, and fly the first where asked to."""
    first = filter_commands.find(args)
    return fly_command.fly(parser.parse(["fly", *first])) if args.fly else 0


def presets(args: argparse.Namespace) -> int:
    """List the presets."""
    from liveflight.storage.presets import user_folder

    _print(listings.lines(listings.presets()))
    _print_own(user_folder())
    return 0


def cues(args: argparse.Namespace) -> int:
    """List the cue lists."""
    from liveflight.storage.cue_lists import user_folder

    _print(listings.lines(listings.cues()))
    _print_own(user_folder())
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Print what works on this machine; return 1 where nothing can fly."""
    from liveflight.diagnostics import doctor

    if args.last:
        _print(crash_command.last(args.name))
        return 0
    if args.wall:
        return wall_command.doctor(args)
    findings = []
    for finding in doctor.examine(args.osc_port):
        findings.append(finding)
        _print(finding.lines())
    print(doctor.verdict(findings))
    return 0 if doctor.can_fly(findings) else 1


def bench(args: argparse.Namespace) -> int:
    """Measure and print a table per topic; write the figures to --json, even when stopped."""
    from liveflight.cli import console
    from liveflight.diagnostics.bench import results_file, suite
    from liveflight.system.child_process import ChildError

    if args.json:
        new_files.check("--json", args.json, parser.files(args), overwrite=args.overwrite)
        results_file.check(args.json)
    topics: list[suite.Topic] = []
    begun = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - begun:4.0f} s  {text}", file=sys.stderr, flush=True)

    try:
        for topic in suite.run(parser.plan(args), say):
            topics.append(topic)
            for table in topic.tables:
                console.draw(table, args.markdown)
            if terminal.reader_gone() and not args.json:
                break
    except ChildError as error:
        raise LiveflightError(f"the bench cannot start: {error}; try liveflight doctor") from error
    finally:
        if args.json and topics:
            results_file.write(args.json, topics, "replace" if args.overwrite else "next")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fly": fly_command.fly,
    "run": run_command.run,
    "wall": wall_command.wall,
    "render": render_command.render,
    "controls": controls,
    "networks": networks,
    "find": find,
    "atlas": filter_commands.atlas,
    "presets": presets,
    "cues": cues,
    "install-service": service_command.install,
    "doctor": doctor,
    "bench": bench,
}
LISTS = ("controls", "networks", "find", "presets", "cues")
"""Commands that only print."""


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_own(folder: Path) -> None:
    why = folders.unwritable(folder)
    print(f"\nYour own are saved in {folder}" + (f", but {why}" if why else ""))
