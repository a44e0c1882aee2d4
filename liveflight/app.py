"""Wires the parts together and runs the loop: `build` says who exists, `App.frame` what happens in
which order.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import platformdirs

from liveflight import engines
from liveflight.core import presets
from liveflight.core.ascent import ascent
from liveflight.core.camera import Camera
from liveflight.core.contracts import Engine, KeyPress, LiveflightError, Output, Quit
from liveflight.core.mailbox import Mailbox
from liveflight.core.meter import Meter
from liveflight.core.noise import pink
from liveflight.flight import Flight
from liveflight.gl.feedback import Feedback
from liveflight.gl.hud import Hud
from liveflight.gl.interop import HostCopy, read_picture
from liveflight.gl.present import Fit, Present
from liveflight.inputs import keyboard
from liveflight.inputs.keyboard import Keyboard
from liveflight.inputs.osc import OscInput
from liveflight.loader import Loader, Shown
from liveflight.outputs.recorder import save_png
from liveflight.takeoff import Options, take_off, weights_of

FADE = 0.5
"""Seconds a blackout takes, there and back."""

WAITING = 0.1
"""Seconds per frame until there is something to ascend: the time is better spent on loading it."""

HUD_EVERY = 0.25
"""Seconds between two texts of the HUD."""

CANVAS = {"cpu": (320, 180), "mps": (640, 360), "cuda": (960, 540)}
"""Width and height of the canvas by device, where nobody asked for another."""


class App:
    """One flight on one output. Every time is in seconds, and given."""

    def __init__(self, output: Output, flight: Flight, options: Options, *, live: bool) -> None:
        self.output = output
        self.flight = flight
        self.mailbox = Mailbox()
        self.meter = Meter(1 / options.fps)
        self.laps = Laps(output.ctx.finish)
        self.running = True
        self.osc: OscInput | None = None
        self._live = live
        self._asked_canvas = options.canvas
        self._seed = options.seed
        self._keyboard = Keyboard(self.mailbox)
        self._camera = Camera()
        self._feedback = Feedback(output.ctx, options.canvas or CANVAS["cpu"])
        self._hand_over = HostCopy()
        self._present = Present(output.ctx)
        self._hud = Hud(output.ctx)
        self._master = 1.0
        self._said: list[str] = []
        self._hud_age = HUD_EVERY
        self._reseed()
        flight.on("show.reseed", self._reseed)
        flight.on("show.screenshot", self._screenshot)
        flight.on("show.save_preset", self._save_preset)
        flight.on("show.fullscreen", output.toggle_fullscreen)
        flight.on("show.quit", self._quit)

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Width and height of the canvas in pixels."""
        return self._feedback.size

    def frame(self, now: float) -> None:
        """One frame, from what was asked for to what is shown."""
        dt = self.meter.tick(now)
        self.laps.start()
        self._take_events()
        self.flight.apply(self.mailbox.drain())
        self.flight.advance(dt)
        self.laps.end("control")
        if dt and self.flight.mix() and not self.flight.controls.flag("show.freeze"):
            self._move(dt)
            self._ascend(dt)
        self._draw(dt)
        self.output.show()
        self.laps.end("show")

    def close(self) -> None:
        """Gives everything back. May be called twice."""
        if self.osc:
            self.osc.close()
        self.flight.loader.close()
        for part in (self._feedback, self._hand_over, self._present, self._hud):
            part.release()
        self.output.close()

    def _take_events(self) -> None:
        for event in self.output.events():
            match event:
                case KeyPress():
                    self._keyboard.press(event)
                case Quit():
                    self._quit()

    def _move(self, dt: float) -> None:
        width, height = self._feedback.size
        self._feedback.warp(self._camera.warp(self.flight.controls, dt, width / height))
        self.laps.end("warp")

    def _ascend(self, dt: float) -> None:
        """The engine's steps. One that fails is reported, and the picture moves on without it."""
        engine, mix = self.flight.loader.engine, self.flight.mix()
        if engine is None or not mix:
            return
        self._feedback.resize(self._asked_canvas or CANVAS[engine.device])
        settings = ascent(self.flight.controls, dt)
        canvas = self._hand_over.read(self._feedback.texture)
        self.laps.end("hand-over")
        try:
            canvas = engine.ascend(canvas, mix, settings)
        except FloatingPointError as error:
            self.flight.reports.add(f"{error}: starting again from noise")
            self._reseed()
            return
        except Exception as error:
            if not self._live:
                raise LiveflightError(f"an ascent step failed: {error!r}") from error
            self.flight.reports.add(f"an ascent step failed: {error}")
            return
        self.laps.end("ascent")
        self._hand_over.write(self._feedback.texture, canvas)
        self.laps.end("hand-over")

    def _draw(self, dt: float) -> None:
        controls, output = self.flight.controls, self.output
        goal = 0.0 if controls.flag("show.blackout") else controls.number("show.master")
        step = dt / FADE if dt else 1.0
        self._master += min(max(goal - self._master, -step), step)
        where, size, up = output.framebuffer, output.size, output.bottom_up
        fit: Fit = "contain" if controls.word("show.fit") == "contain" else "cover"
        self._present.draw(
            self._feedback.texture,
            where,
            size,
            bottom_up=up,
            fit=fit,
            master=self._master,
            frame=self.meter.frames,
        )
        waiting = self.flight.loader.downloading and not self.flight.mix()
        if controls.flag("show.hud") or waiting:
            self._hud.draw(self._hud_lines(dt), where, size, bottom_up=up)
        if controls.flag("show.help"):
            self._hud.draw(keyboard.help_lines(), where, size, bottom_up=up, place="centre")
        self.laps.end("present")

    def _hud_lines(self, dt: float) -> list[str]:
        """What the HUD says, made anew now and then: drawing a new text costs milliseconds."""
        self._hud_age += dt
        if self._hud_age >= HUD_EVERY or not dt:
            self._hud_age = 0.0
            self._said = self.hud_lines()
        return self._said

    def hud_lines(self) -> list[str]:
        """Targets, rates, late frames, the last message, the last trouble."""
        flight, meter = self.flight, self.meter
        mix = flight.mix()
        shown = [f"{target}\t{weight:.0%}" for target, weight in mix.items()]
        steps = flight.controls.whole("ascent.steps") if mix else 0
        lines = [
            *(shown or [flight.loader.downloading or "loading ..."]),
            f"{meter.rate:.0f} frames/s\t{meter.rate * steps:.0f} steps/s\t{meter.late} late",
        ]
        said = [flight.last_message, flight.reports.last]
        if self.osc and self.osc.refused:
            last = self.osc.last_message
            said += [last if "refused" in last else "", f"{self.osc.refused} OSC packets refused"]
        return [*lines, *filter(None, said)]

    def picture(self) -> np.ndarray:
        """What is seen, without dimming and text: uint8 (H, W, 3), row 0 at the top."""
        ctx, size = self.output.ctx, self.output.size
        colour = ctx.texture(size, 4)
        framebuffer = ctx.framebuffer([colour])
        try:
            self._present.draw(self._feedback.texture, framebuffer, size, bottom_up=False)
            return read_picture(framebuffer, size, bottom_up=False)
        finally:
            framebuffer.release()
            colour.release()

    def _reseed(self) -> None:
        self._hand_over.write(self._feedback.texture, pink(self._feedback.size, self._seed))
        self._seed += 1

    def _screenshot(self) -> None:
        folder = platformdirs.user_pictures_path() / "liveflight"
        path = folder / time.strftime("%Y-%m-%d %H.%M.%S.png")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LiveflightError(f"{folder} cannot be made: {error.strerror}") from error
        save_png(path, self.picture())
        self.flight.note(f"saved {path}")

    def _save_preset(self) -> None:
        path = presets.write(self.flight.as_preset(time.strftime("mine %Y-%m-%d %H.%M.%S")))
        self.flight.note(f"saved {path}")

    def _quit(self) -> None:
        self.running = False


class Laps:
    """Where a frame's time goes. With `exact` set, the GPU finishes each part before the clock is
    read."""

    def __init__(self, finish: Callable[[], None]) -> None:
        self.exact = False
        self.seconds: dict[str, float] = {}
        """The last frame's, by part."""
        self._finish = finish
        self._since = 0.0

    def start(self) -> None:
        self.seconds = {}
        self._since = time.perf_counter()

    def end(self, part: str) -> None:
        if self.exact:
            self._finish()
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now


def build(options: Options, output: Output, *, live: bool, shown: Shown | None = None) -> App:
    """Everything a flight needs, on this output, which is closed if it cannot start. `shown` is
    told of downloads.

    Raises LiveflightError for names that do not exist; missing weights are found out by the first
    frames."""

    def engine() -> Engine:
        return engines.load(options.engine, options.device, options.seed, weights)

    flight = Flight(Loader(engine, background=live, shown=shown), options.seed)
    try:
        weights = weights_of(options)
        take_off(flight, options)
        app = App(output, flight, options, live=live)
    except BaseException:
        output.close()
        raise
    if live and options.osc_port:
        app.osc = _listening(app, options)
    return app


def _listening(app: App, options: Options) -> OscInput | None:
    osc = OscInput(options.osc_host, options.osc_port)
    try:
        osc.open(app.mailbox)
    except LiveflightError as error:
        app.flight.reports.add(f"{error}; flying on without OSC")
        return None
    return osc


def run(app: App, fps: float) -> None:
    """Flies live, at most `fps` frames per second, until the performer ends it."""
    due = time.perf_counter()
    while app.running:
        app.frame(time.perf_counter())
        interval = 1 / fps if app.flight.mix() else WAITING
        due = max(due + interval, time.perf_counter() - interval)
        time.sleep(max(0.0, due - time.perf_counter()))
