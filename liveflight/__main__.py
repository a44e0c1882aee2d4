"""The command line: with `console` and `filter_commands` the only place that prints."""

from __future__ import annotations

from liveflight.system import signals

if __name__ == "__main__":
    signals.end_at_once()  # what follows takes a moment to import

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.cli import filter_commands, listings, parser
from liveflight.cli.arguments import Size
from liveflight.core.contracts import LiveflightError
from liveflight.storage import new_files
from liveflight.system import child_process, folders, logs, terminal
from liveflight.system.worker import THREAD, beside

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.show.start_flight import Options
    from liveflight.storage.new_files import IfTaken

SIZE = (1280, 720)
DEFAULT = Path("flight.mp4")
"""Where a video goes, or under the next number that is free, that was given no name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logs.start()
    signals.listen()
    try:
        args = parser.parse(given)
        code = COMMANDS[args.command](args)
        sys.stdout.flush()
        if args.command in LISTS and (why := terminal.undelivered()):
            raise LiveflightError(f"the list cannot be written: {why}")
        return code
    except LiveflightError as error:
        print(f"liveflight: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"liveflight: out of memory ({error}): try a smaller --canvas", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return signals.INTERRUPTED
    finally:
        signals.listen()


def fly(args: argparse.Namespace) -> int:
    """Opens the window and flies; without a display, renders ten seconds of the same instead."""
    signals.end_at_once()  # there is nothing to close, and libraries swallow what is raised
    from liveflight import app
    from liveflight.outputs import has_display

    if not has_display():
        signals.listen()
        if args.no_render:
            raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
        out = new_files.free(DEFAULT)
        said = f"no display here: rendering ten seconds to {out} instead"
        heard = args.sound if os.path.isfile(args.sound) else ""  # there is no time for devices
        options = parser.options(args, fps=30.0, sound=heard)
        return _render(options, 10.0, args.size or SIZE, out, said=said)
    flight, fps = _started(args)
    try:
        with signals.noted() as asked:
            app.run(flight, fps, asked)
            stopped = asked()
            flight.close()  # still within: a second Ctrl-C must not keep it from ending well
    finally:
        flight.close()
    return signals.INTERRUPTED if stopped else 0


def _started(args: argparse.Namespace) -> tuple[App, float]:
    """Open the window, and build the flight with its frames per second."""
    from liveflight import app, engines
    from liveflight.cli import console
    from liveflight.loop import frame_pacer
    from liveflight.outputs.window import Window

    beside(engines.preload, THREAD)
    window = Window(args.size or SIZE, fullscreen=args.fullscreen, display=args.display)
    fps = args.fps or frame_pacer.usual_rate(window.ctx.info["GL_RENDERER"])
    options = parser.options(args, fps=fps, **parser.controllers(args))
    for line in folders.unkept():
        logging.getLogger("liveflight").warning(line)
    return app.build(options, window, live=True, shown=console.Downloads()), fps


def render(args: argparse.Namespace) -> int:
    """Flies offline at a fixed time step, into a file."""
    out = args.out or (DEFAULT if args.overwrite else new_files.free(DEFAULT))
    new_files.check("--out", out, parser.files(args), overwrite=args.overwrite)
    options = parser.options(args, fps=args.fps or parser.RENDERED)
    seconds = args.seconds or (options.replay.seconds + 1 / options.fps if options.replay else 10.0)
    if_taken: IfTaken = "replace" if args.overwrite else "next"
    return _render(options, seconds, args.size or SIZE, out, if_taken)


def _render(
    options: Options,
    seconds: float,
    size: Size,
    out: Path,
    if_taken: IfTaken = "next",
    said: str = "",
) -> int:
    from liveflight import app
    from liveflight.cli import console
    from liveflight.outputs.offscreen import Offscreen
    from liveflight.outputs.sinks import open_sink
    from liveflight.outputs.sinks.video_encoding import Soundtrack

    frames = max(1, round(seconds * options.fps))
    sound = Soundtrack(Path(options.sound), frames) if options.sound else None
    sink = open_sink(out, size, options.fps, sound, if_taken)
    done = 0
    try:
        with sink:
            try:
                flight = app.build(
                    options,
                    Offscreen(size),
                    live=False,
                    sinks=[sink],
                    shown=console.Downloads(),
                )
                if said:  # what was asked for is there
                    print(said, flush=True)
                with closing(flight), console.progress(frames) as advance:
                    while done < frames:
                        signals.check()
                        flight.frame(done / options.fps)
                        done += 1
                        advance()
            finally:
                signals.note()  # a second Ctrl-C must not keep the video from ending well
    except KeyboardInterrupt:
        print(f"stopped: {done} frames in {sink.path.resolve()}" if done else "stopped: no frames")
        return signals.INTERRUPTED
    except Exception as error:
        if not done or not os.path.exists(sink.path):
            raise
        left = f"what there is of it is in {sink.path.resolve()}"
        if isinstance(error, LiveflightError):
            raise LiveflightError(f"{error}; {left}") from error
        print(f"liveflight: {left}", file=sys.stderr)
        raise
    print(f"{done} frames in {sink.path.resolve()}")
    return 0


def controls(args: argparse.Namespace) -> int:
    """Lists every control with its OSC address; or makes what is made from the list."""
    if args.markdown or args.open_stage_control:
        from liveflight.cli import controls_page

        made = controls_page.markdown() if args.markdown else controls_page.stage_control()
        print(made, end="")
        return 0
    _print(listings.lines(listings.controls()))
    print(
        "\nA plain address takes a fader position 0..1, or a name for a choice; ADDRESS/raw the"
        "\nunit listed; ADDRESS/add a signed step; a trigger takes nothing or 1; ? is answered."
    )
    return 0


def networks(args: argparse.Namespace) -> int:
    """Lists the networks, or one network's layers."""
    from liveflight.networks import network

    if not args.name:
        _print(listings.lines(listings.networks(args.all)))
        if not args.all:
            print("\nAny other of torchvision's classifiers flies too: --all lists them.")
        return 0
    known = network(args.name)
    if args.layer:
        _print(listings.lines(listings.filters(known, args.layer)))
        return 0
    print(f"{known.title}\n")
    _print(listings.lines(listings.layers(known)))
    return 0


def find(args: argparse.Namespace) -> int:
    """Lists the filters that answer to a picture most; flies the first of them where asked to."""
    first = filter_commands.find(args)
    return fly(parser.parse(["fly", *first])) if args.fly else 0


def presets(args: argparse.Namespace) -> int:
    """Lists the presets."""
    from liveflight.storage.presets import user_folder

    _print(listings.lines(listings.presets()))
    _print_own(user_folder())
    return 0


def cues(args: argparse.Namespace) -> int:
    """Lists the cue lists."""
    from liveflight.storage.cue_lists import user_folder

    _print(listings.lines(listings.cues()))
    _print_own(user_folder())
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Says what works on this machine; 1 where it cannot fly."""
    from liveflight.diagnostics import doctor as ward

    findings = []
    for finding in ward.examine(args.osc_port):
        findings.append(finding)
        _print(finding.lines())
    print(ward.verdict(findings))
    return 0 if ward.can_fly(findings) else 1


def bench(args: argparse.Namespace) -> int:
    """Measures and prints a table per topic; the figures go into --json too, even when stopped."""
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
        raise LiveflightError(f"the bench cannot begin: {error}; try liveflight doctor") from error
    finally:
        if args.json and topics:
            results_file.write(args.json, topics, "replace" if args.overwrite else "next")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fly": fly,
    "render": render,
    "controls": controls,
    "networks": networks,
    "find": find,
    "atlas": filter_commands.atlas,
    "presets": presets,
    "cues": cues,
    "doctor": doctor,
    "bench": bench,
}
LISTS = ("controls", "networks", "find", "presets", "cues")
"""Commands that do nothing but print."""


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_own(folder: Path) -> None:
    why = folders.unwritable(folder)
    print(f"\nYour own go into {folder}" + (f", but {why}" if why else ""))


def program() -> None:
    """`main` as a program of its own, which ends with it."""
    os.environ.update(child_process.environment())
    terminal.secure(queued=True)
    code = main()
    sys.stdout.flush()
    signals.end_at_once(code)  # all is closed; libraries' own ends would say a traceback
    if any(thread.name == THREAD for thread in threading.enumerate()):
        # A thread within torch's own code would abort the process as Python is taken down.
        logging.shutdown()
        terminal.drain()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    program()
