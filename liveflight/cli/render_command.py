"""Fly offline, into a video file or a folder of PNGs."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from liveflight.cli import parser, wall_rank, wall_show
from liveflight.core.contracts import LiveflightError, Size
from liveflight.core.loop_plan import LoopPlan
from liveflight.storage import new_files
from liveflight.system import signals

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.outputs.sinks.loop_sink import LoopSink
    from liveflight.show.options import Options
    from liveflight.storage.new_files import IfTaken

DEFAULT_SIZE = (1280, 720)
DEFAULT_VIDEO = Path("flight.mp4")
"""The name of a video without `--out`; a number is added where it is taken."""


def render(args: argparse.Namespace) -> int:
    """Fly offline, at a fixed time step, into a file."""
    if args.loop:
        parser.check_loop(args)
    wall_rank.take_gpu(args)
    if args.wall_place:
        check_wall(args)
        if not args.wall_place.leads:
            options = parser.options(args, fps=args.fps or parser.RENDER_FPS)
            return wall_show.follow_render(options)
    out = args.out or (DEFAULT_VIDEO if args.overwrite else new_files.free(DEFAULT_VIDEO))
    for each in _written_to(args, out):
        new_files.check("--out", each, parser.files(args), overwrite=args.overwrite)
    options = parser.options(args, fps=args.fps or parser.RENDER_FPS)
    seconds = args.seconds or (options.replay.seconds + 1 / options.fps if options.replay else 10.0)
    if_taken: IfTaken = "replace" if args.overwrite else "next"
    length = LoopPlan(args.loop, options.fps) if args.loop else seconds
    return render_video(options, length, args.size or DEFAULT_SIZE, out, if_taken, args.tiles)


def _written_to(args: argparse.Namespace, out: Path) -> list[Path]:
    """Return the files or folders that a render writes: `out`, or one for each tile."""
    if not args.tiles:
        return [out]
    if not args.out:
        raise LiveflightError("--tiles needs --out: a name such as wall.mp4, or a folder")
    from liveflight.outputs.sinks.tile_sinks import tile_paths

    return tile_paths(out, args.wall_place.wall)


def check_wall(args: argparse.Namespace) -> None:
    """Raise LiveflightError for options that a wall does not have."""
    if args.loop:
        raise LiveflightError("--loop: a wall renders no loops yet; render it on one GPU")
    if args.size != args.canvas:
        width, height = args.canvas
        raise LiveflightError(f"--size: a wall is rendered at its canvas's size, {width}x{height}")


def render_video(
    options: Options,
    length: float | LoopPlan,
    size: Size,
    out: Path,
    if_taken: IfTaken = "next",
    tiles: bool = False,
    notice: str = "",
) -> int:
    """Render a flight into a file, print where it is, and return the exit code.

    `length`: in seconds, or a loop. `tiles`: into a file for each tile of a wall. `notice` is
    printed once the flight is built."""
    from liveflight import app
    from liveflight.cli import console
    from liveflight.outputs.offscreen import Offscreen
    from liveflight.outputs.sinks import open_sink
    from liveflight.outputs.sinks.frame_sink import FrameSink
    from liveflight.outputs.sinks.loop_sink import LoopSink
    from liveflight.outputs.sinks.tile_sinks import TileSinks
    from liveflight.outputs.sinks.video_encoding import Soundtrack
    from liveflight.outputs.sinks.wall_sink import WallSink

    plan = length if isinstance(length, LoopPlan) else None
    frames = length.total if isinstance(length, LoopPlan) else max(1, round(length * options.fps))
    sound = Soundtrack(Path(options.sound), frames) if options.sound else None
    sink = (
        TileSinks(out, options.wall.wall, options.fps, sound, if_taken)
        if tiles and options.wall
        else open_sink(out, size, options.fps, sound, if_taken)
    )
    loop = LoopSink(sink, plan) if plan else None
    done = written = 0
    try:
        with sink, loop or nullcontext():
            try:
                lead, shown = wall_show.lead(options, live=False), console.Downloads()
                whole: FrameSink = loop or sink
                output = Offscreen(size)
                if lead and options.wall:  # a tile's size, and all tiles in the file
                    output = Offscreen(options.wall.tile.shown.size)
                    wall = options.wall.wall
                    whole = WallSink(sink, wall, lead.frames, lead.commands)
                flight = app.build(
                    options, output, live=False, sinks=[whole], shown=shown, lead=lead
                )
                wall_show.begin(flight)
                looped = _looped(flight, loop) if loop else nullcontext()
                if notice:
                    print(notice, flush=True)
                with closing(flight), looped, console.progress(frames) as advance:
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


def _looped(app: App, loop: LoopSink) -> AbstractContextManager[object]:
    """Lead a flight back to where its loop begins; return what has to be closed before it."""
    from liveflight.loop.loop_closing import LoopClosing
    from liveflight.render.picture_limiter import PictureLimiter
    from liveflight.show import flash_switch

    close = LoopClosing(app.flight, app.feedback_loop, loop)
    app.watchers.append(close.after_frame)
    if not app.flight.controls.flag(flash_switch.KEY):
        return nullcontext()
    limiter = PictureLimiter(app.output.ctx, loop.plan.fps)
    loop.limited = limiter.limited
    return closing(limiter)
