"""A stand-in for a show: it writes heartbeats, and does what its arguments say.

    python stand_in.py [helpers FILE] [frames N] [then hang | die | exit CODE | stay]

`helpers` starts a helper in a session of its own, and another whose parent dies; their process ids
go into FILE."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from liveflight.system import parent_watch
from liveflight.system.heartbeat import INTERVAL_S, Heartbeat

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
ORPHAN = f"""
import subprocess
print(subprocess.Popen({SLEEP!r}, start_new_session=True, stdout=subprocess.DEVNULL).pid)
"""


def helpers(file: str) -> None:
    session = subprocess.Popen(SLEEP, start_new_session=True)
    parent = [sys.executable, "-c", ORPHAN]
    orphan = subprocess.run(parent, stdout=subprocess.PIPE, text=True, check=True).stdout
    with open(f"{file}.part", "w") as pids:
        pids.write(f"{session.pid} {orphan}")
    os.rename(f"{file}.part", file)


def main(words: list[str]) -> None:
    heartbeat = Heartbeat.inherited()
    assert heartbeat
    parent_watch.GRACE_S = 0.5
    parent_watch.begin()
    given = dict(zip(words[::2], words[1::2], strict=False))
    then = given.get("then", "stay")
    if then == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, lambda *_: sys.stderr.write("stacks\n"))
    if "helpers" in given:
        helpers(given["helpers"])
    sys.stderr.write("the show begins\n")
    for frame in range(1, int(given.get("frames", 1)) + 1):
        heartbeat.beat({"frames": frame, "loading": False})
        time.sleep(INTERVAL_S / 10)
    if then == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if then.isdecimal():
        os._exit(int(then))
    while True:
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
