"""Start a show, watch it, and start it again until it is ended in order.

Never gives up and never asks. Everything outside comes in as an argument, clocks too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, Protocol

from liveflight.supervision import crash_reports, ending
from liveflight.supervision.curtain import Curtain
from liveflight.supervision.daily_restart import DailyRestart
from liveflight.supervision.ending import Ending
from liveflight.supervision.health import Health
from liveflight.supervision.restart_policy import RestartPolicy
from liveflight.supervision.status_lines import StateChanges, in_words, summary
from liveflight.supervision.systemd_notify import SystemdNotify
from liveflight.supervision.watchdog import Watchdog
from liveflight.system.heartbeat import QUIT
from liveflight.system.signals import INTERRUPTED

_TURN_S = 0.25
"""Seconds between two looks at the show."""
_DUMP_S = 0.3
"""Seconds that a hanging show has to write its stacks."""
_CLOSE_S, _PLANNED_CLOSE_S = 8.0, 5.0
"""Seconds that a show has to close, when the supervisor ends and for a planned restart."""
_MEMORY_INTERVAL_S = 5.0
_LEAST_BETWEEN_S = 600.0
"""Seconds between two restarts by the memory limit: one that is too low must not end the show."""
_READY_S = 60.0
"""Seconds after which systemd is told that the service runs, frames or not."""
_SUMMARY_S = 60.0
_DISPLAY_POLL_S, _DISPLAY_WAITS_S = 0.5, (1.0, 2.0, 5.0)
"""Seconds between two looks for a desktop, and after shows that did not find it."""
_TAIL_LINES = 200


class Child(Protocol):
    """A running show; see `child.ChildProcess`."""

    def poll(self) -> int | None: ...
    def beats(self) -> Sequence[Mapping[str, Any]]: ...
    def close_input(self) -> None: ...
    def terminate(self) -> None: ...
    def dump_stacks(self) -> None: ...
    def memory_mib(self) -> float: ...
    def kill_tree(self) -> Sequence[int]: ...


class Log(Protocol):
    def write(self, level: str, text: str) -> None: ...
    def tail(self, count: int) -> list[str]: ...


@dataclass
class Surroundings:
    """Hold what a supervisor has to do with."""

    start: Callable[[Sequence[str]], Child]
    """Starts the show with these options besides the user's. Raises OSError."""
    clock: Callable[[], float]
    """Returns seconds that never go back."""
    wait: Callable[[float], None]
    """Waits for these seconds, or until the show or a signal has something to say."""
    stopped: Callable[[], bool]
    """Returns whether a signal has asked this process to end."""
    display: Callable[[], bool]
    """Returns whether there is a desktop."""
    log: Log
    local_time: Callable[[], datetime] = datetime.now
    notify: SystemdNotify = field(default_factory=SystemdNotify)
    curtain: Curtain = field(default_factory=Curtain)


@dataclass(frozen=True)
class Settings:
    """Hold what a supervisor was asked for."""

    folder: Path
    """The show's folder, for crash reports and the last picture."""
    resume: bool = False
    """Whether the first start goes on from the saved state too."""
    memory_limit_mib: float = 0.0
    """Memory from which the show is started again; 0 for none."""
    restart_at: time | None = None


class Supervisor:
    """Keep one show running."""

    def __init__(self, settings: Settings, around: Surroundings, health: Health) -> None:
        now = around.clock()
        self._settings, self._around, self._health = settings, around, health
        self._policy = RestartPolicy(now)
        self._watchdog = Watchdog()
        self._changes = StateChanges(around.clock)
        self._daily = DailyRestart(settings.restart_at, now)
        self._begun = settings.resume
        self._frames = 0
        """Frames of the running show."""
        self._quit = False
        """Whether it has said that it was quit."""
        self._ready = False
        self._began = self._started = self._notified = self._summed_up = now
        self._weighed, self._relieved = now, -_LEAST_BETWEEN_S
        self._displays_missed = 0

    def run(self) -> int:
        """Run shows until one is ended in order; return the exit code."""
        self._around.curtain.open()
        killed = ", after one that was killed" if self._settings.resume else ""
        self._say("info", f"the supervisor begins{killed}")
        try:
            while True:
                end = self._one_show()
                if end is None:
                    self._say("info", "the supervisor was asked to end")
                    return INTERRUPTED
                if end.kind == "quit":
                    self._say("info", end.text)
                    return end.code
                self._rest(end)
        finally:
            self._around.notify.send("STOPPING=1")
            self._around.curtain.close()

    # One show

    def _one_show(self) -> Ending | None:
        """Run a show until its end; None where the supervisor has to end."""
        if not self._await_display():
            return None
        self._frames, self._quit = 0, False
        self._changes.begin()
        self._started = self._around.clock()
        self._watchdog.started(self._started)
        try:
            child = self._around.start(self._options())
        except (OSError, MemoryError) as error:
            return Ending("crash", "crash", f"cannot be started: {error}")
        end: Ending | None = None
        try:
            end = self._watch(child)
            return end
        finally:
            beat = self._health.beat
            self._around.notify.send("WATCHDOG=1")  # a driver may keep the show for seconds
            if left := child.kill_tree():
                self._say("warning", f"processes that cannot be ended: {left}")
            if end and end.kind == "crash":
                self._report(end, beat)

    def _options(self) -> list[str]:
        self._health.safe = self._policy.safe
        resumed = ["--resume"] if self._begun else []
        return resumed + (["--safe"] if self._policy.safe else [])

    def _watch(self, child: Child) -> Ending | None:
        around = self._around
        while True:
            self._turn()
            now = around.clock()
            self._hear(child, now)
            code = child.poll()
            if code is not None:
                self._hear(child, now)
                known = {"quit": self._quit, "begun": self._begun}
                return ending.judge(code, **known, display=around.display())
            if around.stopped():
                child.terminate()
                self._await_end(child, _CLOSE_S)
                return None
            if self._watchdog.hangs(now):
                child.dump_stacks()
                self._pause(_DUMP_S)
                if self._quit:
                    return Ending("quit", "quit", "the show was quit, and hung as it closed")
                return Ending("crash", "hang", f"no frame for {self._watchdog.limit:.0f} seconds")
            if planned := self._planned(child, now):
                self._say("info", f"restarting: {planned.text}")
                child.close_input()
                self._await_end(child, _PLANNED_CLOSE_S)
                return planned

    def _hear(self, child: Child, now: float) -> None:
        """Take heartbeats; one without more frames than the last counts from a sleeping show."""
        for beat in child.beats():
            if beat.get("meeting") is True:  # the other ranks of a wall
                self._watchdog.frame(now, loading=True)
                continue
            self._quit = self._quit or beat.get(QUIT) is True
            frames = beat.get("frames")
            if isinstance(frames, int) and (frames > self._frames or beat.get("asleep") is True):
                self._frames, self._displays_missed = frames, 0
                self._begun = True
                self._watchdog.frame(now, loading=beat.get("loading") is True)
                self._health.frame(beat)
                for level, text in self._changes.lines({**beat, "safe": self._health.safe}):
                    self._say(level, text)

    def _planned(self, child: Child, now: float) -> Ending | None:
        """Return why to restart the show now, if there is a reason."""
        if now - self._weighed >= _MEMORY_INTERVAL_S:
            self._weighed = now
            self._health.memory_mib = used = child.memory_mib()
            most = self._settings.memory_limit_mib
            if 0 < most < used and now - self._relieved >= _LEAST_BETWEEN_S:
                self._relieved = now
                said = f"{used:.0f} MiB of memory, more than the limit of {most:.0f}"
                return Ending("planned", "memory_limit", said)
        if self._policy.may_try(now):
            return Ending("planned", "full_show", "to try the full show again")
        if self._daily.due(now, self._around.local_time()):
            return Ending("planned", "restart_at", "the daily restart")
        return None

    # Between two shows

    def _rest(self, end: Ending) -> None:
        """Count the end of a show, and wait before the next."""
        now = self._around.clock()
        was_safe = self._policy.safe
        wait = 0.0
        if end.kind == "crash":
            wait = self._policy.crashed(now)
            self._health.failed(f"the show: {end.text}")
        elif end.kind == "no display":
            wait = _DISPLAY_WAITS_S[min(self._displays_missed, len(_DISPLAY_WAITS_S) - 1)]
            self._displays_missed += 1
        else:
            self._policy.forgive(now)
        self._health.ended(end.cause)
        if end.kind == "crash":
            self._say("error", f"the show: {end.text}; back in {wait:.0f} s")
        elif end.kind == "no display" and self._displays_missed == 1:
            self._say("warning", "the show has no display any more, or none yet: trying again")
        if self._policy.safe and not was_safe:
            self._say(
                "warning",
                "too many crashes: going on in the safe look; the full show is tried again after "
                f"{in_words(self._policy.patience)} without a crash",
            )
        elif was_safe and not self._policy.safe:
            self._say("info", "trying the full show again")
        self._pause(wait)

    def _await_display(self) -> bool:
        """Wait until there is a desktop; return False where the supervisor has to end first."""
        said = False
        while not self._around.stopped():
            if self._around.display():
                return True
            if not said:
                self._say("warning", "there is no display yet: waiting for it")
            said = True
            self._pause(_DISPLAY_POLL_S)
        return False

    def _report(self, end: Ending, beat: Mapping[str, Any]) -> None:
        tail = self._around.log.tail(_TAIL_LINES)
        status = {**beat, "cause": end.cause, "safe_look": self._health.safe}
        status["uptime_seconds"] = self._around.clock() - self._started
        folder, written = self._settings.folder / "crashes", None
        with suppress(OSError):  # a full disk ends no show
            written = crash_reports.write(folder, end.text, status, tail)
        if written:
            self._say("info", f"crash report: {written}")

    # Time

    def _await_end(self, child: Child, seconds: float) -> None:
        until = self._around.clock() + seconds
        while child.poll() is None and self._around.clock() < until:
            self._turn()

    def _pause(self, seconds: float) -> None:
        until = self._around.clock() + seconds
        while (left := until - self._around.clock()) > 0 and not self._around.stopped():
            self._turn(left)

    def _turn(self, most: float = _TURN_S) -> None:
        """Wait a moment, and tell systemd and the log how it goes."""
        self._around.wait(min(most, _TURN_S))
        now, notify = self._around.clock(), self._around.notify
        if not self._ready and (self._frames or now - self._began >= _READY_S):
            self._ready = True
            notify.send("READY=1", f"STATUS={summary(self._health.fields())}")
        if notify.interval and now - self._notified >= notify.interval:
            self._notified = now
            notify.send("WATCHDOG=1")
        if now - self._summed_up >= _SUMMARY_S:
            self._summed_up = now
            said = summary(self._health.fields())
            self._say("info", said)
            notify.send(f"STATUS={said}")

    def _say(self, level: str, text: str) -> None:
        self._around.log.write(level, text)
