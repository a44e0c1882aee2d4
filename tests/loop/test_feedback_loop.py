"""The picture between its ticks: how it moves, how it grows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine, Step, stay
from handmade import ByHand

from liveflight.core.camera import matrix
from liveflight.core.contracts import Ascent, Canvas, Mix, Target, Warp
from liveflight.core.noise import opaque, pink
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.render.canvas_transfer import HostCopy, InteropError
from liveflight.system.worker import Worker

pytestmark = pytest.mark.gl

SIZE = (144, 81)
MIX: Mix = {Target("vgg16", "conv4_1", 3): 1.0}
DT = 1 / 32


class Flown:
    """A dream, and a loop as the app's, whose ticks take a number of frames each."""

    def __init__(self, feedback_loop: FeedbackLoop, worker: ByHand, engine: FakeEngine) -> None:
        self.feedback_loop, self.worker, self.engine = feedback_loop, worker, engine
        self._age = 0

    def frame(self, warp: Warp, frames: int) -> np.ndarray:
        """Return the next frame; ticks arrive `frames` frames after they began."""
        feedback_loop, began = self.feedback_loop, False
        self.worker.hold = frames > 0
        self._age += 1
        if feedback_loop.ticking and self._age >= frames:
            self.worker.finish()
        while (
            feedback_loop.ticking
            and feedback_loop.collect_result(0.0)
            and not began
            and feedback_loop.since
        ):
            self._begin()
            began = True
        feedback_loop.move(warp, DT)
        if not (feedback_loop.ticking or began):
            self._begin()
            feedback_loop.collect_result(0.0)
        feedback_loop.blend_displayed(DT)
        return HostCopy().read(feedback_loop.view()).astype(np.float64)[..., :3]

    def _begin(self) -> None:
        self.feedback_loop.begin(self.engine, MIX, Ascent(0.0, 1), self.feedback_loop.size)
        self._age = 0

    def show(self, canvas: Canvas) -> None:
        self.feedback_loop.renderer.renew(partial(HostCopy().write, canvas=canvas))


Begin = Callable[..., Flown]


@pytest.fixture
def begin(ctx: moderngl.Context) -> Iterator[Begin]:
    dreams: list[FeedbackLoop] = []

    def begin(step: Step = stay, noise: Worker[Canvas] | None = None) -> Flown:
        worker, engine = ByHand(), FakeEngine(step)
        engine.prepare("vgg16")
        inline: Worker[Canvas] = Worker(background=False)
        dreams.append(FeedbackLoop(ctx, SIZE, 5, worker, noise or inline, lambda part: None))
        return Flown(dreams[-1], worker, engine)

    yield begin
    for feedback_loop in dreams:
        feedback_loop.close()


def blob(x: float, y: float, radius: float = 0.07) -> Canvas:
    """Return a soft round spot at this place, in picture heights from the middle."""
    width, height = SIZE
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    away = np.hypot((columns - width / 2) / height - x, (height / 2 - rows) / height - y)
    return opaque(np.repeat(np.exp(-((away / radius) ** 2))[..., None], 3, 2))


def spot(picture: np.ndarray) -> complex:
    """Where the spot is, in heights, x + iy."""
    width, height = SIZE
    light = np.maximum(picture[..., 0] - 0.3, 0.0)  # not what is mirrored in from the rim
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = ((columns - width / 2) / height * light).sum() / light.sum()
    return complex(x, ((height / 2 - rows) / height * light).sum() / light.sum())


# Motion


@pytest.mark.parametrize("frames", [0, 1, 2, 5, 13])
def test_a_pan_is_even_however_long_a_tick_takes(begin: Begin, frames: int) -> None:
    flown = begin()
    flown.show(blob(0.4, 0.0))
    speed = 0.02
    warp = Warp(matrix(1, 0, speed, 0))
    places = [spot(flown.frame(warp, frames)) for _ in range(32)]
    for before, after in itertools.pairwise(places):
        assert after - before == pytest.approx(-speed, abs=0.05 * speed)


@pytest.mark.parametrize("frames", [0, 1, 3, 7])
def test_a_turn_is_even_however_long_a_tick_takes(begin: Begin, frames: int) -> None:
    flown = begin()
    flown.show(blob(0.0, 0.25))
    speed = math.radians(4)
    warp = Warp(matrix(1, speed, 0, 0))
    places = [spot(flown.frame(warp, frames)) for _ in range(40)]
    for before, after in itertools.pairwise(places):
        turned = -np.angle(after / before)
        assert turned == pytest.approx(speed, rel=0.05)
        assert abs(after) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("frames", [0, 1, 4, 9])
def test_a_zoom_is_even_however_long_a_tick_takes(begin: Begin, frames: int) -> None:
    flown = begin()
    flown.show(blob(0.08, 0.04, radius=0.05))
    zoom = 1.03
    warp = Warp(matrix(zoom, 0, 0, 0))
    places = [abs(spot(flown.frame(warp, frames))) for _ in range(24)]
    for before, after in itertools.pairwise(places):
        assert after / before - 1 == pytest.approx(zoom - 1, rel=0.05)


def test_the_canvas_is_resampled_once_a_tick_and_so_stays_sharp(begin: Begin) -> None:
    """Half a pixel a frame softens; eight of them at once are four whole pixels, which do not."""
    warp = Warp(matrix(1, 0, 0.5 / SIZE[1], 0))
    contrast = []
    for frames in (0, 8):
        flown = begin()
        flown.show(pink(SIZE, 3))
        for _ in range(17):
            picture = flown.frame(warp, frames)
        contrast.append(np.abs(np.diff(picture[:, :40], axis=1)).mean())
    assert contrast[1] > 1.1 * contrast[0]


# Growth


def brighter(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    return opaque(canvas[..., :3].astype(np.float64) + 1 / 16)


IDENTITY = Warp(matrix(1, 0, 0, 0))


@pytest.mark.parametrize("frames", [2, 4, 8])
def test_a_slow_ascent_grows_evenly(begin: Begin, frames: int) -> None:
    flown = begin(brighter)
    flown.show(opaque(np.full((81, 144, 3), 0.125)))
    shown = [flown.frame(IDENTITY, frames)[20, 30, 0] for _ in range(6 * frames)]
    assert shown[:frames] == [0.125] * frames, "the first is on its way"
    assert shown[2 * frames - 1] == pytest.approx(0.1875)
    for before, after in itertools.pairwise(shown[2 * frames - 1 :]):
        assert after - before == pytest.approx(1 / 16 / frames, abs=1e-3)


def test_a_tick_within_its_frame_is_seen_in_it(begin: Begin) -> None:
    flown = begin(brighter)
    flown.show(opaque(np.full((81, 144, 3), 0.125)))
    shown = [flown.frame(IDENTITY, 0)[20, 30, 0] for _ in range(4)]
    assert shown == [0.1875, 0.25, 0.3125, 0.375]


def test_from_slow_to_quick_nothing_jumps(begin: Begin) -> None:
    flown = begin(brighter)
    flown.show(opaque(np.full((81, 144, 3), 0.0)))
    frame_pacer = [4] * 9 + [0] * 4 + [3] * 7 + [0] * 3
    shown = [flown.frame(IDENTITY, frames)[20, 30, 0] for frames in frame_pacer]
    for before, after in itertools.pairwise(shown):
        assert 0 <= after - before <= 3 / 16
    assert shown[-1] == pytest.approx(flown.feedback_loop.ticks / 16, abs=0.01)


def test_a_moving_picture_neither_flickers_nor_ghosts(begin: Begin) -> None:
    """With an engine that changes nothing, old and new canvas are the same at the same place."""
    warp = Warp(matrix(1.02, 0.03, 0.004, 0.0))
    pictures = []
    for frames in (1, 5):
        flown = begin()
        flown.show(blob(0.1, 0.1))
        pictures.append([flown.frame(warp, frames) for _ in range(16)])
    for quick, slow in zip(*pictures, strict=True):
        np.testing.assert_allclose(slow, quick, atol=0.03)


# What a tick is given, and what becomes of it


def test_a_tick_gets_the_canvas_where_the_camera_is(begin: Begin) -> None:
    given: list[Canvas] = []

    def look(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(canvas.copy())
        return canvas.copy()

    flown = begin(look)
    flown.show(blob(0.4, 0.0))
    warp = Warp(matrix(1, 0, 0.05, 0))
    for _ in range(7):
        flown.frame(warp, 3)
    places = [spot(canvas.astype(np.float64)).real for canvas in given]
    assert places == pytest.approx([0.35, 0.25], abs=0.005)


def test_reseeding_forgets_the_tick_in_flight(begin: Begin) -> None:
    flown = begin(brighter)
    flown.frame(IDENTITY, 3)
    assert flown.feedback_loop.ticking
    flown.feedback_loop.reseed()
    noise = HostCopy().read(flown.feedback_loop.view()).copy()
    np.testing.assert_array_equal(noise, pink(SIZE, 6))
    flown.worker.finish()
    assert flown.feedback_loop.collect_result(0.0)
    np.testing.assert_array_equal(HostCopy().read(flown.feedback_loop.view()), noise)


def test_new_noise_is_made_beside_the_show(begin: Begin) -> None:
    beside: ByHand[Canvas] = ByHand()
    beside.hold = True
    flown = begin(noise=beside)
    flown.show(blob(0.0, 0.0))
    shown = HostCopy().read(flown.feedback_loop.view()).copy()
    for _ in range(3):
        flown.feedback_loop.reseed()
    np.testing.assert_array_equal(HostCopy().read(flown.feedback_loop.view()), shown)
    beside.finish()
    np.testing.assert_array_equal(HostCopy().read(flown.feedback_loop.view()), pink(SIZE, 6))
    flown.feedback_loop.reseed()
    beside.finish()
    flown.feedback_loop.begin(flown.engine, MIX, Ascent(0.0, 1), (48, 26))
    assert flown.feedback_loop.collect_result(0.0)
    flown.feedback_loop.view()
    beside.finish()
    np.testing.assert_array_equal(HostCopy().read(flown.feedback_loop.view()), pink((48, 26), 8))


def test_a_failed_tick_leaves_the_picture(begin: Begin) -> None:
    def fail(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise RuntimeError("out of luck")

    flown = begin(fail)
    flown.show(blob(0.0, 0.0))
    flown.feedback_loop.move(IDENTITY, DT)
    flown.feedback_loop.begin(flown.engine, MIX, Ascent(0.0, 1), SIZE)
    with pytest.raises(RuntimeError, match="out of luck"):
        flown.feedback_loop.collect_result(0.0)
    assert flown.feedback_loop.ticks == 1 and not flown.feedback_loop.ticking
    np.testing.assert_array_equal(HostCopy().read(flown.feedback_loop.view()), blob(0.0, 0.0))


def test_the_canvas_takes_another_size_as_a_tick_begins(begin: Begin) -> None:
    given: list[tuple[int, ...]] = []

    def look(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(canvas.shape)
        return canvas.copy()

    flown = begin(look)
    for size in (SIZE, (48, 26), SIZE):
        flown.feedback_loop.begin(flown.engine, MIX, Ascent(0.0, 1), size)
        assert flown.feedback_loop.collect_result(0.0)
    assert given == [(81, 144, 4), (26, 48, 4), (81, 144, 4)]


def test_a_closed_dream_may_be_closed_again(begin: Begin) -> None:
    flown = begin()
    for _ in range(2):
        flown.feedback_loop.close()


# The hand-over


def test_a_canvas_that_cannot_stay_on_the_gpu_goes_by_the_host_and_says_why_once(
    begin: Begin,
) -> None:
    flown = begin()
    other = FakeEngine()
    other.device = "cuda"  # where the tests draw, OpenGL is Mesa's, which CUDA cannot share
    assert flown.feedback_loop.use_engine(flown.engine) == ""
    reason = flown.feedback_loop.use_engine(other)
    assert reason.startswith("the picture goes through the host's memory: ")
    assert flown.feedback_loop.use_engine(other) == ""


class Broken(HostCopy):
    """A hand-over that stops working, as a driver may in mid-flight."""

    broken = ""

    def read(self, texture: moderngl.Texture) -> Canvas:
        if self.broken == "read":
            raise InteropError("lost")
        return super().read(texture)

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        if self.broken == "write":
            raise InteropError("lost")
        super().write(texture, canvas)


@pytest.mark.parametrize("where", ["read", "write"])
def test_a_hand_over_that_breaks_is_replaced_and_the_picture_stays(
    begin: Begin, where: str
) -> None:
    flown = begin(lambda canvas, mix, ascent: opaque(1 - canvas[..., :3].astype(np.float32)))
    flown.feedback_loop._transfer = broken = Broken()
    before = flown.frame(IDENTITY, 0)
    broken.broken = where
    if where == "write":
        with pytest.raises(InteropError):
            flown.frame(IDENTITY, 0)
        assert np.array_equal(HostCopy().read(flown.feedback_loop.view())[..., :3], before)
        after = flown.frame(IDENTITY, 0)
    else:
        after = flown.frame(IDENTITY, 0)
    np.testing.assert_allclose(after, 1 - before, atol=1e-3)


def test_it_starts_and_starts_again_from_what_is_given(ctx: moderngl.Context) -> None:
    asked: list[tuple[tuple[int, int], int]] = []

    def start(size: tuple[int, int], seed: int) -> Canvas:
        asked.append((size, seed))
        return opaque(np.full((size[1], size[0], 3), len(asked) / 4))

    feedback_loop = FeedbackLoop(
        ctx, SIZE, 5, Worker(False), Worker(False), lambda part: None, start
    )
    assert np.frombuffer(feedback_loop.view().read(), np.float16)[0] == 0.25
    feedback_loop.reseed()
    assert np.frombuffer(feedback_loop.view().read(), np.float16)[0] == 0.5
    assert asked == [(SIZE, 5), (SIZE, 6)]
    feedback_loop.close()


def test_what_is_laid_over_it_counts_the_seconds_of_each_tick(ctx: moderngl.Context) -> None:
    laid: list[float] = []

    def lay(framebuffer: moderngl.Framebuffer, seconds: float) -> None:
        laid.append(round(seconds, 6))
        framebuffer.clear(0.75, 0.75, 0.75, 1.0)

    feedback_loop = FeedbackLoop(
        ctx, SIZE, 5, Worker(False), Worker(False), lambda part: None, pink, lay
    )
    engine = FakeEngine()
    engine.prepare("vgg16")
    for frames in (1, 3):
        for _ in range(frames):
            feedback_loop.move(IDENTITY, 0.1)
        feedback_loop.begin(engine, MIX, Ascent(0.0, 1), SIZE)
        assert feedback_loop.collect_result(0.0)
        feedback_loop.blend_displayed(10.0)
    assert laid == [0.1, 0.3]
    assert (
        np.frombuffer(feedback_loop.view().read(), np.float16).reshape(-1, 4)[:, :3] == 0.75
    ).all()
    feedback_loop.close()
