"""The flash limiter in a show: every output, the dimmer, the switch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from flash_meter import judged
from kept_frames import KeptFrames
from on_stage import CANVAS, TICK, Show, Stage, grey, hud

from liveflight.core import steady_switch
from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Nudge, Set
from liveflight.outputs.sinks.texture_sink import TextureSink
from liveflight.show import flash_switch
from liveflight.show.options import Options
from liveflight.storage import recording

pytestmark = pytest.mark.gl

FPS = 1 / TICK


class Strobe:
    """A show whose canvas goes from dark to bright and back every two frames: 4 Hz."""

    def __init__(self, ctx: moderngl.Context, engine: FakeEngine) -> None:
        self.stage = Stage(ctx, (96, 54), bottom_up=True)
        self.show = Show(self.stage, engine)
        self._frames = 0

    def fly(self, frames: int, every: int = 2) -> list[np.ndarray]:
        """Return what was shown."""
        begun = len(self.stage.shown)
        for _ in range(frames):
            self.show.canvas = grey(0.2 + 0.6 * (self._frames // every % 2), CANVAS)
            self._frames += 1
            self.show.frame()
        return self.stage.shown[begun:]


@pytest.fixture
def strobe(ctx: moderngl.Context, engine: FakeEngine) -> Iterator[Strobe]:
    strobe = Strobe(ctx, engine)
    yield strobe
    strobe.show.app.close()


def test_a_strobe_is_held_back_and_the_hud_says_so(strobe: Strobe) -> None:
    limited = strobe.fly(40)
    assert judged(iter(limited), FPS).passes
    values = strobe.show.flight.values()
    assert values["show.flash_limited"] == strobe.show.app.presenter.flash_limiter.frames > 0
    assert any("flash limiter" in line for line in hud(strobe.show.app))
    strobe.fly(64, every=1000)
    assert not strobe.show.flight.values()["show.limited"]


def test_without_the_limiter_it_is_an_attack(strobe: Strobe) -> None:
    strobe.show.flight.controls.set(flash_switch.KEY, False)
    assert not judged(iter(strobe.fly(40)), FPS).passes
    assert any("flash limiter off" in line for line in hud(strobe.show.app))


def test_without_memory_to_ease_it_the_picture_stands_rather_than_flashes(
    strobe: Strobe, ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **named: object) -> None:
        raise moderngl.Error("the framebuffer is not complete")

    with monkeypatch.context() as patch:
        patch.setattr(ctx, "texture", full)
        shown = strobe.fly(40)
    assert judged(iter(shown), FPS).passes
    assert strobe.show.flight.reports.counts
    assert judged(iter([*shown, *strobe.fly(40)]), FPS).passes


class Shared(TextureSink):
    """An output that takes the picture from the GPU."""

    name = "the next program"

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []

    def write(self, texture: moderngl.Texture, *, bottom_up: bool) -> None:
        pixels = np.frombuffer(texture.read(), np.uint8).reshape(*texture.size[::-1], 4)
        self.pictures.append(pixels[:: -1 if bottom_up else 1, :, :3])

    def close(self) -> None: ...


def stretched(picture: np.ndarray) -> np.ndarray:
    """Return a picture of any size at 96x54."""
    rows, columns = (
        np.arange(count) * length // count
        for count, length in ((54, len(picture)), (96, picture.shape[1]))
    )
    return picture[rows][:, columns]


@pytest.mark.parametrize("limited", [True, False])
def test_resizes_fits_blackouts_and_every_output_while_it_strobes(
    strobe: Strobe, limited: bool
) -> None:
    show, stage = strobe.show, strobe.stage
    file, texture = KeptFrames(), Shared()
    show.app.sinks = [file]
    show.app.outputs.add(texture)
    show.flight.controls.set(flash_switch.KEY, limited)
    for number in range(64):
        stage.size = ((96, 54), (128, 72), (60, 80))[number // 5 % 3]
        show.set("show.fit", ("cover", "contain")[number // 3 % 2])
        if number % 7 == 0:
            show.press("b")
        strobe.fly(1)
    shown = [stage.shown[-64:], file.pictures, texture.pictures]
    for pictures in shown:
        assert len(pictures) == 64
        assert judged(map(stretched, pictures), FPS).passes is limited


@pytest.mark.parametrize(
    ("key", "hold", "passes"),
    [
        ("show.help", steady_switch.HOLD_S, True),
        ("show.hud", steady_switch.HOLD_S, True),
        ("show.hud", 0.0, False),
    ],
)
def test_a_panel_over_the_picture_does_not_flash(
    strobe: Strobe, monkeypatch: pytest.MonkeyPatch, key: str, hold: float, passes: bool
) -> None:
    monkeypatch.setattr(steady_switch, "HOLD_S", hold)
    strobe.show.canvas = grey(0.9, CANVAS)
    for number in range(40):
        strobe.show.set(key, number % 4 < 2)
        strobe.show.frame()
    assert judged(iter(strobe.stage.shown), FPS).passes is passes


class Watcher:
    wanted = True

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []

    def begin(self) -> None: ...

    def deliver(self, picture: np.ndarray) -> None:
        self.pictures.append(picture.copy())


def test_previews_show_what_the_audience_sees(strobe: Strobe, ctx: moderngl.Context) -> None:
    presenter = strobe.show.app.presenter
    viewer = presenter.viewer = Watcher()
    target = ctx.framebuffer([ctx.texture((40, 40), 4)])
    window = []
    for _ in range(32):
        strobe.fly(1)
        presenter.preview(target, (40, 40))
        window.append(np.frombuffer(target.read(components=3), np.uint8).reshape(40, 40, 3))
    ctx.detect_framebuffer(0).use()
    target.release()
    assert judged(iter(viewer.pictures), FPS).passes
    assert judged(iter([each[10:30] for each in window]), FPS).passes
    shown = [frame.mean() for frame in strobe.stage.shown[-5:]]
    assert abs(viewer.pictures[-1].mean() - shown[-1]) < 2
    assert abs(window[-1][10:30].mean() - shown[-1]) < 2


def test_changes_of_brightness_after_drawing_are_seen(strobe: Strobe) -> None:
    """Messages that always come between the drawing and the show: dips that `draw` never sees."""
    app = strobe.show.app
    strobe.show.canvas = grey(0.95, CANVAS)
    strobe.show.frame()
    dim = app.presenter.dim

    def dipped(output: object, dt: float) -> None:
        strobe.show.flight.controls.set("show.master", 0.0)
        dim(output, 0.2)  # type: ignore[arg-type]
        strobe.show.flight.controls.set("show.master", 1.0)

    app.presenter.dim = dipped  # type: ignore[method-assign, assignment]
    for _ in range(40):
        strobe.show.now += 0.05
        app.frame(strobe.show.now)
    assert judged(iter(strobe.stage.shown), 20.0).passes


def test_the_switch_goes_off_only_where_the_start_allowed_it(
    strobe: Strobe, caplog: pytest.LogCaptureFixture
) -> None:
    flight = strobe.show.flight
    flash_switch.guard(flight, Options())
    flight.apply([Set(flash_switch.KEY, False), Nudge(flash_switch.KEY, 1)])
    assert flight.controls.flag(flash_switch.KEY) and "--allow-flashing" in flight.reports.last
    flash_switch.guard(flight, Options(allow_flashing=True))
    with caplog.at_level(logging.WARNING):
        for value in (False, True, False):
            flight.apply([Set(flash_switch.KEY, value)])
    assert not flight.controls.flag(flash_switch.KEY)
    assert sum("flash limiter is off" in each.message for each in caplog.records) == 2
    with pytest.raises(LiveflightError, match="--allow-flashing"):
        flash_switch.guard(flight, Options())  # as with --set show.flash_limit=off


def test_neither_a_recording_nor_the_network_nor_a_preset_has_the_switch(tmp_path: Path) -> None:
    from liveflight.controllers.osc.addresses import CONTROL_AT
    from liveflight.core.controls import CONTROLS

    assert not CONTROLS[flash_switch.KEY].saved and not CONTROLS[flash_switch.KEY].remote
    assert recording.frame(0.1, [Set(flash_switch.KEY, False)], []) == ""
    assert "/liveflight/show/flash_limit" not in CONTROL_AT
