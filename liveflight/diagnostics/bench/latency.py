"""Measure the time from an OSC packet to the first displayed frame that differs because of it.

A change is read from the picture about to be shown. A flight never stands still, so the ascent's
result is painted over: every step is computed on noise, at full cost, and then its direction is
replaced by the one that leads the view to a level of grey. The level stands for the requested
target. The first frame on the way to another grey is thus the first that shows a step on the other
target. The first frame that is a little darker or brighter is the first with another `show.master`,
which is applied as the frame is drawn, after the ascent.

All views are of the whole canvas, so that each step shows in the middle of the frame, and nothing
else changes colours: see `_CALM`.

Packets leave at random moments of a frame, from a thread of their own, over the loopback. A frame
counts as displayed once `show` has returned.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight.core.ascent import LONGEST_TICK_S
from liveflight.core.contracts import MAX_DIRECTION, Value, ViewStep
from liveflight.diagnostics.bench.figures import intervals, ms, percentile, three_digits
from liveflight.diagnostics.bench.steps import on_stream
from liveflight.diagnostics.bench.tables import Table

_GREYS = (0.4, 0.6)
"""The canvas while the first or the second filter is requested."""
_RATE = 4.0
"""`ascent.rate`: at its maximum a single step changes the picture by far more than the dither."""
_CALM: dict[str, Value] = {
    "ascent.rate": _RATE,
    "ascent.detail": 0.0,
    "ascent.noise": 0.0,
    "colour.hue": 0.0,
    "colour.saturation": 1.0,
    "colour.pull": 0.0,
    "colour.decay": 0.0,
    "mix.crossfade": 0.0,
}
"""Controls that keep a grey picture as it is."""
_SHARE = 0.7
"""Part of the way to the grey that a step goes: all of it would overshoot after a late frame."""
_MIN_DIFFERENCE = 0.006
"""Change in brightness, as a share of the range, that counts as a different frame.

It is one and a half of 255 levels; the dither in the patch is far below that."""
_PATCH_PX = 8
"""Side of the patch in the middle of the frame that is read back."""
_LOST_AFTER_S = 3.0
_MIN_GAP_S = 0.1
"""Seconds between two packets."""
_STILL_FRAMES = 6
"""Similar frames after which the last packet's change is complete."""


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Measure a flight.

    `given`: as for MeasuredFlight, with `fps`, `packets` of each kind, `seconds` after which no
    more of a kind are sent, and `filters`, the two numbers to switch between."""
    from liveflight.diagnostics.bench.measured_flight import MeasuredFlight, free_port

    settings = {**given["settings"], **_CALM}
    port = free_port()
    flown = MeasuredFlight({**given, "settings": settings}, osc_port=port)
    flown.until_dreaming()
    place = f"{given['network']}:{given['layer']}"
    first, second = (f"{place}:{number}" for number in given["filters"])
    engine = flown.app.flight.loader.engine
    assert engine is not None
    stream = engine.stream
    flown.replace_directions(lambda directions: _painted(directions, second, stream))
    answer: dict[str, Any] = {"fps": given["fps"]}
    for kind, address, values in (
        ("filter", "/liveflight/target", (second, first)),
        ("master", "/liveflight/show/master/raw", (0.85, 1.0)),
    ):
        watch = _BrightnessWatch(flown.output)
        flown.run_for(1.0, given["fps"])
        end = time.perf_counter() + given["seconds"]
        sender = _Sender(watch, port, address, values, given["packets"], end)
        sender.start()
        frames = flown.run(sender.done, given["fps"])
        answer[kind] = sender.answer()
        answer.setdefault("frames", []).extend(intervals([frame.shown for frame in frames]))
    flown.app.close()
    return answer


class _BrightnessWatch:
    """Read the brightness of the frame about to be shown, and call `seen` once it is shown."""

    def __init__(self, watched: Any) -> None:
        self.level = 0.0
        self.shown = 0
        self.still = 0
        """Number of frames in a row that were about as bright as the first of them."""
        self._first = 0.0
        self.seen: Callable[[], None] = lambda: None
        self._output = watched.output
        watched.before_show = self._read
        watched.after_show = self._show

    def _read(self) -> None:
        width, height = self._output.size
        where = ((width - _PATCH_PX) // 2, (height - _PATCH_PX) // 2, _PATCH_PX, _PATCH_PX)
        pixels = self._output.framebuffer.read(where, components=3)
        self.level = float(np.frombuffer(pixels, np.uint8).mean()) / 255
        # Compared with the frame before, a slow drift would pass as stillness.
        if abs(self.level - self._first) < _MIN_DIFFERENCE / 4:
            self.still += 1
        else:
            self.still, self._first = 0, self.level

    def _show(self) -> None:
        self.shown += 1
        self.seen()


class _Sender(threading.Thread):
    """Send one packet after the other, each at a random moment once the last was seen."""

    def __init__(
        self,
        watch: _BrightnessWatch,
        port: int,
        address: str,
        values: tuple[str, str] | tuple[float, float],
        packets: int,
        end: float,
    ) -> None:
        super().__init__(daemon=True)
        self._watch, self._port, self._address = watch, port, address
        self._values, self._packets, self._end = values, packets, end
        self._rng = random.Random(5)
        self._arrived = threading.Event()
        self._reference, self._left, self._frame = 0.0, 0.0, 0
        self._waiting = False
        self.seconds: list[float] = []
        self.frames: list[int] = []
        self.lost = 0
        watch.seen = self._seen

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(self._packets):
                self._arrived.clear()
                while self._watch.still < _STILL_FRAMES and time.perf_counter() < self._end:
                    self._arrived.wait(_MIN_GAP_S / 10)
                if time.perf_counter() > self._end:
                    break
                self._arrived.wait(_MIN_GAP_S + self._rng.random() / 10)
                message = OscMessageBuilder(self._address)
                message.add_arg(self._values[number % 2])
                packet = message.build().dgram
                self._reference, self._frame = self._watch.level, self._watch.shown
                self._left = time.perf_counter()
                self._waiting = True
                sender.sendto(packet, ("127.0.0.1", self._port))
                if not self._arrived.wait(_LOST_AFTER_S):
                    self._waiting = False
                    self.lost += 1

    def _seen(self) -> None:
        if self._waiting and abs(self._watch.level - self._reference) > _MIN_DIFFERENCE:
            self.seconds.append(time.perf_counter() - self._left)
            self.frames.append(self._watch.shown - self._frame)
            self._waiting = False
            self._arrived.set()

    def done(self) -> bool:
        return not self.is_alive()

    def answer(self) -> dict[str, Any]:
        unsent = self._packets - len(self.seconds) - self.lost
        return {
            "seconds": self.seconds,
            "frames": self.frames,
            "lost": self.lost,
            "unsent": unsent,
        }


def _painted(
    directions: Callable[..., Any],
    second: str,
    stream: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[..., Any]:
    """Return a `directions` that works on noise, and whose result leads each view to its grey.

    `stream` is the CUDA stream for views on a device. `clock` returns seconds: a step is as large
    as the time since the one before it."""
    noise: dict[tuple[int, ...], Any] = {}
    last = clock() - LONGEST_TICK_S

    def painted(views: Any, steps: Sequence[ViewStep], ascent: Any) -> Any:
        nonlocal last
        now = clock()
        gain = _SHARE / (_RATE * min(max(now - last, 1e-3), LONGEST_TICK_S))
        last = now
        shape = tuple(views.shape)
        if shape not in noise:
            noise.clear()
            noise[shape] = _like(views)
        result = directions(noise[shape], steps, ascent)
        greys = [_GREYS[any(str(target) == second for target in step.mix)] for step in steps]
        return _towards(result, views, greys, gain, stream)

    return painted


def _like(views: Any) -> Any:
    from liveflight.core.noise import pink

    noise = pink((views.shape[1], views.shape[0]), 7)
    if isinstance(views, np.ndarray):
        return noise
    import torch

    there = torch.from_numpy(noise).cuda()
    torch.cuda.synchronize()
    return there


def _towards(result: Any, views: Any, greys: Sequence[float], gain: float, stream: int) -> Any:
    """Replace the directions in `result` by those that lead each of the stacked `views` to a grey.

    They are `gain` times what is missing, at most `MAX_DIRECTION`."""
    import torch

    on_host = isinstance(result, np.ndarray)
    with on_stream(stream):
        found, seen = (
            torch.from_numpy(each) if on_host else torch.as_tensor(each, device="cuda")
            for each in (result, views)
        )
        height = len(seen) // len(greys)
        for number, grey in enumerate(greys):
            rows = slice(number * height, (number + 1) * height)
            missing = (grey - seen[rows, :, :3].float()) * gain
            found[rows, :, :3] = missing.clamp(-MAX_DIRECTION, MAX_DIRECTION).half()
    return result


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of latencies."""
    if "failed" in raw:
        return [Table("From OSC to the picture", (), (), [f"{raw['title']}: {raw['failed']}"])]
    rows = []
    for kind, title in (
        ("filter", "another filter, through an ascent step"),
        ("master", "another brightness, as the frame is drawn"),
    ):
        seconds, frames = raw[kind]["seconds"], raw[kind]["frames"]
        if not seconds:
            rows.append((title, "0", *[""] * 6, str(raw[kind]["lost"])))
            continue
        rows.append(
            (
                title,
                str(len(seconds)),
                ms(median(seconds)),
                ms(percentile(seconds, 0.99)),
                ms(max(seconds)),
                three_digits(median(frames)),
                three_digits(percentile(frames, 0.99)),
                f"{percentile(seconds, 0.99) * raw['fps']:.2f}",
                str(raw[kind]["lost"]),
            )
        )
    columns = (
        *("the packet's request", "packets", "p50", "p99", "worst"),
        *("frames p50", "frames p99", "p99 / interval", "lost"),
    )
    frames = raw["frames"]
    held = f"frame p50 {ms(median(frames))}, p99 {ms(percentile(frames, 0.99))}" if frames else "-"
    notes = [
        f"{raw['title']}, held at {raw['fps']:g} frames per second ({held})",
        "from the packet leaving its socket until the first different frame has been shown; "
        "1 frame is the next one shown",
    ]
    if unsent := raw["filter"]["unsent"] + raw["master"]["unsent"]:
        notes.append(f"no time for {unsent} more packets; of fewer than 100 the p99 is the worst")
    return [Table("From OSC to the picture", columns, rows, notes)]
