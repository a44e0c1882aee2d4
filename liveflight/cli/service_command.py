"""Install a show as a service of systemd, and remove it."""

from __future__ import annotations

import argparse
import getpass
import os
import subprocess
import sys
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.supervision import service_unit
from liveflight.supervision.service_unit import ServiceUnit
from liveflight.system import child_process, folders

_SYSTEM_FOLDER = Path("/etc/systemd/system")
_SESSION = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")
"""Variables by which a program finds the desktop and its sound."""
_TIMEOUT_S = 30.0


def install(args: argparse.Namespace) -> int:
    """Write the unit and switch it on, or remove it; print each line and command."""
    folder = _SYSTEM_FOLDER if args.system else _user_folder()
    path = folder / f"{args.name}.service"
    if args.remove:
        return _remove(path, args.system)
    from liveflight.cli import parser

    parser.parse(["run", *args.options])  # a mistake shows now, not in the night
    text = _unit(args).text()
    if args.print:
        print(text, end="")
        return 0
    _check_machine(args.system)
    if _there(path) and not _is_ours(path):
        raise LiveflightError(f"{path} is not of liveflight: choose another --name")
    _write(path, text)
    print(f"{path}:\n")
    for line in text.splitlines():
        print(f"    {line}")
    print()
    done = _systemctl(args.system, "daemon-reload") and _systemctl(args.system, "enable", path.name)
    print("start it now:" if done else "then:")
    print(f"    {_line(args.system, 'start', path.name)}")
    print("its log:")
    print(f"    journalctl {'' if args.system else '--user '}-u {args.name} -f")
    return 0


def _remove(path: Path, system: bool) -> int:
    if not _there(path):
        raise LiveflightError(f"there is no {path}")
    if not _is_ours(path):
        raise LiveflightError(f"{path} is not of liveflight: remove it by hand")
    _check_machine(system)
    _systemctl(system, "disable", "--now", path.name)
    try:
        path.unlink()
    except OSError as error:
        raise LiveflightError(f"{path} cannot be removed: {error.strerror}") from error
    print(f"removed {path}")
    _systemctl(system, "daemon-reload")
    return 0


def _unit(args: argparse.Namespace) -> ServiceUnit:
    # The links of the interpreter's path stay: they lead into the virtual environment.
    command = [os.path.abspath(sys.executable), *child_process.python("liveflight")[1:], "run"]
    seen = {name: os.environ[name] for name in _SESSION if os.environ.get(name)}
    if not args.system:
        seen.pop("XDG_RUNTIME_DIR", None)  # the user's manager sets it
        return ServiceUnit([*command, *args.options], os.getcwd(), seen)
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    seen |= _session_of(user, seen)
    return ServiceUnit([*command, *args.options], os.getcwd(), seen, user)


def _session_of(user: str, seen: dict[str, str]) -> dict[str, str]:
    """Return where a user's desktop is found by a service of the machine."""
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise LiveflightError(f"there is no user {user!r} on this machine") from None
    more = {"XDG_RUNTIME_DIR": f"/run/user/{entry.pw_uid}"}
    if "WAYLAND_DISPLAY" not in seen:
        more["DISPLAY"] = seen.get("DISPLAY", ":0")
        more["XAUTHORITY"] = seen.get("XAUTHORITY", f"{entry.pw_dir}/.Xauthority")
    return more


def _user_folder() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(home) / "systemd" / "user"


def _check_machine(system: bool) -> None:
    if sys.platform != "linux" or not child_process.program("systemctl"):
        raise LiveflightError(
            "there is no systemd here: docs/installations.md has recipes for Windows and macOS; "
            "--print shows the unit"
        )
    if system and os.geteuid() != 0:
        raise LiveflightError("--system needs root: run it by sudo, or leave it out")


def _there(path: Path) -> bool:
    return os.path.lexists(path)


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(service_unit.MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    """Write the whole unit or nothing, readable for all as units are."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.write(path, text.encode())
        path.chmod(0o644)
    except OSError as error:
        raise LiveflightError(f"{path} cannot be written: {error.strerror}") from error


def _systemctl(system: bool, *words: str) -> bool:
    """Print and run a command of systemctl; return success."""
    print(f"$ {_line(system, *words)}", flush=True)
    command = [child_process.program("systemctl") or "systemctl", *_scope(system), *words]
    try:
        run = subprocess.run(command, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"it failed ({error}): run it yourself")
        return False
    if run.returncode:
        print("it failed: run it yourself, as this user, on the desktop")
    return run.returncode == 0


def _line(system: bool, *words: str) -> str:
    return " ".join(["systemctl", *_scope(system), *words])


def _scope(system: bool) -> list[str]:
    return [] if system else ["--user"]
