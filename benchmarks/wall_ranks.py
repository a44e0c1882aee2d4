"""Run ranks of a wall as processes that broadcast a frame number and meet at a barrier.

For benchmarks/wall_group.py and the tests of liveflight/wall: they kill, stop and restart ranks,
and read what each one saw."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from liveflight.core.contracts import LiveflightError
from liveflight.wall.group import RankLostError
from liveflight.wall.membership import Generation, Membership

PATIENCE_S = 120.0
"""How long a rank waits for others, and a benchmark for an event: a busy machine needs it."""

FRAME_S = 0.01


class Event(NamedTuple):
    """Something that a rank saw: "flying", "lost", "refused" or the result of a job."""

    name: str
    detail: Any
    at_s: float
    """On the clock that all processes of this machine share."""


Job = Callable[[Generation], object]


class RankProcess:
    """Start a rank of a wall at a port of this machine."""

    def __init__(
        self,
        rank: int,
        world: int,
        port: int,
        *,
        limit_s: float = 1.2,
        first_s: float = PATIENCE_S,
        card: Mapping[str, object] | None = None,
    ) -> None:
        self.rank = rank
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch.distributed", __name__])
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_fly, args=(theirs, rank, world, port, limit_s, first_s, card or {}), daemon=True
        )
        self._process.start()
        theirs.close()

    def next(self, name: str, patience_s: float = PATIENCE_S) -> Event:
        """Return the next event of this name, passing over others."""
        end = time.monotonic() + patience_s
        while self._pipe.poll(max(end - time.monotonic(), 0)):
            event = Event(*self._pipe.recv())
            if event.name == name:
                return event
        raise TimeoutError(f"rank {self.rank} saw no {name!r}")

    def flying(self, *members: int) -> Event:
        """Wait until the rank flies with these members."""
        while True:
            event = self.next("flying")
            if event.detail[1] == members:
                return event

    def give(self, job: Job) -> None:
        """Send a job, which all ranks start between the same two frames; see `together`."""
        self._pipe.send(job)

    def kill(self) -> float:
        """End the process at once, and return when."""
        at_s = time.monotonic()
        self._process.kill()
        self._process.join()
        return at_s

    def stop(self) -> float:
        """Hold the process, and return when."""
        assert self._process.pid
        os.kill(self._process.pid, signal.SIGSTOP)
        return time.monotonic()

    def resume(self) -> float:
        """Let the process run on, and return when."""
        assert self._process.pid
        os.kill(self._process.pid, signal.SIGCONT)
        return time.monotonic()

    def ended(self) -> int | None:
        """Wait for the end of the process and return its exit code."""
        self._process.join(PATIENCE_S)
        return self._process.exitcode


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run_ranks(command: Sequence[str], world: int, **variables: str) -> None:
    """Run a command on each rank of a wall on this machine, as torchrun would name them.

    `variables`: more of the environment. Raises RuntimeError where one fails."""
    shared = {"WORLD_SIZE": f"{world}", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{free_port()}"}
    shared |= {"OMP_NUM_THREADS": "1", **variables}
    running = [
        subprocess.Popen(
            command, env={**os.environ, **shared, "RANK": f"{rank}"}, stdout=subprocess.DEVNULL
        )
        for rank in range(world)
    ]
    codes = [each.wait() for each in running]
    if any(codes):
        raise RuntimeError(f"{' '.join(command)} ended with {codes}")


def together(ranks: Sequence[RankProcess], job: Job) -> list[Any]:
    """Let all ranks that fly do a job, and return their results."""
    for each in reversed(ranks):  # rank 0 last: it tells the others when to start
        each.give(job)
    return [each.next("result").detail for each in ranks]


def check(cards: Mapping[int, Mapping[str, object]]) -> str:
    """Refuse ranks with another version than rank 0's."""
    versions = {rank: card.get("version") for rank, card in cards.items()}
    others = [rank for rank in versions if versions[rank] != versions[0]]
    return f"rank {others[0]} has version {versions[others[0]]}" if others else ""


def _fly(
    pipe: Connection,
    rank: int,
    world: int,
    port: int,
    limit_s: float,
    first_s: float,
    card: Mapping[str, object],
) -> None:
    def report(name: str, detail: object) -> None:
        pipe.send((name, detail, time.monotonic()))

    try:
        membership = Membership(rank, world, ("127.0.0.1", port), card, check, limit_s=limit_s)
        try:
            _fly_on(pipe, membership, membership.first(first_s), report)
        finally:
            membership.close()
    except LiveflightError as error:
        report("refused", str(error))
        raise SystemExit(2) from None


def _fly_on(
    pipe: Connection,
    membership: Membership,
    generation: Generation,
    report: Callable[[str, object], None],
) -> None:
    """Fly frame by frame, through losses, until the parent closes its end."""
    report("flying", (generation.number, generation.members))
    frame = 0
    while True:
        try:
            command = _command(membership, frame, pipe.poll()) if generation.frames.leader else b""
            told = json.loads(generation.frames.broadcast(command))
            if "adopt" in told:
                generation = membership.adopt(told["adopt"])
                report("flying", (generation.number, generation.members))
                continue  # every rank starts a generation with a broadcast
            frame = told["frame"] + 1
            generation.frames.barrier()
            if told["job"]:
                report("result", pipe.recv()(generation))
            time.sleep(FRAME_S)
        except EOFError:
            return
        except RankLostError as error:
            report("lost", str(error))
            membership.lost()
            generation = membership.first(PATIENCE_S)
            report("flying", (generation.number, generation.members))


def _command(membership: Membership, frame: int, job: bool) -> bytes:
    command = {"frame": frame, "job": job}
    if coming := membership.waiting():
        command["adopt"] = coming.number
    return json.dumps(command).encode()
