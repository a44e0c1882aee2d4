"""The command line, and the only place that prints."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from liveflight import __version__
from liveflight import arguments as read
from liveflight.arguments import Size
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import ROWS
from liveflight.loader import THREAD

if TYPE_CHECKING:
    from rich.progress import Progress

    from liveflight.takeoff import Options

SIZE = (1280, 720)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in (*COMMANDS, "-h", "--help", "--version"):
        given.insert(0, "fly")
    code = _run(given)
    sys.stderr.flush()
    if any(thread.name == THREAD for thread in threading.enumerate()):
        # A thread within torch's own code would abort the process as Python is taken down.
        os._exit(code)
    return code


def _run(given: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="liveflight: %(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        args = _parser().parse_args(given)
        code = COMMANDS[args.command][0](args)
        sys.stdout.flush()
        return code
    except LiveflightError as error:
        print(f"liveflight: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"liveflight: out of memory ({error}): try a smaller --canvas", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a list has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def fly(args: argparse.Namespace) -> int:
    """Opens the window and flies; without a display, renders ten seconds of the same instead."""
    from liveflight import app, engines
    from liveflight.outputs import has_display

    if not has_display():
        print("no display here: rendering ten seconds to flight.mp4 instead", flush=True)
        return _render(_options(args, fps=30.0), 10.0, args.size or SIZE, Path("flight.mp4"))
    from liveflight.outputs.window import Window

    threading.Thread(target=engines.preload, name=THREAD, daemon=True).start()
    window = Window(args.size or SIZE, fullscreen=args.fullscreen, display=args.display)
    options = _options(args, osc_host=args.osc_host, osc_port=args.osc_port)
    flight = app.build(options, window, live=True, shown=_Downloads())
    try:
        app.run(flight, args.fps)
    finally:
        flight.close()
    return 0


def render(args: argparse.Namespace) -> int:
    """Flies offline at a fixed time step, into a file."""
    return _render(_options(args), args.seconds, args.size or SIZE, args.out)


def _render(options: Options, seconds: float, size: Size, out: Path) -> int:
    from liveflight import app
    from liveflight.outputs.headless import Headless
    from liveflight.outputs.recorder import open_sink

    frames = max(1, round(seconds * options.fps))
    output = Headless(size, lambda picture: sink.write(picture))
    flight = app.build(options, output, live=False, shown=_Downloads())
    done = 0
    try:
        with open_sink(out, size, options.fps) as sink, _progress(frames) as advance:
            while done < frames:
                flight.frame(done / options.fps)
                done += 1
                advance()
        print(f"{done} frames in {out.resolve()}")
    except KeyboardInterrupt:
        print(f"stopped: {done} frames in {out.resolve()}")
        return 130
    finally:
        flight.close()
    return 0


def controls(args: argparse.Namespace) -> int:
    """Lists every control with its OSC address."""
    rows = [("OSC ADDRESS", "KIND", "DEFAULT", "ALLOWED", "WHAT IT DOES")]
    for row in ROWS:
        address = row.alias or row.address if row.remote else f"(keys only) {row.key}"
        default = "" if row.kind in ("trigger", "text") else f"{row.default}".lower()
        allowed = "" if row.kind == "trigger" else row.range
        rows.append((address, row.kind, default, allowed, row.help))
    _table(rows)
    print(
        "\nA plain address takes a fader position 0..1, or a name for a choice; ADDRESS/raw the"
        "\nunit listed; ADDRESS/add a signed step; a trigger takes nothing or 1; ? is answered."
    )
    return 0


def networks(args: argparse.Namespace) -> int:
    """Lists the networks, or one network's layers."""
    from liveflight import networks as registry

    if not args.name:
        rows = [("NETWORK", "LAYERS", "FILTERS", "WEIGHTS")]
        for name in registry.names():
            network = registry.network(name)
            filters = sum(layer.channels for layer in network.layers)
            here = network.find_weights()
            weights = f"at hand: {here}" if here else "downloaded at first use, or --weights FILE"
            rows.append((name, str(len(network.layers)), str(filters), weights))
        _table(rows)
        return 0
    network = registry.network(args.name)
    also: dict[str, list[str]] = {}
    for alias, canonical in network.aliases.items():
        also.setdefault(canonical, []).append(alias)
    print(f"{network.title}\n")
    rows = [("LAYER", "FILTERS", "STRIDE", "ALSO CALLED")]
    for layer in network.layers:
        names = ", ".join(also.get(layer.name, []))
        rows.append((layer.name, f"0 to {layer.channels - 1}", f"{layer.stride} px", names))
    _table(rows)
    return 0


def presets(args: argparse.Namespace) -> int:
    """Lists the presets."""
    from liveflight.core import presets as shelf

    rows = [("SLOT", "PRESET", "NETWORK", "WHAT IT IS")]
    for name in shelf.names():
        try:
            preset = shelf.find(name)
        except LiveflightError as error:
            rows.append(("", name, "", str(error)))
            continue
        used = sorted({target.network for target in preset.named})
        rows.append((str(preset.slot or ""), name, ", ".join(used), preset.about or preset.title))
    _table(rows)
    print(f"\nYour own go into {shelf.user_folder()}")
    return 0


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "fly": (fly, "open the window and fly (this is what no command does)"),
    "render": (render, "fly offline, into a video file or a folder of PNGs"),
    "controls": (controls, "list every control with its OSC address"),
    "networks": (networks, "list the networks, or one network's layers"),
    "presets": (presets, "list the presets"),
}


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="liveflight",
        description="Play a neural network's filters live.",
        epilog="`liveflight COMMAND --help` lists a command's options; fly's need no command.",
    )
    parser.add_argument("--version", action="version", version=f"liveflight {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in ("fly", "render"):
            _add_flight(command)
        if name == "fly":
            _add_show(command)
        if name == "render":
            command.add_argument("--seconds", type=read.number(1e-3, 1e6), default=10.0, help="10")
            command.add_argument("--fps", type=read.number(1, 1000), default=30.0, help="30")
            out = "a name in .mp4, or a folder for PNGs (flight.mp4)"
            command.add_argument("--out", type=Path, default=Path("flight.mp4"), help=out)
        if name == "networks":
            command.add_argument("name", nargs="?", default="")
    return parser


def _add_flight(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--preset", default="", metavar="NAME|FILE.toml", help="a preset's name, slot or file")
    add("--network", default="", help="see `liveflight networks`")
    add("--layer", default="", help="see `liveflight networks NETWORK`")
    add("--filter", default="", metavar="N", help="a filter's number, or * for the whole layer")
    add("--weights", type=Path, metavar="FILE", help=".safetensors or .pth for the network")
    add("--canvas", type=read.size, metavar="WxH", help="the picture that is dreamed")
    add("--size", type=read.size, metavar="WxH", help="the picture that is shown (1280x720)")
    add("--steps", type=read.setting("ascent.steps"), metavar="N", help="ascent steps per frame")
    add("--set", type=read.assignment, action="append", default=[], metavar="GROUP.NAME=VALUE",
        help="any control, in its unit; may be repeated")  # fmt: skip
    add("--seed", type=read.whole(0, 2**31 - 1), default=0, help="the noise it starts from")
    add("--device", default="auto", help="auto, cuda, mps or cpu")


def _add_show(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--fullscreen", action="store_true")
    add("--display", type=read.whole(0, 99), default=0, metavar="N", help="which screen")
    add("--fps", type=read.number(1, 1000), default=60.0, help="frames per second at most (60)")
    add("--osc-host", default="127.0.0.1", metavar="HOST", help="where OSC is heard (127.0.0.1)")
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


def _options(args: argparse.Namespace, **more: object) -> Options:
    from liveflight.takeoff import Options

    settings: dict[str, Value] = dict(args.set)
    if args.steps is not None:
        settings["ascent.steps"] = args.steps
    names = "preset network layer filter weights canvas device seed fps".split()
    given = {name: getattr(args, name) for name in names}
    return Options(**{**given, **more, "settings": settings})


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


def _table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
