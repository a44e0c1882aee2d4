"""Send a show to something that an ffmpeg process writes."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks import live_encoding
from liveflight.outputs.sinks.constant_rate import ConstantRate
from liveflight.outputs.sinks.encoder_process import EncoderProcess
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.live_sink import LiveSink

_FINISH_S = 3.0
"""Seconds that ffmpeg has to finish."""


class EncodedSink(LiveSink):
    """Give ffmpeg a constant number of frames per second."""

    finish_s = _FINISH_S
    close_s = 3.0

    def __init__(
        self, name: str, fps: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(name, clock)
        self.fps = fps
        self._encoder: EncoderProcess | None = None

    @abstractmethod
    def command(self, size: Size) -> list[str]:
        """Return the command for frames of this width and height.

        Raises LiveflightError where it cannot run."""

    def more_inputs(self) -> tuple[int, ...]:
        """Return the file descriptors that the command reads from."""
        return ()

    def explained(self, reason: str) -> str:
        """Return ffmpeg's reason for ending, in words for the performer."""
        return reason

    def open(self, size: Size) -> None:
        self.rate = ConstantRate(self.fps)
        self._encoder = EncoderProcess(
            self.command(size), niceness=live_encoding.NICENESS, more_inputs=self.more_inputs()
        )

    def send(self, picture: Picture, at: float) -> None:
        assert self._encoder
        try:
            for _ in range(self.rate.copies(at)):
                self._encoder.write(picture)
                self.progress()
        except OSError:
            raise self._failure(self._encoder) from None

    def end(self, *, whole: bool) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            if encoder.finish(self.finish_s) and whole:
                raise self._failure(encoder)
        finally:
            encoder.close()

    def interrupt(self) -> None:
        if encoder := self._encoder:
            encoder.kill()

    def _failure(self, encoder: EncoderProcess) -> LiveflightError:
        encoder.finish(self.finish_s)
        return LiveflightError(f"ffmpeg: {self.explained(encoder.reason())}")
