"""Find out which rank of a wall this process is, and set what follows from it."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping

from liveflight.cli import wall_options
from liveflight.core.contracts import LiveflightError
from liveflight.wall import store
from liveflight.wall.place import DEFAULT_PORT, LOOPBACK, WallPlace

_FOLLOWERS = {
    **dict.fromkeys(("sound", "camera", "ndi", "spout", "syphon", "virtual_camera", "cues"), ""),
    **dict.fromkeys(("midi", "dmx", "record"), None),
    **dict.fromkeys(("link", "remote", "keep_state"), False),
    **dict.fromkeys(("osc_port", "oscquery_port"), 0),
    "osc_host": "localhost",
    "remote_host": "localhost",
}
"""Options that rank 0 alone obeys, and what they are on the others."""
_OF_A_WALL = (
    *("rank", "world", "master", "interface", "wall_displays", "wall_windows", "bezel", "pitch"),
    *("display_width", "overlap", "rotations", "allow_unequal", "test_card", "tiles"),
)
"""Options that say nothing without a wall."""
_LONGEST_NAME = 60
_RANKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
"""Variables in which torchrun and Slurm tell a process its rank and the number of all."""


def is_one_rank(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the command line or the environment says which rank this process is."""
    return args.rank is not None or any(name in environment for name, _ in _RANKS)


def place(
    args: argparse.Namespace, environment: Mapping[str, str] = os.environ
) -> WallPlace | None:
    """Return this process's place in its wall; None without --wall.

    The rank comes from --rank, or from torchrun's or Slurm's variables. Raises LiveflightError."""
    if not args.wall:
        for name in _OF_A_WALL:
            given = getattr(args, name, None)
            if given is not None and given is not False:
                option = name.replace("_", "-")
                raise LiveflightError(f"--{option} needs --wall COLUMNSxROWS or --wall FILE.toml")
        return None
    found = wall_options.installation(args)
    whole = wall_options.wall(found)
    rank, world = rank_and_world(args, environment, len(whole.tiles))
    if world != len(whole.tiles):
        size = f"{whole.columns}x{whole.rows}"
        raise LiveflightError(
            f"a wall of {size} displays has {len(whole.tiles)} ranks, and {world} were started: "
            f"start {len(whole.tiles)}, or choose another wall"
        )
    if rank >= world:
        raise LiveflightError(f"rank {rank}: the ranks of this wall are 0 to {world - 1}")
    master = args.master or _master(environment) or found.master or (LOOPBACK, DEFAULT_PORT)
    return WallPlace(
        whole,
        rank,
        master,
        _own_address(found.interface or LOOPBACK, master),
        _number(environment, "LOCAL_RANK") or _number(environment, "SLURM_LOCALID") or 0,
        found.windows,
        found.allow_unequal,
    )


def rank_and_world(
    args: argparse.Namespace, environment: Mapping[str, str], count: int
) -> tuple[int, int]:
    """Return this process's rank and the number of all; `count`: of the wall's tiles."""
    if args.rank is not None:
        return args.rank, args.world or count
    for rank, world in _RANKS:
        found = _number(environment, rank)
        if found is not None:
            return found, _number(environment, world) or count
    if count == 1:
        return 0, 1
    raise LiveflightError(
        "--wall needs to know which rank this is: start all of one machine by `liveflight wall`, "
        "or give --rank, --world and --master, or start it by torchrun or Slurm"
    )


def settle(args: argparse.Namespace) -> None:
    """Note this process's place in its wall, and set what follows from it.

    A rank shows its tile full screen on its own display. All but rank 0 leave the options of
    sound, control and outputs to rank 0, and are saved and watched under names of their own."""
    args.wall_place = found = place(args)
    if found is None:
        return
    args.canvas = found.wall.canvas
    for name in ("image", "camera"):
        if getattr(args, name, None):
            raise LiveflightError(f"--{name}: a wall does not show it yet; leave it out")
    if args.command == "render":
        args.size = args.size or found.wall.canvas
        return
    args.size = args.size or found.tile.picture
    if found.tile.display is not None:
        args.display = found.tile.display
    elif found.local_rank and not found.windows:
        args.display = found.local_rank
    args.fullscreen = args.fullscreen or not found.windows
    if found.leads:
        return
    vars(args).update({**_FOLLOWERS, "stream": [], "osc_feedback": []})
    args.output_display = None
    args.name = f"{args.name[:_LONGEST_NAME]}-{found.rank}"
    if getattr(args, "health_port", 0):
        args.health_port = min(args.health_port + found.rank, 65535)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if text is None:
        return None
    if not (text.isdecimal() and text.isascii() and len(text) < 7):
        raise LiveflightError(f"{name}={text[:40]!r} in the environment is no whole number")
    return int(text)


def _master(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Return where torchrun or a Slurm script says that rank 0 is."""
    if "RANK" not in environment and "SLURM_PROCID" not in environment:
        return None
    host, port = environment.get("MASTER_ADDR"), _number(environment, "MASTER_PORT")
    if not host:
        return None
    port = DEFAULT_PORT if port is None else port
    # torchrun's own store has that port.
    return host, port + (environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True")


def _own_address(interface: str, master: tuple[str, int]) -> str:
    """Return this machine's address for the wall; `auto` is the one that leads to the master."""
    local = _is_loopback(master[0])
    if interface == "auto":
        family = socket.AF_INET6 if ":" in master[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(master)  # sends nothing
                return str(probe.getsockname()[0])
        except OSError as error:
            raise LiveflightError(
                f"--interface auto: no way to --master {master[0]}: {error}; give the address"
            ) from error
    if _is_loopback(interface) and not local:
        raise LiveflightError(
            f"--master {master[0]}:{master[1]} cannot be reached from {interface}: give this "
            "machine's own address with --interface, or --interface auto"
        )
    return interface


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def take_gpu(args: argparse.Namespace) -> None:
    """Leave this process the GPU of its rank, where a machine has several ranks.

    Call it before torch is imported."""
    if args.wall_place and args.wall_place.world > 1:
        store.quieten_torch()
        if args.device not in ("auto", "cuda"):
            return
        from liveflight.engines import devices

        devices.take(args.wall_place.local_rank)
