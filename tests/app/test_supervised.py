"""A show that answers its supervisor."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from on_stage import TICK, Begin, Show

from liveflight.core.contracts import Ascent, Canvas, Mix, OutOfMemoryError
from liveflight.loop.supervised import Figures, HeartbeatWatcher, LossWatch
from liveflight.show.fault_reports import Mended
from liveflight.system import exit_codes
from liveflight.system.heartbeat import INTERVAL_S, Heartbeat

pytestmark = pytest.mark.gl


class Watched:
    """A show whose heartbeats and ends are kept."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(writing, False)
        self._writing = writing
        self.ended: list[int] = []
        watch = LossWatch(self.ended.append)
        show.app.guard.on_failure = watch.failure
        show.app.flight.reports.on_add = watch.fault
        self.figures = Figures()
        heartbeat = Heartbeat(writing, lambda: show.now)
        self.watcher = HeartbeatWatcher(show.app, heartbeat, self.figures, watch.lost, "torch")
        show.app.watchers.append(self.watcher)
        scheduler = show.app.ascent_scheduler
        show.app.watchers.append(lambda: watch.after_frame(scheduler.failing_s))

    def beats(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(self._reading, 65536).splitlines()]
        except BlockingIOError:
            return []

    def close(self) -> None:
        self.figures.close()
        os.close(self._reading)
        os.close(self._writing)


@pytest.fixture
def watched(begin: Begin) -> Iterator[Watched]:
    found = Watched(begin())
    yield found
    found.close()


def failing(error: Exception) -> Callable[[Canvas, Mix, Ascent], Canvas]:
    def step(view: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        raise error

    return step


def test_a_heartbeat_comes_after_displayed_frames_four_times_a_second(watched: Watched) -> None:
    seconds = 2
    watched.show.frame(int(seconds / TICK))
    beats = watched.beats()
    assert len(beats) == seconds / INTERVAL_S
    frames = [beat["frames"] for beat in beats]
    assert frames == sorted(set(frames)) and frames[-1] <= len(watched.show.stage.shown)
    last = beats[-1]
    assert (last["network"], last["loading"], last["asleep"]) == (
        "efficientnet_lite0",
        False,
        False,
    )
    assert last["engine"] == "torch on cpu"
    assert last["memory_mib"] > 10
    assert last["gpu_memory_mib"] is last["gpu_temperature"] is None


def test_none_comes_while_the_output_shows_nothing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.show.frame(8)
    assert watched.beats()

    def show() -> None:
        raise OSError("the display is gone")

    monkeypatch.setattr(watched.show.stage, "show", show)
    for _ in range(100):
        watched.show.now += TICK
        watched.show.app.frame(watched.show.now)
    assert [beat["frames"] for beat in watched.beats()] in ([], [8])  # the last that was shown
    watched.show.flight.asleep = True
    watched.show.app.frame(watched.show.now + 1)
    assert [beat["asleep"] for beat in watched.beats()] == [True]


def test_late_frames_are_counted_by_cause(watched: Watched) -> None:
    watched.show.frame(8)
    assert watched.beats()[-1]["late"] == 0
    parts = {"warp": 10.0, "rest": 99.0, "show": 0.1}
    for now, taken in ((1.0, parts), (2.0, {"rest": 99.0})):
        watched.watcher._parts = taken
        watched.show.now += now
        watched.show.frame()
    last = watched.beats()[-1]
    assert (last["late"], last["late_by"]) == (2, {"warp": 1, "system": 1})


def test_the_last_trouble_is_told(watched: Watched) -> None:
    watched.show.flight.reports.add("no MIDI port")
    watched.show.frame(8)
    assert watched.beats()[-1]["last_error"] == "no MIDI port"
    reports = watched.show.flight.reports
    reports.add(Mended("MIDI is connected now"))
    watched.show.frame(round(INTERVAL_S / TICK) + 1)
    assert watched.beats()[-1]["last_error"] == "no MIDI port", "its end is no fault"
    assert reports.last == "MIDI is connected now"
    assert watched.ended == []


STICKY = "CUDA error: an illegal memory access was encountered"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError(STICKY), exit_codes.GPU_LOST),
        (RuntimeError("CUDA error: invalid argument"), None),
        (FloatingPointError("not finite"), None),
    ],
)
def test_a_lost_gpu_ends_the_process(watched: Watched, error: Exception, code: int | None) -> None:
    watched.show.engine.step = failing(error)
    watched.show.frame(8)
    assert watched.ended[:1] == ([code] if code else [])


def test_a_picture_that_grows_no_more_ends_the_process(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.loop.supervised.STALLED_S", 4.0)
    show, steps = watched.show, watched.show.engine.step
    flaky = itertools.cycle([failing(ValueError("no")), *[steps] * 9])
    show.engine.step = lambda *given: next(flaky)(*given)
    show.frame(int(20 / TICK))
    assert not watched.ended, "some steps work"
    show.engine.step = failing(ValueError("no"))
    show.set("show.freeze", True)
    show.frame(int(6 / TICK))
    assert not watched.ended, "a frozen picture need not grow"
    show.set("show.freeze", False)
    show.frame(int(3 / TICK))
    assert not watched.ended
    show.frame(int(3 / TICK))
    assert watched.ended[0] == exit_codes.STALLED


def test_so_does_one_onto_which_nothing_can_be_put(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.loop.supervised.STALLED_S", 4.0)

    def advance(dt: float, upkeep: object) -> bool:
        raise OSError("no")

    watched.show.app.feedback_loop.advance = advance  # type: ignore[method-assign,assignment]
    watched.show.frame(int(6 / TICK))
    assert watched.ended[0] == exit_codes.STALLED


def test_a_network_that_cannot_be_loaded_for_it_does_too(watched: Watched) -> None:
    watched.show.flight.reports.add(f"vgg16 cannot be loaded: RuntimeError('{STICKY}')")
    assert watched.ended == [exit_codes.GPU_LOST]


def test_so_does_a_process_without_memory(watched: Watched) -> None:
    guard = watched.show.app.guard

    def grow() -> None:
        raise MemoryError

    guard.run("a part", grow)
    assert watched.ended == [exit_codes.OUT_OF_MEMORY]
    # Background work that finds too little memory is no reason.
    watched.show.flight.reports.add(OutOfMemoryError("a step at 9x9 does not fit"))
    assert watched.ended == [exit_codes.OUT_OF_MEMORY]


def test_a_lost_gl_context_ends_the_process(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.show.frame(200)
    assert watched.ended == []
    watched.watcher._context._texture.write(bytes(4))
    watched.show.frame(200)
    assert watched.ended == [exit_codes.GPU_LOST]
