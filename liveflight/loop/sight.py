"""Sight: shows the network that is flown what the camera sees, and says which filter answers.

The network is asked on a thread of its own, about once a second. What stands out is put into the
mailbox as `show.seen`, like what is heard; the flight decides what comes of it.
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
from liveflight.core.attention import Attention
from liveflight.core.contracts import LiveflightError, Target, Value
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.loop.image_source import ImageSource
from liveflight.show import filter_ranking
from liveflight.show.target_selector import TargetSelector
from liveflight.system.worker import Worker

_EVERY = 1.0
"""Seconds from one look to the next, at least."""

_SHARE = 0.2
"""Of the time of a thread that looks may take."""

_FEW = 4
"""Filters flown last that are not chosen again as long as others stand out."""

_NICENESS = 15
"""How far looking stands back: behind the ascent, which stands back behind the display."""

_GRACE = 1.0
"""Seconds that `close` waits for a look to end."""


Place = tuple[str, str]
"""A network and one of its layers."""


@dataclass(frozen=True)
class _Look:
    place: Place
    answers: np.ndarray
    seconds: float
    """How long the network took to answer."""


class Sight:
    """`controllers.controller.Controller`. At rest unless the autopilot goes by sight."""

    def __init__(
        self,
        target_selector: TargetSelector,
        image_source: ImageSource,
        weights: Mapping[str, Path],
        report: Callable[[object], None],
        background: bool,
    ) -> None:
        """`weights`: files by the network they are for. `report` is told of trouble, once: nothing
        that sight lacks ends a flight, nor a render."""
        self._target_selector, self._image_source, self._report = (
            target_selector,
            image_source,
            report,
        )
        self._background = background and image_source.given
        self._eye = _Eye(weights)
        self._worker: Worker[_Look] = Worker(self._background, _NICENESS)
        self._asked: Place = ("", "")
        self._failed = ""
        """The network that could not be asked: it is not tried again."""
        self._attention, self._place = Attention(), self._asked
        """What its layer's filters answer."""
        self._looked = self._due = 0.0
        self._flown: deque[Target] = deque(maxlen=_FEW)
        self._wanted = self._blindness_told = False
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
        self._wanted = bool(values["show.autopilot"]) and values["show.autopilot_mode"] == "sight"

    def status_lines(self) -> list[str]:
        return [f"sees {networks.described(self._strongest)}"] if self._strongest else []

    def close(self) -> None:
        """May be called twice."""
        self._worker.close(_GRACE)

    def _look(self, now: float, here: Target) -> None:
        """Take in a look that has ended, and begin another when it is time."""
        if not self._image_source.given:
            if not self._blindness_told:
                self._blindness_told = True
                self._report("sight needs --camera or --image: wandering")
            return
        ended = self._worker.busy and self._worker.wait()
        if ended:
            self._take_in(now)
        if ended or here not in self._flown:
            self._choose(here)
        if self._worker.busy or now < self._due or here.network == self._failed:
            return
        picture = self._image_source.seen()
        if picture is not None:
            self._due = now + _EVERY
            self._asked = here.network, here.layer
            self._worker.submit(partial(self._eye.look, self._asked, picture))

    def _take_in(self, now: float) -> None:
        try:
            look = self._worker.result()
        except Exception as error:
            self._failed, self._place = self._asked[0], ("", "")
            why = str(error).splitlines()[0] if isinstance(error, LiveflightError) else repr(error)
            self._report(f"sight: {why}; wandering")
            return
        if self._background:
            self._due = max(self._due, now + look.seconds * (1 / _SHARE - 1))
        if look.place != self._place:
            self._attention, self._place = Attention(), look.place
        self._attention.see(look.answers, now - self._looked)
        self._looked = now

    def _choose(self, here: Target | None) -> None:
        """Note what stands out, and what of it was not flown lately."""
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


class _Eye:
    """What is asked on the worker's thread, and loaded there at the first look."""

    def __init__(self, weights: Mapping[str, Path]) -> None:
        self._weights = weights
        self._key: object = None

    def look(self, place: Place, picture: np.ndarray) -> _Look:
        """Raises LiveflightError where the network's weights are not at hand."""
        network, layer = place
        seen = filter_ranking.reduced(picture)
        self._face(network, (seen.shape[1], seen.shape[0]))
        begun = time.perf_counter()
        answers = self._answers.ask(seen, [layer])[layer]
        return _Look(place, answers, time.perf_counter() - begun)

    def _face(self, name: str, size: tuple[int, int]) -> None:
        from liveflight.engines.responses import Answers

        if self._key == (name, size):
            return
        known, weights = networks.network(name), self._weights.get(name)
        if weights is None and known.find_weights() is None:
            raise LiveflightError(f"the weights of {name} are not at hand")
        layers = [layer.name for layer in known.layers]
        self._answers, self._key = Answers(known, layers, size, weights), (name, size)
