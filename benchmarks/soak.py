"""Run a supervised show for hours with everything on, and find out what grows.

    scripts/soak --hours 2 [--kill-every MINUTES] [--folder FOLDER]

First every layer and preset is flown once, as the show keeps some of each. Then a performer plays
by OSC and MIDI: a fader ten times a second, and every four seconds another target, preset, cue
list or trigger. Pages of the web remote come and go, politely and not. Camera, sound and stream
lose their helper processes and MIDI its plug; recordings begin and end. Every two minutes the
performer rests for 26 seconds, and the memory of these moments is compared: networks and
recordings that come and go make 20 MiB of difference. With --kill-every, the show is killed as
often, and its supervisor starts it again.

Writes samples.csv, report.txt and soak.png into a new folder. Fails where memory, open files,
threads, processes or GL objects grow, or restarts are not as many as kills. Linux, with Xvfb.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from contextlib import suppress
from dataclasses import astuple, fields
from pathlib import Path

import psutil
from soak_players import Players, jack
from soak_report import Sample, is_long, lives, plot, table, trends
from supervised_show import SupervisedShow, free_port, tone, until

from liveflight.storage import new_files

HERE = Path(__file__).parent
EVERY_S = 5.0
"""Seconds between two samples."""


def sample(show: SupervisedShow, begun: float, rests: bool) -> Sample:
    """Return the show's state. Raises LookupError or psutil.Error while it is being restarted."""
    processes, health = show.processes(), show.health()
    main = show.show()
    if not health:
        raise LookupError("nothing answers /health")
    return Sample(
        seconds=time.monotonic() - begun,
        private=_own_mib(main.pid),
        tree=sum(_own_mib(each.pid) for each in processes),
        files=main.num_fds(),
        threads=main.num_threads(),
        processes=len(processes),
        gl=_gl_objects(show),
        frames=int(health.get("frames") or 0),
        late=int(health.get("late") or 0),
        restarts=sum(dict(health.get("restarts") or {}).values()),
        rests=int(rests),
    )


def _gl_objects(show: SupervisedShow) -> int:
    """Return the number of GL objects that was counted last."""
    counted = show.folder / "gl"
    return int(counted.read_text() or 0) if counted.exists() else 0


def _own_mib(pid: int) -> float:
    """Return the MiB in memory that a process has written, without files such as libraries.

    Those come and go with other programs that have them open. 0 for a process that is gone."""
    found = 0
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        found = sum(map(int, re.findall(r"(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB", status)))
    return found / 1024


def options(folder: Path, *, midi: bool) -> list[str]:
    """Return what the show is started with: every output and input that this machine has."""
    given = ["--cues", "exhibition", "--fps", "15", "--remote", "--allow-remote-save"]
    # Of each layer and size of views a little is kept, up to a limit: with one size it is there
    # after the tour.
    given += ["--view", "128x72"]
    given += ["--camera", "lavfi:testsrc2=size=160x90:rate=5", "--sound", str(tone(folder))]
    given += ["--stream", f"udp://127.0.0.1:{free_port()}", "--fullscreen"]
    given += ["--stream", str(folder / "live.m3u8"), "--stream-rate", "2"]
    with suppress(ImportError):
        import cyndilib  # noqa: F401

        given += ["--ndi", "soak"]
    return [*given, *(["--midi", "Soak"] if midi else [])]


def run(args: argparse.Namespace, folder: Path) -> tuple[list[Sample], Players]:
    """Play for the time asked for, and return what was sampled."""
    name = f"soak-{os.getpid()}"
    servers = jack(folder, name)
    os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    hooks = {
        "LIVEFLIGHT_FAULT": "count GL objects",
        "LIVEFLIGHT_COUNT": str(folder / "show" / "gl"),
        "PYTHONPATH": os.pathsep.join(str(HERE / each) for each in ("faults", "..")),
    }
    given = options(folder, midi=bool(servers))
    show = SupervisedShow(folder / "show", given, environment=hooks, size=(320, 180))
    samples: list[Sample] = []
    players = Players(show, seed=1, midi=bool(servers))
    try:
        until(show.live, 90, "the show did not start")
        players.tour()
        begun = time.monotonic()
        players.begin(60 * args.kill_every)
        players.every(60.0, lambda: show.show().send_signal(signal.SIGUSR1))
        log = folder / "samples.csv"
        log.write_text(",".join(each.name for each in fields(Sample)) + "\n", encoding="utf-8")
        while (now := time.monotonic() - begun) < 3600 * args.hours:
            players.play()
            if now >= EVERY_S * len(samples):
                with suppress(LookupError, psutil.Error):
                    samples.append(sample(show, begun, players.rests))
                    with log.open("a", encoding="utf-8") as lines:
                        lines.write(",".join(f"{each:g}" for each in astuple(samples[-1])) + "\n")
            time.sleep(0.02)
    except KeyboardInterrupt:
        print("stopped; what was sampled is judged", file=sys.stderr)
    finally:
        players.close()
        left = show.stop()
        for each in servers:
            each.terminate()
            each.wait()
    if left:
        print(f"left running: {left}", file=sys.stderr)
    return samples, players


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=(__doc__ or "").partition("\n\n")[0]
    )
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--kill-every", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--folder", type=Path, default=Path("soak"), help="a new folder (soak)")
    args = parser.parse_args()
    folder = new_files.free(args.folder).absolute()
    folder.mkdir(parents=True)
    samples, players = run(args, folder)
    try:
        said, longest = table(samples, players.kills), max(lives(samples), key=len)
        failed = is_long(longest) and any(trend.grows for trend in trends(longest))
    except (ValueError, IndexError) as error:
        said, failed = f"too few samples: {error}", True
    restarts = samples[-1].restarts if samples else 0
    failed = failed or restarts != players.kills
    played = ", ".join(f"{count} {name}" for name, count in players.did.items())
    (folder / "report.txt").write_text(f"{said}\nplayed: {played}\n", encoding="utf-8")
    if samples:
        plot(samples, folder / "soak.png")
    print(f"{said}\nplayed: {played}\nwritten: {folder}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
