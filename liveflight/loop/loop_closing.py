"""Bring a flight back to where its loop began: picture, controls and targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from liveflight.core.camera import Camera
from liveflight.core.contracts import Target
from liveflight.core.controls import ROWS
from liveflight.core.loop_pull import LoopPull, eased
from liveflight.loop.feedback_loop import FeedbackLoop
from liveflight.outputs.sinks.loop_sink import LoopSink
from liveflight.render.present import Fit
from liveflight.show.flight import Flight

_NUMBERS = tuple(row.key for row in ROWS if row.kind == "float")
_STEPPED = tuple(row.key for row in ROWS if row.kind in ("int", "bool", "enum") and row.saved)
_HELD = {"show.autopilot": False, "cue.hold": True}
"""Controls that keep a flight from moving on by itself, and the value that does."""


class LoopClosing:
    """Hold the flight in the lead-in and in the end, and pull the end towards the lead-in."""

    def __init__(self, flight: Flight, feedback_loop: FeedbackLoop, sink: LoopSink) -> None:
        """Hold the flight. `sink` gets its frames; call `after_frame` after each."""
        self._flight, self._feedback_loop = flight, feedback_loop
        self._sink, self._plan = sink, sink.plan
        self._pull: LoopPull | None = None
        self._camera = Camera()
        self._moved = np.eye(3)
        """Map from places of the picture to those at the beginning of the end."""
        self._numbers: list[Mapping[str, float]] = []
        """The controls of each frame of the lead-in."""
        self._stepped: dict[str, bool | int | float | str] = {}
        self._goal: Mapping[Target, float] = {}
        controls = flight.controls
        self._free = {key: controls.setting(key) for key in _HELD}
        self._set(_HELD)

    def after_frame(self) -> None:
        """Note what the last frame was, and prepare the next."""
        next_frame, plan, controls = self._sink.frames, self._plan, self._flight.controls
        if plan.lead_in(next_frame - 1) is not None:
            self._numbers.append({key: controls.number(key) for key in _NUMBERS})
        if next_frame == plan.first:
            self._stepped = {key: controls.setting(key) for key in _STEPPED if key not in _HELD}
            self._goal = dict(self._flight.target_selector.goal)
            self._set(self._free)
        self._pull_picture()
        index = plan.ending(next_frame)
        if index is not None:
            self._lead_back(index)

    def _lead_back(self, index: int) -> None:
        """Prepare the controls and the targets for frame `index` of the end."""
        if index == 0:
            self._set(self._stepped)
            self._flight.target_selector.aim(self._goal, self._plan.overlap / self._plan.fps)
        self._set(_HELD)
        share = float(eased(self._plan.progress(index)))
        self._flight.controls.lean = self._numbers[index], share

    def _pull_picture(self) -> None:
        """Change the canvas, if the last frame belongs to the end."""
        ending = self._sink.ending
        if ending is None:
            return
        height, width = ending.shown.shape[:2]
        self._pull = self._pull or LoopPull((width, height))
        steps = self._plan.progress(ending.index), self._plan.progress(ending.index + 1)
        change = np.zeros((height, width, 4), np.float16)
        change[..., :3] = self._pull.change(ending.shown, ending.wanted, *steps, self._moved)
        fit: Fit = "contain" if self._flight.controls.word("show.fit") == "contain" else "cover"
        loop = self._feedback_loop
        loop.landings.put_change(change, np.linalg.inv(loop.shown.matrix), fit, loop.size)
        aspect = loop.size[0] / loop.size[1]
        warp = self._camera.warp(self._flight.controls, 1 / self._plan.fps, aspect)
        self._moved = self._moved @ warp.matrix

    def _set(self, values: Mapping[str, bool | int | float | str]) -> None:
        for key, value in values.items():
            self._flight.controls.set(key, value)
