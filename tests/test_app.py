from __future__ import annotations

import itertools
import math
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

import moderngl
import numpy as np
import platformdirs
import pytest
from fake_engine import FakeEngine, Step, stay
from handmade import ByHand
from on_stage import CANVAS, STEM, TICK, Show, Stage
from PIL import Image
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight import app as app_module
from liveflight import engines
from liveflight.app import App, build, run
from liveflight.controllers.osc.input import OscInput
from liveflight.core.ascent import LONGEST_TICK_S
from liveflight.core.contracts import (
    Ascent,
    Canvas,
    Event,
    KeyPress,
    LiveflightError,
    Mix,
    OutOfMemoryError,
    Quit,
    Target,
    Value,
)
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Ask, Message, Set, Trigger
from liveflight.core.noise import opaque, pink
from liveflight.loop import frame_timer, presenter
from liveflight.loop.sight import Sight
from liveflight.outputs.offscreen import Offscreen
from liveflight.outputs.sinks import open_sink
from liveflight.show import options as flight_options
from liveflight.show.flight import Flight, Loader
from liveflight.show.options import Options
from liveflight.storage import presets

pytestmark = pytest.mark.gl

Begin = Callable[..., Show]


@pytest.fixture
def begin(ctx: moderngl.Context) -> Iterator[Begin]:
    shows: list[Show] = []

    def begin(
        step: Step = stay,
        size: tuple[int, int] = (64, 36),
        bottom_up: bool = False,
        live: bool = True,
        seed: int = 0,
        engine: FakeEngine | None = None,
        loader: Loader | None = None,
    ) -> Show:
        stage = Stage(ctx, size, bottom_up)
        show = Show(stage, engine or FakeEngine(step), live=live, seed=seed, loader=loader)
        shows.append(show)
        return show

    yield begin
    for show in shows:
        show.app.close()


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where presets and pictures of the user go."""
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "presets")
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path / "pictures")
    return tmp_path


def grey(level: float, size: tuple[int, int] = CANVAS) -> Canvas:
    return opaque(np.full((size[1], size[0], 3), level))


def sunrise(size: tuple[int, int] = CANVAS) -> Canvas:
    """Bright above, dark below, reddish at the left: no turn or flip of it is the same."""
    picture = np.full((size[1], size[0], 3), 0.1)
    picture[: size[1] // 3] = 0.9
    picture[:, : size[0] // 4, 1:] = 0.0
    return opaque(picture)


def rises(picture: np.ndarray) -> bool:
    """Whether a picture, 0..255, is the sunrise, upright."""
    height, width = picture.shape[:2]
    green = picture[..., 1].astype(float)
    above, below = green[: height // 4, width // 2 :], green[height // 2 :, width // 2 :]
    return bool(above.min() > 200 and below.max() < 50 and green[:, : width // 8].max() < 30)


# The order of a frame


def test_the_first_frame_shows_the_seeds_noise(begin: Begin) -> None:
    show = begin(size=CANVAS, seed=6)
    picture = show.frame()
    np.testing.assert_allclose(picture, pink(CANVAS, 6)[..., :3] * 255.0, atol=1.5)
    assert show.engine.asked == []


def test_a_frame_takes_messages_moves_ascends_and_shows_in_that_order(begin: Begin) -> None:
    given: list[Canvas] = []

    def invert(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(canvas.copy())
        return opaque(1 - canvas[..., :3])

    show = begin(invert, size=CANVAS)
    show.frame()
    before = show.canvas
    show.flight.controls.set("camera.pan_x", 1.0)
    show.flight.controls.jump()
    show.set("ascent.steps", 3)
    show.press("space")
    show.stage.waiting.append(KeyPress("space"))
    picture = show.frame()
    # A sixteenth of 32 pixels to the right; the engine got what the camera saw there.
    np.testing.assert_allclose(given[0][:, :-2], before[:, 2:], atol=2e-3)
    (mix, ascent) = show.engine.asked[0]
    assert mix == {STEM: 1.0}
    assert ascent.steps == 3
    assert ascent.amount == pytest.approx(0.9 * TICK)
    np.testing.assert_array_equal(show.canvas[..., :3], (1 - given[0])[..., :3])
    np.testing.assert_allclose(picture, show.canvas[..., :3] * 255.0, atol=1.5)


def test_the_parts_of_a_frame_are_timed(begin: Begin) -> None:
    show = begin()
    show.app.frame_timer.exact = True
    show.frame(2)
    parts = show.app.frame_timer.seconds
    assert list(parts) == ["control", "warp", "hand-over", "ascent", "present", "show", "tell"]
    assert all(seconds >= 0 for seconds in parts.values())


def test_steps_that_are_asked_for_by_key_reach_the_engine(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    show.press("right")
    show.frame(40)
    assert show.engine.asked[0][0] == {STEM: 1.0}
    assert show.engine.asked[5][0].keys() == {STEM, Target(STEM.network, STEM.layer, 4)}


# Up stays up


@pytest.mark.parametrize("bottom_up", [False, True])
def test_up_stays_up_from_noise_to_engine_to_screen(begin: Begin, bottom_up: bool) -> None:
    given: list[Canvas] = []

    def look(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(canvas.copy())
        return canvas.copy()

    show = begin(look, bottom_up=bottom_up)
    show.canvas = sunrise()
    assert rises(show.frame())
    assert rises(show.frame(3))
    assert rises(given[-1] * 255.0)
    assert rises(show.app.picture())


def test_what_the_engine_draws_at_the_top_is_seen_at_the_top(begin: Begin) -> None:
    show = begin(lambda *_: sunrise(), bottom_up=True)
    assert rises(show.frame(2))


@pytest.mark.parametrize("name", ["flight.mp4", "frames"])
def test_up_stays_up_into_the_file(name: str, tmp_path: Path) -> None:
    engine = FakeEngine(lambda *_: sunrise())
    flight = Flight(Loader(lambda: engine, background=False), seed=0)
    flight.aim({STEM: 1.0})

    def fly() -> None:
        with open_sink(tmp_path / name, (64, 36), 30) as sink:
            output = Offscreen((64, 36), sink.write)
            app = App(output, flight, Options(canvas=CANVAS), live=False)
            with closing(app):
                for number in range(4):
                    app.frame(number / 30)

    with ThreadPoolExecutor(1) as elsewhere:  # its GL context becomes the thread's current one
        elsewhere.submit(fly).result()
    if name == "frames":
        pictures = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("frames/*"))]
    else:
        pictures = decoded(tmp_path / name, (64, 36))
    assert len(pictures) == 4
    assert rises(pictures[-1])


def decoded(path: Path, size: tuple[int, int]) -> list[np.ndarray]:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path)]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    return list(np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3))


# The show goes on


def test_a_picture_that_becomes_non_finite_starts_again_from_noise(begin: Begin) -> None:
    def burst(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise FloatingPointError("the ascent is not finite")

    show = begin(burst, seed=3)
    show.canvas = grey(0.5)
    show.frame(4)
    assert show.flight.reports.counts == {"the ascent is not finite: starting again from noise": 2}
    np.testing.assert_array_equal(show.canvas, pink(CANVAS, 5))
    show.engine.step = stay
    show.frame(4)
    assert np.isfinite(show.canvas).all()
    assert sum(show.flight.reports.counts.values()) == 2


def failing(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    raise RuntimeError("out of memory")


def test_a_failing_engine_is_reported_once_and_the_picture_still_moves(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    show = begin(failing)
    show.set("camera.pan_x", 1.0)
    pictures = [show.frame(4) for _ in range(4)]
    for before, after in itertools.pairwise(pictures):
        assert np.abs(after - before).mean() > 1
    assert [record.message for record in caplog.records] == ["an ascent step failed: out of memory"]
    assert show.flight.reports.counts == {"an ascent step failed: out of memory": 4}
    show.engine.step = lambda *_: grey(0.25)
    np.testing.assert_allclose(show.frame(16), 64, atol=1)


def test_a_render_does_not_go_on_with_a_failing_engine(begin: Begin) -> None:
    show = begin(failing, live=False)
    show.frame()
    with pytest.raises(LiveflightError, match=r"an ascent step failed: .*out of memory"):
        show.frame()


def test_an_engine_cannot_spoil_the_canvas_it_was_given(begin: Begin) -> None:
    def spoil(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        canvas[:] = np.nan
        raise RuntimeError("midway")

    show = begin(spoil)
    show.frame(3)
    assert np.isfinite(show.canvas).all()


def test_while_the_network_is_loading_the_noise_waits(begin: Begin) -> None:
    engine = FakeEngine()
    engine.gate.clear()
    show = begin(engine=engine, loader=Loader(lambda: engine, background=True))
    show.flight.controls.set("camera.pan_x", 1.0)
    show.flight.controls.jump()
    before = show.canvas.tobytes()
    show.frame(3)
    assert show.canvas.tobytes() == before
    assert show.app.overlay.lines(show.app.controllers)[0] == "loading ..."
    assert show.engine.asked == []
    show.engine.gate.set()
    for _ in ("loaded", "planned"):
        assert show.flight.loader._work.wait(60)
        show.frame()
    assert len(show.engine.asked) == 1
    assert show.canvas.tobytes() != before


# An ascent slower than the display


def test_the_display_goes_on_while_a_tick_takes_its_time(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.75))
    show.canvas = grey(0.25)
    show.worker.hold = True
    show.set("ascent.noise", 0.0)
    show.set("colour.pull", 0.0)
    for _ in range(6):
        assert show.frame().mean() == pytest.approx(64, abs=1)
    show.worker.finish()
    show.worker.hold = True
    shown = [show.frame().mean() for _ in range(7)]
    assert len(show.stage.shown) == 13
    assert all(0 < after - before < 35 for before, after in itertools.pairwise(shown[:5]))
    assert shown[-1] == pytest.approx(191, abs=1)


def test_what_is_done_while_a_frame_waits_is_seen_in_it(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5), size=(64, 64))
    show.worker.hold = True
    show.frame(3)
    assert show.stage.shown[-1].min() > 0

    class Meanwhile(ByHand):
        def wait(self, seconds: float = 0.0) -> bool:
            show.set("show.fit", "contain")
            return False

    show.app.feedback_loop._worker = Meanwhile()
    show.app.feedback_loop._worker.busy = True
    assert show.frame()[:10].max() == 0


def test_what_a_frame_has_left_passes_before_the_controls_are_read(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5), size=(64, 64))
    show.frame(3)
    left: list[float] = []

    def rest(seconds: float) -> None:
        left.append(seconds)
        show.set("show.fit", "contain")

    show.app.frame(show.now + TICK, rest)
    assert 0 < left[0] < TICK
    assert show.stage.shown[-1][:10].max() == 0


@pytest.mark.parametrize("master", [0.9, 0.0])
def test_brightness_is_read_once_more_when_a_frame_is_drawn(begin: Begin, master: float) -> None:
    show = begin(lambda *_: grey(0.5))
    lit = show.frame(3).mean()
    asked = [0.0, master, master]

    def rest(seconds: float) -> None:
        show.set("show.master", asked.pop())

    show.set("show.master", 1.0)
    show.app.frame(show.now + TICK, rest)
    seen = show.stage.shown[-1].mean()
    assert seen == pytest.approx(lit * max(master, 1 - TICK / presenter.FADE), abs=1)


def test_late_frames_leave_it_to_the_next_to_tell_the_surfaces(begin: Begin) -> None:
    show = begin()
    show.frame(3)
    told: list[tuple[float, Value, list[Message], bool]] = []

    def publish(
        now: float, values: Mapping[str, Value], heard: Sequence[Message], *, later: bool
    ) -> None:
        told.append((now, values["camera.zoom"], list(heard), later))

    show.app.controllers.publish = publish  # type: ignore[method-assign, assignment]
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    for zoom in (0.3, 0.5, 0.7):
        show.set("camera.zoom", zoom)
        show.frame()
        late = zoom != 0.5  # never for longer than a tenth of a second
        assert told.pop() == (show.now, zoom, [Set("camera.zoom", zoom)], late)
    show.set("camera.zoom", 0.9)
    show.app.frame_pacer.behind = lambda *_: False  # type: ignore[method-assign]
    show.frame()
    assert told.pop() == (show.now, 0.9, [Set("camera.zoom", 0.9)], False)
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    show.app.mailbox.put(Trigger("show.quit"))
    show.frame()
    assert told.pop() == (show.now, 0.9, [Trigger("show.quit")], False), "there is no next one"


def test_what_is_said_while_a_late_frame_is_drawn_is_for_the_next(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5))
    lit = show.frame(3).mean()
    show.app.frame_pacer.behind = lambda *_: True  # type: ignore[method-assign]
    said = iter([None, 0.0])

    def rest(seconds: float) -> None:
        if (master := next(said)) is not None:
            show.set("show.master", master)

    show.app.frame(show.now + TICK, rest)
    assert show.stage.shown[-1].mean() == pytest.approx(lit, abs=1)
    show.now += TICK
    assert show.frame().mean() < lit - 1


def test_what_a_drawn_frame_has_left_makes_its_end_even(begin: Begin) -> None:
    show = begin()
    show.frame(3)
    left: list[float] = []
    show.app.frame(show.now + TICK, left.append)
    assert len(left) == 2 and left[1] <= TICK - show.app.frame_timer.elapsed + 0.01


@pytest.mark.parametrize("refresh", [None, 30.0, 59.94, 60.0, 144.0, 240.0])
def test_frames_that_have_time_tidy_up(
    refresh: float | None, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    paced(show, refresh, monkeypatch)
    assert cast(FakeEngine, show.app.flight.loader.engine).tidied > 60


def test_full_screen_comes_between_two_frames(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5))
    show.frame(3)
    rested = 0

    def rest(seconds: float) -> None:
        nonlocal rested
        rested += 1
        if rested == 2:
            show.app.mailbox.put(Trigger("show.fullscreen"))

    show.app.frame(show.now + TICK, rest)
    assert not show.stage.fullscreen
    show.now += TICK
    show.frame()
    assert show.stage.fullscreen


def test_a_tick_takes_what_was_asked_for_just_before_it_begins(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    show.worker.hold = True
    show.frame()
    show.worker.finish()
    show.worker.hold = False
    show.set("ascent.steps", 5)
    show.frame()
    assert show.engine.asked[-1][1].steps == 5


def test_a_tick_counts_the_seconds_since_the_last_one_began(begin: Begin) -> None:
    show = begin()
    show.frame(3)
    show.worker.hold = True
    show.frame(3)
    show.worker.finish()
    show.worker.hold = False
    show.frame()
    amounts = [ascent.amount for _, ascent in show.engine.asked]
    assert amounts == pytest.approx([0.9 * TICK * ticks for ticks in (1, 1, 1, 2)])


def test_no_tick_stands_for_no_time(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    for _ in range(4):
        show.worker.hold = True
        show.frame()
        show.worker.finish()
        show.worker.hold = False
        show.frame()
    amounts = [ascent.amount for _, ascent in show.engine.asked]
    assert len(amounts) >= 6
    assert amounts == pytest.approx([0.9 * TICK] * len(amounts))


def test_after_a_long_tick_the_picture_does_not_leap(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    show.worker.hold = True
    show.frame(20)
    show.worker.finish()
    show.worker.hold = False
    show.frame()
    assert show.engine.asked[-1][1].amount == pytest.approx(0.9 * LONGEST_TICK_S)


def test_freezing_holds_the_tick_in_flight(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.75))
    show.canvas = grey(0.25)
    show.worker.hold = True
    show.frame(3)
    show.press("space")
    show.frame()
    show.worker.finish()
    show.worker.hold = True
    before = show.frame()
    np.testing.assert_allclose(show.frame(5), before, atol=2)  # the dither differs
    show.press("space")
    assert show.frame(6).mean() > before.mean() + 60


def test_those_who_measure_are_told_of_every_frame(begin: Begin) -> None:
    show = begin()
    told: list[tuple[int, int, set[str]]] = []
    show.app.watchers.append(
        lambda: told.append(
            (
                show.app.frame_counter.frames,
                show.app.feedback_loop.ticks,
                {*show.app.frame_timer.seconds},
            )
        )
    )
    show.frame(2)
    show.worker.hold = True
    show.frame(2)
    assert [entry[:2] for entry in told] == [(1, 0), (2, 1), (3, 1), (4, 1)]
    assert "hand-over" in told[2][2] and "ascent" in told[3][2]
    assert show.app.feedback_loop.duration > 0


# The governor


def test_what_the_governor_chose_is_told(begin: Begin) -> None:
    show = begin()
    show.set("ascent.steps", 3)
    show.frame(2)
    answers: list[Value] = []
    show.app.mailbox.put(Ask("show.effort", answers.append))
    show.frame()
    assert answers == ["3 of 3 steps, canvas 1"]


def test_an_ascent_too_slow_gets_fewer_steps_and_then_a_smaller_canvas(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_options, "SMALLEST_SIDE_PX", 8)
    show = begin()
    show.set("ascent.steps", 3)
    show.frame(2)
    show.app.feedback_loop._worker = slow = Slow()
    for _ in range(100):
        show.frame()
    assert slow.taken[0] == 3 and slow.taken[-1] == 1
    assert show.app.canvas_size == (22, 12)
    assert show.app.frame_pacer.effort == "1 of 3 steps, canvas 0.71"
    assert show.app.overlay.lines(show.app.controllers)[2] == show.app.frame_pacer.effort
    assert (frozenset({("efficientnet_lite0", "stem")}), (22, 12)) in show.engine.plans
    show.set("show.governor", False)
    show.frame(2)
    assert show.app.canvas_size == CANVAS
    assert show.engine.asked[-1][1].steps == 3
    assert not any("canvas" in line for line in show.app.overlay.lines(show.app.controllers))


class Slow(ByHand):
    """Says that every step took a fifth of a second on the whole canvas."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []

    def submit(self, job: Callable[[], tuple[Canvas, float]]) -> None:
        steps = job.args[3].steps  # type: ignore[attr-defined]
        self.taken.append(steps)

        def pretended() -> tuple[Canvas, float]:
            canvas, _ = job()
            return canvas, 0.2 * steps * canvas.shape[0] * canvas.shape[1] / (32 * 18)

        super().submit(pretended)


def test_a_render_takes_every_step_on_the_whole_canvas(begin: Begin) -> None:
    show = begin(live=False)
    show.app.feedback_loop._worker = Slow()
    show.set("ascent.steps", 3)
    show.frame(60)
    assert show.engine.asked[-1][1].steps == 3
    assert show.app.canvas_size == CANVAS


@pytest.mark.parametrize("trouble", [OutOfMemoryError("too large"), MemoryError("too large")])
def test_out_of_memory_lowers_the_canvas_and_the_flight_goes_on(
    trouble: Exception, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_options, "SMALLEST_SIDE_PX", 8)

    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        if canvas.shape[1] > 24:
            raise trouble
        return canvas.copy()

    show = begin(greedy)
    for _ in range(8):
        assert show.frame().mean() > 30, "no frame is black"
    assert show.flight.reports.counts == {"too large: going on with a smaller canvas": 2}
    assert show.app.canvas_size == (22, 12)
    assert [mix for mix, _ in show.engine.asked][-1] == {STEM: 1.0}
    show.set("show.governor", False)
    show.frame(60)
    assert show.app.canvas_size == (22, 12), "it does not fit, whoever asks for it"


def test_where_nothing_is_small_enough_the_picture_moves_on(begin: Begin) -> None:
    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise OutOfMemoryError("too large")

    show = begin(greedy)
    show.set("camera.pan_x", 1.0)
    pictures = [show.frame(4) for _ in range(5)]
    for before, after in itertools.pairwise(pictures):
        assert np.abs(after - before).mean() > 1
    assert show.flight.reports.last == "too large"


def test_a_render_does_not_go_on_without_memory(begin: Begin) -> None:
    def greedy(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise OutOfMemoryError("too large for this device: try a smaller --canvas")

    show = begin(greedy, live=False)
    show.frame()
    with pytest.raises(LiveflightError, match=r"try a smaller --canvas"):
        show.frame()


# What the performer sees and does


def test_blackout_fades_to_black_and_back(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5))
    lit = show.frame(2).mean()
    show.press("b")
    fading = [show.frame().mean() for _ in range(12)]
    assert lit > fading[0] > fading[1] > fading[3] > 0
    show.frame()
    assert show.frame().max() == 0
    show.press("b")
    assert 0 < show.frame().mean() < lit / 2
    assert show.frame(12).mean() == pytest.approx(lit, abs=0.5)


def test_under_a_blackout_the_flight_goes_on(begin: Begin) -> None:
    show = begin()
    show.set("show.blackout", True)
    show.frame(12)
    assert len(show.engine.asked) == 11


def test_the_master_dims(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5))
    show.set("show.master", 0.5)
    assert show.frame(40).mean() == pytest.approx(64, abs=1)


def test_freeze_keeps_every_bit_of_the_canvas(begin: Begin) -> None:
    show = begin(lambda canvas, *_: opaque(canvas[..., :3] * np.float16(0.9)))
    show.set("camera.rotation", 90.0)
    show.set("warp.flow", 0.2)
    show.frame(3)
    show.press("space")
    show.frame()
    before, asked = show.canvas.tobytes(), len(show.engine.asked)
    show.frame(5)
    assert show.canvas.tobytes() == before
    assert len(show.engine.asked) == asked
    show.press("space")
    show.frame()
    assert show.canvas.tobytes() != before


def test_reseed_starts_from_new_noise(begin: Begin) -> None:
    show = begin(seed=4)
    show.set("show.freeze", True)
    show.frame()
    np.testing.assert_array_equal(show.canvas, pink(CANVAS, 4))
    show.press("r")
    show.frame()
    np.testing.assert_array_equal(show.canvas, pink(CANVAS, 5))


def test_the_same_seed_flies_the_same_flight(begin: Begin) -> None:
    shows = [begin(lambda canvas, *_: opaque(canvas[..., :3] ** 0.9), seed=9) for _ in range(2)]
    for show in shows:
        show.set("camera.zoom", 2.0)
        show.set("warp.flow", 0.1)
        show.frame(6)
    np.testing.assert_array_equal(shows[0].stage.shown, shows[1].stage.shown)


def test_a_screenshot_is_the_picture_without_text_and_dimming(begin: Begin, own: Path) -> None:
    show = begin(lambda *_: sunrise(), size=(60, 40), bottom_up=True)
    for key in ("show.hud", "show.help", "show.blackout"):
        show.set(key, True)
    show.frame(12)
    assert show.frame().max() < 255 and not rises(show.stage.shown[-1])
    show.press("p")
    show.save()
    (path,) = (own / "pictures" / "liveflight").iterdir()
    assert path.suffix == ".png"
    picture = np.asarray(Image.open(path))
    assert picture.shape == (40, 60, 3)
    assert rises(picture)
    assert show.flight.last_message == f"saved {path}"
    assert not show.flight.reports.counts


def test_a_screenshot_that_cannot_be_saved_is_reported(begin: Begin, own: Path) -> None:
    (own / "pictures").write_text("in the way")
    show = begin()
    show.press("p")
    show.save()
    assert f"{own / 'pictures' / 'liveflight'} cannot be made" in show.flight.reports.last
    assert len(show.frame()) == 36


def test_save_preset_saves_what_is_flown(begin: Begin, own: Path) -> None:
    show = begin()
    show.set("camera.rotation", 45.0)
    show.frame()
    show.press("f5")
    show.frame()
    (path,) = (own / "presets").iterdir()
    preset = presets.read(path)
    assert preset.targets == {STEM: 1.0}
    assert preset.settings == {"camera.rotation": 45.0, "camera.zoom": 1.0}
    assert show.flight.last_message == f"saved {path}"
    show.set("camera.rotation", 0.0)
    show.set("show.preset", path.stem)
    show.frame()
    assert show.flight.controls.setting("camera.rotation") == 45.0


def test_a_preset_that_cannot_be_saved_is_reported(begin: Begin, own: Path) -> None:
    (own / "presets").write_text("in the way")
    show = begin()
    show.press("f5")
    show.frame(2)
    assert "cannot be written" in show.flight.reports.last
    assert sum(show.flight.reports.counts.values()) == 1


def test_the_hud_has_a_line_for_the_beat_where_it_is_played_on(begin: Begin) -> None:
    show = begin()

    def beats() -> list[str]:
        return [line for line in show.app.overlay.lines(show.app.controllers) if "bpm" in line]

    show.frame(2)
    assert beats() == []
    show.app.mailbox.put(Set("tempo.quantise", "bar"), Set("show.preset", "plumage"))
    show.frame(2)
    assert beats() == ["120.0 bpm  bar 1 of 4, beat 1 of 4  own\tat the bar: preset plumage"]
    show.frame(round(2 / TICK))
    assert beats() == ["120.0 bpm  bar 2 of 4, beat 1 of 4  own"]
    assert show.flight.preset_player.preset == "plumage"


@pytest.mark.parametrize(("key", "name"), [("i", "show.hud"), ("h", "show.help")])
def test_hud_and_help_are_drawn_and_go_again(key: str, name: str, begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5), size=(240, 160))
    plain = show.frame(2)
    show.press(key)
    show.frame()
    setting = show.app.overlay._hud._setting
    assert not setting.busy or setting.wait(60)
    covered = show.frame()
    assert show.flight.controls.flag(name)
    assert (covered > 200).any() and (covered < 80).any()
    show.press(key)
    np.testing.assert_allclose(show.frame(), plain, atol=2)  # the dither differs


def test_the_hud_says_where_we_are_and_what_was_last(begin: Begin) -> None:
    show = begin()
    show.set("ascent.steps", 2)
    show.set("camera.rotation", 30.0)
    show.frame(2)
    show.now += TICK
    show.frame(100)
    show.flight.reports.add("the cable is out")
    show.frame()
    assert show.app.overlay.lines(show.app.controllers) == [
        f"{STEM}\t100%",
        "16 frames/s\t32 steps/s\t1 late",
        "2 of 2 steps, canvas 1",
        "camera.rotation 30 deg/s",
        "the cable is out",
    ]


def test_a_trouble_stays_on_the_hud_for_ten_seconds_after_it_was_last_reported(
    begin: Begin,
) -> None:
    show = begin()

    def seen(frames: int) -> bool:
        show.frame(frames)
        return "the cable is out" in show.app.overlay.lines(show.app.controllers)

    assert not seen(1)
    show.flight.reports.add("the cable is out")
    ten = round(10 / TICK)
    assert seen(1) and seen(ten - 1) and not seen(1)
    show.flight.reports.add("the cable is out")
    assert seen(1) and seen(ten - 10)
    show.flight.reports.add("the cable is out")
    assert seen(ten - 10), "it lasts"
    assert not seen(20)


def test_the_hud_leaves_out_what_is_not_excited(begin: Begin) -> None:
    show = begin()
    corners = [Target("efficientnet_lite0", "stem", number) for number in range(4)]
    for name, corner in zip("abcd", corners, strict=True):
        show.set(f"pad.{name}", str(corner))
    for key, value in (("pad.x", 1.0), ("pad.y", 1.0), ("mix.crossfade", 0.0), ("pad.on", True)):
        show.set(key, value)
    show.frame(60)
    assert show.flight.mix().keys() == set(corners)
    assert show.app.overlay.lines(show.app.controllers)[0] == f"{corners[3]}\t100%"
    assert not any("\t0%" in line for line in show.app.overlay.lines(show.app.controllers))


def test_escape_closes_help_and_only_then_ends_the_flight(begin: Begin) -> None:
    show = begin()
    show.press("f1")
    show.frame()
    assert show.flight.controls.flag("show.help")
    show.press("escape")
    show.frame()
    assert not show.flight.controls.flag("show.help") and show.app.running
    show.press("escape")
    show.frame()
    assert not show.app.running


def test_the_hud_says_what_is_being_prepared(begin: Begin) -> None:
    engine = FakeEngine()
    show = begin(engine=engine, loader=Loader(lambda: engine, background=True))
    for _ in ("loaded", "planned"):
        assert show.flight.loader._work.wait(60)
        show.frame()
    engine.gate.clear()
    show.flight.apply([Set("mix.target", "vgg16:conv4_1:17")])
    assert "preparing vgg16:conv4_1:17 ..." in show.app.overlay.lines(show.app.controllers)
    engine.gate.set()


def test_the_output_may_change_its_size(begin: Begin) -> None:
    show = begin(lambda *_: sunrise(), bottom_up=True)
    show.set("show.hud", True)
    show.set("show.help", True)
    show.frame(2)
    for size in ((120, 30), (30, 120), (1, 1), (200, 100)):
        show.stage.size = size
        assert show.frame().shape == (size[1], size[0], 3)
    show.set("show.hud", False)
    show.set("show.help", False)
    assert rises(show.frame())
    assert show.canvas.shape == (CANVAS[1], CANVAS[0], 4)


def test_the_whole_picture_or_a_full_screen(begin: Begin) -> None:
    show = begin(lambda *_: grey(0.5), size=(64, 64))
    assert show.frame(2).min() > 100
    show.set("show.fit", "contain")
    picture = show.frame()
    assert picture[:10].max() == picture[-10:].max() == 0
    assert picture[20:44].min() > 100


def test_full_screen_is_the_outputs_business(begin: Begin) -> None:
    show = begin()
    show.press("f")
    show.frame()
    assert show.stage.fullscreen


@pytest.mark.parametrize("event", [Quit(), KeyPress("escape")])
def test_the_flight_ends_when_the_performer_ends_it(event: Event, begin: Begin) -> None:
    show = begin()
    show.frame()
    assert show.app.running
    show.stage.waiting.append(event)
    show.frame()
    assert not show.app.running


def test_every_trigger_does_something(begin: Begin) -> None:
    show = begin()
    show.frame()
    triggers = [Trigger(row.key) for row in ROWS if row.kind == "trigger"]
    of_surfaces = {each.key for each in triggers} - set(show.flight._triggers)
    assert of_surfaces == {"midi.forget"}
    show.app.mailbox.put(*triggers)
    show.frame()
    allowed = {
        "no network but",
        "there is no cu",
        "nothing was fl",
    }  # this machine may have none, this flight has none
    assert not [one for one in show.flight.reports.counts if one[:14] not in allowed]


def test_run_flies_until_it_is_ended(begin: Begin) -> None:
    show = begin()

    class Impatient(Stage):
        def events(self) -> list[Event]:
            return [Quit()] if len(self.shown) == 3 else []

    show.app.output = stage = Impatient(show.stage.ctx, (8, 4), False)
    run(show.app, 1000)
    assert len(stage.shown) == 4
    assert show.app.frame_counter.frames == 4


def test_run_ends_when_it_is_asked_to(begin: Begin) -> None:
    show = begin()
    run(show.app, 1000, lambda: len(show.stage.shown) == 3)
    assert len(show.stage.shown) == 3 and show.app.running


class Clock:
    """Stands in for the module `time` where `run` paces: a number that only moves when told."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


class Presenter(Stage):
    """Shows 120 frames, each after some drawing; with `refresh`, waits for the display."""

    def __init__(self, ctx: moderngl.Context, clock: Clock, refresh: float | None) -> None:
        super().__init__(ctx, (8, 4), False)
        self.clock, self.refresh, self.vsync = clock, refresh, refresh is not None
        self.at: list[float] = []

    def events(self) -> list[Event]:
        return [Quit()] if len(self.at) == 120 else []

    def show(self) -> None:
        self.clock.now += 0.004 + 0.002 * (len(self.at) % 3)
        if self.refresh:
            passed = (self.clock.now - 50.0) * self.refresh
            self.clock.now = 50.0 + math.floor(passed + 1) / self.refresh
        self.at.append(self.clock.now)


def paced(show: Show, refresh: float | None, monkeypatch: pytest.MonkeyPatch) -> Presenter:
    clock = Clock()
    for module in (app_module, frame_timer):
        monkeypatch.setattr(module, "time", clock)
    show.app.output = presenter = Presenter(show.stage.ctx, clock, refresh)
    run(show.app, 60)
    return presenter


def test_without_vsync_frames_are_shown_at_even_intervals_just_after_they_were_read(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), None, monkeypatch)
    shown = presenter.at[30:]
    assert (shown[-1] - shown[0]) / (len(shown) - 1) == pytest.approx(1 / 60, rel=0.01)
    rests, respites, sleeps = (presenter.clock.slept[90 + first :: 3] for first in range(3))
    assert min(rests) > 0.007
    assert max(respites) < 0.001, "all of this screen's drawing is in showing"
    assert max(sleeps) < 0.005, "what is left over by the quickest of three kinds of frames"


@pytest.mark.parametrize(("refresh", "rate"), [(60.0, 60.0), (59.94, 59.94), (30.0, 30.0)])
def test_a_display_that_is_waited_for_paces_alone(
    refresh: float, rate: float, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), refresh, monkeypatch)
    assert max(presenter.clock.slept) < 1e-6
    for before, after in itertools.pairwise(presenter.at):
        assert after - before == pytest.approx(1 / rate)


def test_a_display_faster_than_wanted_is_held_back(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = paced(begin(), 144.0, monkeypatch)
    assert 120 / (presenter.at[-1] - presenter.at[0]) == pytest.approx(60, rel=0.02)


def test_closing_twice_is_closing(begin: Begin) -> None:
    show = begin()
    show.frame(2)
    for _ in range(2):
        show.app.close()
    assert show.engine.closed and show.stage.closed


# Putting it together


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """What `build` gets for an engine."""
    fake = FakeEngine()
    monkeypatch.setattr(engines, "load", lambda *_, **named: fake)
    return fake


def wait(app: App) -> None:
    assert app.flight.loader._work.wait(60)


def started(ctx: moderngl.Context, live: bool = True, **options: object) -> App:
    return build(Options(**options), Stage(ctx, (64, 36), False), live=live)  # type: ignore[arg-type]


def test_build_flies_the_default(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with closing(started(ctx, live=False, canvas=CANVAS)) as app:
        assert app.flight.preset_player.preset == presets.DEFAULT
        assert [type(one) for one in app.controllers.opened] == [Sight]
        for number in range(3):
            app.frame(number / 60)
        assert len(engine.asked) == 2


def test_the_canvas_grows_to_what_the_device_can_do(
    ctx: moderngl.Context, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_options, "DENSE_CANVAS", {"cpu": (16, 8), "cuda": (48, 20)})
    monkeypatch.setattr(engine, "device", "cuda")
    with closing(started(ctx, live=False)) as app:
        assert app.canvas_size == (16, 8)
        app.frame(0.0)
        app.frame(0.05)
        assert app.canvas_size == (48, 20)


def test_the_canvas_asked_for_stays(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with closing(started(ctx, live=False, canvas=(20, 30))) as app:
        app.frame(0.0)
        app.frame(0.05)
        assert app.canvas_size == (20, 30)


@pytest.mark.parametrize(
    "options", [{"preset": "nix"}, {"network": "nix"}, {"canvas": (1, 1)}], ids=str
)
def test_what_cannot_start_closes_its_output(
    options: dict[str, object], ctx: moderngl.Context, engine: FakeEngine
) -> None:
    stage = Stage(ctx, (64, 36), False)
    with pytest.raises(LiveflightError):
        build(Options(**options), stage, live=False)  # type: ignore[arg-type]
    assert stage.closed


@pytest.mark.parametrize("live", [False, True])
def test_a_first_network_without_weights_ends_the_flight(
    live: bool, ctx: moderngl.Context, engine: FakeEngine
) -> None:
    engine.missing.add("vgg16")
    with pytest.raises(LiveflightError, match="no weights"):
        app = started(ctx, live=live, canvas=CANVAS)
        with closing(app):
            wait(app)
            app.frame(0.0)


def udp_socket(port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", port))
    return bound


def test_a_busy_osc_port_is_reported_and_the_flight_goes_on(
    ctx: moderngl.Context, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with udp_socket() as other:
        taken = other.getsockname()[1]
        app = started(ctx, canvas=CANVAS, osc_port=taken)
    with closing(app):
        assert not any(isinstance(surface, OscInput) for surface in app.controllers.opened)
        assert f"localhost:{taken}" in app.flight.reports.last
        assert app.flight.reports.last.endswith("flying on without, and trying again")
        assert len(caplog.records) == 1
        for number in range(2):  # loaded, planned
            wait(app)
            app.frame(number / 60)
        for number in range(3):
            app.frame(number / 60 + 1)
        assert app.feedback_loop.ticks or app.feedback_loop._worker.wait(
            60
        )  # a busy machine takes its time
        assert engine.asked


def test_what_comes_by_osc_moves_the_controls(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with udp_socket() as other:
        free = other.getsockname()[1]
    with closing(started(ctx, canvas=CANVAS, osc_port=free)) as app:
        osc = app.controllers.opened[1]
        assert isinstance(osc, OscInput)
        message = OscMessageBuilder("/liveflight/camera/rotation/raw")
        message.add_arg(45.0)
        osc.receive(message.build().dgram, ("127.0.0.1", 5))
        osc.receive(b"\xff\xfe nonsense", ("127.0.0.1", 5))
        app.frame(0.0)
        assert app.flight.controls.setting("camera.rotation") == 45.0
        assert app.overlay.lines(app.controllers)[-1] == "1 OSC messages refused"
    app.close()
    with udp_socket(free):
        """The port is given back."""
