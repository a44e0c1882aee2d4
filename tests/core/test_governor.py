"""The governor against machines that are made of numbers."""

from __future__ import annotations

import itertools

import pytest

from liveflight.core.governor import SCALES, Governor

FPS = 60.0


class Machine:
    """A display and an ascent as fast as the load of the moment lets them be.

    A frame takes the longer to draw, the more pixels the canvas has."""

    def __init__(
        self, step: float, drawing: float = 0.002, asked: int = 3, vsync: bool = False
    ) -> None:
        self.step, self.drawing, self.asked, self.vsync = step, drawing, asked, vsync
        """Seconds for a step at full scale, and for drawing a frame, where nobody else is."""
        self.governor = Governor(1 / FPS)
        self.now = 1000.0
        self.chosen: list[tuple[float, int, float]] = []
        """When, and what: steps, scale of the views."""
        self.canvases: list[tuple[float, float]] = []
        """When, and the scale of the canvas."""
        self.shown = 0.0
        self._tick = 0.0

    def fly(self, seconds: float, load: float = 1.0, lag: float = 1.0) -> None:
        """`load`: how many times longer a step takes; `lag`: how many times longer drawing."""
        until = self.now + seconds
        while self.now < until:
            steps, scale = self.governor.steps(self.asked), self.governor.scale
            duration = steps * self.step * load * scale**2
            busy = self.drawing * lag * self.governor.canvas_scale**2
            interval = max(1 / FPS, busy)
            if self.vsync:
                interval = -(-busy * FPS // 1) / FPS or 1 / FPS
            self._tick += interval
            if self._tick >= duration:
                self._tick = 0.0
                self.governor.tick(duration, steps, self.asked, scale)
            self.now += interval
            self.shown = interval
            self.governor.frame(self.now, interval, busy, scale)
            choice = self.governor.steps(self.asked), self.governor.scale
            if not self.chosen or self.chosen[-1][1:] != choice:
                self.chosen.append((self.now, *choice))
            canvas = self.governor.canvas_scale
            if not self.canvases or self.canvases[-1][1] != canvas:
                self.canvases.append((self.now, canvas))

    @property
    def choice(self) -> tuple[int, float]:
        return self.governor.steps(self.asked), self.governor.scale


def test_what_fits_is_given_and_stays() -> None:
    machine = Machine(step=0.004)
    machine.fly(60)
    assert [choice[1:] for choice in machine.chosen] == [(3, 1.0)]


def test_more_is_never_given_than_was_asked_for() -> None:
    governor = Governor(1 / FPS)
    assert [governor.steps(asked) for asked in range(9)] == list(range(9))
    machine = Machine(step=0.0001, asked=2)
    machine.fly(30)
    assert machine.choice == (2, 1.0)
    assert machine.governor.steps(0) == 0


@pytest.mark.parametrize(("step", "steps"), [(0.006, 2), (0.012, 1), (0.1, 1)])
def test_steps_are_given_up_until_a_tick_fits_or_is_one_step(step: float, steps: int) -> None:
    machine = Machine(step)
    machine.fly(60)
    assert machine.choice == (steps, 1.0)
    assert len(machine.chosen) <= 3, machine.chosen


@pytest.mark.parametrize(("step", "scale"), [(0.16, 1.0), (0.27, 0.71), (0.5, 0.5), (3.0, 0.5)])
def test_below_six_ticks_a_second_views_shrink(step: float, scale: float) -> None:
    machine = Machine(step, asked=1)
    machine.fly(120)
    assert machine.choice == (1, scale)
    assert machine.governor.canvas_scale == 1.0, "the canvas costs no step anything"
    assert step * scale**2 <= 1 / 6 or scale == SCALES[-1]


def test_when_another_program_takes_the_gpu_it_yields_within_a_second_and_climbs_back() -> None:
    machine = Machine(step=0.004)
    machine.fly(10)
    machine.fly(1, load=4, lag=9)
    assert machine.choice[0] < 3
    machine.fly(3, load=4, lag=9)
    machine.fly(40)
    assert machine.choice == (3, 1.0) and machine.governor.canvas_scale == 1.0


def test_slow_ticks_after_many_quick_ones_shrink_the_views_at_once() -> None:
    machine = Machine(step=0.06, asked=1)
    machine.fly(10)
    assert machine.choice == (1, 1.0)
    machine.fly(1.0, load=3.5)
    assert machine.choice[1] < 1.0


@pytest.mark.parametrize(
    ("lag", "canvas"), [(9, 1.0), (14, 0.84), (20, 0.59), (40, 0.5), (60, 0.5)]
)
def test_late_frames_shrink_the_canvas_as_far_as_needed(lag: float, canvas: float) -> None:
    machine = Machine(step=0.030, asked=1)
    machine.fly(30, lag=lag)
    assert machine.governor.canvas_scale == canvas
    assert machine.choice == (1, 1.0), "smaller views draw nothing faster"
    late = machine.shown > 1.35 / FPS
    assert late == (lag == 60), "the canvas is never smaller than half"
    machine.fly(90)
    assert machine.governor.canvas_scale == 1.0


def test_the_canvas_climbs_only_as_far_as_frames_will_come_in_time() -> None:
    machine = Machine(step=0.030, drawing=0.018, asked=1)
    machine.fly(10, lag=2)
    assert machine.governor.canvas_scale == 0.59
    machine.fly(120)
    assert machine.governor.canvas_scale == 0.84
    assert 0.018 > 0.85 / FPS > 0.018 * 0.84**2
    assert [scale for _, scale in machine.canvases] == [1.0, 0.84, 0.59, 0.71, 0.84]


def test_steps_are_given_up_before_the_canvas() -> None:
    machine = Machine(step=0.0005, asked=4)
    while machine.governor.steps(4) == 4:
        machine.fly(1 / FPS, lag=40)
        assert machine.governor.canvas_scale == 1.0


@pytest.mark.parametrize("vsync", [False, True])
def test_a_display_that_is_slow_by_itself_costs_the_picture_nothing_for_long(vsync: bool) -> None:
    machine = Machine(step=0.004, drawing=0.030, asked=1, vsync=vsync)
    for _ in range(300 * 60):
        # It takes as long whatever the canvas is.
        machine.fly(1 / 120, lag=1 / machine.governor.canvas_scale**2)
    assert machine.choice == (1, 1.0) and machine.governor.canvas_scale == 1.0
    moments = [*(at for at, _ in machine.canvases), machine.now]
    spans = [after - before for before, after in itertools.pairwise(moments)]
    whole = sum(
        span for span, (_, scale) in zip(spans, machine.canvases, strict=True) if scale == 1.0
    )
    assert len(machine.canvases) > 1
    assert whole > 0.9 * sum(spans)


def test_it_does_not_swing_where_a_climb_cannot_last() -> None:
    """A step whose time grows faster with the views than their pixels do."""
    machine = Machine(step=0.1, asked=1)

    def fly(seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            machine.fly(1 / FPS / 2, load=3 if machine.governor.scale == 1.0 else 1)

    fly(600)
    climbs = [at for at, _, scale in machine.chosen[1:] if scale == 1.0]
    waits = [after - before for before, after in itertools.pairwise(climbs)]
    assert climbs and len(climbs) < 12
    assert waits == sorted(waits) and waits[-1] > 4 * waits[0]


def test_a_hiccup_is_no_reason() -> None:
    machine = Machine(step=0.004)
    for _ in range(20):
        machine.fly(2)
        machine.fly(0.03, lag=40)
    assert [choice[1:] for choice in machine.chosen] == [(3, 1.0)]


def test_noisy_times_near_a_limit_do_not_make_it_swing() -> None:
    machine = Machine(step=0.0048)
    noise = itertools.cycle([1.0, 1.12, 0.93, 1.03, 0.9, 1.08, 1.2])
    for factor in itertools.islice(noise, 60 * 60):
        machine.fly(1 / 60, load=factor)
    assert len(machine.chosen) <= 4, machine.chosen


def test_it_waits_for_the_views_it_decided_on() -> None:
    governor = Governor(1 / FPS)
    now = 0.0

    def fly(scale: float, frames: int) -> None:
        nonlocal now
        for _ in range(frames):
            now += 0.1
            governor.tick(0.3, 1, 1, scale)
            governor.frame(now, 1 / FPS, 0.001, scale)

    fly(1.0, 20)
    decided = governor.scale
    assert decided == 0.5
    fly(1.0, 100)
    assert governor.scale == decided, "what is measured at the old size says nothing of the new"


@pytest.mark.parametrize("notches", range(len(SCALES)))
def test_what_does_not_fit_into_memory_is_never_tried_again(notches: int) -> None:
    machine = Machine(step=0.001)
    for notch in range(notches):
        assert machine.governor.out_of_memory(SCALES[notch])
    assert machine.governor.scale == machine.governor.ceiling == SCALES[notches]
    machine.fly(120)
    assert machine.governor.scale == SCALES[notches]
    assert machine.governor.out_of_memory(SCALES[-1]) is False


def recorded() -> list[tuple[float, float]]:
    """Seconds of a tick of one step and of the frame that was being shown, embedded network at
    320x180 on two cores under software GL at 60 frames per second, a compilation running beside it
    from the 20th tick to the 60th."""
    calm = [(0.061, 0.0165), (0.058, 0.0161), (0.066, 0.0187), (0.064, 0.0165), (0.071, 0.0199)]
    busy = [(0.221, 0.0213), (0.179, 0.0260), (0.128, 0.0187), (0.190, 0.0239), (0.205, 0.0224)]
    return calm * 4 + busy * 8 + calm * 40


def test_a_recorded_load() -> None:
    governor = Governor(1 / FPS)
    now, scales = 0.0, []
    for duration, interval in recorded():
        shrunk = duration * governor.scale**2
        governor.tick(shrunk, 1, 1, governor.scale)
        for _ in range(max(round(shrunk / interval), 1)):
            now += interval
            governor.frame(now, interval, 0.007, governor.scale)
        scales.append(governor.scale)
    assert scales[19] == 1.0
    assert scales[45] < 1.0
    assert scales[-1] == 1.0
    assert sum(before != after for before, after in itertools.pairwise(scales)) <= 6


def test_a_tick_that_does_not_end_is_evidence_enough() -> None:
    governor = Governor(1 / FPS)
    now = 0.0
    for _ in range(120):
        now += 1 / FPS
        governor.tick(0.03, 1, 1, 1.0)
        governor.frame(now, 1 / FPS, 0.002, 1.0, tick_age=0.02)
    assert governor.scale == 1.0 and not governor.pressed
    begun = now
    while governor.scale == 1.0:
        now += 1 / FPS
        governor.frame(now, 1 / FPS, 0.002, 1.0, tick_age=now - begun)
    assert now - begun < 0.6
    assert governor.scale == SCALES[-1], "it may take any number of times as long"
    assert governor.pressed
    for _ in range(120):
        now += 1 / FPS
        governor.frame(now, 1 / FPS, 0.002, governor.scale, tick_age=now - begun)
    assert governor.steps(4) == 1 or governor.steps(1) == 1
    assert governor.scale == SCALES[-1]


def test_what_began_at_another_size_says_nothing_of_this_one() -> None:
    governor = Governor(1 / FPS)
    assert governor.out_of_memory(1.0)
    now = 0.0
    for _ in range(60):
        now += 1 / FPS
        governor.frame(now, 1 / FPS, 0.002, governor.scale, tick_age=now + 1.0)
    assert governor.scale == SCALES[1]


@pytest.mark.parametrize(("step", "scale"), [(0.18, 0.84), (0.3, 0.5)])
def test_it_goes_to_views_that_are_prepared(step: float, scale: float) -> None:
    machine = Machine(step, asked=1)
    assert machine.governor.smaller == (0.5, 0.84)
    machine.fly(2)
    assert machine.choice == (1, scale)
    assert machine.governor.smaller == ((0.5, 0.71) if scale == 0.84 else ())


HOG = [497, 781, 944, 677, 616, 677, 769, 837, 949, 775, 640]
SMALL_HOG = [292, 255, 304, 288, 277, 227, 220, 291, 213, 177, 176, 179, 144, 266, 328, 364, 304]
CALM = [46, 33, 43, 41, 31, 43, 32, 67, 81, 44, 34, 27, 31, 38, 36, 28, 45]
SMALL_CALM = [32, 24, 29, 28, 32, 40, 26, 26, 28, 29, 29, 34, 27]
"""Milliseconds of a tick of one step at full scale and at the smallest, embedded network at
320x180 on two cores under software GL, two other programs computing beside it or not."""
FRAMES_HOG = [
    (35, 20), (43, 15), (40, 24), (42, 26), (59, 27), (41, 23), (36, 29), (41, 18), (28, 25),
    (36, 26), (36, 27), (36, 19), (56, 31), (40, 25), (35, 26), (34, 28), (35, 25), (32, 21),
    (29, 20), (31, 21), (28, 28), (36, 17), (24, 24), (32, 20), (28, 21), (31, 24), (33, 23),
]  # fmt: skip
FRAMES_CALM = [(41, 14), (24, 14), (26, 13), (25, 14), (30, 13), (33, 13), (33, 25), (38, 10)]
"""Milliseconds from frame to frame, and of drawing one."""


def test_a_recorded_hog() -> None:
    """It comes after 20 s and goes after 30."""
    governor = Governor(1 / 30)
    whole, small = {True: HOG, False: CALM}, {True: SMALL_HOG, False: SMALL_CALM}
    ticks = {
        (hogged, large): itertools.cycle(times[hogged])
        for large, times in ((True, whole), (False, small))
        for hogged in (True, False)
    }
    frames = {True: itertools.cycle(FRAMES_HOG), False: itertools.cycle(FRAMES_CALM)}
    now, begun, ends, scale = 0.0, 0.0, 0.0, 1.0
    chosen: list[tuple[float, float]] = []
    while now < 45:
        hogged = 20 <= now < 30
        interval, drawing = (each / 1000 for each in next(frames[hogged]))
        now += interval
        if now >= ends:
            if ends:
                governor.tick(ends - begun, 1, 1, scale)
            scale, begun = governor.scale, now
            ends = now + next(ticks[hogged, scale > 0.75]) / 1000
        governor.frame(now, interval, drawing, governor.scale, tick_age=now - begun)
        if not chosen or chosen[-1][1] != governor.scale:
            chosen.append((now, governor.scale))
    (_, whole_at_first), (yielded, smallest), *back = chosen
    assert (whole_at_first, smallest, back[-1][1]) == (1.0, 0.5, 1.0)
    assert 20 < yielded < 21.3
    assert back[0][0] > 30 and back[-1][0] < 34 and len(back) < 3
