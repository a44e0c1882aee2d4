"""Select the targets to ascend: load and plan what is wanted next, then crossfade to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Mix, Size, Target
from liveflight.core.crossfade import Crossfade, strongest
from liveflight.core.target_history import TargetHistory
from liveflight.show.network_loader import Layers, NetworkLoader


class _Request(NamedTuple):
    """Hold what `aim` was called with."""

    goal: Mapping[Target, float]
    crossfade: float
    curve: str
    downloads: bool


class TargetSelector:
    """Crossfade to targets once their networks are loaded and their ascent is planned."""

    def __init__(self, loader: NetworkLoader, report: Callable[[object], None]) -> None:
        """`report` is called with what cannot be planned; the flight goes there all the same."""
        self.crossfade = Crossfade()
        self.history = TargetHistory()
        self.loader = loader
        self.time = 0.0
        """Seconds flown; stands still while frozen."""
        self.size: Size | None = None
        """Size of the canvas for which switches are planned; None: not yet known."""
        self.fallback_sizes: Sequence[Size] = ()
        """Smaller canvases that the governor may choose, planned before any prefetch."""
        self.under_load = False
        """Whether the ascent is short of time already: nothing is prefetched meanwhile."""
        self.downloads = True
        """Whether weights may be downloaded for what is asked for now."""
        self._report = report
        self._asked: _Request | None = None
        """Last request, until it is known whether its targets exist."""
        self._first_asked: _Request | None = None
        """First request: the only fallback until anything is awaited."""
        self._awaited: Mapping[Target, float] | None = None
        """Goal that is being loaded and planned."""
        self._seconds, self._curve = 0.0, "smooth"
        self._first_awaited: Mapping[Target, float] | None = None
        """First goal awaited: the only fallback until it is flown."""

    @property
    def goal(self) -> Mapping[Target, float]:
        """Return what is flown, crossfaded to or awaited; empty before the first `aim`."""
        return self._awaited or self.crossfade.goal

    @property
    def wanted(self) -> Mapping[Target, float]:
        """Return what was asked for last, which may turn out not to exist, else the goal."""
        return self._asked.goal if self._asked else self.goal

    @property
    def here(self) -> Target:
        """Return the goal's strongest target."""
        goal = self.goal
        return max(goal, key=lambda target: goal[target])

    @property
    def goal_target(self) -> Target | None:
        """Return `here`, or None before the first goal."""
        return self.here if self.goal else None

    @property
    def waiting(self) -> bool:
        """Return whether a goal is being prepared."""
        return self._awaited is not None or self._asked is not None

    @property
    def awaited(self) -> str:
        """Return the strongest target that is being prepared; empty where none is."""
        goal = self._asked.goal if self._asked else self._awaited or {}
        return networks.described(max(goal, key=lambda target: goal[target])) if goal else ""

    def mix(self) -> Mix:
        """Return the mix to ascend now; empty while the first network is still being loaded."""
        return self.crossfade.mix(self.time)

    def aim(self, goal: Mapping[Target, float], crossfade: float, curve: str = "smooth") -> None:
        """Crossfade to the strongest of these targets, as soon as they are prepared.

        It takes `crossfade` seconds along one of `morph.CURVES`. Before it begins, the networks are
        loaded, and the ascent of both the crossfade and the goal is planned; until then the flight
        continues as it is.

        Raises LiveflightError for names that do not exist. Of a network whose layers are not known
        yet, `poll` raises it."""
        before, self._asked = self._asked, _Request(goal, crossfade, curve, self.downloads)
        try:
            self._resolve()
        except LiveflightError:
            self._asked = before
            raise
        self.poll()

    def check(self, targets: Iterable[Target]) -> None:
        """Check targets, as far as that is possible at once.

        Raises LiveflightError for names that do not exist and for networks that would have to be
        downloaded where that is not allowed."""
        self._check(
            (each for each in targets if networks.layers_known(each.network)), self.downloads
        )

    def _check(self, targets: Iterable[Target], downloads: bool) -> None:
        for target in targets:
            name = networks.resolve(target).network
            if not downloads and not self.has_weights(name):
                raise LiveflightError(
                    f"the weights of {name} are not on this machine: the network may have them "
                    "downloaded only with --allow-remote-downloads"
                )

    def reweight(self, goal: Mapping[Target, float]) -> None:
        """Give the goal's targets other weights, at once and at no cost: the layers stay the same.

        Has no effect on other targets, and while the goal is being prepared."""
        if self._awaited is None:
            self.crossfade.reweight(goal)

    def poll(self) -> None:
        """Begin the crossfade to what is awaited, if it is prepared.

        Raises LiveflightError, once, where its network cannot be loaded or does not exist."""
        self._resolve()
        if self._awaited is None:
            return
        awaited, self._awaited = self._awaited, None
        try:
            ready = self.loader.ensure_loaded(sorted({target.network for target in awaited}))
        except LiveflightError:
            if not self.crossfade.goal and awaited is not self._first_awaited:
                self._awaited = self._first_awaited
            raise
        if ready and self._planned(awaited):
            stayed = self.crossfade.elapsed(self.time)
            self.history.arrived(self.crossfade.goal, awaited, stayed)
            self.crossfade.go(awaited, self.time, self._seconds, self._curve)
        else:
            self._awaited = awaited

    def _resolve(self) -> None:
        """Await what was asked for, as soon as its networks' layers are known."""
        if self._asked is None:
            return
        asked, self._asked = self._asked, None
        try:
            if not self.loader.ensure_layers_known(
                sorted({target.network for target in asked.goal})
            ):
                self._asked, self._first_asked = asked, self._first_asked or asked
                return
            self._check(asked.goal, asked.downloads)
            known = {networks.resolve(target): weight for target, weight in asked.goal.items()}
        except LiveflightError:
            if not self.goal and asked is not self._first_asked:
                self._asked = self._first_asked
            raise
        wanted = strongest(known)  # what is flown in the end, and so what has to be planned
        if wanted == self.goal:
            return  # it is under way: to begin again would cut the crossfade short
        self._awaited = wanted
        self._seconds, self._curve = asked.crossfade, asked.curve
        self._first_awaited = self._first_awaited or self._awaited

    def ensure_ready_at(self, size: Size) -> bool:
        """Return whether the canvas may take that size without a stall.

        If not, it is being prepared, after what the performer waits for."""
        # The goal first: a crossfade may be over before it is planned.
        layer_sets = [_layers(self.crossfade.goal), _layers(self.mix())]
        if self.waiting:
            engine = self.loader.engine
            return bool(
                engine and layer_sets[1] and all(engine.planned(mix, size) for mix in layer_sets)
            )
        try:
            return self.loader.ensure_planned(layer_sets, size)
        except LiveflightError as error:
            self._report(error)
            return False

    def prefetch(self, journey: Sequence[Target]) -> None:
        """Prepare in spare time what the autopilot will ascend: each stop, and each crossfade.

        Networks that would have to be downloaded are left out."""
        here = {target.network for target in self.goal}
        local = [stop for stop in journey if stop.network in here or self.has_weights(stop.network)]
        stops = [_layers([stop]) for stop in local]
        legs = zip(stops, stops[1:] + stops[:1], strict=True)
        self.loader.prefetch(mix for one, other in legs for mix in (one | other, other))

    def prefetch_next(self) -> None:
        """Prepare fallback sizes and prefetched layers, unless the performer waits for others."""
        if self.size is None or self.waiting or self.under_load:
            return
        # A crossfade would be over by the time that it is planned on other canvases.
        crossing = _layers(self.mix()) != _layers(self.crossfade.goal)
        if crossing or all(map(self.ensure_ready_at, self.fallback_sizes)):
            self.loader.prefetch_next(self.size)

    def has_weights(self, network: str) -> bool:
        """Return whether the network can be loaded without a download."""
        engine = self.loader.engine
        return bool((engine and engine.ready(network)) or networks.network(network).find_weights())

    def active_filters(self) -> Sequence[int]:
        """Return the filters of the layer `here` that respond to anything; none while unknown."""
        engine = self.loader.engine
        if engine is None or not engine.ready(self.here.network):
            return ()
        return engine.active_filters(self.here.network, self.here.layer)

    def likeness(self) -> Sequence[float] | None:
        """Return each filter's correlation with the one that is flown, -1..1; None while unknown.

        The filters are those of the layer `here`."""
        engine, here = self.loader.engine, self.here
        if engine is None or here.filter is None or not engine.ready(here.network):
            return None
        signatures = engine.signatures(here.network, here.layer)
        alike: list[float] = (signatures @ signatures[here.filter]).tolist()
        return alike

    def _planned(self, goal: Mapping[Target, float]) -> bool:
        """Return whether the crossfade to the goal can begin without a stall."""
        if self.size is None:
            return True
        start, end = _layers(self.crossfade.start(self.time)), _layers(goal)
        try:
            return self.loader.ensure_planned([start | end, end], self.size)
        except LiveflightError as error:
            self._report(error)
            return False


def _layers(targets: Iterable[Target]) -> Layers:
    return frozenset((target.network, target.layer) for target in targets)
