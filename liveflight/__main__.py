"""The command line, and the only place that prints."""

from __future__ import annotations

from liveflight import stopping

if __name__ == "__main__":
    stopping.end_at_once()  # what follows takes a moment to import

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight import listings, parser
from liveflight.arguments import Size
from liveflight.core.contracts import LiveflightError
from liveflight.worker import THREAD, beside

if TYPE_CHECKING:
    from rich.progress import Progress

    from liveflight.app import App
    from liveflight.bench.tables import Table
    from liveflight.takeoff import Options

SIZE = (1280, 720)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="liveflight: %(message)s")
    stopping.listen()
    try:
        args = parser.parse(given)
        code = COMMANDS[args.command](args)
        sys.stdout.flush()
        return code
    except LiveflightError as error:
        print(f"liveflight: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"liveflight: out of memory ({error}): try a smaller --canvas", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return stopping.INTERRUPTED
    except BrokenPipeError:  # the reader of a list has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        stopping.listen()


def fly(args: argparse.Namespace) -> int:
    """Opens the window and flies; without a display, renders ten seconds of the same instead."""
    stopping.end_at_once()  # there is nothing to close, and libraries swallow what is raised
    from liveflight import app
    from liveflight.outputs import has_display

    if not has_display():
        stopping.listen()
        if args.no_render:
            raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
        said = "no display here: rendering ten seconds to flight.mp4 instead"
        heard = args.sound if Path(args.sound).is_file() else ""  # there is no time for devices
        options = parser.options(args, fps=30.0, sound=heard)
        return _render(options, 10.0, args.size or SIZE, Path("flight.mp4"), said)
    flight, fps = _started(args)
    try:
        with stopping.noted() as asked:
            app.run(flight, fps, asked)
            stopped = asked()
            flight.close()  # still within: a second Ctrl-C must not keep it from ending well
    finally:
        flight.close()
    return stopping.INTERRUPTED if stopped else 0


def _started(args: argparse.Namespace) -> tuple[App, float]:
    """Open the window, and build the flight with its frames per second."""
    from liveflight import app, engines, pace
    from liveflight.outputs.window import Window

    beside(engines.preload, THREAD)
    window = Window(args.size or SIZE, fullscreen=args.fullscreen, display=args.display)
    fps = args.fps or pace.usual_rate(window.ctx.info["GL_RENDERER"])
    options = parser.options(args, fps=fps, **parser.surfaces(args))
    return app.build(options, window, live=True, shown=_Downloads()), fps


def render(args: argparse.Namespace) -> int:
    """Flies offline at a fixed time step, into a file."""
    options = parser.options(args, fps=args.fps or parser.RENDERED)
    seconds = args.seconds or (options.replay.seconds + 1 / options.fps if options.replay else 10.0)
    return _render(options, seconds, args.size or SIZE, args.out)


def _render(options: Options, seconds: float, size: Size, out: Path, said: str = "") -> int:
    from liveflight import app
    from liveflight.outputs.headless import Headless
    from liveflight.outputs.recorder import Soundtrack, open_sink

    frames = max(1, round(seconds * options.fps))
    output = Headless(size, lambda picture: sink.write(picture))
    flight = app.build(options, output, live=False, shown=_Downloads())
    if said:  # what was asked for is there
        print(said, flush=True)
    done = 0
    try:
        length = frames / options.fps
        sound = Soundtrack(Path(options.sound), length) if options.sound else None
        with open_sink(out, size, options.fps, sound) as sink, _progress(frames) as advance:
            while done < frames:
                stopping.check()
                flight.frame(done / options.fps)
                done += 1
                advance()
        print(f"{done} frames in {out.resolve()}")
    except KeyboardInterrupt:
        print(f"stopped: {done} frames in {out.resolve()}")
        return stopping.INTERRUPTED
    finally:
        flight.close()
    return 0


def controls(args: argparse.Namespace) -> int:
    """Lists every control with its OSC address; or makes what is made from the list."""
    if args.markdown or args.open_stage_control:
        from liveflight import controls_page

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
    print(f"{known.title}\n")
    _print(listings.lines(listings.layers(known)))
    return 0


def presets(args: argparse.Namespace) -> int:
    """Lists the presets."""
    from liveflight.core.presets import user_folder

    _print(listings.lines(listings.presets()))
    print(f"\nYour own go into {user_folder()}")
    return 0


def cues(args: argparse.Namespace) -> int:
    """Lists the cue lists."""
    from liveflight.core.cues import user_folder

    _print(listings.lines(listings.cues()))
    print(f"\nYour own go into {user_folder()}")
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Says what works on this machine; 1 where it cannot fly."""
    from liveflight import doctor as ward

    findings = []
    for finding in ward.examine(args.osc_port):
        findings.append(finding)
        _print(finding.lines())
    print(ward.verdict(findings))
    return 0 if ward.can_fly(findings) else 1


def bench(args: argparse.Namespace) -> int:
    """Measures and prints a table per topic; the figures go into --json too, even when stopped."""
    from liveflight.bench import record, suite
    from liveflight.child import ChildError

    if args.json:
        record.check(args.json)
    topics: list[suite.Topic] = []
    begun = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - begun:4.0f} s  {text}", file=sys.stderr, flush=True)

    try:
        for topic in suite.run(parser.plan(args), say):
            topics.append(topic)
            for table in topic.tables:
                _draw(table, args.markdown)
    except ChildError as error:
        raise LiveflightError(f"the bench cannot begin: {error}; try liveflight doctor") from error
    finally:
        if args.json and topics:
            record.write(args.json, topics)
    return 0


def _draw(table: Table, plain: bool) -> None:
    from liveflight.bench.tables import markdown

    if plain:
        print(markdown(table), flush=True)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawn

    # Into a file or a pipe as wide as it comes: a cell broken in two cannot be pasted.
    console = Console(width=None if sys.stdout.isatty() else 240)
    drawn = Drawn(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number and table.columns[0] else "left")
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)
    for note in table.notes:
        console.print(f"  {note}", markup=False, highlight=False)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fly": fly,
    "render": render,
    "controls": controls,
    "networks": networks,
    "presets": presets,
    "cues": cues,
    "doctor": doctor,
    "bench": bench,
}


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar with the time left, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


class _Downloads:
    """A bar for weights being downloaded, on standard error; nothing where none are."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress, TimeRemainingColumn

        if self._bar is None:
            columns = ("[progress.description]{task.description}", DownloadColumn())
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(name)
        self._bar.update(self._task, completed=done, total=total or None)
        if done == total:
            self._bar.stop()
            self._bar = None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def program() -> None:
    """`main` as a program of its own, which ends with it."""
    code = main()
    sys.stderr.flush()
    if any(thread.name == THREAD for thread in threading.enumerate()):
        # A thread within torch's own code would abort the process as Python is taken down.
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    program()
