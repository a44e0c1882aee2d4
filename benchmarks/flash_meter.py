"""Judge a video by the flash limits of WCAG 2.x and ITU-R BT.1702.

    .venv/bin/python benchmarks/flash_meter.py flight.mp4

Written from the text of the standards, and sharing no code with the limiter that it judges.

The standards' rules, and how they are read here:

- Relative luminance: that of WCAG, 0..1, from sRGB in linear light. BT.1702 gives cd/m2 on a
  screen of 200 cd/m2: 20 of them are 10 %, and 160 are 0.80.
- Transition: a change of luminance of 10 % or more of the maximum between adjacent peaks and
  valleys, where the darker one is below 0.80. It counts in the frame in which it has become as
  large as that. Two opposing transitions are a flash.
- Red transition, WCAG 2.0 and 2.1: either state has R/(R+G+B) of 0.8 or more, and (R-G-B) * 320
  changes by more than 20, negative values counted as 0, all in linear light. WCAG 2.2: instead,
  the colour changes by more than 0.2 in the CIE 1976 UCS diagram; colours darker than 0.03 in
  R+G+B count as grey, since an 8-bit picture gives them no colour. Both are judged.
- Rate: no more than three flashes, which are six transitions, in any one second: a window of as
  many frames as the second has, at every frame. A seventh transition begins a fourth flash.
- Area: a quarter of any 10 degree field; such a field is any third by third of the picture. All
  positions of it are judged, to the pixel.
- Concurrent: what flashes together changes in the same direction at the same time. A moving
  pattern changes one place after the other, as many up as down, and is no flash. Two readings are
  judged, and each has to pass. At once: a quarter of the field makes transitions in the same
  direction in one frame, wherever in the field; more of them in the same direction within a tenth
  of a second belong to it. Gradual: of the places whose last transition was within a tenth of a
  second, those that rose are more than those that fell by a quarter of the field, and the next
  time those that fell are more; it counts while places do change that way. Told, and not judged:
  how many transitions a quarter of a field makes, motion included.
- Flicker in place: parts that flash each at a moment of its own have no common direction. The text
  of WCAG does not say whether their flashes occur concurrently; analysers that follow a mean pass
  them. Here, the mean luminance of a block of one degree may make six flashes in any second in a
  quarter of a field, in whatever order. It is twice what others may, since a pattern that drifts
  past a place without any flash changes it too.
- Fine, balanced patterns below 0.1 degree are exempt: a frame is averaged, in linear light, to
  blocks of that size; 300 of them are the width of a picture.

Other analysers: EA's IRIS (github.com/electronicarts/IRIS) has the same thresholds (0.1, 0.8; 20
for red; a quarter of the area; six transitions). It follows the mean of the whole picture, in
frames where a quarter of all pixels change, so opposed halves cancel there and a local flash is
averaged away. It also fails four to six transitions a second that go on for five seconds
("extended"), as the Harding test does, and regular patterns; WCAG and this meter do not. PEAT has
the thresholds and the field of WCAG.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MOST = 6
"""Transitions in a second that three flashes have."""
MOST_IN_PLACE = 12
"""Transitions in a second of parts that change each at a moment of its own."""
DEGREE = 10
"""Blocks of 0.1 degree in a degree."""
AREA = 0.25
STEP, BRIGHT = 0.10, 0.80
RED_STEP, SATURATED = 20 / 320, 0.8
COLOUR_STEP, COLOURLESS, GREY_UV = 0.2, 0.03, (0.1978, 0.4683)
TOGETHER_S, CHANGING = 0.1, 0.01
COLUMNS = 300
"""Blocks of 0.1 degree across a picture that is three fields of 10 degrees wide."""

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _decoding() -> Plane:
    coded = np.arange(256) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


_LINEAR = _decoding()


def reduced(frame: npt.NDArray[np.uint8]) -> Plane:
    """Return the means of blocks of 0.1 degree in linear light: float32 (H, W, 3)."""
    linear = _LINEAR[frame]
    side = max(1, round(frame.shape[1] / COLUMNS))
    if side == 1:
        return linear
    height, width = (length // side * side for length in frame.shape[:2])
    blocks = linear[:height, :width].reshape(height // side, side, width // side, side, 3)
    return np.ascontiguousarray(blocks.mean((1, 3)))


def in_degrees(light: Plane) -> Plane:
    """Return the means of blocks of a degree, (H, W); the rest at the right and below is left out.

    A smaller picture has smaller blocks."""
    side = max(1, round(DEGREE * light.shape[1] / COLUMNS))
    high, wide = (max(1, length // side) for length in light.shape)
    light = light[: high * side, : wide * side]
    blocks = light.reshape(high, light.shape[0] // high, wide, light.shape[1] // wide)
    return np.ascontiguousarray(blocks.mean((1, 3)))


class Field:
    """Find the largest share of any third by third of the picture."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.high, self.wide = (max(1, round(length / 3)) for length in shape)
        self._sums = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)

    def shares(self, mask: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the mean of a mask, or of -1, 0 and 1, over the field at every position."""
        np.cumsum(np.cumsum(mask, 0, dtype=np.int32), 1, out=self._sums[1:, 1:])
        sums, high, wide = self._sums, self.high, self.wide
        inside = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide]
        inside = inside + sums[:-high, :-wide]
        return np.asarray(inside / (high * wide))


class Extremes:
    """Follow the peaks and valleys of a signal at each place, from black."""

    def __init__(self, shape: tuple[int, int], step: float) -> None:
        self._step = step
        self._extreme = np.zeros(shape, np.float32)
        self._rising = np.zeros(shape, bool)
        self.at_extreme = np.zeros(shape, np.float32)
        """A second value at each place's last extreme."""

    def follow(self, now: Plane, second: Plane) -> tuple[Mask, Mask, Plane, Plane]:
        """Return where the signal has risen and fallen by a step since its last extreme.

        And the lesser of the signal's two values, and the greater of the second value's."""
        extreme, rising = self._extreme, self._rising
        up = ~rising & (now - extreme >= self._step)
        down = rising & (extreme - now >= self._step)
        lesser = np.minimum(now, extreme)
        greater = np.maximum(second, self.at_extreme)
        rising ^= up | down
        further = np.where(rising, now >= extreme, now <= extreme) | up | down
        np.copyto(extreme, now, where=further)
        np.copyto(self.at_extreme, second, where=further)
        return up, down, lesser, greater


class Reds:
    """Follow changes to and from saturated red in the UCS diagram, from grey."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._anchor = np.empty((*shape, 2), np.float32)
        self._anchor[:] = GREY_UV
        self._red = np.zeros(shape, bool)

    def follow(self, rgb: Plane, saturated: Mask) -> tuple[Mask, Mask]:
        """Return where the colour has become a saturated red, and where it has ceased to be one."""
        xyz = rgb @ np.array(
            [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]],
            np.float32,
        )
        below = xyz @ np.array([1, 15, 3], np.float32)
        uv = np.empty_like(self._anchor)
        uv[:] = GREY_UV
        coloured = rgb.sum(2) >= COLOURLESS
        uv[coloured] = (xyz[..., :2] * (4, 9))[coloured] / below[coloured][:, None]
        far = np.hypot(*np.moveaxis(uv - self._anchor, 2, 0)) > COLOUR_STEP
        to, away = far & ~self._red & saturated, far & self._red
        self._red ^= to | away
        keep = to | away | (self._red & saturated)  # the last red, and the first colour after it
        keep |= ~self._red & ~saturated & (uv[..., 0] < self._anchor[..., 0])  # the least red since
        self._anchor[keep] = uv[keep]
        return to, away


@dataclass
class Worst:
    """Hold the most transitions in a second of a quarter of a field, and where that was."""

    transitions: int = 0
    second: float = 0.0
    """When that second ends."""
    place: tuple[float, float] = (0.0, 0.0)
    """Middle of the field, 0..1 from the left and the top."""
    most: int = MOST
    """Transitions that pass."""

    @property
    def flashes(self) -> float:
        return self.transitions / 2

    @property
    def passes(self) -> bool:
        return self.transitions <= self.most


class Fields:
    """Count events of the field at every position in the last second."""

    def __init__(self, field: Field, shape: tuple[int, int], frames: int) -> None:
        self._field, self._shape, self._frames = field, shape, frames
        moments = shape[0] - field.high + 1, shape[1] - field.wide + 1
        self._kept: deque[Mask] = deque()
        self._counts = np.zeros(moments, np.int16)
        self.worst = Worst()

    def count(self, event: Mask, now: float) -> None:
        self._counts += event
        self._kept.append(event)
        if len(self._kept) > self._frames:
            self._counts -= self._kept.popleft()
        if (most := int(self._counts.max())) > self.worst.transitions:
            self.worst = Worst(most, now, middle(self._counts, self._field, self._shape))


def middle(
    values: npt.NDArray[np.generic], field: Field, shape: tuple[int, int]
) -> tuple[float, float]:
    """Return the middle of the fields with the largest value, 0..1 from the left and the top."""
    row, column = (float(found.mean()) for found in np.nonzero(values == values.max()))
    across, down = (column + field.wide / 2) / shape[1], (row + field.high / 2) / shape[0]
    return round(across, 2), round(down, 2)


class Counter:
    """Count the transitions of one kind in the last second: at once, gradual, and by place."""

    def __init__(self, shape: tuple[int, int], frames: int) -> None:
        self._field, self._frames, self._shape = Field(shape), frames, shape
        self._at_once, self._gradual = (Fields(self._field, shape, frames) for _ in range(2))
        self._places: deque[Mask] = deque()
        self._by_place = np.zeros(shape, np.int16)
        self._age = np.full(shape, 10_000, np.int32)
        """Frames since each place's last transition."""
        self._rose = np.zeros(shape, np.int8)
        """1 where that was a rise, -1 where it was a fall."""
        positions = shape[0] - self._field.high + 1, shape[1] - self._field.wide + 1
        self._last = np.zeros(positions, np.int8)
        """The same for each field's last gradual transition."""
        self._together = max(1, round(frames * TOGETHER_S))
        self._way = np.zeros(positions, np.int8)
        """Of each field's last transition at once: 1 up, 2 down, 3 both."""
        self._since = np.full(positions, 10_000, np.int32)
        """Frames since then."""
        self.by_place = Worst()

    @property
    def worst(self) -> dict[str, Worst]:
        return {"at once": self._at_once.worst, "gradual": self._gradual.worst}

    def count(self, up: Mask, down: Mask, now: float) -> None:
        """Count a frame's transitions."""
        way = self._enough(up) + 2 * self._enough(down)
        self._since += 1
        begun = (way > 0) & ((way != self._way) | (self._since >= self._together))
        self._way[begun], self._since[begun] = way[begun], 0
        self._at_once.count(begun, now)
        self._age += 1
        self._age[up | down] = 0
        self._rose[up], self._rose[down] = 1, -1
        recent = np.where(self._age < self._together, self._rose, 0)
        balance = self._field.shares(recent)
        rises = (balance >= AREA) & (self._field.shares(up) >= CHANGING)
        falls = (balance <= -AREA) & (self._field.shares(down) >= CHANGING)
        turned = np.where(rises, 1, np.where(falls, -1, self._last))
        self._gradual.count(turned != self._last, now)
        self._last = turned.astype(np.int8)
        self._count_places(up | down, now)

    def _enough(self, mask: Mask) -> npt.NDArray[np.int8]:
        """Return 1 for fields with enough of the mask."""
        if mask.mean() * 9 < AREA:  # no field has enough
            return np.zeros(self._last.shape, np.int8)
        return (self._field.shares(mask) >= AREA).astype(np.int8)

    def _count_places(self, either: Mask, now: float) -> None:
        self._by_place += either
        self._places.append(either)
        if len(self._places) > self._frames:
            self._by_place -= self._places.popleft()
        while True:
            over = self._by_place > self.by_place.transitions
            if over.mean() * 9 < AREA or (shares := self._field.shares(over)).max() < AREA:
                break
            place = middle(shares, self._field, self._shape)
            self.by_place = Worst(self.by_place.transitions + 1, now, place)


@dataclass
class Verdict:
    """The worst second of each kind."""

    kinds: dict[str, Worst] = field(default_factory=dict)
    places: Worst = field(default_factory=Worst)
    """Of places, motion included; not judged."""
    in_place: Worst = field(default_factory=Worst)
    """Of parts of a degree, in whatever order."""

    @property
    def passes(self) -> bool:
        return all(worst.passes for worst in (*self.kinds.values(), self.in_place))

    @property
    def flashes(self) -> float:
        """Return the most flashes of any kind in any second, without those in place."""
        return max(worst.flashes for worst in self.kinds.values())

    def lines(self) -> Iterator[str]:
        for kind, worst in (*self.kinds.items(), ("general, in place", self.in_place)):
            where = f"in the second up to {worst.second:.2f} s round {worst.place}"
            result = "pass" if worst.passes else "FAIL"
            place = where if worst.transitions else "ever"
            yield f"{kind}: {worst.flashes:g} flashes {place}: {result}"
        yield f"places change {self.places.transitions} times a second at most, motion included"
        yield "pass" if self.passes else "FAIL"


class FlashMeter:
    """Judge frames, uint8 (H, W, 3) sRGB, one after the other."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._frames = 0
        self._ready = False

    def add(self, frame: npt.NDArray[np.uint8]) -> None:
        """Take the next frame; all have one size."""
        rgb = reduced(frame)
        if not self._ready:
            self._begin(rgb.shape[:2])
        self._frames += 1
        now = self._frames / self._fps
        light = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        up, down, darker, _ = self._light.follow(light, light)
        self._counts["general"].count(up & (darker < BRIGHT), down & (darker < BRIGHT), now)
        coarse = in_degrees(light)
        up, down, darker, _ = self._coarse.follow(coarse, coarse)
        self._in_place.count(up & (darker < BRIGHT), down & (darker < BRIGHT), now)
        saturation = rgb[..., 0] / np.maximum(rgb.sum(2), 1e-6)
        redness = np.maximum(rgb[..., 0] - rgb[..., 1] - rgb[..., 2], 0)
        up, down, _, most = self._red.follow(redness, saturation)
        red = most >= SATURATED
        self._counts["red 2.1"].count(up & red, down & red, now)
        self._counts["red 2.2"].count(*self._colour.follow(rgb, saturation >= SATURATED), now)

    def verdict(self) -> Verdict:
        """Return the worst seconds until now."""
        kinds = {
            f"{name}, {how}": worst
            for name, counter in self._counts.items()
            for how, worst in counter.worst.items()
        }
        in_place = replace(self._in_place.by_place, most=MOST_IN_PLACE)
        return Verdict(kinds, self._counts["general"].by_place, in_place)

    def _begin(self, shape: tuple[int, int]) -> None:
        self._ready = True
        self._light = Extremes(shape, STEP - 1e-6)
        self._red, self._colour = Extremes(shape, RED_STEP + 1e-6), Reds(shape)
        frames = max(1, round(self._fps))
        names = "general", "red 2.1", "red 2.2"
        self._counts = {name: Counter(shape, frames) for name in names}
        coarse = in_degrees(np.zeros(shape, np.float32)).shape
        self._coarse = Extremes(coarse, STEP - 1e-6)
        self._in_place = Counter(coarse, frames)


def judged(frames: Iterator[npt.NDArray[np.uint8]], fps: float) -> Verdict:
    """Return the verdict on frames at this rate."""
    meter = FlashMeter(fps)
    for frame in frames:
        meter.add(frame)
    return meter.verdict()


def video_frames(path: Path) -> tuple[float, Iterator[npt.NDArray[np.uint8]]]:
    """Return a video's frames per second and its frames, at most 640 pixels wide."""
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    reader.close()
    width, height = about["size"]
    side = max(1, width // 640)
    size = width // side, height // side
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    # The mean of coded values over a fraction of a block; blocks are averaged in linear light.
    command += ["-vf", f"scale={size[0]}:{size[1]}:flags=area", "-f", "rawvideo"]
    command += ["-pix_fmt", "rgb24", "-"]

    def frames() -> Iterator[npt.NDArray[np.uint8]]:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            assert running.stdout
            while len(data := running.stdout.read(size[0] * size[1] * 3)) == size[0] * size[1] * 3:
                yield np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3)

    return float(about["fps"]), frames()


def main() -> int:
    """Judge the video that is named, and return 1 where it fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("video", type=Path)
    fps, frames = video_frames(parser.parse_args().video)
    verdict = judged(frames, fps)
    for line in verdict.lines():
        print(line)
    return 0 if verdict.passes else 1


if __name__ == "__main__":
    sys.exit(main())
