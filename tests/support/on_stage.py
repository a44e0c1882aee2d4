"""An app on an output for tests, and pictures to recognise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import moderngl
import numpy as np
from fake_engine import FakeEngine, Step
from handmade import ByHand

from liveflight.app import App
from liveflight.core.contracts import Ascent, Canvas, Event, KeyPress, Mix, Target, Value
from liveflight.core.mailbox import Set
from liveflight.core.noise import opaque
from liveflight.core.text_panel import words
from liveflight.render.canvas_transfer import read_picture
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.options import Options

STEM = Target("efficientnet_lite0", "stem", 3)
CANVAS = (32, 18)
TICK = 1 / 16
"""Seconds from frame to frame: exact in binary, and below what counts as a stall."""
RATE = 0.9
"""Default of `ascent.rate`."""

STILL: Mapping[str, Value] = {
    "camera.zoom": 1.0,
    "colour.pull": 0.0,
    "ascent.detail": 0.0,
    "ascent.octaves": 0.0,
    "ascent.jitter": 0,
    "ascent.soften": 0.0,
    "ascent.noise": 0.0,
}
"""Controls with which every view is the whole canvas, which changes by its directions alone."""


class Stage:
    """An output on the tests' own context. What it showed is kept, row 0 at the top."""

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int], bottom_up: bool) -> None:
        self.ctx = ctx
        self.size = size
        self.bottom_up = bottom_up
        self.vsync = False
        self.framebuffer = ctx.framebuffer([ctx.texture((256, 256), 4)])
        self.waiting: list[Event] = []
        self.shown: list[np.ndarray] = []
        self.fullscreen = self.pointer = False
        self.closed = 0

    def events(self) -> list[Event]:
        found, self.waiting = self.waiting, []
        return found

    def show(self) -> None:
        self.shown.append(read_picture(self.framebuffer, self.size, bottom_up=self.bottom_up))

    def toggle_fullscreen(self) -> None:
        self.fullscreen = not self.fullscreen

    def show_pointer(self, wanted: bool) -> None:
        self.pointer = wanted

    def close(self) -> None:
        self.closed += 1


def hud(app: App) -> list[str]:
    """Return the lines of the HUD, with tabs between the cells."""
    return words(app.overlay.hud_rows(app.controllers))


class Show:
    """An app on a stage, and what tests ask of it."""

    def __init__(
        self,
        stage: Stage,
        engine: FakeEngine,
        *,
        live: bool = True,
        seed: int = 0,
        loader: NetworkLoader | None = None,
        **options: Any,
    ) -> None:
        """Begin as `STILL` says; `options` are those of `Options`."""
        self.stage, self.engine = stage, engine
        self.flight = Flight(loader or NetworkLoader(lambda: engine, background=False), seed)
        self.flight.aim({STEM: 1.0})
        for key, value in STILL.items():
            self.flight.controls.set(key, value)
        self.flight.controls.jump()
        given = {"canvas": CANVAS, "view": CANVAS, "fps": 1 / TICK} | options
        self.worker = ByHand()
        self.app = App(
            stage, self.flight, Options(seed=seed, **given), live=live, worker=self.worker
        )
        self.app.frame_pacer.behind = lambda *_: False  # type: ignore[method-assign]  # at any speed
        self.now = 100.0

    def frame(self, frames: int = 1) -> np.ndarray:
        """Fly on; return the last picture shown, as float64."""
        for _ in range(frames):
            self.now += TICK
            self.app.frame(self.now)
        return self.stage.shown[-1].astype(np.float64)

    def save(self) -> None:
        """Fly on until the requested screenshot has been saved or has failed."""
        self.frame()
        worker = self.app.screenshots._worker
        assert not worker.busy or worker.wait(60)
        self.frame()

    def set(self, key: str, value: Value) -> None:
        self.app.mailbox.put(Set(key, value))

    def press(self, *names: str) -> None:
        self.stage.waiting += [KeyPress(name) for name in names]

    @property
    def canvas(self) -> Canvas:
        texture = self.app.feedback_loop.renderer.texture
        return np.frombuffer(texture.read(), np.float16).reshape(*texture.size[::-1], 4).copy()

    @canvas.setter
    def canvas(self, canvas: Canvas) -> None:
        self.app.feedback_loop.renderer.texture.write(canvas)


Begin = Callable[..., Show]
"""Starts a show that ends with the test; see conftest of tests/app."""


def grey(level: float, size: tuple[int, int] = CANVAS) -> Canvas:
    return opaque(np.full((size[1], size[0], 3), level))


def towards(picture: Canvas, seconds: float = TICK) -> Step:
    """Return a step after which a grey or dim view is this picture.

    `seconds`: what the tick stands for."""

    def step(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        return ((picture - view) / (RATE * seconds)).astype(np.float16)

    return step


def sunrise(size: tuple[int, int] = CANVAS) -> Canvas:
    """Return a picture bright above, dark below, reddish at the left: no turn or flip is alike."""
    picture = np.full((size[1], size[0], 3), 0.1)
    picture[: size[1] // 3] = 0.9
    picture[:, : size[0] // 4, 1:] = 0.0
    return opaque(picture)


def rises(picture: np.ndarray) -> bool:
    """Return whether a picture, 0..255, is the upright sunrise."""
    height, width = picture.shape[:2]
    green = picture[..., 1].astype(float)
    above, below = green[: height // 4, width // 2 :], green[height // 2 :, width // 2 :]
    return bool(above.min() > 200 and below.max() < 50 and green[:, : width // 8].max() < 30)
