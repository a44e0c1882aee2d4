"""The flight goes on whatever part of a frame fails.

A fault is reported once and counted. The last good picture stays and moves. The part works again
once its fault is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import moderngl
import numpy as np
import platformdirs
import pytest
from fake_engine import FakeEngine
from on_stage import CANVAS, TICK, Show, Stage

from liveflight.core.contracts import Event, KeyPress, LiveflightError, Quit, Value
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.core.noise import pink
from liveflight.loop.live_loop import run
from liveflight.show import options

pytestmark = pytest.mark.gl

FAULT = "a fault made by a test"


class Part(NamedTuple):
    """Where a call of a frame is to be found, from the show on."""

    owner: str
    call: str
    draws: bool = False
    """Whether nothing can be drawn or shown without it."""
    spoils: bool = True
    """Whether a render must not go on without it."""
    lines: int = 1
    """Parts of a frame that need it, and each say so once."""


PARTS = {
    "controllers": Part("fader", "poll"),
    "publishing to a controller": Part("fader", "publish", spoils=False),
    "a controller's status lines": Part("fader", "status_lines", spoils=False),
    "a message": Part("flight", "_apply"),
    "what is awaited": Part("flight.preset_player", "poll"),
    "the next target": Part("flight.target_selector", "poll"),
    "cues": Part("flight.cues", "advance"),
    "the autopilot": Part("flight", "_advance_autopilot"),
    "the beat": Part("flight.tempo", "advance"),
    "glides": Part("flight.controls", "advance"),
    "morphs": Part("flight.preset_player", "advance"),
    "modulation": Part("flight.modulation", "advance"),
    "looking ahead": Part("flight.target_selector", "prefetch_next"),
    "the governor": Part("app.frame_pacer", "displayed"),
    "the canvas's size": Part("app.frame_pacer", "follow_output"),
    "the views' size": Part("app.frame_pacer", "fit_views"),
    "the camera's motion": Part("app.camera", "warp"),
    "the camera's picture": Part("app.image_source", "update"),
    "the feedback loop moves": Part("app.feedback_loop", "move"),
    "a tick begins": Part("app.feedback_loop", "begin"),
    "a tick arrives": Part("app.feedback_loop", "collect_result"),
    "a view is placed": Part("app.ascent_scheduler._planner", "next"),
    "a view is drawn": Part("app.feedback_loop._views", "draw"),
    "views are handed over": Part("app.feedback_loop._hand_over", "read"),
    "directions are handed back": Part("app.feedback_loop._hand_over", "write"),
    "directions are added": Part("app.feedback_loop.landings", "add"),
    "the canvas is warped": Part("app.feedback_loop.renderer", "continue_warp"),
    "the picture is measured": Part("app.feedback_loop._measuring", "measure"),
    "the engine": Part("engine", "step"),
    "present": Part("app.presenter.present_pass", "draw", draws=True),
    "overlay": Part("app.overlay", "draw"),
    "the output's events": Part("stage", "events"),
    "the output": Part("stage", "show", draws=True),
    "publishing": Part("app._publisher", "_publish"),
    "the status": Part("app._publisher.status", "advance"),
    "screenshots": Part("app.screenshots", "saved"),
}


class Fader:
    """A controller that nudges, so that there is a message in every frame."""

    def open(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    def poll(self, now: float) -> None:
        self.mailbox.put(Nudge("colour.hue", 1e-6))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        pass

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


class Broken:
    """A call that raises while it is broken, and counts."""

    def __init__(self, show: Show, part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
        owner = reduce(getattr, part.owner.split("."), show)
        self.works: Callable[..., Any] = getattr(owner, part.call)
        self.error: BaseException | None = None
        self.raised = self.worked = 0
        monkeypatch.setattr(owner, part.call, self)

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.error is not None:
            self.raised += 1
            raise self.error
        self.worked += 1
        return self.works(*given, **named)


@pytest.fixture
def begin(
    ctx: moderngl.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Show]]:
    """Begins a flight that drifts to the right, with the HUD and a controller."""
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path)
    shows: list[Show] = []

    def begin(live: bool = True, **options: Any) -> Show:
        stage = Stage(ctx, (64, 36), bottom_up=True)
        show = Show(stage, FakeEngine(), live=live, **options)
        show.fader = Fader()  # type: ignore[attr-defined]
        show.app.controllers.add(show.fader, "the fader")  # type: ignore[attr-defined]
        # These pictures flash, and the limiter needs memory for them: see tests/loop/test_flashing
        start = {"camera.pan_x": 0.5, "show.hud": True, "show.flash_limit": False}
        for key, value in start.items():
            show.flight.controls.set(key, value)
        show.flight.controls.jump()
        shows.append(show)
        return show

    yield begin
    monkeypatch.undo()
    for show in shows:
        show.app.close()


def seconds(number: float) -> int:
    """In frames."""
    return round(number / TICK)


@pytest.mark.parametrize("name", PARTS)
def test_whatever_part_fails_the_flight_goes_on(
    name: str,
    begin: Callable[..., Show],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    show, part = begin(), PARTS[name]
    broken = Broken(show, part, monkeypatch)
    good = show.frame(seconds(0.5))
    assert broken.worked and not show.flight.reports.counts
    broken.error = RuntimeError(FAULT)
    before = len(show.stage.shown)
    show.frame(seconds(1))
    during = show.stage.shown[before:]

    counts = show.flight.reports.counts
    assert len(counts) == part.lines and counts.total() == broken.raised
    assert all(FAULT in text for text in counts) and FAULT in show.flight.reports.last
    for record in caplog.records:
        assert record.exc_info and record.exc_info[1] is broken.error, "its traceback is in the log"
    if part.call != "_apply":  # every message is tried: each is somebody's
        assert 2 < broken.raised < 10, "it is tried again, ever more seldom"

    if part.draws:
        assert not during, "what is on the screen stays there"
    else:
        assert len(during) == seconds(1), "every frame is shown"
        assert all(picture.std() > good.std() / 2 for picture in during), "it stays a picture"
        if name not in ("the camera's motion", "the feedback loop moves"):
            assert all((one != other).any() for one, other in pairwise(during[::4])), "it moves"

    broken.error, worked, before = None, broken.worked, len(show.stage.shown)
    show.frame(seconds(1))
    after = show.stage.shown[before:]
    assert broken.worked > worked, "it works again"
    assert after and (after[-1] != after[-4]).any(), "the picture moves again"
    assert len(counts) == len(caplog.records) == part.lines


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("controllers", LiveflightError("unplugged")),
        ("controllers", OSError(5, "gone")),
        ("present", moderngl.Error("lost")),
        ("present", MemoryError()),
        ("the canvas is warped", RecursionError()),
        ("the canvas is warped", AssertionError()),
        ("publishing", KeyError("x")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_whatever_is_raised_is_survived_and_named(
    name: str, error: Exception, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    broken = Broken(show, PARTS[name], monkeypatch)
    show.frame(4)
    broken.error = error
    show.frame(seconds(1))
    (text,) = show.flight.reports.counts
    assert text == "unplugged" if isinstance(error, LiveflightError) else repr(error) in text
    broken.error, worked = None, broken.worked
    show.frame(seconds(2))
    assert broken.worked > worked


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if part.spoils])
def test_a_render_ends_with_the_first_fault_in_one_line(
    name: str, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin(live=False)
    broken = Broken(show, PARTS[name], monkeypatch)
    show.frame(4)
    broken.error = RuntimeError(FAULT)
    with pytest.raises(LiveflightError, match=FAULT) as raised:
        show.frame(2)
    assert "\n" not in str(raised.value) and raised.value.__cause__ is broken.error
    broken.error = None


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_a_program_is_no_fault(
    ending: BaseException, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    broken = Broken(show, PARTS["present"], monkeypatch)
    broken.error = ending
    with pytest.raises(type(ending)):
        show.frame()
    broken.error = None


def test_two_faults_at_once_are_two_lines(
    begin: Callable[..., Show],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    show = begin()
    for name in ("the engine", "overlay"):
        Broken(show, PARTS[name], monkeypatch).error = RuntimeError(FAULT)
    show.frame(seconds(2))
    assert len(caplog.records) == len(show.flight.reports.counts) == 2
    assert len(show.stage.shown) == seconds(2)


def test_numbers_that_change_in_a_fault_are_no_new_fault(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    show, attempts = begin(), iter(range(100))

    def allocate(*given: object, **named: object) -> None:
        raise RuntimeError(f"cannot allocate {next(attempts)} bytes")

    monkeypatch.setattr(show.app.overlay, "draw", allocate)
    show.frame(seconds(3))
    assert len(caplog.records) == 1
    assert show.flight.reports.counts == {"the HUD failed: cannot allocate 0 bytes": next(attempts)}


def test_a_hud_that_fails_midway_leaves_the_canvas_alone(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blending that stayed on would mix the canvas with what was there before."""
    show = begin()
    show.frame(4)
    hud = show.app.overlay.hud
    broken = Broken.__new__(Broken)
    broken.works, broken.error, broken.raised, broken.worked = hud._pass.draw, None, 0, 0
    monkeypatch.setattr(hud._pass, "draw", broken)
    while not broken.worked:  # until the text is set
        show.frame()
    broken.error = RuntimeError(FAULT)
    show.frame(seconds(1))
    assert broken.raised > 1
    show.frame()
    canvas = show.canvas.astype(np.float32)
    assert (canvas[..., 3] == 1).all() and np.isfinite(canvas).all()
    seen = show.stage.shown[-1].astype(float)
    assert abs(seen.mean() / 255 - canvas[..., :3].mean()) < 0.05


def test_a_frame_that_fails_outside_its_parts_is_survived_by_the_loop(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()

    class Ending(Stage):
        def events(self) -> list[Event]:
            return [Quit()] if len(self.shown) == 3 else []

    show.app.output = stage = Ending(show.stage.ctx, (8, 4), False)
    tick, calls = show.app.frame_counter.count_frame, iter(range(1000))

    def sometimes(*given: Any, **named: Any) -> float:
        if next(calls) % 2:
            raise ZeroDivisionError(FAULT)
        return tick(*given, **named)

    monkeypatch.setattr(show.app.frame_counter, "count_frame", sometimes)
    run(show.app, 1000)
    assert len(stage.shown) == 4
    assert f"a frame failed: {FAULT}" in show.flight.reports.counts


def test_one_message_that_fails_costs_no_other(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    show.flight.on("mix.random", lambda: {}["nothing"])
    show.app.mailbox.put(
        Set("camera.rotation", 10.0), Trigger("mix.random"), Set("warp.swirl", 20.0)
    )
    show.frame()
    settings = show.flight.controls.settings()
    assert (settings["camera.rotation"], settings["warp.swirl"]) == (10.0, 20.0)
    assert show.flight.reports.counts == {"a message failed: KeyError('nothing')": 1}


def test_one_key_that_fails_costs_no_other(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    keyboard = show.app.keyboard
    press = keyboard.press

    def pressed(event: KeyPress) -> None:
        if event.name == "x":
            raise RuntimeError(FAULT)
        press(event)

    monkeypatch.setattr(keyboard, "press", pressed)
    for _ in range(5):
        show.press("x", "b")
        show.frame()
    assert show.flight.controls.flag("show.blackout"), "turned over five times"
    show.stage.waiting += [KeyPress("x"), Quit()]
    show.frame()
    assert not show.app.running
    assert show.flight.reports.counts == {f"a key failed: {FAULT}": 6}


@pytest.mark.parametrize(
    "part", ["what is awaited", "cues", "the autopilot"], ids=lambda part: part.split()[-1]
)
def test_what_leads_the_flight_fails_apart(
    part: str, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    arriving = Broken(show, PARTS["the next target"], monkeypatch)  # which works
    broken = Broken(show, PARTS[part], monkeypatch)
    broken.error = RuntimeError(FAULT)
    show.frame(seconds(4.0))
    assert broken.raised >= 5
    assert arriving.worked == seconds(4.0)


# Threads and memory


def test_no_thread_is_started_in_mid_show(
    begin: Callable[..., Show], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    show.app.feedback_loop.worker.close(1)
    show.frame(2)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    show.press("r", "p")
    show.save()
    assert list((tmp_path / "liveflight").iterdir()), "the screenshot is saved"
    assert not show.flight.reports.counts


def test_without_a_thread_to_be_had_what_it_would_do_is_done_in_the_frame(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        show = begin()
    assert {record.message for record in caplog.records} == {
        "can't start new thread: background work now delays the show"
    }
    before = show.frame(4)
    show.press("r")
    assert (show.frame(2) != before).any() and not show.flight.reports.counts


class Short:
    """A GL context whose memory holds no texture of more pixels than it is told."""

    def __init__(self, ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 1 << 30
        self._make = ctx.texture
        monkeypatch.setattr(ctx, "texture", self)

    def __call__(self, size: tuple[int, int], *given: Any, **named: Any) -> moderngl.Texture:
        if size[0] * size[1] > self.most:
            raise moderngl.Error("the framebuffer is not complete")
        return self._make(size, *given, **named)


def test_a_larger_window_without_memory_for_its_canvas_gets_a_smaller_one(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin(canvas=None)
    show.set("show.hud", False)
    show.stage.size = (160, 90)
    show.frame(seconds(1))
    assert show.app.feedback_loop.size == (160, 90)
    short = Short(show.stage.ctx, monkeypatch)
    short.most = 180 * 120
    show.stage.size = (240, 160)
    pictures = [show.frame(4) for _ in range(6)]
    assert show.app.feedback_loop.size == (170, 114), "0.71 of the output's"
    assert list(show.flight.reports.counts) == [
        f"canvas {size}: the graphics memory cannot hold it; try a smaller --canvas: "
        "going on with a smaller canvas"
        for size in ("240x160", "202x134")
    ]
    assert show.flight.reports.counts.total() == 2
    assert all((one != other).any() for one, other in pairwise(pictures[3:]))
    short.most = 1 << 30
    show.stage.size = (200, 140)
    show.frame(seconds(1))
    assert show.app.feedback_loop.size == (200, 140), "another size is tried as it is"


def test_a_window_without_memory_for_any_canvas_of_its_shape_keeps_the_one_there_is(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin(canvas=None)
    show.set("show.hud", False)
    show.stage.size = (100, 80)
    show.frame(seconds(1))
    short = Short(show.stage.ctx, monkeypatch)
    short.most = 64 * 18  # views
    show.stage.size = (240, 160)
    show.frame(seconds(1))
    asked, shown = len(show.engine.asked), len(show.stage.shown)
    show.frame(seconds(4))
    assert show.app.feedback_loop.size == (100, 80)
    assert len(show.engine.asked) >= asked + seconds(3), "the ascent goes on"
    assert all((one != two).any() for one, two in pairwise(show.stage.shown[shown::8]))
    assert show.flight.reports.counts.total() < 12, "tried ever more seldom"
    short.most = 1 << 30
    show.frame(seconds(10))
    assert show.app.feedback_loop.size == (120, 80)


def test_views_without_memory_for_them_get_smaller(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "SMALLEST_SIDE_PX", 8)
    show = begin()
    show.set("show.hud", False)
    show.frame(4)
    short = Short(show.stage.ctx, monkeypatch)
    short.most = 32 * 18
    show.set("ascent.steps", 2)
    pictures = [show.frame(4) for _ in range(4)]
    assert show.flight.target_selector.size == (22, 12), "two have no more pixels than one had"
    assert list(show.flight.reports.counts) == [
        f"view {size}: the graphics memory cannot hold it; try a smaller --view: "
        "going on with smaller views"
        for size in ("32x18", "26x16")
    ]
    assert show.flight.reports.counts.total() == 2
    assert show.app.feedback_loop.size == CANVAS
    assert all((one != other).any() for one, other in pairwise(pictures))
    asked = len(show.engine.asked)
    show.frame(4)
    assert len(show.engine.asked) == asked + 8


@pytest.mark.parametrize("owner", ["_views", "landings"])
def test_where_no_view_is_small_enough_the_picture_moves_on(
    owner: str, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    show.frame(4)
    part = getattr(show.app.feedback_loop, owner)
    part.release_stack() if owner == "_views" else part.release_textures()
    short = Short(show.stage.ctx, monkeypatch)
    short.most = 0
    show.set("show.hud", False)
    pictures = [show.frame(4) for _ in range(8)]
    assert show.flight.reports.last == (
        "view 32x18: the graphics memory cannot hold it; try a smaller --view"
    )
    assert show.flight.reports.counts.total() < 12, "tried ever more seldom"
    assert all((one != other).any() for one, other in pairwise(pictures))
    short.most, asked = 1 << 30, len(show.engine.asked)
    show.frame(seconds(4))
    assert len(show.engine.asked) > asked + 8


@pytest.mark.parametrize("part", ["_views.stack", "renderer.resize"])
def test_a_render_does_not_go_on_without_graphics_memory(
    part: str, begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin(live=False, canvas=None)
    show.set("show.hud", False)
    show.frame(2)
    short = Short(show.stage.ctx, monkeypatch)
    short.most = 0
    if part == "_views.stack":
        show.set("ascent.steps", 2)
    else:
        show.stage.size = (160, 90)
    with pytest.raises(LiveflightError, match=r"the graphics memory cannot hold it; try a smaller"):
        show.frame(seconds(1))
    short.most = 1 << 30


def test_a_screenshot_without_memory_for_it_is_reported(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch, textures: Any
) -> None:
    show = begin()
    show.set("show.hud", False)  # its panel may come at any time
    show.frame(2)
    alive = textures.alive
    monkeypatch.setattr(
        show.stage.ctx, "framebuffer", Broken.__call__.__get__(unlucky := Broken.__new__(Broken))
    )
    unlucky.error, unlucky.raised = moderngl.Error("no memory"), 0
    show.press("p")
    show.frame(3)
    (text,) = show.flight.reports.counts
    assert "no memory" in text and textures.alive == alive


def test_an_engine_that_never_begins_leaves_a_picture_however_long_it_flies(
    begin: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at from ever further away, it would come to nothing."""
    show = begin()
    show.flight.controls.set("camera.zoom", 5.0)
    show.flight.controls.jump()
    show.canvas = pink(show.app.feedback_loop.size, 3)
    Broken(show, PARTS["a tick begins"], monkeypatch).error = RuntimeError(FAULT)
    show.frame(seconds(60))
    matrix = show.app.feedback_loop.motion.pending.matrix
    assert np.isfinite(matrix).all() and abs(matrix[0, 0]) > 0.1
    assert np.isfinite(show.canvas.astype(np.float32)).all()
