"""Run the commands of the command line and print what they find.

Each command imports what it needs when it runs, so that `--help` and the lists stay quick.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.cli import filter_commands, listings, parser, unattended
from liveflight.core.contracts import LiveflightError, Size
from liveflight.core.loop_plan import LoopPlan
from liveflight.storage import new_files
from liveflight.system import folders, signals, terminal
from liveflight.system.worker import BUSY_NAME, start_thread

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.outputs.performer_window import PerformerWindow
    from liveflight.outputs.window import Window
    from liveflight.show.options import Options
    from liveflight.storage.new_files import IfTaken
    from liveflight.storage.saved_state import SavedState

DEFAULT_SIZE = (1280, 720)
PERFORMER_SIZE, SMALL_SIZE = (960, 540), (640, 360)
"""Sizes of the performer's window, where a GPU draws and where the processor does."""
DEFAULT_VIDEO = Path("flight.mp4")
"""The name of a video without `--out`; a number is added where it is taken."""


def fly(args: argparse.Namespace) -> int:
    """Open the window and fly; without a display, render ten seconds instead."""
    signals.exit_at_once()  # nothing is open yet, and libraries swallow exceptions
    from liveflight.loop import live_loop
    from liveflight.outputs import has_display

    if not has_display():
        signals.raise_interrupts()
        if args.no_render:
            raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
        out = new_files.free(DEFAULT_VIDEO)
        notice = f"no display here: rendering ten seconds to {out} instead"
        sound = args.sound if os.path.isfile(args.sound) else ""  # a render cannot use devices
        options = parser.options(args, fps=30.0, sound=sound)
        return render_video(options, 10.0, args.size or DEFAULT_SIZE, out, notice=notice)
    resumed = unattended.saved(args)
    flight, fps = _build_in_window(args, resumed)
    try:
        saver = unattended.equip(flight, args, resumed)
        with signals.deferred() as asked:
            live_loop.run(flight, fps, asked)
            stopped = asked()
            if saver:
                saver.end()
            flight.close()  # still deferred: a second Ctrl-C must not cut it off
    finally:
        flight.close()
    return signals.INTERRUPTED if stopped else 0


def _build_in_window(args: argparse.Namespace, resumed: SavedState | None) -> tuple[App, float]:
    """Open the window, and return the flight with its frames per second."""
    from liveflight import app, engines
    from liveflight.cli import console
    from liveflight.loop import first_picture, frame_pacer
    from liveflight.loop.performer_view import PerformerView

    if not resumed:
        start_thread(engines.preload, BUSY_NAME)
    window, performer = _open_windows(args)
    if resumed:  # its picture first: the preload would take the processor for a second
        if unattended.is_open(args):
            first_picture.show(window, resumed)
        start_thread(engines.preload, BUSY_NAME)
    fps = args.fps or frame_pacer.usual_rate(window.ctx.info["GL_RENDERER"])
    options = parser.options(args, fps=fps, resume=resumed, **parser.controllers(args))
    for line in folders.warnings():
        logging.getLogger("liveflight").warning(line)
    shown, show_link = console.Downloads(), console.show_link
    flight = app.build(options, window, live=True, shown=shown, show_link=show_link)
    if not resumed:  # after a crash there is an audience, and no newcomer
        flight.overlay.greeting.begin()
    if performer:
        preview = flight.presenter.preview
        flight.overlay.performer = PerformerView(window.ctx, performer, preview)
    return flight, fps


def _open_windows(args: argparse.Namespace) -> tuple[Window, PerformerWindow | None]:
    """Open the audience's window and, where asked for and possible, the performer's."""
    from liveflight.loop import frame_pacer
    from liveflight.outputs.output_display import OutputDisplay
    from liveflight.outputs.window import Window

    if args.output_display is None:
        size = args.size or DEFAULT_SIZE
        return Window(size, fullscreen=args.fullscreen, display=args.display), None
    output = OutputDisplay(args.output_display)
    slow = frame_pacer.in_software(output.ctx.info["GL_RENDERER"])
    return output, output.open_performer(SMALL_SIZE if slow else PERFORMER_SIZE)


def render(args: argparse.Namespace) -> int:
    """Fly offline, at a fixed time step, into a file."""
    if args.loop:
        parser.check_loop(args)
    out = args.out or (DEFAULT_VIDEO if args.overwrite else new_files.free(DEFAULT_VIDEO))
    new_files.check("--out", out, parser.files(args), overwrite=args.overwrite)
    options = parser.options(args, fps=args.fps or parser.RENDER_FPS)
    seconds = args.seconds or (options.replay.seconds + 1 / options.fps if options.replay else 10.0)
    if_taken: IfTaken = "replace" if args.overwrite else "next"
    length = LoopPlan(args.loop, options.fps) if args.loop else seconds
    return render_video(options, length, args.size or DEFAULT_SIZE, out, if_taken)


def render_video(
    options: Options,
    length: float | LoopPlan,
    size: Size,
    out: Path,
    if_taken: IfTaken = "next",
    notice: str = "",
) -> int:
    """Render a flight into a file, print where it is, and return the exit code.

    `length`: in seconds, or a loop. `notice` is printed once the flight is built."""
    from liveflight import app
    from liveflight.cli import console
    from liveflight.loop.loop_closing import LoopClosing
    from liveflight.outputs.offscreen import Offscreen
    from liveflight.outputs.sinks import open_sink
    from liveflight.outputs.sinks.loop_sink import LoopSink
    from liveflight.outputs.sinks.video_encoding import Soundtrack

    plan = length if isinstance(length, LoopPlan) else None
    frames = length.total if isinstance(length, LoopPlan) else max(1, round(length * options.fps))
    sound = Soundtrack(Path(options.sound), frames) if options.sound else None
    sink = open_sink(out, size, options.fps, sound, if_taken)
    loop = LoopSink(sink, plan) if plan else None
    done = written = 0
    try:
        with sink, loop or nullcontext():
            try:
                output, shown = Offscreen(size), console.Downloads()
                flight = app.build(options, output, live=False, sinks=[loop or sink], shown=shown)
                if loop:
                    close = LoopClosing(flight.flight, flight.feedback_loop, loop)
                    flight.watchers.append(close.after_frame)
                if notice:
                    print(notice, flush=True)
                with closing(flight), console.progress(frames) as advance:
                    while done < frames:
                        signals.check()
                        flight.frame(done / options.fps)
                        done += 1
                        written = loop.written if loop else done
                        advance()
            finally:
                signals.defer()  # a second Ctrl-C must not keep the video from being closed
    except KeyboardInterrupt:
        where = f"{written} frames in {sink.path.resolve()}" if written else "no frames"
        print(f"stopped: {where}")
        return signals.INTERRUPTED
    except Exception as error:
        if not written or not os.path.exists(sink.path):
            raise
        left = f"the frames so far are in {sink.path.resolve()}"
        if isinstance(error, LiveflightError):
            raise LiveflightError(f"{error}; {left}") from error
        print(f"liveflight: {left}", file=sys.stderr)
        raise
    print(f"{written} frames in {sink.path.resolve()}")
    return 0


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
    return fly(parser.parse(["fly", *first])) if args.fly else 0


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
"""Commands that only print."""


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_own(folder: Path) -> None:
    why = folders.unwritable(folder)
    print(f"\nYour own are saved in {folder}" + (f", but {why}" if why else ""))
