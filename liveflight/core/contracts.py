"""Define the types that all packages share: targets, mixes, step settings, events, protocols."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from liveflight.core.tone import NEUTRAL, Tone

if TYPE_CHECKING:
    import moderngl

Canvas = np.ndarray
"""A picture: float16, (H, W, 4), sRGB-coded RGB in 0..1 with alpha 1, row 0 on top.

On the host an array. On a CUDA device any object with `__cuda_array_interface__` like it."""

Size = tuple[int, int]
"""Width and height in pixels."""


class LiveflightError(Exception):
    """Report what a user can cause and mend; the command line prints it and exits with 2.

    One line (the weights error: three) that names the value, what is allowed and what to do."""


class CannotFlyError(LiveflightError):
    """Report that there is nothing to fly, now or later: the only error that ends a live flight."""


class OutOfMemoryError(LiveflightError):
    """Report that a step at this view size exceeds the device's memory; a smaller one may fit."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the part of an error that offers the known name nearest to a mistyped one, or ""."""
    close = closest(name, known)
    return f"; did you mean {close!r}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name nearest to a mistyped one, in any case; empty where none is near."""
    asked = name[:60].lower()
    pairs, names = _pairs(asked), {each.lower(): each for each in known}
    # difflib takes milliseconds for a hundred names, and this may be in the middle of a flight.
    likely = nlargest(5, names, key=lambda other: 2 * len(pairs & _pairs(other)) - len(other))
    close = get_close_matches(asked, likely, n=1, cutoff=0.5)
    return names[close[0]] if close else ""


@lru_cache(maxsize=1024)
def _pairs(text: str) -> frozenset[tuple[str, str]]:
    """Return the pairs of adjacent letters."""
    return frozenset(pairwise(text))


_TARGET = re.compile(
    r"(?P<network>[^:\s]+):(?P<layer>[^:\s]+):"
    r"(?:(?P<filter>\d{1,6}|\*)|(?P<name>[a-z][a-z0-9 '_-]{1,59}))",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Name one filter to excite: `network:layer:filter`.

    `filter` None means the whole layer (`*`) or, where there is a `name`, a filter whose number the
    registry has yet to find."""

    network: str
    layer: str
    filter: int | None
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parse `network:layer:filter`; only the registry knows whether the names exist.

        Raises LiveflightError for any other form."""
        found = _TARGET.fullmatch(text.strip())
        if not found:
            raise LiveflightError(
                f"target {text[:80]!r} is not of the form network:layer:filter, "
                "such as vgg16:conv5_1:120, vgg16:conv4_1:* or efficientnet_lite0:class:jellyfish"
            )
        number, name = found["filter"], found["name"]
        known = number is not None and number != "*"
        return cls(found["network"], found["layer"], int(number) if known else None, name or "")

    def __str__(self) -> str:
        shown = self.name or ("*" if self.filter is None else self.filter)
        return f"{self.network}:{self.layer}:{shown}"


Mix = Mapping[Target, float]
"""The targets of this instant and their weights, each above 0 and together 1."""


@dataclass(frozen=True, slots=True)
class Ascent:
    """Hold what an engine does to a gradient; a neutral value switches a conditioning off."""

    objective: str = "channel"
    """`channel`: the mean of the feature map; `neuron`: its centre."""
    normalise: bool = True
    """Divide the gradient by its own RMS."""
    smoothing: float = 1.5
    """Exponent of the 1/f preconditioner; 0 is off."""
    decorrelation: float = 1.0
    """Share of Lucid's colour correlation that is applied to the gradient, 0..1."""


@dataclass(frozen=True, slots=True)
class ViewStep:
    """Say what one view is ascended towards."""

    mix: Mix
    high_pass: float = 0.0
    """Cycles per view height below which the direction carries nothing; 0 keeps all."""
    low_pass: float = 0.0
    """Cycles per pixel above which the direction fades; 0 keeps all."""
    smoothing: float = 1.0
    """Factor on `Ascent.smoothing`."""


@dataclass(frozen=True, slots=True)
class Warp:
    """Hold how one feedback pass moves and colours the canvas.

    All amounts are already those of this pass. Picture coordinates: origin in the middle, x to the
    right, y up, unit one picture height."""

    matrix: np.ndarray
    """Map from places of the new canvas to the old one, float32 (3, 3), affine."""
    mirror_x: bool = False
    """The right half shows the left one."""
    mirror_y: bool = False
    """The lower half shows the upper one."""
    kaleidoscope: int = 0
    """Number of mirrored wedges round the middle; 0 and 1 are off."""
    amounts: Mapping[str, float] = field(default_factory=dict)
    """Amounts by the names of `core.effects.EFFECTS`; one that is missing changes nothing.

    `swirl`: rotation of the middle in radians, falling off towards the rim; positive is clockwise.
    `flow`: largest displacement by the liquid drift, picture heights. `hue`: rotation of the
    colours round the grey axis, radians. `saturation`: factor on the distance from grey. `decay`:
    share of the distance to mid grey that is covered, 0..1."""
    phase: float = 0.0
    """Seconds of motion until now: the phase of the liquid drift."""
    folded: float = 1.0
    """Share of the folded picture in the unfolded one, 0..1; below 1 while folds dissolve in."""
    tone: Tone = NEUTRAL
    """Gain and offset of all channels, after the effects."""


MAX_DIRECTION = 3.0
"""Largest value of a normalised direction: energy in one spot would burn a speck there."""

Progress = Callable[[int, int], None]
"""Called with the bytes downloaded and in all (0: not known); what it raises ends the download."""


class Engine(Protocol):
    """Take ascent steps. Owns networks and device; knows nothing of GL, time or controls."""

    device: str
    """`cpu`, `cuda`, `mps`."""
    stream: int
    """The CUDA stream that `directions` works on, a cudaStream_t as a number; 0 elsewhere."""

    def prepare(self, network: str, progress: Progress | None = None) -> None:
        """Load a network and find its active filters.

        Slow: seconds. May be called from another thread while `directions` runs on networks
        prepared earlier.

        Raises LiveflightError where the weights are missing, truncated or foreign."""
        ...

    def ready(self, network: str) -> bool:
        """Return whether `directions` may be given targets of this network."""
        ...

    def plan(self, layers: Collection[tuple[str, str]], size: Size) -> None:
        """Prepare steps on exactly these layers together at this view size.

        Each is a (network, layer) of a network that is ready. Slow where the runtime compiles or
        captures. May be called from another thread while `directions` runs, which also takes layers
        that are not planned, but then takes the time to prepare them."""
        ...

    def planned(self, layers: Collection[tuple[str, str]], size: Size) -> bool:
        """Return whether `directions` on these layers together has nothing left to prepare."""
        ...

    def precision(self, network: str) -> str:
        """Return the number format of the network's convolutions: `float32`, `bfloat16`, ..."""
        ...

    def active_filters(self, network: str, layer: str) -> Sequence[int]:
        """Return the filters of a prepared network's layer that respond to anything at all."""
        ...

    def signatures(self, network: str, layer: str) -> np.ndarray:
        """Return the response patterns of a prepared network's layer, float32 (C, N).

        Each row has mean 0 and length 1, or is all 0: the product of two rows is the correlation of
        two filters."""
        ...

    def directions(self, views: Canvas, steps: Sequence[ViewStep], ascent: Ascent) -> Canvas:
        """Return how each pixel of each view has to move to excite its step's mix.

        `views`: one view below the other, all of one height: float16 (N * H, W, 4), for N `steps`.
        The directions are stacked alike. Those that are normalised have an RMS of about 1, and no
        value exceeds `MAX_DIRECTION`. Raises FloatingPointError where one came out non-finite,
        OutOfMemoryError where the device cannot hold a step at this size.

        On a device with a stream the work may only be queued. The result is then valid for what is
        queued after it, until the next call; a non-finite direction is 0, and raised later."""
        ...

    def wait(self) -> None:
        """Wait until the device has finished what `directions` queued."""
        ...

    def tidy(self) -> bool:
        """Free or prepare one thing that can wait; return whether there may be more.

        Free what only planning needed, or prepare a batch of views in flight. May take as long as a
        `plan`, on whose thread it runs, and may block Python for milliseconds: call it in spare
        time. Where nobody does, `plan` does both."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KeyPress:
    """Report that a key went down.

    `name`: lower case, whatever the layout, after held modifiers: `f5`, `ctrl+alt+meta+shift+a`."""

    name: str
    repeat: bool = False
    """True where the key is held and the keyboard repeats it."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Report that the mouse moved over the output, pressed a button or turned its wheel."""

    action: Literal["move", "left", "right", "wheel"]
    x: int
    """Pixels from the left."""
    y: int
    """Pixels from the top."""
    shift: bool = False
    """Whether a Shift key is held."""
    wheel: tuple[int, int] = (0, 0)
    """Notches of the wheel to the right and up."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Report that the user closed the output."""


Event = KeyPress | Pointer | Quit


class Output(Protocol):
    """Own the GL context, show frames of its current `size`. All calls come from one thread."""

    ctx: moderngl.Context
    bottom_up: bool
    """Whether row 0 of `framebuffer` is the bottom of the picture (a window), or its top."""
    vsync: bool
    """Whether `show` waits for the display."""

    @property
    def size(self) -> Size: ...

    @property
    def framebuffer(self) -> moderngl.Framebuffer: ...

    @property
    def fullscreen(self) -> bool: ...

    def events(self) -> Sequence[Event]:
        """Return the events since the last call; never blocks."""
        ...

    def show(self) -> None:
        """Put the finished frame in `framebuffer` on the screen or into the file."""
        ...

    def toggle_fullscreen(self) -> None: ...

    def show_pointer(self, wanted: bool) -> None:
        """Show the mouse pointer in full screen too, while it is `wanted`."""
        ...

    def close(self) -> None:
        """Release everything; may be called twice."""
        ...


Value = float | int | bool | str
"""Value of a control: float or int, bool, or the text of an enum or name."""
