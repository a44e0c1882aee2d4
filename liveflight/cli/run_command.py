"""Run a show under a supervisor, and be the show that a supervisor runs."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from liveflight.cli import parser, unattended
from liveflight.core.contracts import LiveflightError
from liveflight.system import child_process, parent_watch, signals
from liveflight.system.heartbeat import Heartbeat

SAFE_NETWORK, SAFE_PRESET = "efficientnet_lite0", "reef"
"""The network that comes with the installation and is the quickest, and a preset of it."""

_SAFE = {
    **dict.fromkeys(("layer", "filter", "camera", "sound", "cues"), ""),
    **dict.fromkeys(("ndi", "spout", "syphon", "virtual_camera"), ""),
    **dict.fromkeys(("weights", "image", "midi", "dmx", "record", "steps", "view", "canvas"), None),
    **dict.fromkeys(("link", "allow_flashing"), False),
    "device": "cpu",
    "engine": "auto",
    "network": SAFE_NETWORK,
}
_DEFAULT_MEMORY_SHARE = 0.8
_GIB = 1024.0
"""MiB in one."""


def safe(args: argparse.Namespace) -> argparse.Namespace:
    """Return the options of `fly` for the safe look.

    The window stays as it was asked for, and so do OSC and the web remote. The processor computes:
    a lost GPU is one of the reasons to come here. Of a saved state only the picture and what dims
    it are taken."""
    from liveflight.system.package_data import folder

    preset = str(folder("presets") / f"{SAFE_PRESET}.toml")  # never a user's of that name
    kept = {}
    if args.wall_place:  # its ranks agree on the canvas
        kept = {"canvas": args.canvas, "wall_place": replace(args.wall_place, safe=True)}
    own = {**_SAFE, **kept, "preset": preset, "set": [], "stream": []}
    return argparse.Namespace(**{**vars(args), **own})


def begin_child() -> Heartbeat | None:
    """End with the process that watches this one; return its pipe, None without one."""
    heartbeat = Heartbeat.inherited()
    if heartbeat:
        parent_watch.begin()
    return heartbeat


def run(args: argparse.Namespace) -> int:
    """Start the show as a child process, and again whenever it ends other than in order."""
    asked = signals.defer()
    begin_child()
    from liveflight.outputs import has_display
    from liveflight.storage import state_file
    from liveflight.supervision import child, display_probe, process_tree, supervisor
    from liveflight.supervision.curtain import Curtain
    from liveflight.supervision.health import Health
    from liveflight.supervision.health_server import HealthServer
    from liveflight.supervision.show_lock import ShowLock
    from liveflight.supervision.show_log import ShowLog

    if not has_display():
        raise LiveflightError("no display: DISPLAY and WAYLAND_DISPLAY are not set")
    folder = state_file.folder(args.name)
    lock = ShowLock(folder, args.name)
    log = ShowLog(folder / "log")
    curtain = Curtain(parser.audience_display(args) if parser.fills_display(args) else None)
    curtain.follow(
        folder / state_file.NAME,
        lambda: state_file.picture(folder),
        lambda: unattended.is_open(args),
    )
    process_tree.adopt_orphans()
    woken = threading.Event()
    running: list[child.ChildProcess] = []

    def dump_stacks() -> None:
        for each in running:
            each.dump_stacks()

    def start(more: Sequence[str]) -> child.ChildProcess:
        command = child_process.python("liveflight", "fly", *args.for_fly, "--no-render", *more)
        running[:] = [child.ChildProcess(command, log.child_line, woken.set)]
        return running[0]

    def wait(seconds: float) -> None:
        woken.wait(seconds)
        woken.clear()

    signals.pass_on_stacks(dump_stacks)
    around = supervisor.Surroundings(
        start, time.monotonic, wait, asked, display_probe.is_ready, log, curtain=curtain
    )
    settings = supervisor.Settings(folder, lock.left_running, _memory_limit(args), args.restart_at)
    health = Health()
    server = None
    if args.health_port:
        server = HealthServer(
            health, args.health_host, args.health_port, lambda text: log.write("warning", text)
        )
    try:
        code = supervisor.Supervisor(settings, around, health).run()
    finally:
        if server:
            server.close()
    lock.end()
    return code


def _memory_limit(args: argparse.Namespace) -> float:
    """Return the memory in MiB from which the show is started again; 0 for none."""
    import psutil

    if args.memory_limit is not None:
        return float(args.memory_limit * _GIB)
    return float(_DEFAULT_MEMORY_SHARE * psutil.virtual_memory().total / 2**20)
