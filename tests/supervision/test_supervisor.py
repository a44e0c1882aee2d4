"""A supervisor on injected time, with shows that follow a script."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from liveflight.supervision import crash_reports
from liveflight.supervision.curtain import Curtain
from liveflight.supervision.health import Health
from liveflight.supervision.show_log import ShowLog
from liveflight.supervision.supervisor import Settings, Supervisor, Surroundings
from liveflight.supervision.systemd_notify import SystemdNotify

GIB = 1024.0


@dataclass
class Script:
    """How one show behaves; times in seconds since its start."""

    first_frame: float = 5.0
    silent_from: float = 1e9
    """When its frames cease."""
    ends: float = 1e9
    code: int | None = 1
    memory: float = 500.0
    beat: Mapping[str, Any] = field(default_factory=dict)
    stubborn: bool = False
    """Whether it goes on when it is asked to end."""
    quit: bool = False
    """Whether it says at its end that somebody quit it."""
    missing: bool = False
    """Whether it cannot be started."""


class FakeShow:
    def __init__(self, script: Script, clock: Callable[[], float], options: Sequence[str]) -> None:
        self.script, self._clock, self.options = script, clock, list(options)
        self.began = clock()
        self.done: list[str] = []
        self._asked: float | None = None

    @property
    def age(self) -> float:
        return self._clock() - self.began

    def poll(self) -> int | None:
        if self._asked is not None and not self.script.stubborn and self.age > self._asked + 1:
            return 130
        return self.script.code if self.age >= self.script.ends else None

    def beats(self) -> list[dict[str, Any]]:
        if self.script.quit and self.age >= self.script.ends:
            return [{"quit": True}]
        shown = min(self.age, self.script.silent_from) - self.script.first_frame
        return [{"frames": int(60 * shown), "fps": 60, **self.script.beat}] if shown > 0 else []

    def close_input(self) -> None:
        self._ask("input closed")

    def terminate(self) -> None:
        self._ask("terminated")

    def dump_stacks(self) -> None:
        self.done.append("stacks")

    def memory_mib(self) -> float:
        return self.script.memory

    def kill_tree(self) -> list[int]:
        self.done.append("killed")
        return []

    def _ask(self, how: str) -> None:
        self.done.append(how)
        self._asked = self.age


class World:
    """Everything around a supervisor. The last script goes on for ever."""

    def __init__(self, folder: Path, *scripts: Script, until: float = 3600.0, **asked: Any) -> None:
        self.now = self._began = 500.0
        self.step = 2.5 if until > 3600 else 0.0
        """Seconds that a turn takes at least: tests over hours would take long."""
        self.until, self.shows = 500.0 + until, list[FakeShow]()
        self.display_from, self.display_gone = 0.0, (1e9, 1e9)
        self.local = datetime(2026, 6, 1, 12)
        self.log = ShowLog(folder)
        self.health = Health(self.clock, lambda: 0.0)
        self.curtain = Pulled()
        self._scripts = list(scripts)
        around = Surroundings(
            *(self.start, self.clock, self.wait, self.stopped, self.display, self.log),
            local_time=lambda: self.local + timedelta(seconds=self.now - self._began),
            notify=asked.pop("notify", SystemdNotify({})),
            curtain=self.curtain,
        )
        self.supervisor = Supervisor(Settings(folder, **asked), around, self.health)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, self.step)

    def stopped(self) -> bool:
        return self.now >= self.until

    def display(self) -> bool:
        age = self.now - self._began
        return age >= self.display_from and not self.display_gone[0] <= age < self.display_gone[1]

    def start(self, options: Sequence[str]) -> FakeShow:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.shows.append(FakeShow(script, self.clock, options))
        if script.missing:
            raise OSError("no more processes")
        return self.shows[-1]

    def run(self) -> int:
        return self.supervisor.run()

    @property
    def starts(self) -> list[float]:
        return [round(show.began - self._began) for show in self.shows]

    @property
    def said(self) -> str:
        return "\n".join(self.log.tail(10**6))


class Pulled(Curtain):
    def __init__(self) -> None:
        self.done: list[str] = []

    def open(self) -> None:
        self.done.append("open")

    def show(self, picture: Path | None) -> None:
        self.done.append(picture.name if picture else "black")

    def close(self) -> None:
        self.done.append("close")


def test_a_show_that_is_quit_ends_the_supervisor_with_its_code(tmp_path: Path) -> None:
    for code in (0, 130):
        world = World(tmp_path, Script(ends=100, code=code, quit=True))
        assert world.run() == code
        assert len(world.shows) == 1
        assert world.shows[0].done == ["killed"]  # helpers it may have left
        assert world.shows[0].options == []


def test_a_show_that_was_quit_and_hangs_as_it_closes_stays_ended(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=100, code=None, quit=True))
    assert world.run() == 0
    assert len(world.shows) == 1
    assert world.shows[0].done == ["stacks", "killed"]


def test_a_show_that_ends_without_being_quit_is_started_again(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=100, code=0), Script(), until=200)
    assert world.run() == 130
    assert len(world.shows) == 2


def test_a_mistake_on_the_command_line_ends_it_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=2, code=2))
    assert world.run() == 2
    assert len(world.shows) == 1


def test_the_same_code_later_is_a_crash_like_any_other(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=20, code=2), Script(), until=100)
    assert world.run() == 130
    assert len(world.shows) == 2
    # A show that was running when its supervisor was killed has begun before.
    resumed = World(tmp_path, Script(ends=2, code=2), Script(), until=100, resume=True)
    assert resumed.run() == 130
    assert [show.options for show in resumed.shows] == [["--resume"], ["--resume"]]


def test_crashes_are_repeated_later_and_later_and_in_the_safe_look(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=10, code=-11), until=400)
    world.run()
    gaps = [b - a - 10 for a, b in zip(world.starts, world.starts[1:], strict=False)]
    assert gaps[:6] == pytest.approx([1, 2, 5, 15, 60, 60], abs=1)
    options = [show.options for show in world.shows[:5]]
    assert options == [[], ["--resume"], ["--resume"], *[["--resume", "--safe"]] * 2]
    assert world.said.count("in the safe look") == 1
    assert world.health.restarts["signal"] in (len(world.shows) - 1, len(world.shows))


def test_it_never_gives_up(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=1, code=1), until=24 * 3600)
    world.run()
    assert len(world.shows) > 24 * 3600 / 65
    assert world.starts[-1] > 24 * 3600 - 65


def test_the_full_show_is_tried_again_after_a_quiet_half_hour(tmp_path: Path) -> None:
    crash = Script(ends=10)
    world = World(tmp_path, crash, crash, crash, Script(), Script(), until=5000)
    world.run()
    assert [show.options[1:] for show in world.shows] == [[], [], [], ["--safe"], []]
    assert world.starts[4] - world.starts[3] == pytest.approx(1800, abs=10)
    assert "trying the full show again" in world.said
    assert world.said.count("first frame") == 5
    assert world.health.restarts == {"crash": 3, "full_show": 1}


def test_a_show_that_cannot_even_be_started_is_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, Script(missing=True), Script(), until=30)
    world.run()
    assert world.starts == [0, 1]


def test_a_hang_writes_its_stacks_and_is_killed(tmp_path: Path) -> None:
    world = World(tmp_path, Script(silent_from=40), Script(), until=100)
    world.run()
    assert world.shows[0].done == ["stacks", "killed"]
    assert world.starts[1] == pytest.approx(40 + 15 + 1, abs=1)
    assert world.health.restarts == {"hang": 1}


def test_a_show_that_never_shows_a_frame_hangs_after_a_minute(tmp_path: Path) -> None:
    world = World(tmp_path, Script(first_frame=1e9), Script(), until=100)
    world.run()
    assert world.starts[1] == pytest.approx(61, abs=1)


def test_heartbeats_without_new_frames_do_not_count(tmp_path: Path) -> None:
    frozen = Script(beat={"frames": 7})
    world = World(tmp_path, frozen, Script(), until=60)
    world.run()
    assert world.shows[0].done == ["stacks", "killed"]


def test_a_show_asleep_displays_nothing_and_is_well(tmp_path: Path) -> None:
    world = World(tmp_path, Script(beat={"frames": 7, "asleep": True}), until=600)
    world.run()
    assert len(world.shows) == 1
    assert world.health.is_well


@pytest.mark.parametrize("beat", [{"frames": "many"}, {"frames": None}, {"frames": float("nan")}])
def test_nonsense_in_a_heartbeat_is_no_frame(tmp_path: Path, beat: dict[str, Any]) -> None:
    world = World(tmp_path, Script(beat=beat), Script(), until=70)
    world.run()
    assert len(world.shows) == 2


def test_a_signal_ends_the_show_in_order(tmp_path: Path) -> None:
    world = World(tmp_path, Script(), until=100)
    assert world.run() == 130
    assert world.shows[0].done == ["terminated", "killed"]
    assert world.now - world.until < 2


def test_a_show_that_does_not_end_is_killed_after_eight_seconds(tmp_path: Path) -> None:
    world = World(tmp_path, Script(stubborn=True), until=100)
    assert world.run() == 130
    assert world.shows[0].done == ["terminated", "killed"]
    assert world.now - world.until == pytest.approx(8, abs=0.5)


def test_a_signal_between_two_shows_ends_it_too(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=10), until=10.5)
    assert world.run() == 130
    assert len(world.shows) == 1


def test_too_much_memory_is_a_planned_restart(tmp_path: Path) -> None:
    grown = Script(first_frame=1, memory=3 * GIB)
    world = World(tmp_path, grown, Script(), until=600, memory_limit_mib=2 * GIB)
    world.run()
    assert world.shows[0].done == ["input closed", "killed"]
    assert world.shows[1].options == ["--resume"]
    assert world.health.restarts == {"memory_limit": 1}
    assert "3072 MiB" in world.said


def test_a_limit_that_is_too_low_does_not_end_the_show(tmp_path: Path) -> None:
    world = World(tmp_path, Script(memory=3 * GIB), until=6000, memory_limit_mib=GIB)
    world.run()
    assert 8 <= len(world.shows) <= 12
    assert all("--safe" not in show.options for show in world.shows)


def test_the_daily_restart_comes_once_a_day_and_is_no_crash(tmp_path: Path) -> None:
    world = World(tmp_path, Script(), until=3.2 * 86400, restart_at=time(4))
    world.run()
    hours = [start / 3600 for start in world.starts]
    assert hours == pytest.approx([0, 16, 40, 64], abs=0.1)
    assert world.health.restarts == {"restart_at": 3}
    assert world.shows[-1].options == ["--resume"]


def test_it_waits_for_a_desktop_before_the_first_start(tmp_path: Path) -> None:
    world = World(tmp_path, Script(), until=120)
    world.display_from = 45.0
    world.run()
    assert world.starts == [45]
    assert world.said.count("no display") == 1


def test_a_desktop_that_goes_and_comes_is_no_crash(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=30, code=1), Script(), until=300)
    world.display_gone = (29.0, 100.0)
    world.run()
    assert world.starts[1] == pytest.approx(100, abs=1)
    assert world.health.restarts == {"no_display": 1}
    assert world.shows[1].options == ["--resume"]


def test_a_desktop_that_refuses_is_asked_at_most_every_five_seconds(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=1, code=88), until=120)
    world.run()
    gaps = [b - a - 1 for a, b in zip(world.starts, world.starts[1:], strict=False)]
    assert gaps[:4] == pytest.approx([1, 2, 5, 5], abs=0.6)
    assert max(gaps) <= 6
    assert world.said.count("no display") == 1


def test_the_curtain_is_there_from_the_first_show_to_the_last(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=10), Script(ends=10, code=0, quit=True))
    world.run()
    assert world.curtain.done == ["open", "close"]


def test_a_crash_is_reported_with_what_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[tuple[Path, str, Mapping[str, Any], Sequence[str]]] = []

    def write(folder: Path, how: str, status: Mapping[str, Any], tail: Sequence[str]) -> None:
        reports.append((folder, how, status, tail))
        raise OSError("the disk is full")

    monkeypatch.setattr(crash_reports, "write", write)
    world = World(tmp_path, Script(ends=10, code=86, beat={"preset": "reef"}), Script(), until=60)
    world.log.child_line("a last word")
    world.run()
    (folder, how, status, tail) = reports[0]
    assert (folder, how) == (tmp_path / "crashes", "the GPU is lost")
    assert status["preset"] == "reef" and status["cause"] == "gpu_lost"
    assert any(line.endswith("show    a last word") for line in tail)
    assert len(reports) == 1


def test_counts_go_on_over_restarts(tmp_path: Path) -> None:
    world = World(tmp_path, Script(ends=25), Script(), until=100)
    world.run()
    assert world.health.count("frames") == pytest.approx(60 * (20 + 69), abs=60)
    assert world.health.last_error == "the show: ended with code 1"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(str(tmp_path / "notify"))
        ours.setblocking(False)
        yield ours


def received(ours: socket.socket) -> list[str]:
    found = []
    try:
        while True:
            found += ours.recv(4096).decode().split("\n")
    except BlockingIOError:
        return found


def test_systemd_hears_of_the_first_frame_and_of_every_turn(
    tmp_path: Path, systemd: socket.socket
) -> None:
    given = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    world = World(tmp_path, Script(first_frame=20), until=19, notify=SystemdNotify(given))
    assert given == {}
    world.run()
    assert received(systemd) == ["WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]
    given = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    world = World(tmp_path, Script(first_frame=20), until=50, notify=SystemdNotify(given))
    world.run()
    said = received(systemd)
    assert [word for word in said if "STATUS" not in word] == [
        *("WATCHDOG=1", "READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1")
    ]


def test_a_show_without_frames_is_ready_after_a_minute(
    tmp_path: Path, systemd: socket.socket
) -> None:
    given = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    world = World(tmp_path, Script(), until=70, notify=SystemdNotify(given))
    world.display_from = 1e9
    world.run()
    assert [word for word in received(systemd) if "STATUS" not in word] == ["READY=1", "STOPPING=1"]
