"""Kill and hang every process of a supervised show, and measure how soon its picture is back.

    python benchmarks/kill_matrix.py [--only show/SIGKILL ...] [--times N] [--json FILE]

Each trial has a fresh supervisor and a screen of its own. A trial passes if the picture moves
again within ten seconds of the crash (of the moment when the watchdog acts, for a hang), with the
same preset, cue, targets and controls as before, and if no process is left when it is over. Faults
of the show and of its supervisor are tried ten times each, the others three times. The supervisor
is started again by a stand-in for systemd, two seconds after its end; the stand-in kills one that
hangs after 15 seconds, as WatchdogSec does.

Linux, with Xvfb; a C compiler for the clock, the right to mount a tmpfs for the full disk.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from supervised_show import HELPERS, SupervisedShow, free_port, tone, until

LIMIT_S = 10.0
"""Seconds in which the picture has to be back."""
HANG_S = 15.0
"""Seconds after which a hang is acted upon."""
RESTART_S = 2.0
"""Seconds until the stand-in starts a supervisor again: RestartSec of the unit."""
SAVED_S = 7.0
"""Seconds after which what was changed has been saved."""


@dataclass
class Trial:
    """The outcome of one fault."""

    fault: str
    seconds: float = float("nan")
    """Until the picture moved again."""
    lost: list[str] = field(default_factory=list)
    """Controls that were not as before."""
    orphans: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.seconds <= LIMIT_S and not (self.lost or self.orphans)


Fault = Callable[[SupervisedShow], float]
"""Do the damage, and return the moment from which the picture's absence counts, monotonic."""


def signalled(who: str, number: int) -> Fault:
    """Return the fault of a signal to the show or to the supervisor."""

    def inject(show: SupervisedShow) -> float:
        victim = show.show() if who == "show" else show.supervisor
        victim.send_signal(number)
        if who == "supervisor":
            return _restart_supervisor(show, hung=number == signal.SIGSTOP)
        if number != signal.SIGSTOP:
            return time.monotonic()
        until(lambda: not _runs(victim), HANG_S + 5, "the watchdog did not act")
        return time.monotonic()

    return inject


def _restart_supervisor(show: SupervisedShow, *, hung: bool) -> float:
    """Do as systemd does: kill a hung supervisor, and start it again."""
    if hung:
        time.sleep(HANG_S)
        show.supervisor.kill()
    show.supervisor.wait(5)
    ended = time.monotonic()
    time.sleep(RESTART_S)
    show.start()
    return ended


def helper(name: str, number: int) -> Fault:
    """Return the fault of a signal to a helper process."""

    def inject(show: SupervisedShow) -> float:
        show.helper(HELPERS[name]).send_signal(number)
        return time.monotonic()

    return inject


def no_memory(show: SupervisedShow) -> float:
    """Let the show allocate nothing more, and ask it for another network."""
    victim = show.show()
    victim.rlimit(resource.RLIMIT_AS, (victim.memory_info().vms,) * 2)
    show.send("target", "vgg16:conv4_1:7")
    said = ("memory", "primitive")  # the latter is oneDNN's word for it

    def failed() -> bool:
        return any(word in show.said() for word in said) or not _runs(victim)

    until(failed, 30, "there was memory enough")
    return time.monotonic()


def no_screen(show: SupervisedShow) -> float:
    """Let the X server crash, and return three seconds later."""
    show.screen.kill()
    time.sleep(3)
    show.screen.start()
    return time.monotonic()


def full_disk(show: SupervisedShow) -> float:
    """Fill the disk of the saved state, go on for a while, and crash."""
    with suppress(OSError), (show.state / "filler").open("wb") as filler:
        while True:
            filler.write(bytes(4096))
            filler.flush()
    time.sleep(SAVED_S)
    show.show().kill()
    return time.monotonic()


def moved_clock(days: int, show: SupervisedShow) -> float:
    """Move the show's and the supervisor's clock by some days."""
    (show.folder / "clock").write_text(f"{days * 86400}")
    return time.monotonic()


SIGNALS = ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGUSR1")
"""SIGUSR1 makes the process call os._exit: see faults/."""
FAULTS: dict[str, tuple[int, Fault]] = {
    **{
        f"{who}/{name}": (10, signalled(who, getattr(signal, name)))
        for who in ("show", "supervisor")
        for name in SIGNALS
    },
    **{
        f"{name}/{each}": (3, helper(name, getattr(signal, each)))
        for name in HELPERS
        for each in SIGNALS[:3]
    },
    "sticky CUDA error": (3, signalled("show", signal.SIGUSR1)),
    "out of memory": (3, no_memory),
    "X server gone and back": (3, no_screen),
    "disk full": (3, full_disk),
    "clock a day forwards": (3, partial(moved_clock, 1)),
    "clock a day backwards": (3, partial(moved_clock, -1)),
}


def tried(fault: str, inject: Fault, folder: Path, options: list[str]) -> Trial:
    """Start a show, let it settle, inject the fault and judge what comes back."""
    trial = Trial(fault)
    show = SupervisedShow(folder, options, environment=_environment(fault, folder))
    try:
        until(show.live, 60, "the show did not start")
        until(lambda: _known(show) is not None, 60, "no cue was flown")
        show.send("camera/rotation/raw", -9.0)
        show.send("colour/hue/raw", 40.0)
        show.send("show/autopilot/raw", 0)  # or the targets change by themselves
        time.sleep(SAVED_S)
        before = _known(show) or {}
        since = inject(show)
        until(show.live, 30, "no picture came back")
        trial.seconds = max(time.monotonic() - since, 0.0)
        until(lambda: _known(show) is not None, 40, "no cue was flown after the fault")
        after = _known(show) or {}
        trial.lost = [
            f"{key}: {before[key]} -> {after.get(key)}"
            for key in before
            if before[key] != after.get(key) and not (inject is no_memory and key == "mix.target")
        ]
        time.sleep(1.0)
        until(show.live, 5, "the picture stood still again")
    except (TimeoutError, LookupError, psutil.Error, OSError) as error:
        trial.note = f"{type(error).__name__}: {error}"
    finally:
        trial.orphans = show.stop()
    if not trial.passed:
        trial.note += "\n" + show.said()[-1500:]
    return trial


def _known(show: SupervisedShow) -> dict[str, Any] | None:
    """Return the show's values once a cue is flown, else None."""
    try:
        found = show.values()
    except (OSError, ValueError, KeyError):
        return None
    return found if found["cue"] else None


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _environment(fault: str, folder: Path) -> dict[str, str]:
    hooks = str(Path(__file__).parent / "faults")
    root = str(Path(__file__).parents[1])
    found = {"PYTHONPATH": os.pathsep.join((hooks, root))}
    if fault.startswith("sticky"):
        found["LIVEFLIGHT_FAULT"] = "cuda"
    if fault.startswith("clock"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "clock").write_text("0")
        library = folder / "moved_clock.so"
        source = Path(__file__).parent / "faults" / "moved_clock.c"
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        found |= {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(folder / "clock")}
    return found


def _options(folder: Path) -> list[str]:
    """Return what the show of every trial is started with."""
    return [
        *("--fullscreen", "--cues", "exhibition", "--fps", "30"),
        *("--camera", "lavfi:testsrc2=size=160x90:rate=10", "--sound", str(tone(folder))),
        *("--stream", f"udp://127.0.0.1:{free_port()}"),
    ]


def trials(only: list[str], times: int | None, folder: Path) -> Iterator[Trial]:
    """Try each fault as often as it is to be tried."""
    for fault, (usual, inject) in FAULTS.items():
        if only and not any(fault.startswith(each) for each in only):
            continue
        for number in range(times or usual):
            place = folder / f"{fault.replace('/', '-').replace(' ', '-')}-{number}"
            with _small_disk(place) if fault == "disk full" else nullcontext():
                trial = tried(fault, inject, place, _options(folder))
            said = "passed" if trial.passed else f"FAILED {trial.lost} {trial.orphans} {trial.note}"
            print(f"{fault} {number + 1}: {trial.seconds:.1f} s, {said}", flush=True)
            yield trial


@contextmanager
def _small_disk(place: Path) -> Iterator[None]:
    """Mount a disk of three megabytes where the state is saved."""
    state = place / "state"
    state.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(state)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(state)], check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=[], help="faults that begin with these words")
    parser.add_argument("--times", type=int, help="trials of each fault")
    parser.add_argument("--json", type=Path, help="write all trials to this file")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = list(trials(args.only, args.times, Path(folder)))
    print(f"\n{'fault':28} trials  passed  median   worst")
    for fault in dict.fromkeys(trial.fault for trial in found):
        these = [trial for trial in found if trial.fault == fault]
        seconds = [trial.seconds for trial in these if trial.seconds == trial.seconds]
        figures = (statistics.median(seconds), max(seconds)) if seconds else (float("nan"),) * 2
        passed = sum(trial.passed for trial in these)
        print(f"{fault:28} {len(these):6} {passed:7} {figures[0]:6.1f} s {figures[1]:6.1f} s")
    if args.json:
        args.json.write_text(json.dumps([asdict(trial) for trial in found], indent=1))
    return 0 if all(trial.passed for trial in found) else 1


if __name__ == "__main__":
    sys.exit(main())
