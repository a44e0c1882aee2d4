"""Show the camera's picture to the current network, and report which filter responds most.

The network is evaluated on its own thread about once a second. The filter that stands out is put
into the mailbox as `show.seen`, as sound features are; the flight decides what to do with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Size, Target, Value
from liveflight.core.filter_attention import FilterAttention
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.loop.image_source import ImageSource
from liveflight.show import filter_ranking
from liveflight.show.target_selector import TargetSelector
from liveflight.system.worker import Worker

_MIN_INTERVAL_S = 1.0
"""Seconds between two evaluations at least."""

_MAX_LOAD = 0.2
"""Fraction of one thread's time that evaluations may take."""

_RECENT_FILTERS = 4
"""Number of recent filters that are not chosen again as long as others stand out."""

_NICENESS = 15
"""Niceness of evaluations: after the ascent, which comes after the display."""

_MAX_CLOSE_WAIT_S = 1.0
"""Seconds that `close` waits for an evaluation to end."""


NetworkLayer = tuple[str, str]
"""A network and one of its layers."""


@dataclass(frozen=True)
class _Evaluation:
    """The responses of one layer's filters to a picture."""

    place: NetworkLayer
    answers: np.ndarray
    seconds: float
    """How long the network took."""


class SightAutopilot:
    """A controller that follows what is seen. Idle unless the autopilot is in mode `sight`."""

    def __init__(
        self,
        target_selector: TargetSelector,
        image_source: ImageSource,
        weights: Mapping[str, Path],
        report: Callable[[object], None],
        background: bool,
    ) -> None:
        """`weights`: weight files by network. `report` gets each trouble once.

        Nothing that is missing here ends a flight or a render."""
        self._target_selector, self._image_source = target_selector, image_source
        self._report = report
        self._background = background and image_source.given
        self._evaluator = _Evaluator(weights)
        self._worker: Worker[_Evaluation] = Worker(self._background, _NICENESS)
        self._asked: NetworkLayer = ("", "")
        self._failed = ""
        """The network that could not be evaluated: it is not tried again."""
        self._attention, self._place = FilterAttention(), self._asked
        """The filters' responses, and the layer they are of."""
        self._looked = self._due = 0.0
        self._flown: deque[Target] = deque(maxlen=_RECENT_FILTERS)
        self._wanted = self._reported_no_camera = False
        self._strongest: Target | None = None
        self._next: Target | None = None
        self._told = ""

    def open(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def poll(self, now: float) -> None:
        if self._wanted and self._target_selector.goal:
            self._look(now, self._target_selector.here)
        else:
            self._choose(None)
        self._tell()

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        on = values["show.autopilot"] and not values["show.closed"]
        self._wanted = bool(on) and values["show.autopilot_mode"] == "sight"

    def status_lines(self) -> list[str]:
        return [f"sees {networks.described(self._strongest)}"] if self._strongest else []

    def close(self) -> None:
        """Wait for a running evaluation; may be called twice."""
        self._worker.close(_MAX_CLOSE_WAIT_S)

    def _look(self, now: float, here: Target) -> None:
        """Take the result of an evaluation that has ended, and begin the next when it is due."""
        if not self._image_source.given:
            if not self._reported_no_camera:
                self._reported_no_camera = True
                self._report("sight needs --camera or --image: wandering")
            return
        ended = self._worker.busy and self._worker.wait()
        if ended:
            self._take_in(now)
        if ended or here not in self._flown:
            self._choose(here)
        if self._worker.busy or now < self._due or here.network == self._failed:
            return
        picture = self._image_source.latest_image()
        if picture is not None:
            self._due = now + _MIN_INTERVAL_S
            self._asked = here.network, here.layer
            self._worker.submit(partial(self._evaluator.evaluate, self._asked, picture))

    def _take_in(self, now: float) -> None:
        try:
            evaluation = self._worker.result()
        except Exception as error:
            self._failed, self._place = self._asked[0], ("", "")
            why = str(error).splitlines()[0] if isinstance(error, LiveflightError) else repr(error)
            self._report(f"sight: {why}; wandering")
            return
        if self._background:
            self._due = max(self._due, now + evaluation.seconds * (1 / _MAX_LOAD - 1))
        if evaluation.place != self._place:
            self._attention, self._place = FilterAttention(), evaluation.place
        self._attention.see(evaluation.answers, now - self._looked)
        self._looked = now

    def _choose(self, here: Target | None) -> None:
        """Note the filter that stands out, and the one among those not flown recently."""
        self._strongest, self._next = None, None
        if here is None:
            return
        if here not in self._flown:
            self._flown.append(here)
        if self._place == (here.network, here.layer):
            flown = {
                each.filter for each in self._flown if (each.network, each.layer) == self._place
            }
            active_filters = self._target_selector.active_filters()
            self._strongest = self._target(self._attention.choose(active_filters, ()))
            self._next = self._target(self._attention.choose(active_filters, flown))

    def _target(self, number: int | None) -> Target | None:
        return None if number is None else Target(*self._place, number)

    def _tell(self) -> None:
        seen = str(self._next) if self._next else ""
        if seen != self._told:
            self._told = seen
            self._mailbox.put(Set("show.seen", seen))


class _Evaluator:
    """Evaluate a network on the worker's thread; it is loaded there at first use."""

    def __init__(self, weights: Mapping[str, Path]) -> None:
        self._weights = weights
        self._key: object = None

    def evaluate(self, place: NetworkLayer, picture: np.ndarray) -> _Evaluation:
        """Return a layer's responses to a picture, uint8 (H, W, 3).

        Raises LiveflightError where the network's weights are missing."""
        network, layer = place
        seen = filter_ranking.reduced(picture)
        self._prepare(network, (seen.shape[1], seen.shape[0]))
        start = time.perf_counter()
        answers = self._answers.ask(seen, [layer])[layer]
        return _Evaluation(place, answers, time.perf_counter() - start)

    def _prepare(self, name: str, size: Size) -> None:
        from liveflight.engines.responses import Answers

        if self._key == (name, size):
            return
        known, weights = networks.network(name), self._weights.get(name)
        if weights is None and known.find_weights() is None:
            raise LiveflightError(f"the weights of {name} are missing")
        layers = [layer.name for layer in known.layers]
        self._answers, self._key = Answers(known, layers, size, weights), (name, size)
