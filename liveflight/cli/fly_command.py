"""Open the window and fly."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from liveflight.cli import (
    parser,
    render_command,
    run_command,
    unattended,
    wall_command,
    wall_rank,
    wall_show,
)
from liveflight.cli.render_command import DEFAULT_SIZE, DEFAULT_VIDEO
from liveflight.core.contracts import LiveflightError
from liveflight.storage import new_files
from liveflight.system import exit_codes, fault_stacks, folders, signals
from liveflight.system.worker import BUSY_NAME, start_thread

if TYPE_CHECKING:
    from liveflight.app import App
    from liveflight.outputs.performer_window import PerformerWindow
    from liveflight.outputs.window import Window
    from liveflight.storage.saved_state import SavedState

PERFORMER_SIZE, SMALL_SIZE = (960, 540), (640, 360)
"""Sizes of the performer's window, where a GPU draws and where the processor does."""


def fly(args: argparse.Namespace) -> int:
    """Open the window and fly; without a display, render ten seconds instead."""
    signals.exit_at_once()  # nothing is open yet, and libraries swallow exceptions
    fault_stacks.enable()
    heartbeat = run_command.begin_child()
    from liveflight.loop import live_loop, supervised
    from liveflight.outputs import NoDisplayError, has_display

    if not has_display():
        return _render_instead(args)
    if args.test_card:
        return wall_command.test_card(args)
    if args.safe:
        args = run_command.safe(args)
    wall_rank.take_gpu(args)
    if args.wall_place and not args.wall_place.leads:
        return wall_show.follow(args, _open_windows(args)[0], heartbeat)
    resumed = unattended.saved(args)
    try:
        flight, fps = _build_in_window(args, resumed)
    except NoDisplayError as error:
        if heartbeat is None:
            raise
        print(f"liveflight: {error}", file=sys.stderr)
        return exit_codes.NO_DISPLAY
    try:
        if heartbeat:
            supervised.attach(flight, heartbeat, args.engine)
        saver = unattended.equip(flight, args, resumed, supervised=heartbeat is not None)
        wall_show.begin(flight, heartbeat)
        with signals.deferred() as asked:
            live_loop.run(flight, fps, asked)
            stopped = asked()
            if flight.lead:
                flight.lead.end()  # the others wait for a frame
            if heartbeat:
                heartbeat.quit()  # before what may crash in a driver
            if saver:
                saver.end()
            flight.close()  # still deferred: a second Ctrl-C must not cut it off
    finally:
        flight.close()
    return signals.INTERRUPTED if stopped else 0


def _render_instead(args: argparse.Namespace) -> int:
    """Render ten seconds where there is no display."""
    signals.raise_interrupts()
    if args.no_render:
        raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
    out = new_files.free(DEFAULT_VIDEO)
    notice = f"no display here: rendering ten seconds to {out} instead"
    sound = args.sound if os.path.isfile(args.sound) else ""  # a render cannot use devices
    options = parser.options(args, fps=30.0, sound=sound)
    size = args.size or DEFAULT_SIZE
    return render_command.render_video(options, 10.0, size, out, notice=notice)


def _build_in_window(args: argparse.Namespace, resumed: SavedState | None) -> tuple[App, float]:
    """Open the window, and return the flight with its frames per second."""
    from liveflight import app, engines
    from liveflight.cli import console
    from liveflight.loop import first_picture, frame_pacer, kiosk_overlay
    from liveflight.loop.performer_view import PerformerView
    from liveflight.outputs.kiosk import Kiosk

    if not resumed:
        start_thread(engines.preload, BUSY_NAME)
    opened, performer = _open_windows(args)
    window = Kiosk(opened, parser.audience_display(args)) if args.kiosk else opened
    if resumed:  # its picture first: the preload would take the processor for a second
        if unattended.is_open(args):
            first_picture.show(window, resumed)
        start_thread(engines.preload, BUSY_NAME)
    fps = args.fps or frame_pacer.usual_rate(window.ctx.info["GL_RENDERER"])
    options = parser.options(args, fps=fps, resume=resumed, **parser.controllers(args))
    for line in folders.warnings():
        logging.getLogger("liveflight").warning(line)
    shown, show_link = console.Downloads(), console.show_link
    lead = wall_show.lead(options, wall_show.display_of(args))
    flight = app.build(options, window, live=True, shown=shown, show_link=show_link, lead=lead)
    if not (args.resume or args.safe):  # after a crash there is an audience, and no newcomer
        flight.overlay.greeting.begin()
    if performer:
        preview = flight.presenter.preview
        flight.overlay.performer = PerformerView(window.ctx, performer, preview)
    if isinstance(window, Kiosk):
        kiosk_overlay.keep_off(flight.overlay, window)
    return flight, fps


def _open_windows(args: argparse.Namespace) -> tuple[Window, PerformerWindow | None]:
    """Open the audience's window and, where asked for and possible, the performer's."""
    from liveflight.loop import frame_pacer
    from liveflight.outputs.output_display import OutputDisplay
    from liveflight.outputs.window import Window

    if args.output_display is None:
        size = args.size or DEFAULT_SIZE
        full = args.fullscreen or args.kiosk
        return Window(size, fullscreen=full, display=args.display), None
    output = OutputDisplay(args.output_display)
    slow = frame_pacer.in_software(output.ctx.info["GL_RENDERER"])
    return output, output.open_performer(SMALL_SIZE if slow else PERFORMER_SIZE)
