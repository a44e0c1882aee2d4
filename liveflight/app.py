"""Wire the parts of a flight together.

`build` makes every part; `App.frame` is one frame, in order; `loop.live_loop.run` repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from liveflight import engines
from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.keyboard import Keyboard
from liveflight.core.camera import Camera
from liveflight.core.contracts import Canvas, Engine, Output
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.mailbox import Mailbox
from liveflight.core.view_planner import ViewPlanner
from liveflight.loop import open_controllers
from liveflight.loop.ascent_scheduler import AscentScheduler
from liveflight.loop.feedback_loop import ASCENT_NICENESS, FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer, warp_frames
from liveflight.loop.frame_timer import FrameTimer
from liveflight.loop.hud_panel import HudPanel
from liveflight.loop.image_source import ImageSource, open_video
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.open_outputs import OpenOutputs
from liveflight.loop.overlay import Overlay
from liveflight.loop.presenter import Presenter
from liveflight.loop.publisher import Publisher
from liveflight.loop.sight_autopilot import SightAutopilot
from liveflight.loop.wall_leader import Lead, LeadingLoop, LeadingPresenter
from liveflight.loop.window_events import WindowEvents
from liveflight.outputs.sinks.frame_sink import FrameSink
from liveflight.outputs.sinks.screenshots import Screenshots
from liveflight.render.fill_rate import canvas_pixels
from liveflight.show import preset_saving
from liveflight.show.flight import Flight
from liveflight.show.network_loader import DownloadProgress, NetworkLoader
from liveflight.show.options import Options
from liveflight.show.start_flight import is_dense, weights_of
from liveflight.storage import presets
from liveflight.system import gc_control
from liveflight.system.worker import Worker, start_thread


class App:
    """Fly on one output; every time is in seconds and given as an argument.

    For measurements: `frame_counter` counts displayed frames; `frame_timer` has the last frame's
    parts; `feedback_loop` counts ticks and times the last one; `frame_pacer` has ticks and steps
    per second; everything in `watchers` is called after each displayed frame."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        options: Options,
        *,
        live: bool,
        sinks: Sequence[FrameSink] = (),
        worker: Worker[tuple[Canvas, float]] | None = None,
        lead: Lead | None = None,
    ) -> None:
        """Make the parts of the loop around an output and a flight.

        `sinks` get every finished frame; whoever opened them closes them. `worker` runs the ascent
        steps; by default a thread beside the display when `live`. `lead`: a wall's other ranks."""
        self.output = output
        self.flight = flight
        self.sinks = sinks
        self.running = True
        self.displayed = 0
        """Number of frames that the output has shown."""
        self.mailbox = Mailbox()
        self.watchers: list[Callable[[], None]] = []
        self.guard = flight.guard
        self.guard.live = live
        self.frame_counter = FrameCounter(1 / options.fps)
        self.frame_timer = FrameTimer(output.ctx.finish)
        free = live and options.canvas is None
        most = canvas_pixels(output.ctx, 1 / options.fps) if free else math.inf
        renderer = output.ctx.info["GL_RENDERER"]
        self.frame_pacer = FramePacer(flight, options, output.size, renderer, live=live, most=most)
        report = flight.reports.add
        self.controllers = OpenControllers(self.mailbox, report, self.guard, background=live)
        clocks = self.frame_pacer, self.frame_timer, self.frame_counter
        self._publisher = Publisher(flight, self.controllers, *clocks)
        self.keyboard = Keyboard(self.mailbox, flight.controls)
        self.camera = Camera()
        self.screenshots = Screenshots(background=live)
        video = open_video(options.camera, options.fps, live=live)
        seen = options.image, video, options.resume
        self.image_source = ImageSource(output.ctx, flight.controls, *seen)
        self.lead = lead
        self.feedback_loop = self._loop(
            options,
            options.seed,
            worker or Worker(live, ASCENT_NICENESS),
            Worker(live and worker is None, ASCENT_NICENESS),
            self.frame_timer.end,
            self.image_source.start,
            self.image_source.lay if self.image_source.given else None,
            warp_frames(renderer, live=live),
        )
        if not options.replay:  # a recording has what was seen
            selector, weights = flight.target_selector, weights_of(options)
            sight = SightAutopilot(selector, self.image_source, weights, report, live)
            self.controllers.add(sight, "sight")
        self.ascent_scheduler = AscentScheduler(
            flight,
            self.feedback_loop,
            self.frame_pacer,
            self.frame_timer,
            self._apply_messages,
            self.guard,
            ViewPlanner(options.seed),
        )
        self.presenter = self._presenter(options)
        self.outputs = OpenOutputs(output.ctx, flight, options, self.frame_timer.end)
        hud_panel = HudPanel(flight, self.frame_counter, self.frame_pacer)
        given = output, flight, self._publisher.status, hud_panel, self.mailbox
        self.overlay = Overlay(*given, background=live)
        told = lead.events if lead else list
        self._events = WindowEvents(output, self.keyboard, self.overlay, flight, self._quit, told)
        flight.on("show.reseed", self.feedback_loop.reseed)
        flight.on("show.screenshot", lambda: self.screenshots.write(self.picture()))
        preset_saving.offer(flight, remote=options.remote_save)

    def frame(self, now: float, wait: Callable[[float], None] | None = None) -> None:
        """Run one frame at `now`, from messages to the finished picture.

        `wait(seconds)` lets spare time pass: before the controls are read, so that they are fresh,
        and before they are read for the last time, so that frames are evenly spaced."""
        run = self.guard.run
        self.guard.now = now
        if self.lead:
            run("the wall", self.lead.follow, self.flight.reports.add, now)
        wanted = bool(self.flight.mix()) and not self.flight.asleep
        dt = self.frame_counter.count_frame(now, expected=wanted)
        self._publisher.advance(dt)
        self.frame_timer.start()
        began = bool(dt) and self.flight.flying and self.ascent_scheduler.await_tick()
        if wait:
            wait(self.ascent_scheduler.spare())
            self.frame_timer.end("rest")
        run("the output's events", self._events.take, self.output)
        whole = self.feedback_loop.size if self.lead else self.output.size  # not a tile's
        run("the sizes of canvas and views", self.ascent_scheduler.fit, whole)
        run("the camera's picture", self.image_source.update, now)
        self.controllers.poll(now)
        self._apply_messages()
        self.flight.advance(dt)
        self.frame_timer.end("control")
        if dt and self.flight.flying:
            run("the camera's motion", self._move, dt)
            self.ascent_scheduler.ascend(dt, began)
        if run("the picture", self.presenter.draw, self.output, dt):  # else the last one stays
            run("the outputs", self.outputs.send, self.output)
            run("the overlay", self._finish, dt, wait)
            if self.output.vsync:
                run("memory clean-up", self._collect_garbage)
            run("the output", self._show)
        self.frame_timer.end("show")
        self._after_show(now)

    def close(self) -> None:
        """Release everything but the sinks; may be called twice."""
        self.controllers.close()
        self.screenshots.close()
        self.feedback_loop.close()
        self.image_source.close()
        self.flight.loader.close()
        self.presenter.release()
        self.overlay.release()
        self.output.close()
        if self.lead:
            self.lead.close()

    def picture(self) -> np.ndarray:
        """Return the picture without dimming and text: uint8 (H, W, 3), row 0 at the top."""
        return self.presenter.picture(self.output.size)

    def _loop(self, options: Options, *given: Any) -> FeedbackLoop:
        """Return the loop of the whole canvas, or of rank 0's tile; `given`: from the seed on."""
        ctx = self.output.ctx
        loop: FeedbackLoop
        if self.lead and options.wall:
            loop = LeadingLoop(ctx, self.lead, options.wall.wall, options.wall.rank, *given)
            loop.replays = bool(options.replay)
        else:
            loop = FeedbackLoop(ctx, self.frame_pacer.canvas, *given)
        if options.replay:
            loop.ranks = options.replay.ranks
        return loop

    def _presenter(self, options: Options) -> Presenter:
        given = self.output, self.flight, self.feedback_loop, self.frame_counter
        if self.lead and options.wall:
            self.flight.loader.on_start = self.lead.announce
            tile = options.wall.tile if self.guard.live else options.wall.tile.plain
            return LeadingPresenter(self.lead, *given, tile)
        return Presenter(*given)

    def _apply_messages(self) -> None:
        """Apply waiting messages: before a tick, before the frame and before it is shown."""
        messages = self.mailbox.drain()
        for message in messages:
            self.guard.run_always("a message", self.flight.apply, (message,))
        self._publisher.heard += messages

    def _move(self, dt: float) -> None:
        width, height = self.feedback_loop.size
        self.feedback_loop.move(self.camera.warp(self.flight.controls, dt, width / height), dt)

    def _finish(self, dt: float, wait: Callable[[float], None] | None) -> None:
        """Draw the overlay, wait until the frame is due, and apply the latest brightness."""
        output, picker = self.output, self.keyboard.picker
        self.guard.run("the HUD", self.overlay.draw, output, self.controllers, picker, dt)
        if wait:
            output.ctx.finish()
        self.frame_timer.end("present")
        if wait:
            wait(self.frame_pacer.time_until_present(self.frame_timer.elapsed))
            self.frame_timer.end("rest")
        if not (self.running and self._publisher.is_late):
            self._apply_messages()
        self.frame_timer.end("control")
        self.presenter.dim(output, dt)
        self.frame_timer.end("present")

    def _collect_garbage(self) -> None:
        """Collect garbage in the time that the display takes."""
        gc_control.collect(self.frame_pacer.showing, self.flight.loader.tidy)

    def _show(self) -> None:
        if self.sinks:
            picture = self.presenter.frame(self.output)
            for sink in self.sinks:
                self.guard.run(sink.name, sink.write, picture)
        self.output.show()
        self.displayed += 1

    def _after_show(self, now: float) -> None:
        """Measure the frame and publish what came of it."""
        tick_age = self.feedback_loop.since if self.feedback_loop.ticking else 0.0
        self.guard.run("the governor", self._publisher.measure, now, self.output.vsync, tick_age)
        later = self.running and self._publisher.is_late
        self._publisher.publish(now, later)
        self.guard.run("the screenshot", self._note_saved)
        self.frame_timer.end("publish")
        for watcher in self.watchers:
            watcher()

    def _note_saved(self) -> None:
        if saved := self.screenshots.saved():
            self.flight.note(saved)

    def _quit(self) -> None:
        self.running = False


def build(
    options: Options,
    output: Output,
    *,
    live: bool,
    sinks: Sequence[FrameSink] = (),
    shown: DownloadProgress | None = None,
    show_link: Callable[[str], None] = lambda link: None,
    lead: Lead | None = None,
) -> App:
    """Build a flight on this output, which is closed if the flight cannot start.

    `sinks` get every finished frame, `shown` downloads' progress, `show_link` the remote's link.

    Raises LiveflightError for unknown names, and where a recording cannot be written. Missing
    weights are reported by the first frames."""

    def engine() -> Engine:
        return engines.load(options.engine, options.device, weights, repeatable=not live)

    flight = Flight(NetworkLoader(engine, background=live, shown=shown), options.seed)
    try:
        weights = weights_of(options)
        options = replace(options, dense=is_dense(options))
        recordings = open_controllers.start(flight, options)
        app = App(output, flight, options, live=live, sinks=sinks, lead=lead)
    except BaseException:
        flight.loader.close()
        output.close()
        raise
    try:
        for name, controller in recordings:
            open_controllers.add_recording(app.controllers, flight, options, name, controller)
        if options.sound and not live:
            sound = SoundInput(options.sound)
            app.controllers.add(sound, "sound")
            if options.replay:  # a recording has what was heard; the file is for the video alone
                app.controllers.drop(sound)
    except BaseException:
        app.close()
        raise
    if live:
        # Reading a preset for the first time as it is recalled would take milliseconds of a frame.
        start_thread(presets.names)
        app.presenter.viewer = remote = open_controllers.web_remote(flight, options, show_link)
        app.overlay.elsewhere = lambda: remote.watched
        app.controllers.open(open_controllers.requested(options, remote, app.outputs))
    return app
