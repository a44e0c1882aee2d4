"""Writes down what is played, as `core.score` has it, while it is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
        """Raises LiveflightError where the file cannot be written, or is there already."""
        try:
            self._file = path.open("x", encoding="utf-8", newline="\n")
            self._file.write(score.header(start))
        except FileExistsError as error:
            raise LiveflightError(f"{path} is there already: --record needs a new name") from error
        except OSError as error:
            raise LiveflightError(f"log {path} cannot be written: {why(error)}") from error
        self._answers: list[tuple[str, Preset]] = []
        self._began: float | None = None
        self._flown = self._saved = 0.0

    def note(self, question: str, preset: Preset) -> None:
        """The shelf was asked, and answered."""
        self._answers.append((question, preset))

    def open(self, mailbox: Mailbox) -> None:
        """It has nothing to say."""

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        self._flown = now - self._began

    def tell(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        answers, self._answers = self._answers, []
        self._file.write(score.frame(self._flown, heard, answers))
        if self._flown - self._saved >= _EVERY:
            self._saved = self._flown
            self._file.flush()

    def lines(self) -> list[str]:
        return []

    def close(self) -> None:
        if not self._file.closed:
            try:
                self._file.write(score.end(self._flown))
            finally:
                self._file.close()
