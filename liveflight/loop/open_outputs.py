"""Send what the audience is shown to all outputs of a live show beside the window.

Outputs come and go while the show runs. None of them delays it: see `LiveSink`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from liveflight.core.contracts import Output, Value
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.outputs.sinks.live_recording import LiveRecording
from liveflight.outputs.sinks.live_sink import LiveSink
from liveflight.outputs.sinks.ndi import NdiSender
from liveflight.outputs.sinks.spout import SpoutSender
from liveflight.outputs.sinks.stream import Stream
from liveflight.outputs.sinks.syphon import SyphonServer
from liveflight.outputs.sinks.texture_sink import TextureSink
from liveflight.outputs.sinks.virtual_camera import VirtualCamera
from liveflight.render import frame_reader
from liveflight.render.frame_texture import FrameTexture
from liveflight.show.flight import Flight
from liveflight.show.options import Options

if TYPE_CHECKING:
    import moderngl

RECORD = "show.record"
"""The switch that records the show."""

MAX_FINISHING = 2
"""Recordings that may be finishing while another one begins: each is an ffmpeg."""

_MAX_TOLD = 200
"""Characters of the text that names the outputs."""

AnySink = LiveSink | TextureSink


def requested(options: Options) -> Iterator[Callable[[], AnySink]]:
    """Yield what opens each output that the options ask for."""
    for url in dict.fromkeys(options.streams):
        yield partial(Stream, url, options.fps, options.stream_megabits)
    if options.ndi:
        yield partial(NdiSender, options.ndi, options.fps)
    if options.virtual_camera:
        yield partial(VirtualCamera, options.virtual_camera, options.fps)
    if options.spout:
        yield partial(SpoutSender, options.spout)
    if options.syphon:
        yield partial(SyphonServer, options.syphon)


class OpenOutputs:
    """The list of open outputs; a controller that follows `show.record`.

    Takes part in a live show only: a render writes its file itself."""

    def __init__(
        self,
        ctx: moderngl.Context,
        flight: Flight,
        options: Options,
        time_part: Callable[[str], None],
    ) -> None:
        """Open nothing yet. `time_part` is told when a part of the frame has ended."""
        self._ctx, self._flight, self._guard = ctx, flight, flight.guard
        self._options = options
        self._time_part = time_part
        self.sinks: list[LiveSink] = []
        self.textures: list[TextureSink] = []
        self._ending: list[LiveSink] = []
        """Sinks that are still sending their last frames."""
        self._troubles: dict[LiveSink, str] = {}
        self._recording: LiveRecording | None = None
        self._wanted = False
        """Whether `show.record` is on."""
        self._sound_rate = 0
        """Samples per second of the sound that is heard; 0 for none."""
        self._reader = frame_reader.choose(ctx)
        self._shared = FrameTexture(ctx)
        """The picture for texture sinks."""
        self._told = ""

    def add(self, sink: AnySink) -> None:
        """Begin to send to an output."""
        if isinstance(sink, LiveSink):
            self.sinks.append(sink)
        else:
            self.textures.append(sink)
        if isinstance(sink, NdiSender):
            self._flight.note(sink.notice)

    def remove(self, sink: AnySink) -> None:
        """Close an output; a live sink sends its last frames while the show goes on."""
        if isinstance(sink, LiveSink):
            self.sinks.remove(sink)
            sink.stop()
            self._ending.append(sink)
        else:
            self.textures.remove(sink)
            self._guard.run_always(sink.name, sink.close)

    def send(self, output: Output) -> None:
        """Send the picture that is drawn in the output's framebuffer, before text is drawn over it.

        Call it before `output.show`: a window's framebuffer is undefined afterwards."""
        if not (self.sinks or self.textures):
            return
        if self._reader.waits:
            self._ctx.finish()  # what drawing takes is not ours
        self._time_part("present")
        if self.textures:
            texture = self._shared.copy(output.framebuffer, output.size)
            for sink in self.textures:
                self._guard.run(sink.name, sink.write, texture, bottom_up=output.bottom_up)
        if self.sinks:
            picture = self._reader.read(output.framebuffer, output.size, bottom_up=output.bottom_up)
            self._time_part("read for outputs")
            if picture is not None:
                for live in self.sinks:
                    self._guard.run(live.name, live.write, picture)
        self._time_part("outputs")

    def hear(self, samples: np.ndarray, rate: int) -> None:
        """Take the sound of the last moment; may be called from any thread."""
        self._sound_rate = rate
        if recording := self._recording:
            recording.hear(samples, rate)

    # The contract of controllers

    def open(self, mailbox: Mailbox) -> None:
        """Open what the options ask for; an output that fails is reported and left out."""
        self._mailbox = mailbox
        for make in requested(self._options):
            if sink := self._guard.run_always("an output", make):
                self.add(sink)

    def poll(self, now: float) -> None:
        """Report what has changed, and begin and end the recording."""
        for sink in (*self.sinks, *self._ending):
            sink.check_stall()
            self._report(sink)
        for sink in [sink for sink in self._ending if sink.ended]:
            self._ending.remove(sink)
            self._report(sink)
            self._troubles.pop(sink)
        recording = self._recording
        if recording and recording.ended:  # by itself: the disk is full
            self.sinks.remove(recording)
            self._ending.append(recording)
            self._recording, self._wanted = None, False
            self._mailbox.put(Set(RECORD, False, "recording"))
        elif self._wanted and not recording and self._finishing < MAX_FINISHING:
            self._recording = LiveRecording(self._options.fps, self._sound_rate)
            self.add(self._recording)
            self._flight.note("recording")
        elif recording and not self._wanted:
            self._recording = None
            self.remove(recording)
        self._tell()

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        self._wanted = bool(values[RECORD])

    def status_lines(self) -> list[str]:
        return [line for sink in self.sinks for line in sink.status_lines()]

    def close(self) -> None:
        """End all outputs, once their last frames are sent; may be called twice."""
        self._recording = None
        sinks, self.sinks, self._ending = [*self.sinks, *self._ending], [], []
        for sink in sinks:
            sink.stop()
        for sink in sinks:
            sink.close()
            self._report(sink)
        while self.textures:
            self.remove(self.textures[-1])
        self._reader.release()
        self._shared.release()

    @property
    def _finishing(self) -> int:
        """Return how many recordings are not complete yet."""
        return sum(isinstance(sink, LiveRecording) for sink in self._ending)

    def _report(self, sink: LiveSink) -> None:
        """Tell the performer what has changed: trouble, its end, a file that is complete."""
        trouble, before = sink.trouble, self._troubles.get(sink, "")
        if trouble and trouble != before:
            again = "; it is tried again" if sink.reconnects else ""
            self._flight.reports.add(f"{sink.name}: {trouble}{again}")
        elif before and not trouble:
            self._flight.note(f"{sink.name} is back")
        self._troubles[sink] = trouble
        if isinstance(sink, LiveRecording):
            while sink.saved:
                self._flight.note(f"saved {sink.saved.pop(0)}")

    def _tell(self) -> None:
        """Put the state of the outputs in words, where it has changed."""
        states = [f"{sink.name}: {sink.trouble or 'live'}" for sink in self.sinks]
        told = "; ".join((*states, *(f"{sink.name}: live" for sink in self.textures)))[:_MAX_TOLD]
        # A server's reason, or a file's name, may have any characters in it.
        told = "".join(each if each.isprintable() else " " for each in told)
        if told != self._told:
            self._told = told
            self._mailbox.put(Set("show.outputs", told))
