"""Writes down what is played, as `core.score` has it, while it is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from liveflight.core import score
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.library import why
from liveflight.core.mailbox import Mailbox, Message
from liveflight.core.presets import Preset

_EVERY = 1.0
"""Seconds after which what was written is on the disk: more is not lost, whatever happens."""


class ScoreRecorder:
    """`core.surface.Surface`. Listens only."""

    def __init__(self, path: Path, start: score.Score) -> None:
        self._path, self._start = path, start
        self._file: TextIO | None = None
        self._answers: list[tuple[str, Preset]] = []
        self._began: float | None = None
        self._flown = self._saved = 0.0

    def note(self, question: str, preset: Preset) -> None:
        """The shelf was asked, and answered."""
        self._answers.append((question, preset))

    def open(self, mailbox: Mailbox) -> None:
        try:
            self._file = self._path.open("x", encoding="utf-8", newline="\n")
        except FileExistsError as error:
            raise LiveflightError(
                f"{self._path} is there already: --record needs a new name"
            ) from error
        except OSError as error:
            raise LiveflightError(f"log {self._path} cannot be written: {why(error)}") from error
        self._write(score.header(self._start), save=True)

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        self._flown = now - self._began

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        answers, self._answers = self._answers, []
        save = self._flown - self._saved >= _EVERY
        if save:
            self._saved = self._flown
        began = now if self._began is None else self._began
        self._write(score.frame(now - began, heard, answers), save=save)

    def lines(self) -> list[str]:
        return []

    def close(self) -> None:
        self._write(score.end(self._flown), save=True)
        file, self._file = self._file, None
        if file:
            file.close()

    def _write(self, line: str, *, save: bool) -> None:
        """Raises LiveflightError, once, where the disk is full or gone: a log with a hole in it is
        none, so that one ends there."""
        if self._file is None:
            return
        try:
            self._file.write(line)
            if save:
                self._file.flush()
        except OSError as error:
            file, self._file = self._file, None
            with suppress(OSError):
                file.close()
            raise LiveflightError(
                f"log {self._path} ends at {self._flown:.0f} s: {why(error)}"
            ) from error
