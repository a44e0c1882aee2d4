"""Progress bars with the time left, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def counted(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar; what is yielded counts one more."""
    with _bar(BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


@contextmanager
def named() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar; what is yielded takes what is being made, how many are done and of how many."""
    done = 0
    with _bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=None)

        def count(name: str, number: int, total: int) -> None:
            nonlocal done
            if number > done + 1 or not done:  # kept from an earlier run: says nothing of the speed
                bar.reset(task, total=total, completed=number)
            bar.update(task, description=name, completed=number, total=total)
            done = number

        yield count


class Downloads:
    """A bar for weights being downloaded; nothing where none are."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = _bar(TextColumn("{task.description}"), DownloadColumn())
            self._bar.start()
            self._task = self._bar.add_task(name)
        self._bar.update(self._task, completed=done, total=total or None)
        if done == total:
            self._bar.stop()
            self._bar = None


def _bar(*columns: BarColumn | TextColumn | MofNCompleteColumn | DownloadColumn) -> Progress:
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
