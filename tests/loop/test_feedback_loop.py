"""The picture between its ticks: how it moves, how it grows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine, Step, stay
from handmade import ByHand

from liveflight.core.ascent import Upkeep
from liveflight.core.camera import IDENTITY, matrix
from liveflight.core.contracts import Ascent, Canvas, Mix, Target, Warp
from liveflight.core.noise import first_canvas, opaque, pink
from liveflight.core.views import View
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.render.canvas_transfer import HostCopy, InteropError
from liveflight.render.passes import RenderTarget
from liveflight.render.present import Fit, PresentPass
from liveflight.system.worker import Worker

pytestmark = pytest.mark.gl

SIZE = (144, 81)
VIEW = (48, 28)
WHOLE = View(0, 0, (144 / 81) / (48 / 28))
PART = View(0.3, 0.1, 0.5, 0.0, 1)
MIX: Mix = {Target("vgg16", "conv4_1", 3): 1.0}
DT = 1 / 32
PLAIN = Upkeep()
"""Nothing is held, softened or added."""


class Flown:
    """A canvas, and a loop as the app's, whose ticks take a number of frames each."""

    def __init__(
        self, ctx: moderngl.Context, loop: FeedbackLoop, worker: ByHand, engine: FakeEngine
    ) -> None:
        self.loop, self.worker, self.engine = loop, worker, engine
        self.view, self.amount, self.upkeep = WHOLE, 1 / 16, PLAIN
        self.finite = True
        self.present, self.screen = PresentPass(ctx), RenderTarget(ctx, SIZE)
        self._age = 0

    def frame(self, warp: Warp, frames: int) -> np.ndarray:
        """Return the next frame; ticks arrive `frames` frames after they began."""
        loop, began = self.loop, False
        self.worker.hold = frames > 0
        self._age += 1
        if loop.ticking and self._age >= frames:
            self.worker.finish()
        while loop.ticking and loop.collect_result(0.0) and not began and loop.since:
            self.begin()
            began = True
        loop.move(warp, DT)
        if not (loop.ticking or began):
            self.begin()
            loop.collect_result(0.0)
        self.finite = loop.advance(DT, self.upkeep)
        return self.shown()

    def begin(self) -> None:
        self.loop.begin(self.engine, [(self.view, MIX)], Ascent(), self.amount, VIEW)
        self._age = 0

    def shown(self) -> np.ndarray:
        """Return the canvas as the display draws it, before the shoulder and the dither."""
        self.present.draw(
            *(self.loop.texture(), self.screen.framebuffer, SIZE),
            bottom_up=False,
            warp=self.loop.shown,
            sharp=True,
        )
        seen = HostCopy().read(self.screen.texture).astype(np.float64)[..., :3]
        away = (seen - 0.5).clip(-0.49, 0.49)
        return 0.5 + away / (1 - (away / 0.494) ** 4) ** 0.25

    def level(self, warp: Warp, frames: int) -> float:
        """Return the mean of the next frame: the dither averages out."""
        return float(self.frame(warp, frames).mean())

    def show(self, canvas: Canvas) -> None:
        self.loop.renderer.renew(partial(HostCopy().write, canvas=canvas))

    def close(self) -> None:
        self.loop.close()
        self.present.release()
        self.screen.release()


Begin = Callable[..., Flown]


@pytest.fixture
def begin(ctx: moderngl.Context) -> Iterator[Begin]:
    flights: list[Flown] = []

    def begin(step: Step = stay, noise: Worker[Canvas] | None = None, **how: Any) -> Flown:
        worker, engine = ByHand(), FakeEngine(step)
        engine.prepare("vgg16")
        inline: Worker[Canvas] = Worker(background=False)
        loop = FeedbackLoop(ctx, SIZE, 5, worker, noise or inline, lambda part: None, **how)
        flights.append(Flown(ctx, loop, worker, engine))
        return flights[-1]

    yield begin
    for flown in flights:
        flown.close()


def canvas_of(flown: Flown) -> np.ndarray:
    return HostCopy().read(flown.loop.texture())


def blob(x: float, y: float, radius: float = 0.07) -> Canvas:
    """Return a soft round spot at this place, in picture heights from the middle."""
    width, height = SIZE
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    away = np.hypot((columns - width / 2) / height - x, (height / 2 - rows) / height - y)
    return opaque(np.repeat(0.1 + 0.7 * np.exp(-((away / radius) ** 2))[..., None], 3, 2))


def spot(picture: np.ndarray) -> complex:
    """Where the spot is, in heights, x + iy."""
    width, height = SIZE
    light = np.maximum(picture[..., 0] - 0.3, 0.0)  # not what is mirrored in from the rim
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = ((columns - width / 2) / height * light).sum() / light.sum()
    return complex(x, ((height / 2 - rows) / height * light).sum() / light.sum())


# Motion


@pytest.mark.parametrize("warp_frames", [1, 6])
@pytest.mark.parametrize("frames", [0, 1, 2, 5, 13])
def test_a_pan_is_even_however_long_a_tick_takes(
    begin: Begin, frames: int, warp_frames: int
) -> None:
    flown = begin(warp_frames=warp_frames)
    flown.show(blob(0.4, 0.0))
    speed = 0.02
    warp = Warp(matrix(1, 0, speed, 0))
    places = [spot(flown.frame(warp, frames)) for _ in range(32)]
    for before, after in itertools.pairwise(places):
        assert after - before == pytest.approx(-speed, abs=0.05 * speed)


@pytest.mark.parametrize("frames", [0, 1, 3, 7])
def test_a_turn_is_even_however_long_a_tick_takes(begin: Begin, frames: int) -> None:
    flown = begin(warp_frames=3)
    flown.show(blob(0.0, 0.25))
    speed = math.radians(4)
    warp = Warp(matrix(1, speed, 0, 0))
    places = [spot(flown.frame(warp, frames)) for _ in range(40)]
    for before, after in itertools.pairwise(places):
        turned = -np.angle(after / before)
        assert turned == pytest.approx(speed, rel=0.05)
        assert abs(after) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("warp_frames", [1, 6])
@pytest.mark.parametrize("frames", [0, 1, 4, 9])
def test_a_zoom_is_even_however_long_a_tick_takes(
    begin: Begin, frames: int, warp_frames: int
) -> None:
    flown = begin(warp_frames=warp_frames)
    flown.show(blob(0.08, 0.04, radius=0.05))
    zoom = 1.03
    warp = Warp(matrix(zoom, 0, 0, 0))
    places = [abs(spot(flown.frame(warp, frames))) for _ in range(24)]
    for before, after in itertools.pairwise(places):
        assert after / before - 1 == pytest.approx(zoom - 1, rel=0.05)


def test_the_canvas_is_warped_now_and_then_and_so_stays_sharp(begin: Begin) -> None:
    """A warp at each frame would soften by half a pixel each."""
    flown = begin()
    flown.show(pink(SIZE, 3))
    warped: list[np.ndarray] = []
    flown.loop.on_warp = warped.append
    warp = Warp(matrix(1, 0, 0.5 / SIZE[1], 0))
    first = np.abs(np.diff(flown.frame(warp, 4)[:, :40], axis=1)).mean()
    for _ in range(31):
        picture = flown.frame(warp, 4)
    assert 1 <= len(warped) <= 4
    assert np.abs(np.diff(picture[:, :40], axis=1)).mean() > 0.8 * first
    total = np.linalg.multi_dot([*warped, np.eye(3), flown.loop.shown.matrix.astype(float)])
    np.testing.assert_allclose(total, matrix(1, 0, 16 / SIZE[1], 0), atol=1e-5)


@pytest.mark.parametrize("warp_frames", [1, 4])
def test_nothing_jumps_at_a_warp(begin: Begin, warp_frames: int) -> None:
    """A smooth picture in all colours, motions and tones: frame to frame it changes evenly."""
    flown = begin(warp_frames=warp_frames)
    x, y = np.meshgrid(np.linspace(0, 3, SIZE[0]), np.linspace(0, 2, SIZE[1]))
    flown.show(opaque(0.5 + 0.2 * np.sin(np.stack([x, y, x + y], -1))))
    flown.upkeep = Upkeep(0.45, 0.1, 2.0)
    warp = Warp(
        matrix(1.004, 0.005, 0.002, 0.001),
        amounts={"hue": 0.02, "saturation": 0.995, "decay": 0.004, "swirl": 0.004, "flow": 0.0005},
    )
    warped: list[np.ndarray] = []
    flown.loop.on_warp = warped.append
    pictures = [flown.frame(warp, 2) for _ in range(48)]
    assert len(warped) >= 3
    steps = np.abs(np.diff(pictures[4:], axis=0))[:, 8:-8, 8:-8].mean((1, 2, 3))
    # The dither alone is 0.002; a step that is taken twice, or not at all, would be 0.004 off.
    np.testing.assert_allclose(steps[1:], steps[:-1], atol=0.0015)


def test_a_still_picture_keeps_every_bit(begin: Begin) -> None:
    flown = begin()
    flown.show(pink(SIZE, 3))
    for _ in range(40):
        flown.frame(IDENTITY, 3)
    np.testing.assert_array_equal(canvas_of(flown), pink(SIZE, 3))


def test_a_fast_camera_does_not_wait_for_the_rest_of_a_warp(begin: Begin) -> None:
    flown = begin(warp_frames=50)
    flown.show(blob(0.4, 0.0))
    warped: list[np.ndarray] = []
    flown.loop.on_warp = warped.append
    for _ in range(12):
        flown.frame(Warp(matrix(1, 0, 0.05, 0)), 2)
    assert len(warped) >= 3


# Folds


@pytest.mark.parametrize("warp_frames", [1, 6])
def test_folds_stay_while_a_warp_runs_and_when_others_come(begin: Begin, warp_frames: int) -> None:
    flown = begin(warp_frames=warp_frames)
    canvas = pink(SIZE, 3)
    flown.show(canvas)
    mirrored = replace(IDENTITY, mirror_x=True)
    pictures = [flown.frame(mirrored, 2) for _ in range(40)]
    for picture in pictures:
        np.testing.assert_allclose(picture, picture[:, ::-1], atol=0.02)
        np.testing.assert_allclose(picture[:, :72], canvas[:, :72, :3], atol=0.02)
    for _ in range(20):
        np.testing.assert_allclose(flown.frame(IDENTITY, 2), pictures[-1], atol=0.02)


@pytest.mark.parametrize("warp_frames", [1, 6])
@pytest.mark.parametrize(
    "motion",
    [matrix(1.006, 0, 0, 0), matrix(1, 0.01, 0, 0), matrix(1.003, 0.006, 0.001, 0.002)],
    ids=["zoom", "rotation", "both"],
)
def test_a_folded_picture_does_not_jump_at_a_warp(
    begin: Begin, motion: np.ndarray, warp_frames: int
) -> None:
    """Wedges reach beyond the border, and a running warp and the motion since are folded."""
    flown = begin(warp_frames=warp_frames)
    flown.show(blob(0.15, 0.1))
    warped: list[np.ndarray] = []
    flown.loop.on_warp = warped.append
    pictures = [flown.frame(Warp(motion, kaleidoscope=5), 3) for _ in range(60)]
    assert len(warped) >= 3
    steps = np.sqrt((np.diff(pictures, axis=0) ** 2).mean((1, 2, 3)))
    assert steps.max() < 0.004  # a jump was 0.03 to 0.08


@pytest.mark.parametrize(
    "upkeep", [Upkeep(noise=0.2), Upkeep(soften=20.0)], ids=["noise", "softening"]
)
def test_much_noise_or_softening_does_not_come_in_pulses(begin: Begin, upkeep: Upkeep) -> None:
    flown = begin()
    flown.show(pink(SIZE, 3))
    flown.upkeep = upkeep
    warped: list[np.ndarray] = []
    flown.loop.on_warp = warped.append
    for _ in range(16):
        flown.frame(IDENTITY, 3)
    assert len(warped) >= 4  # twice a second without them


# Growth


def brighter(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    return np.ones_like(view)


def grey(level: float) -> Canvas:
    return opaque(np.full((SIZE[1], SIZE[0], 3), level))


@pytest.mark.parametrize("frames", [2, 4, 8])
def test_a_slow_ascent_grows_evenly(begin: Begin, frames: int) -> None:
    flown = begin(brighter)
    flown.show(grey(0.25))
    levels = [flown.level(IDENTITY, frames) for _ in range(6 * frames)]
    assert levels[:frames] == pytest.approx([0.25] * frames, abs=1e-3), "the first is on its way"
    assert levels[2 * frames - 1] == pytest.approx(0.25 + 1 / 16, abs=2e-3)
    # The first one began after its frame's motion, and so took a frame less.
    for before, after in itertools.pairwise(levels[2 * frames - 1 :]):
        assert after - before == pytest.approx(1 / 16 / frames, abs=1e-3)


def test_a_tick_within_its_frame_is_seen_in_it(begin: Begin) -> None:
    flown = begin(brighter)
    flown.show(grey(0.25))
    levels = [flown.level(IDENTITY, 0) for _ in range(4)]
    assert levels == pytest.approx([0.3125, 0.375, 0.4375, 0.5], abs=1e-3)


def test_from_slow_to_quick_nothing_jumps(begin: Begin) -> None:
    flown = begin(brighter)
    flown.show(grey(0.2))
    flown.amount = 1 / 64
    paces = [4] * 9 + [0] * 4 + [3] * 7 + [0] * 3
    levels = [flown.level(IDENTITY, frames) for frames in paces]
    for before, after in itertools.pairwise(levels):
        assert -1e-3 <= after - before <= 3 / 64
    for _ in range(4):
        levels.append(flown.level(IDENTITY, 0))
    assert levels[-1] == pytest.approx(0.2 + flown.loop.ticks / 64, abs=4e-3)


@pytest.mark.parametrize("warp_frames", [1, 3])
@pytest.mark.parametrize("frames", [0, 3, 8])
def test_what_grows_moves_with_the_picture(begin: Begin, frames: int, warp_frames: int) -> None:
    """It is added where its view lay, wherever that has moved to, in old and new canvas alike."""
    asked = []

    def once(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        asked.append(view)
        return np.full_like(view, len(asked) == 1)

    flown = begin(once, warp_frames=warp_frames)
    flown.show(grey(0.3))
    flown.view, flown.amount = PART, 0.05
    speed = 0.015
    warp = Warp(matrix(1, 0, speed, 0))
    number = 2 * frames + 6
    for _ in range(number):
        picture = flown.frame(warp, frames)
    assert len(asked) > 1
    light = picture.mean(-1) - 0.3
    assert light.max() == pytest.approx(0.05, abs=0.012)
    place = spot(np.repeat((0.1 + 10 * light.clip(0.02, 1))[..., None], 3, 2))
    # A view's place is one of the canvas, which had not moved yet.
    assert place == pytest.approx(complex(PART.x - speed * number, PART.y), abs=0.01)


def test_a_moving_picture_neither_flickers_nor_ghosts(begin: Begin) -> None:
    """With an engine that changes nothing, ticks of any length show the same."""
    warp = Warp(matrix(1.02, 0.03, 0.004, 0.0))
    pictures = []
    for frames in (1, 5):
        flown = begin()
        flown.show(blob(0.1, 0.1))
        pictures.append([flown.frame(warp, frames) for _ in range(16)])
    for quick, slow in zip(*pictures, strict=True):
        np.testing.assert_allclose(slow, quick, atol=0.03)


# Brightness and contrast


def test_brightness_and_contrast_are_held(begin: Begin) -> None:
    flown = begin(warp_frames=3)
    flown.show(opaque(0.2 + 0.3 * pink(SIZE, 3)[..., :3].astype(float)))
    flown.upkeep = Upkeep(0.45, 0.12, 8.0)
    means = [flown.level(IDENTITY, 2) for _ in range(96)]
    picture = flown.frame(IDENTITY, 2)
    assert picture.mean() == pytest.approx(0.45, abs=0.01)
    assert picture.std() == pytest.approx(0.12, abs=0.01)
    for before, after in itertools.pairwise(means):
        assert after >= before - 2e-3, "it neither jumps nor swings"
        assert after - before < 0.05


@pytest.mark.parametrize("fps", [15, 60])
def test_they_are_pulled_alike_at_every_rate(begin: Begin, fps: int) -> None:
    flown = begin()
    flown.show(grey(0.25))
    for _ in range(fps // 2 + 1):  # what is measured arrives a frame later
        flown.loop.move(IDENTITY, 1 / fps)
        flown.loop.advance(1 / fps, Upkeep(0.5, 0.2, 2.0))
    assert flown.shown().mean() == pytest.approx(0.5 - 0.25 * math.exp(-1), abs=0.01)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_picture_that_is_not_finite_starts_again_from_noise(begin: Begin, value: float) -> None:
    flown = begin()
    flown.show(grey(value))
    flown.loop._measuring.forget()
    found = []
    for _ in range(4):
        flown.frame(IDENTITY, 2)
        found.append(flown.finite)
    assert found == [True, False, True, True]
    np.testing.assert_array_equal(canvas_of(flown), first_canvas(SIZE, 6))


# What a tick is given, and what becomes of it


def test_a_tick_sees_the_canvas_in_its_colours_and_with_what_is_still_to_come(
    begin: Begin,
) -> None:
    given: list[np.ndarray] = []

    def look(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(view[..., :3].astype(np.float64))
        return np.ones_like(view)

    flown = begin(look)
    flown.show(grey(0.375))
    for _ in range(17):
        flown.frame(IDENTITY, 4)
    means = [view.mean() for view in given]
    assert means == pytest.approx([0.375 + number / 16 for number in range(4)], abs=2e-3)
    assert given[0].shape == (*VIEW[::-1], 3)


def test_several_views_are_one_tick_and_share_the_amount(begin: Begin) -> None:
    flown = begin(brighter)
    flown.show(grey(0.25))
    flown.loop.move(IDENTITY, DT)
    views = [(WHOLE, MIX), (WHOLE, MIX)]
    flown.loop.begin(flown.engine, views, Ascent(), 0.25, VIEW)
    assert flown.loop.steps == 2
    assert flown.loop.collect_result(0.0)
    assert flown.loop.ticks == 1 and len(flown.engine.asked) == 2
    for _ in range(2):
        flown.loop.advance(DT, PLAIN)
    assert flown.shown().mean() == pytest.approx(0.5, abs=2e-3)


def test_reseeding_forgets_the_tick_in_flight_and_what_is_being_added(begin: Begin) -> None:
    flown = begin(brighter)
    for _ in range(5):
        flown.frame(IDENTITY, 3)
    assert flown.loop.ticking
    flown.loop.reseed()
    noise = canvas_of(flown).copy()
    np.testing.assert_array_equal(noise, first_canvas(SIZE, 6))
    flown.worker.finish()
    assert flown.loop.collect_result(0.0)
    flown.loop.advance(DT, PLAIN)
    np.testing.assert_array_equal(canvas_of(flown), noise)


def test_reseeding_drops_a_running_warp(begin: Begin) -> None:
    flown = begin(warp_frames=8)
    warp = Warp(matrix(1, 0, 0.02, 0))
    while flown.loop.renderer.running is None:
        flown.frame(warp, 2)
    flown.loop.reseed()
    np.testing.assert_array_equal(canvas_of(flown), first_canvas(SIZE, 6))
    assert flown.loop.shown is IDENTITY
    for _ in range(8):
        flown.loop.advance(DT, PLAIN)
    np.testing.assert_array_equal(canvas_of(flown), first_canvas(SIZE, 6))


def test_new_noise_is_made_beside_the_show(begin: Begin) -> None:
    beside: ByHand[Canvas] = ByHand()
    beside.hold = True
    flown = begin(noise=beside)
    flown.show(blob(0.0, 0.0))
    shown = canvas_of(flown).copy()
    for _ in range(3):
        flown.loop.reseed()
    np.testing.assert_array_equal(canvas_of(flown), shown)
    beside.finish()
    np.testing.assert_array_equal(canvas_of(flown), first_canvas(SIZE, 6))
    flown.loop.reseed()
    beside.finish()
    flown.loop.resize((48, 26))  # meanwhile
    flown.loop.texture()
    beside.finish()
    np.testing.assert_array_equal(canvas_of(flown), first_canvas((48, 26), 8))


def test_a_failed_tick_leaves_the_picture(begin: Begin) -> None:
    def fail(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise RuntimeError("out of luck")

    flown = begin(fail)
    flown.show(blob(0.0, 0.0))
    flown.loop.move(IDENTITY, DT)
    flown.begin()
    with pytest.raises(RuntimeError, match="out of luck"):
        flown.loop.collect_result(0.0)
    assert flown.loop.ticks == 1 and not flown.loop.ticking
    flown.loop.advance(DT, PLAIN)
    np.testing.assert_array_equal(canvas_of(flown), blob(0.0, 0.0))


def test_views_and_canvas_take_other_sizes_in_mid_flight(begin: Begin) -> None:
    given: list[tuple[int, ...]] = []

    def look(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(view.shape)
        return np.ones_like(view)

    flown = begin(look)
    flown.show(grey(0.25))
    for number, (size, canvas) in enumerate(
        [(VIEW, SIZE), ((24, 14), SIZE), ((24, 14), (96, 54)), (VIEW, SIZE)], 1
    ):
        flown.loop.move(IDENTITY, DT)
        flown.loop.resize(canvas)
        assert flown.loop.size == canvas
        flown.loop.begin(flown.engine, [(WHOLE, MIX)], Ascent(), 1 / 16, size)
        assert flown.loop.collect_result(0.0)
        flown.loop.advance(DT, PLAIN)
        np.testing.assert_allclose(canvas_of(flown)[..., :3], 0.25 + number / 16, atol=5e-3)
    assert given == [(28, 48, 4), (14, 24, 4), (14, 24, 4), (28, 48, 4)]


def test_a_resize_keeps_the_motion_of_a_running_warp(begin: Begin) -> None:
    flown = begin(warp_frames=8)
    flown.show(blob(0.4, 0.0))
    warp = Warp(matrix(1, 0, 0.02, 0))
    while flown.loop.renderer.running is None:
        before = spot(flown.frame(warp, 2))
    flown.loop.resize((288, 162))
    assert spot(flown.shown()) == pytest.approx(before, abs=2e-3)


def test_a_closed_loop_may_be_closed_again(begin: Begin) -> None:
    flown = begin()
    for _ in range(2):
        flown.loop.close()


# The hand-over


def test_views_that_cannot_stay_on_the_gpu_go_by_the_host_and_it_says_why_once(
    begin: Begin,
) -> None:
    flown = begin()
    other = FakeEngine()
    other.device = "cuda"  # where the tests draw, OpenGL is Mesa's, which CUDA cannot share
    assert flown.loop.use_engine(flown.engine) == ""
    reason = flown.loop.use_engine(other)
    assert reason.startswith("the picture goes through the host's memory: ")
    assert flown.loop.use_engine(other) == ""


class Broken(HostCopy):
    """A hand-over that stops working, as a driver may in mid-flight."""

    broken = ""
    released = False

    def read(self, texture: moderngl.Texture) -> Canvas:
        if self.broken == "read":
            raise InteropError("lost")
        return super().read(texture)

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        if self.broken == "write":
            raise InteropError("lost")
        super().write(texture, canvas)

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize("where", ["read", "write"])
def test_a_hand_over_that_breaks_is_replaced_and_the_picture_stays(
    begin: Begin, where: str
) -> None:
    flown = begin(brighter)
    flown.show(grey(0.25))
    flown.loop._hand_over._transfer = broken = Broken()
    before = flown.level(IDENTITY, 0)
    assert before == pytest.approx(0.3125, abs=1e-3)
    broken.broken = where
    if where == "write":
        with pytest.raises(InteropError):
            flown.frame(IDENTITY, 0)
        assert flown.shown().mean() == pytest.approx(before, abs=1e-3)
    assert flown.level(IDENTITY, 0) == pytest.approx(0.375, abs=1e-3)
    assert broken.released


# Pictures from outside


def test_it_starts_and_starts_again_from_what_is_given(begin: Begin) -> None:
    asked: list[tuple[tuple[int, int], int]] = []

    def start(size: tuple[int, int], seed: int) -> Canvas:
        asked.append((size, seed))
        return opaque(np.full((size[1], size[0], 3), len(asked) / 4))

    flown = begin(start=start)
    assert np.all(canvas_of(flown)[..., :3] == 0.25)
    flown.loop.reseed()
    assert np.all(canvas_of(flown)[..., :3] == 0.5)
    assert asked == [(SIZE, 5), (SIZE, 6)]


@pytest.mark.parametrize("fps", [4, 10, 40])
def test_what_is_drawn_over_it_counts_all_seconds(begin: Begin, fps: int) -> None:
    drawn: list[float] = []

    def draw_over(framebuffer: moderngl.Framebuffer, seconds: float, moved: np.ndarray) -> None:
        drawn.append(seconds)
        framebuffer.clear(0.75, 0.75, 0.75, 1.0)

    flown = begin(draw_over=draw_over)
    for _ in range(fps + 1):
        flown.loop.move(IDENTITY, 1 / fps)
        flown.loop.advance(1 / fps, PLAIN)
    assert 1 - 1 / fps - 1e-6 <= sum(drawn) <= 1 + 1 / fps + 1e-6
    assert len(drawn) <= 11
    assert np.all(canvas_of(flown)[..., :3] == 0.75)


def test_what_is_drawn_over_it_stands_still_on_the_screen(begin: Begin) -> None:
    """It is told where the screen is, for the canvas and for the one that a warp is drawing."""
    told: list[tuple[bool, np.ndarray]] = []

    def draw_over(framebuffer: moderngl.Framebuffer, seconds: float, moved: np.ndarray) -> None:
        told.append((framebuffer is flown.loop.renderer.framebuffer, moved))

    flown = begin(draw_over=draw_over, warp_frames=8)
    speed = 0.01
    gone = 0.0
    warp = Warp(matrix(1, 0, speed, 0))
    whole = np.eye(3)

    def warped(matrix: np.ndarray) -> None:
        nonlocal whole
        whole = whole @ matrix

    flown.loop.on_warp = warped
    for _ in range(40):
        told.clear()
        on_canvas = whole.copy()
        gone += speed
        flown.frame(warp, 2)
        for onto_canvas, moved in told:
            if onto_canvas:
                there = on_canvas @ np.linalg.inv(moved)
                np.testing.assert_allclose(there, matrix(1, 0, gone, 0), atol=1e-5)


def put_change(flown: Flown, change: Canvas, fit: Fit = "cover") -> None:
    moved = np.linalg.inv(flown.loop.shown.matrix)
    flown.loop.landings.put_change(change, moved, fit, flown.loop.size)


@pytest.mark.parametrize("warp_frames", [1, 8])
def test_a_change_of_what_is_shown_is_where_it_was_seen(begin: Begin, warp_frames: int) -> None:
    """A spot that was added to a moving picture moves with it."""
    flown = begin(start=lambda size, seed: opaque(np.full((size[1], size[0], 3), 0.4)),
        warp_frames=warp_frames)  # fmt: skip
    pan = Warp(matrix(1.0, 0.0, 1 / 81, 0.0))
    for _ in range(5):
        flown.frame(pan, 0)
    spot = np.zeros((SIZE[1], SIZE[0], 4), np.float16)
    spot[30:50, 60:80, :3] = 0.2
    put_change(flown, spot)
    for frame in range(1, 12):
        shown = flown.frame(pan, 0)
        there = shown[33:47, 63 - frame : 77 - frame]
        assert there == pytest.approx(0.6, abs=0.01)
        assert shown[:25] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("size", "fit", "width"),
    [
        ((80, 80), "cover", 81),
        ((80, 80), "contain", 144),
        ((200, 50), "cover", 144),
        ((288, 162), "cover", 144),
    ],
)
def test_a_change_covers_what_an_output_shows(
    begin: Begin, size: tuple[int, int], fit: Fit, width: int
) -> None:
    flown = begin(start=lambda size, seed: opaque(np.full((size[1], size[0], 3), 0.4)))
    flown.frame(IDENTITY, 0)
    ramp = np.zeros((size[1], size[0], 4), np.float16)
    ramp[..., :3] = np.linspace(-0.2, 0.2, size[0])[:, None]
    put_change(flown, ramp, fit)
    shown = flown.frame(IDENTITY, 0)[40, :, 0]
    across = (np.arange(SIZE[0]) + 0.5 - SIZE[0] / 2) / width
    inside = abs(across) < 0.45
    assert shown[inside] == pytest.approx((0.4 + 0.4 * across)[inside], abs=0.02)
