"""Record a flight while it is played, in the format of `storage.recording`."""

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
from liveflight.storage.cue_lists import CueList
from liveflight.storage.named_files import why
from liveflight.storage.presets import Preset
from liveflight.storage.recording_parts import PartWriter
from liveflight.system.worker import Worker

log = logging.getLogger("liveflight.controllers")

_WRITE_INTERVAL_S = 1.0
"""Seconds between two writes: no more than this is lost if the program is killed."""
_SYNC_INTERVAL_S = 10.0
"""Seconds between two fsyncs: no more than this is lost if the machine loses power."""
_MAX_PENDING_CHARS = 64 * 1024 * 1024
"""Characters that may wait for a disk that does not answer."""
_CLOSE_TIMEOUT_S = 5.0
"""Seconds that `close` waits for the disk."""


class FlightRecorder:
    """Write the messages of each frame to a file. A `Controller` that puts none itself.

    Writing and fsync happen on a thread of its own."""

    def __init__(self, path: Path, start: recording.Recording) -> None:
        """Record into `path`, or a free name beside it. `start`: how the flight began."""
        self._path, self._start = path, start
        self._writer: PartWriter | None = None
        self._disk: Worker[None] = Worker(True)
        self._lines: list[str] = []
        """Lines that are not yet written, `_pending_chars` long in all."""
        self._pending_chars = 0
        self._ended = False
        self._answers: list[tuple[str, Preset]] = []
        self._lists: list[CueList] = []
        self._began: float | None = None
        self._flown = self._published = self._saved = self._synced = 0.0

    def note(self, question: str, preset: Preset) -> None:
        """Note which preset a name was resolved to, for the frame's line."""
        self._answers.append((question, preset))

    def note_list(self, cues: CueList) -> None:
        """Note which cue list a name was resolved to, for the frame's line."""
        self._lists.append(cues)

    def open(self, mailbox: Mailbox) -> None:
        """Create the file. Raises LiveflightError where it cannot be written."""
        try:
            self._writer = PartWriter(self._path, recording.header(self._start))
        except OSError as error:
            raise LiveflightError(f"log {self._path} cannot be written: {why(error)}") from error
        if self._writer.path != self._path:
            log.warning("%s is there already: recording %s", self._path, self._writer.path)
            self._path = self._writer.path
        self._disk.submit(self._writer.sync)

    def poll(self, now: float) -> None:
        """Take the time; the first call is the recording's time 0."""
        if self._began is None:
            self._began = now
        self._flown = now - self._began

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Add the frame's line, and write once per second.

        Raises LiveflightError, once, where the disk is full or gone. The log ends there: one with a
        gap could not be replayed."""
        answers, self._answers = self._answers, []
        lists, self._lists = self._lists, []
        if self._writer is None or self._ended:
            return
        self._published = now - (now if self._began is None else self._began)
        if line := recording.frame(self._published, heard, answers, lists):
            self._lines.append(line)
            self._pending_chars += len(line)
        if self._flown - self._saved >= _WRITE_INTERVAL_S:
            self._save(self._writer)

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        """Write the rest and close the file. May be called twice.

        Raises LiveflightError as `publish` does."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if not self._ended and self._disk.wait(_CLOSE_TIMEOUT_S):
                self._save(writer, last=True)
                if self._disk.wait(_CLOSE_TIMEOUT_S):
                    self._check(self._disk.result)
        finally:
            if not self._disk.busy or self._disk.wait():
                with suppress(OSError):
                    writer.close()
            self._disk.close(0.0)

    def _save(self, writer: PartWriter, *, last: bool = False) -> None:
        """Hand the pending lines to the disk's thread, unless it is still busy."""
        if not self._disk.wait():
            if self._pending_chars > _MAX_PENDING_CHARS:
                self._end("the disk does not answer")
            return
        self._check(self._disk.result)
        sync = last or self._flown - self._synced >= _SYNC_INTERVAL_S
        if sync:  # so that the log of a killed show has its length, too
            self._synced = self._flown
            # Frames up to `_flown` may still be published, and a log cannot go back in time.
            self._lines.append(recording.end(self._flown if last else self._published))
        text, self._lines, self._pending_chars = "".join(self._lines), [], 0
        self._saved = self._flown
        self._disk.submit(partial(_write, writer, text, sync))

    def _check(self, asked: Callable[[], None]) -> None:
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
