"""Write the unit file by which systemd runs a show. Pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from liveflight.core.contracts import LiveflightError

MARK = "# Written by `liveflight install-service`, which may replace and remove this file."
"""First line of our units."""

WATCHDOG_S = 15
"""Seconds without a sign of the supervisor after which systemd starts it again."""

_TEMPLATE = """{mark}
[Unit]
Description=liveflight show
{after}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
WorkingDirectory={folder}
{environment}Restart=always
RestartSec=1
# 0: somebody quit the show. 130: it was told to end.
RestartPreventExitStatus=0
SuccessExitStatus=130
WatchdogSec={watchdog}
TimeoutStartSec=120
TimeoutStopSec=20
KillMode=control-group

[Install]
WantedBy={wanted_by}
"""


@dataclass(frozen=True)
class ServiceUnit:
    """Hold what a unit says."""

    command: Sequence[str]
    """The program and its arguments."""
    folder: str
    """Folder that relative names of files mean."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    """User of a unit for the whole machine; empty for a unit of the user's own."""

    def text(self) -> str:
        """Return the file's content. Raises LiveflightError for what no unit can hold."""
        values = (*self.command, self.folder, self.user, *self.environment.values())
        if odd := next((each for each in values if not each.isprintable()), None):
            raise LiveflightError(f"{odd!r} cannot stand in a unit: it has unprintable characters")
        lines = [f"User={_percent(self.user)}"] if self.user else []
        lines += [
            f"Environment={quoted(f'{name}={value}', dollars=False)}"
            for name, value in self.environment.items()
        ]
        session = "graphical-session.target"
        return _TEMPLATE.format(
            mark=MARK,
            after="After=display-manager.service sound.target" if self.user
            else f"After={session}\nPartOf={session}",
            command=" ".join(map(quoted, self.command)),
            folder=_percent(self.folder),
            environment="".join(f"{line}\n" for line in lines),
            watchdog=WATCHDOG_S,
            # A window manager alone may start no graphical session.
            wanted_by="graphical.target" if self.user else f"{session} default.target",
        )  # fmt: skip


def quoted(text: str, *, dollars: bool = True) -> str:
    """Return an argument as it stands in ExecStart=; without `dollars` in Environment=."""
    inside = _percent(text).replace("\\", "\\\\").replace('"', '\\"')
    if dollars:
        inside = inside.replace("$", "$$")
    plain = inside and all(each.isalnum() or each in "-_./=:,+@%" for each in inside)
    return inside if plain else f'"{inside}"'


def _percent(text: str) -> str:
    return text.replace("%", "%%")
