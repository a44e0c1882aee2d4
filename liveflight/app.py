"""Wires the parts together and runs the loop: `build` says who exists, `App.frame` what happens in
which order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from liveflight import engines
from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.keyboard import Keyboard
from liveflight.core.camera import Camera
from liveflight.core.contracts import Canvas, Engine, Event, KeyPress, Output, Pointer, Quit
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.mailbox import Mailbox, Message
from liveflight.loop import open_controllers
from liveflight.loop.ascent_scheduler import AscentScheduler
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.frame_timer import FrameTimer
from liveflight.loop.image_source import ImageSource, moving
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.overlay import Overlay
from liveflight.loop.presenter import Presenter
from liveflight.loop.sight import Sight
from liveflight.outputs.screenshots import Screenshots
from liveflight.show import preset_saving
from liveflight.show.flight import Flight
from liveflight.show.loader import Loader, Shown
from liveflight.show.options import Options, canvas_size
from liveflight.show.start_flight import is_dense, weights_of
from liveflight.storage import presets
from liveflight.system import gc_control
from liveflight.system.worker import Worker, start_thread

WAITING = 0.1
"""Seconds per frame until there is something to ascend: the time is better spent on loading it."""

_UNTOLD = 0.1
"""Seconds for which frames may leave it to the next one to tell the surfaces."""

_NICENESS = 10
"""How far the ascent stands back behind the display where they share few cores."""


class App:
    """One flight on one output. Every time is in seconds, and given.

    For those who measure: `frame_counter` counts displayed frames, `frame_timer` says where the last one's time
    went, `feedback_loop` how many ticks there were and how long the last took, `frame_pacer` how many ticks and
    steps come per second; what is in `watchers` is called after every displayed frame."""

    def __init__(
        self,
        output: Output,
        flight: Flight,
        options: Options,
        *,
        live: bool,
        worker: Worker[tuple[Canvas, float]] | None = None,
    ) -> None:
        """`worker` takes the ascent's steps; by default, in a live flight, beside the display."""
        self.output = output
        self.flight = flight
        self.mailbox = Mailbox()
        self.frame_counter = FrameCounter(1 / options.fps)
        self.frame_timer = FrameTimer(output.ctx.finish)
        self.watchers: list[Callable[[], None]] = []
        self.frame_pacer = FramePacer(flight, options, live=live)
        self.running = True
        self.guard = flight.guard
        self.guard.live = live
        self.controllers = OpenControllers(
            self.mailbox, flight.reports.add, self.guard, background=live
        )
        self._heard: list[Message] = []
        """The messages of this frame."""
        self._untold = 0.0
        """Seconds since the surfaces were told."""
        self._live = live
        self._keyboard = Keyboard(self.mailbox, flight.controls)
        self._camera = Camera()
        self._screenshots = Screenshots(background=live)
        camera = moving(options.camera, options.fps, live=live)
        self._image_source = ImageSource(output.ctx, flight.controls, options.image, camera)
        self.feedback_loop = FeedbackLoop(
            output.ctx,
            canvas_size(options, "cpu"),
            options.seed,
            worker or Worker(live, _NICENESS),
            Worker(live and worker is None, _NICENESS),
            self.frame_timer.end,
            self._image_source.start,
            self._image_source.lay,
        )
        if not options.replay:  # what was seen is in the log
            weights, report = weights_of(options), flight.reports.add
            self.controllers.add(
                Sight(flight.target_selector, self._image_source, weights, report, live), "sight"
            )
        self._ascent_scheduler = AscentScheduler(
            flight, self.feedback_loop, self.frame_pacer, self.frame_timer, self._listen, self.guard
        )
        self._presenter = Presenter(output, flight, self.feedback_loop, self.frame_counter)
        mailbox = self.mailbox
        self.overlay = Overlay(
            output, flight, self.frame_counter, self.frame_pacer, mailbox, background=live
        )
        self._keyboard.above = (self.overlay.search, self.overlay.browser)
        self._keyboard.picker.choose = self.overlay.browser.choose
        self._turning = False
        flight.on("show.reseed", self.feedback_loop.reseed)
        flight.on("show.screenshot", self._screenshot)
        preset_saving.offer(flight, remote=options.remote_save)
        flight.on("show.fullscreen", self._turn)
        flight.on("show.quit", self._quit)

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Width and height of the canvas in pixels."""
        return self.feedback_loop.size

    def frame(self, now: float, rest: Callable[[float], None] | None = None) -> None:
        """One frame, from what was asked for to what is shown. `rest` lets the seconds pass that
        it has left: before the controls are read, not after; and, to make frames even, before they
        are read for the last time."""
        run = self.guard.run
        self.guard.now = now
        dt = self.frame_counter.tick(now, expected=bool(self.flight.mix()))
        self._untold += dt
        self.frame_timer.start()
        began = bool(dt) and self.flight.flying and self._ascent_scheduler.poll_ascent()
        if rest:
            rest(self._ascent_scheduler.spare())
            self.frame_timer.end("rest")
        run("the output's events", self._take_events)
        run("the canvas's size", self.frame_pacer.fit_canvas)
        run("the camera's picture", self._image_source.look, now)
        self.controllers.poll(now)
        self._listen()
        if self._turning:  # between two frames: what is drawn may be lost by it
            self._turning = False
            self.guard.attempt("full screen", self.output.toggle_fullscreen)
        self.flight.advance(dt)
        self.frame_timer.end("control")
        if dt and self.flight.flying:
            run("the camera's motion", self._move, dt)
            self._ascent_scheduler.ascend(dt, began)
        if run(
            "the picture", self._presenter.draw, self.output, dt
        ):  # else the last one stays on the screen
            run("what is laid over the picture", self._finish, dt, rest)
            if self.output.vsync:
                run(
                    "tidying up",
                    gc_control.collect,
                    self.frame_pacer.showing,
                    self.flight.loader.tidy,
                )
            run("the output", self.output.show)
        self.frame_timer.end("show")
        self._tell(now)

    def close(self) -> None:
        """Gives everything back. May be called twice."""
        self.controllers.close()
        self._screenshots.close()
        self.feedback_loop.close()
        self._image_source.close()
        self.flight.loader.close()
        self._presenter.release()
        self.overlay.release()
        self.output.close()

    def _take_events(self) -> None:
        for event in self.output.events():
            self.guard.attempt("a key", self._take, event)

    def _take(self, event: Event) -> None:
        match event:
            case KeyPress():
                self._keyboard.press(event)
            case Pointer():
                self.overlay.browser.point(event)
            case Quit():
                self._quit()

    def _listen(self) -> None:
        """Whatever can still take effect: before a tick, before the frame, before it is shown."""
        messages = self.mailbox.drain()
        for message in messages:
            self.guard.attempt("a message", self.flight.apply, (message,))
        self._heard += messages

    def _move(self, dt: float) -> None:
        width, height = self.feedback_loop.size
        self.feedback_loop.move(self._camera.warp(self.flight.controls, dt, width / height), dt)

    def _finish(self, dt: float, rest: Callable[[float], None] | None) -> None:
        """Lay over the drawn picture what belongs there, and dim it as was said meanwhile."""
        output = self.output
        picker = self._keyboard.picker
        self.guard.run("the HUD", self.overlay.draw, output, self.controllers, picker, dt)
        if rest:
            output.ctx.finish()
        self.frame_timer.end("present")
        if rest:
            rest(self.frame_pacer.time_until_present(self.frame_timer.elapsed))
            self.frame_timer.end("rest")
        if not self._hurries:
            self._listen()
        self.frame_timer.end("control")
        self._presenter.dim(output, dt)
        self.frame_timer.end("present")

    def _tell(self, now: float) -> None:
        """What came of this frame goes to whoever wants to know."""
        self.guard.run("the governor", self._measure, now)
        heard, self._heard = self._heard, []
        later = self._hurries
        self.guard.run("telling", self._publish_values, now, heard, later)
        self._untold = self._untold if later else 0.0
        self.guard.run("the screenshot", self._note_saved)
        self.frame_timer.end("tell")
        for watcher in self.watchers:
            watcher()

    def _measure(self, now: float) -> None:
        parts = self.frame_timer.seconds
        showing = parts["show"]
        drawing = parts.get("present", 0.0) + (0.0 if self.output.vsync else showing)
        running = self.feedback_loop.since if self.feedback_loop.ticking else 0.0
        self.frame_pacer.displayed(now, self.frame_counter.interval, drawing, showing, running)
        self.flight.controls.set("show.fps", round(self.frame_counter.rate, 1))
        self.flight.controls.set("show.late", self.frame_counter.late)

    def _publish_values(self, now: float, heard: list[Message], later: bool) -> None:
        self.controllers.publish(now, self.flight.values(), heard, later=later)

    def _note_saved(self) -> None:
        if saved := self._screenshots.saved():
            self.flight.note(saved)

    @property
    def _hurries(self) -> bool:
        """Whether this frame holds up the next one, and so leaves to it what can wait."""
        behind = self.frame_pacer.behind(self.frame_timer.elapsed, self.frame_counter.rate)
        return behind and self._untold < _UNTOLD and self.running

    def picture(self) -> np.ndarray:
        """What is seen, without dimming and text: uint8 (H, W, 3), row 0 at the top."""
        return self._presenter.picture(self.output.size)

    def _screenshot(self) -> None:
        self._screenshots.take(self.picture())

    def _turn(self) -> None:
        self._turning = True

    def _quit(self) -> None:
        self.running = False


def build(options: Options, output: Output, *, live: bool, shown: Shown | None = None) -> App:
    """Everything a flight needs, on this output, which is closed if it cannot start. `shown` is
    told of downloads.

    Raises LiveflightError for names that do not exist, and where what is played cannot be recorded;
    missing weights are found out by the first frames."""

    def engine() -> Engine:
        return engines.load(
            options.engine, options.device, options.seed, weights, repeatable=not live
        )

    flight = Flight(Loader(engine, background=live, shown=shown), options.seed)
    try:
        weights = weights_of(options)
        options = replace(options, dense=is_dense(options))
        scores = open_controllers.start(flight, options)
        app = App(output, flight, options, live=live)
    except BaseException:
        flight.loader.close()
        output.close()
        raise
    try:
        for name, surface in scores:
            app.controllers.add(surface, name)
        if options.sound and not live:
            sound = SoundInput(options.sound)
            app.controllers.add(sound, "sound")
            if options.replay:  # what was heard is in the log; the file is for the video alone
                app.controllers.drop(sound)
    except BaseException:
        app.close()
        raise
    if live:
        # A preset that is read for the first time as it is recalled takes milliseconds of a frame.
        start_thread(presets.names)
        app.controllers.open(open_controllers.asked_for(options))
    return app


@gc_control.manual_collection()
def run(app: App, fps: float, asked: Callable[[], bool] = lambda: False) -> None:
    """Flies live, at most `fps` frames per second, until the performer ends it, or somebody has
    `asked` for its end. The rate that the governor keeps, and for which frames wait for the ascent,
    is that of the options."""
    sooner = app.frame_pacer.interval - 1 / fps
    late = 0.0

    def sleep(until: float) -> None:
        left = until - time.perf_counter()
        app.guard.run("tidying up", gc_control.collect, left, app.flight.loader.tidy)
        time.sleep(max(0.0, until - time.perf_counter()))

    def rest(seconds: float) -> None:
        sleep(time.perf_counter() + seconds - sooner - late)

    due = time.perf_counter()
    while app.running and not asked():
        now = time.perf_counter()
        late = max(now - due, 0.0)
        # How long a driver draws that waits for the display is not known, nor what is left.
        app.guard.attempt("a frame", app.frame, now, None if app.output.vsync else rest)
        interval = 1 / fps if app.guard.attempt("the mix", app.flight.mix) else WAITING
        due = max(due + interval, time.perf_counter() - interval)
        # A display that is waited for keeps the intervals even; only one that is faster than
        # wanted has to be slept for.
        early = interval / 2 if app.output.vsync else 0.0
        sleep(due - early)
