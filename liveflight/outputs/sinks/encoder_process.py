"""Give raw pictures to an ffmpeg process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence

import numpy as np

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks.frame_sink import Picture, reason_of
from liveflight.system import child_process, ffmpeg


class EncoderProcess:
    """An ffmpeg that reads pictures from its standard input until that is closed."""

    def __init__(
        self, command: Sequence[str], *, niceness: int = 0, more_inputs: Sequence[int] = ()
    ) -> None:
        """Start it. Raises LiveflightError where it does not start.

        `niceness` (0 to 19, used on Linux) lowers its priority below the show's. `more_inputs`:
        file descriptors that it reads from."""
        self.messages = tempfile.TemporaryFile()
        passed = {"pass_fds": tuple(more_inputs)} if more_inputs else {}
        try:
            self.process = child_process.start(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self.messages,
                **passed,
            )
        except OSError as error:
            self.messages.close()
            raise LiveflightError(
                f"ffmpeg {command[0]!r} does not start: {reason_of(error)}"
            ) from error
        if niceness and hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.process.pid, niceness)

    def write(self, picture: Picture) -> None:
        """Give it a picture; waits until it is taken. Raises OSError where the process has ended.

        That is a broken pipe, and EINVAL on Windows."""
        assert self.process.stdin is not None
        self.process.stdin.write(np.ascontiguousarray(picture).data)
        self.process.stdin.flush()
        ffmpeg.trim_messages(self.messages)

    def finish(self, seconds: float | None = None) -> int:
        """Close its input and return its exit code; kill it where that takes longer than this."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()

    def reason(self) -> str:
        """Return why it ended, by its first message; call `finish` before."""
        self.messages.seek(0)
        said = self.messages.read(ffmpeg.MAX_MESSAGE_BYTES).decode(errors="replace").splitlines()
        # The first line is the cause, the others follow from it. "[mp4 @ 0x...]" says nothing here.
        return said[0].rpartition("] ")[2] if said else f"exit code {self.process.returncode}"

    def close(self) -> None:
        """Forget the messages; may be called twice."""
        self.messages.close()
