"""Draw tables and progress bars on the terminal with Rich.

Import this module only where it is used: Rich takes a tenth of a second to load.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import segno
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TimeRemainingColumn,
)
from rich.table import Table as DrawnTable

from liveflight.diagnostics.bench.tables import Table, markdown


def draw(table: Table, plain: bool) -> None:
    """Print a table, in Markdown where `plain`."""
    if plain:
        print(markdown(table), flush=True)
        return
    # A file or a pipe gets wide lines: a cell broken in two cannot be pasted.
    out = Console(width=None if sys.stdout.isatty() else 240)
    drawn = DrawnTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number and table.columns[0] else "left")
    for row in table.rows:
        drawn.add_row(*row)
    out.print(drawn)
    for note in table.notes:
        out.print(f"  {note}", markup=False, highlight=False)


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left, on standard error; yield a function that advances it by 1."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


@contextmanager
def named() -> Iterator[Callable[[str, int, int], None]]:
    """Show a named bar with the time left, on standard error.

    The yielded function takes the name of the current item, how many are done, and their total."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        done = 0

        def count(name: str, number: int, total: int) -> None:
            nonlocal done
            # Items kept from an earlier run say nothing about the speed.
            if number > done + 1 or not done:
                bar.reset(task, total=total, completed=number)
            bar.update(task, description=name, completed=number, total=total)
            done = number

        yield count


def show_link(link: str) -> None:
    """Print the web remote's link on standard error, which delays no frame.

    A link that other machines can open has its QR code."""
    text = f"web remote: {link}\n"
    if link.startswith("http://localhost:"):
        text = f"{text}It is for this machine; for a phone, start with --remote-host 0.0.0.0\n"
    elif (sys.stderr.encoding or "").lower().startswith("utf"):
        drawn = io.StringIO()
        segno.make(link, error="l").terminal(drawn, border=2, compact=True)
        text = f"{drawn.getvalue()}{text}"
    sys.stderr.write(text)
    sys.stderr.flush()


class Downloads:
    """Show a bar on standard error while weights are downloaded."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        if self._bar is None:
            columns = ("[progress.description]{task.description}", DownloadColumn())
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(name)
        self._bar.update(self._task, completed=done, total=total or None)
        if done == total:
            self._bar.stop()
            self._bar = None
