"""Writes down what is played, as `storage.recording` has it, while it is played."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.mailbox import Mailbox, Message
from liveflight.storage import recording
from liveflight.storage.library import why
from liveflight.storage.presets import Preset
from liveflight.storage.recording_parts import PartWriter
from liveflight.system.worker import Worker

log = logging.getLogger("liveflight.controllers")

_EVERY = 1.0
"""Seconds after which what was played is in the file: more is not lost, whatever happens to us."""
_SYNCED = 10.0
"""Seconds after which it is on the disk: more is not lost, whatever happens to the machine."""
_MOST = 64 * 1024 * 1024
"""Letters that wait for a disk that does not answer."""
_GRACE = 5.0
"""Seconds that `close` waits for the disk."""


class FlightRecorder:
    """`controllers.controller.Controller`. Listens only. The disk is waited for on a thread of its own."""

    def __init__(self, path: Path, start: recording.Recording) -> None:
        self._path, self._start = path, start
        self._writer: PartWriter | None = None
        self._disk: Worker[None] = Worker(True)
        self._lines: list[str] = []
        """What is not yet written, of so many letters."""
        self._letters = 0
        self._ended = False
        self._answers: list[tuple[str, Preset]] = []
        self._began: float | None = None
        self._flown = self._told = self._saved = self._synced = 0.0

    def note(self, question: str, preset: Preset) -> None:
        """The shelf was asked, and answered."""
        self._answers.append((question, preset))

    def open(self, mailbox: Mailbox) -> None:
        try:
            self._writer = PartWriter(self._path, recording.header(self._start))
        except OSError as error:
            raise LiveflightError(f"log {self._path} cannot be written: {why(error)}") from error
        if self._writer.path != self._path:
            log.warning("%s is there already: recording %s", self._path, self._writer.path)
            self._path = self._writer.path
        self._disk.submit(self._writer.sync)

    def poll(self, now: float) -> None:
        if self._began is None:
            self._began = now
        self._flown = now - self._began

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Raises LiveflightError, once, where the disk is full or gone: a log with a hole in it is
        none, so that one ends there."""
        answers, self._answers = self._answers, []
        if self._writer is None or self._ended:
            return
        self._told = now - (now if self._began is None else self._began)
        if line := recording.frame(self._told, heard, answers):
            self._lines.append(line)
            self._letters += len(line)
        if self._flown - self._saved >= _EVERY:
            self._save(self._writer)

    def lines(self) -> list[str]:
        return []

    def close(self) -> None:
        """Raises LiveflightError as `publish` does."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if not self._ended and self._disk.wait(_GRACE):
                self._save(writer, last=True)
                if self._disk.wait(_GRACE):
                    self._checked(self._disk.result)
        finally:
            if not self._disk.busy or self._disk.wait():
                with suppress(OSError):
                    writer.close()
            self._disk.close(0.0)

    def _save(self, writer: PartWriter, *, last: bool = False) -> None:
        """Hand over what is not yet written, unless the disk still has what was before."""
        if not self._disk.wait():
            if self._letters > _MOST:
                self._end("the disk does not answer")
            return
        self._checked(self._disk.result)
        sync = last or self._flown - self._synced >= _SYNCED
        if sync:  # how long the flight is tells the log of a killed show too
            self._synced = self._flown
            # Frames up to `_flown` may still be told: a log does not go back in time.
            self._lines.append(recording.end(self._flown if last else self._told))
        text, self._lines, self._letters = "".join(self._lines), [], 0
        self._saved = self._flown
        self._disk.submit(partial(_write, writer, text, sync))

    def _checked(self, asked: Callable[[], None]) -> None:
        try:
            asked()
        except OSError as error:
            self._end(why(error), error)

    def _end(self, reason: str, error: OSError | None = None) -> NoReturn:
        self._ended = True
        raise LiveflightError(f"log {self._path} ends at {self._flown:.0f} s: {reason}") from error


def _write(writer: PartWriter, text: str, sync: bool) -> None:
    writer.write(text)
    if sync:
        writer.sync()
