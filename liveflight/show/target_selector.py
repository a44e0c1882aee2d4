"""What is excited now, and what comes next once it can be: a course waits until the networks of its
goal are loaded and the ascent is planned, and crosses over then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Mix, Target
from liveflight.core.crossfade import Crossfade, strongest
from liveflight.core.history import History
from liveflight.show.loader import Layers, Loader, Size


class TargetSelector:
    def __init__(self, loader: Loader, report: Callable[[object], None]) -> None:
        """`report` is told of what cannot be planned; the flight goes there all the same."""
        self.schedule = Crossfade()
        self.history = History()
        self.loader = loader
        self.time = 0.0
        """Seconds flown; stands still while frozen."""
        self.size: Size | None = None
        """The canvas's width and height, for which switches are planned; None: not yet known."""
        self.refuges: Sequence[Size] = ()
        """Smaller canvases that a flight may have to fall back on, planned before what is
        foreseen."""
        self.hurried = False
        """Whether the ascent has too little time as it is: nothing is looked ahead at meanwhile."""
        self.downloads = True
        """Whether weights may be downloaded for what is asked for now."""
        self._report = report
        self._asked: tuple[Mapping[Target, float], float, str, bool] | None = None
        """What was aimed at, as long as it is not known whether its targets exist."""
        self._begun: tuple[Mapping[Target, float], float, str, bool] | None = None
        """What was asked for first: all there is to fall back on until anything is awaited."""
        self._awaited: Mapping[Target, float] | None = None
        self._crossfade, self._curve = 0.0, "smooth"
        self._first: Mapping[Target, float] | None = None
        """What was awaited first: all there is to fall back on until it has arrived."""

    @property
    def goal(self) -> Mapping[Target, float]:
        """Where it is, is growing into or waits to go; empty before the first `aim`."""
        return self._awaited or self.schedule.goal

    @property
    def here(self) -> Target:
        """The goal's strongest target."""
        goal = self.goal
        return max(goal, key=lambda target: goal[target])

    @property
    def flown(self) -> Target | None:
        """As `here`; None before the first goal."""
        return self.here if self.goal else None

    @property
    def waiting(self) -> bool:
        """Whether the goal, or one that is still to become it, is being prepared."""
        return self._awaited is not None or self._asked is not None

    @property
    def awaited(self) -> str:
        """The strongest target of what is being prepared; empty where nothing is."""
        goal = self._asked[0] if self._asked else self._awaited or {}
        return networks.described(max(goal, key=lambda target: goal[target])) if goal else ""

    def mix(self) -> Mix:
        """What to ascend now; empty while the first network is still being loaded."""
        return self.schedule.mix(self.time)

    def aim(self, goal: Mapping[Target, float], crossfade: float, curve: str = "smooth") -> None:
        """Grows into the strongest of these targets, in `crossfade` seconds along one of
        `morph.CURVES`, as soon as their networks are loaded and the ascent of both the crossfade
        and what comes after it is planned; until then the flight goes on as it is.

        Raises LiveflightError for names that do not exist: of a network whose layers have yet to be
        found out, `arrive` does."""
        before, self._asked = self._asked, (goal, crossfade, curve, self.downloads)
        try:
            self._recognise()
        except LiveflightError:
            self._asked = before
            raise
        self.arrive()

    def check(self, targets: Iterable[Target]) -> None:
        """Raise LiveflightError for names that do not exist and for networks that would have to be
        downloaded where that is not allowed, as far as is known at once."""
        self._check((each for each in targets if networks.at_once(each.network)), self.downloads)

    def _check(self, targets: Iterable[Target], downloads: bool) -> None:
        for target in targets:
            name = networks.resolve(target).network
            if not downloads and not self.at_hand(name):
                raise LiveflightError(
                    f"the weights of {name} are not on this machine: the network may have them "
                    "downloaded only with --allow-remote-downloads"
                )

    def weigh(self, goal: Mapping[Target, float]) -> None:
        """Other weights for the targets of the goal, at once and at no cost: the layers stay the
        same. Of no effect while the goal is being prepared, and on other targets."""
        if self._awaited is None:
            self.schedule.weigh(goal)

    def arrive(self) -> None:
        """Begins with the crossfade to what is awaited, if it can.

        Raises LiveflightError, once, where its network cannot be loaded, or does not exist."""
        self._recognise()
        if self._awaited is None:
            return
        awaited, self._awaited = self._awaited, None
        try:
            arrived = self.loader.ready(sorted({target.network for target in awaited}))
        except LiveflightError:
            if not self.schedule.goal and awaited is not self._first:
                self._awaited = self._first
            raise
        if arrived and self._planned(awaited):
            stayed = self.schedule.elapsed(self.time)
            self.history.arrived(self.schedule.goal, awaited, stayed)
            self.schedule.go(awaited, self.time, self._crossfade, self._curve)
        else:
            self._awaited = awaited

    def _recognise(self) -> None:
        """What was asked for is awaited as soon as its networks' layers are known."""
        if self._asked is None:
            return
        asked, self._asked = self._asked, None
        goal, crossfade, curve, downloads = asked
        try:
            if not self.loader.layers_known(sorted({target.network for target in goal})):
                self._asked, self._begun = asked, self._begun or asked
                return
            self._check(goal, downloads)
            known = {networks.resolve(target): weight for target, weight in goal.items()}
        except LiveflightError:
            if not self.goal and asked is not self._begun:
                self._asked = self._begun
            raise
        wanted = strongest(known)  # what is flown in the end, and so what has to be planned
        if wanted == self.goal:
            return  # it is on its way: to begin anew would cut the crossfade short
        self._awaited = wanted
        self._crossfade, self._curve = crossfade, curve
        self._first = self._first or self._awaited

    def ready_at(self, size: Size) -> bool:
        """Whether the canvas may take that size without a stall; if not, it is being prepared,
        after what the performer waits for."""
        # The goal first: a crossfade may be over before it is planned.
        mixes = [_layers(self.schedule.goal), _layers(self.mix())]
        if self.waiting:
            engine = self.loader.engine
            return bool(engine and mixes[1] and all(engine.planned(mix, size) for mix in mixes))
        try:
            return self.loader.planned(mixes, size)
        except LiveflightError as error:
            self._report(error)
            return False

    def prefetch(self, journey: Sequence[Target]) -> None:
        """Prepares in spare time what the autopilot will ascend: each crossfade from stop to stop,
        and each stop. A network that would have to be downloaded is not foreseen."""
        here = {target.network for target in self.goal}
        reach = [stop for stop in journey if stop.network in here or self.at_hand(stop.network)]
        stops = [_layers([stop]) for stop in reach]
        onward = zip(stops, stops[1:] + stops[:1], strict=True)
        self.loader.prefetch(mix for one, other in onward for mix in (one | other, other))

    def prefetch_next(self) -> None:
        """Prepares refuges and what is foreseen, unless the performer waits for something else."""
        if self.size is None or self.waiting or self.hurried:
            return
        # A crossfade would be over by the time that it is planned on other canvases.
        crossing = _layers(self.mix()) != _layers(self.schedule.goal)
        if crossing or all(map(self.ready_at, self.refuges)):
            self.loader.prefetch_next(self.size)

    def at_hand(self, network: str) -> bool:
        """Whether the network can be loaded without a download."""
        engine = self.loader.engine
        return bool((engine and engine.ready(network)) or networks.network(network).find_weights())

    def active_filters(self) -> Sequence[int]:
        """The filters of the layer `here` that answer to anything; none as long as they are not
        known."""
        engine = self.loader.engine
        if engine is None or not engine.ready(self.here.network):
            return ()
        return engine.active_filters(self.here.network, self.here.layer)

    def likeness(self) -> Sequence[float] | None:
        """How alike each filter of the layer `here` is to the one that is flown, -1..1; None as
        long as it is not known."""
        engine, here = self.loader.engine, self.here
        if engine is None or here.filter is None or not engine.ready(here.network):
            return None
        signatures = engine.signatures(here.network, here.layer)
        alike: list[float] = (signatures @ signatures[here.filter]).tolist()
        return alike

    def _planned(self, goal: Mapping[Target, float]) -> bool:
        """Whether the crossfade from what is flown now to the goal can begin without a stall."""
        if self.size is None:
            return True
        here, there = _layers(self.schedule.start(self.time)), _layers(goal)
        try:
            return self.loader.planned([here | there, there], self.size)
        except LiveflightError as error:
            self._report(error)
            return False


def _layers(targets: Iterable[Target]) -> Layers:
    return frozenset((target.network, target.layer) for target in targets)
