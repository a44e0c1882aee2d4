"""What everything passes to everything else: targets and mixes, the ascent's settings, key events,
and the protocols of engines and outputs. No behaviour of its own beyond parsing a target's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import moderngl

Canvas = np.ndarray
"""The picture being dreamed: float16, (H, W, 4), sRGB-coded RGB in 0..1 with alpha 1, row 0 at the
top. On the host an array; where the hand-over keeps the picture on a CUDA device, any object with
`__cuda_array_interface__` of that shape and type."""


class LiveflightError(Exception):
    """What a user can cause and mend. Its text is one line (the weights error: three) that names
    the value, what is allowed and what to do; the command line prints it and exits with 2."""


class CannotFlyError(LiveflightError):
    """There is nothing to fly, now or later: the only error that ends a live flight."""


class OutOfMemoryError(LiveflightError):
    """A step at this canvas size does not fit into the device's memory; a smaller one may."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The part of an error that offers the known name nearest to a mistyped one; may be empty."""
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
    """Which letters follow each other."""
    return frozenset(pairwise(text))


_TARGET = re.compile(
    r"(?P<network>[^:\s]+):(?P<layer>[^:\s]+):"
    r"(?:(?P<filter>\d{1,6}|\*)|(?P<name>[a-z][a-z0-9 '_-]{1,59}))",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One filter to excite: `network:layer:filter`, filter None meaning the whole layer (`*`), or,
    where it has a `name`, one whose number the registry has yet to find."""

    network: str
    layer: str
    filter: int | None
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Reads `network:layer:filter`; whether the names exist is the registry's business.

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
    """How one frame's ascent is done. Every conditioning can be switched off by its neutral
    value."""

    amount: float
    """How far this frame's steps move the picture together, RMS, as a part of the 0..1 range."""
    steps: int
    """How many steps share the amount; 0 leaves the canvas as it is."""
    objective: str = "channel"
    """`channel`: the mean of the feature map; `neuron`: its centre."""
    normalise: bool = True
    """Divide the gradient by its own RMS."""
    jitter: int = 32
    """Random circular shift of up to so many pixels before each step; 0 is off."""
    octaves: float = 0.75
    """Each step looks at the picture at a random scale, up to so many octaves smaller, more of them
    on large canvases; 0 is off."""
    smoothing: float = 1.5
    """Exponent of the 1/f preconditioner; 0 is off."""
    decorrelation: float = 1.0
    """How much of Lucid's colour correlation is applied to the gradient, 0..1."""
    soften: float = 0.0
    """Diffusion this frame, 0..0.2 of the difference to each neighbour; 0 is off."""
    noise: float = 0.0
    """Fresh noise added this frame, standard deviation in the 0..1 range."""
    brightness: float = 0.5
    """The mean the picture is pulled towards."""
    contrast: float = 0.22
    """The standard deviation the picture is pulled towards."""
    pull: float = 0.0
    """How much of the way to that mean and contrast is gone this frame, 0..1; 0 is off."""


@dataclass(frozen=True, slots=True)
class Warp:
    """How one frame's feedback pass moves and colours the canvas. Everything is already for this
    frame.

    Picture coordinates: origin in the middle, x to the right, y up, unit one picture height."""

    matrix: np.ndarray
    """float32 (3, 3), homogeneous: where a place of the new canvas takes its colour from in the old
    one."""
    mirror_x: bool = False
    """The right half shows the left one."""
    mirror_y: bool = False
    """The lower half shows the upper one."""
    kaleidoscope: int = 0
    """Mirrored wedges round the middle; 0 and 1 are off."""
    swirl: float = 0.0
    """Radians the middle turns, falling off towards the rim; positive is clockwise."""
    flow: float = 0.0
    """Largest way of the liquid drift, in heights."""
    phase: float = 0.0
    """Where the liquid drift is in its course, seconds."""
    hue: float = 0.0
    """Radians the colours turn round the grey axis."""
    saturation: float = 1.0
    """Factor on the distance from grey."""
    decay: float = 0.0
    """How much of the way to mid grey is gone, 0..1."""
    folded: float = 1.0
    """Share of the folded picture, 0..1; the rest is the same movement without mirrors and wedges.
    Below 1 while a new fold dissolves in."""


Progress = Callable[[int, int], None]
"""Called while weights are downloaded with the bytes so far and in all (0: not known). What it
raises ends the download."""


class Engine(Protocol):
    """What takes ascent steps. Owns networks and device; knows nothing of GL, time or controls."""

    device: str
    """`cpu`, `cuda`, `mps`."""
    stream: int
    """The CUDA stream that `ascend` works on, a cudaStream_t as a number; 0 elsewhere."""

    def prepare(self, network: str, progress: Progress | None = None) -> None:
        """Loads a network and learns which of its filters live. Slow: seconds. May be called from
        another thread while `ascend` runs on networks prepared earlier.

        Raises LiveflightError where the weights are missing, truncated or foreign."""
        ...

    def ready(self, network: str) -> bool:
        """Whether `ascend` may be given targets of this network."""
        ...

    def plan(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> None:
        """Prepares steps on exactly these layers together, each (network, layer) of a network that
        is ready, at this canvas width and height. Slow where the runtime compiles or captures. May
        be called from another thread while `ascend` runs; `ascend` also takes what is not planned,
        in its own time."""
        ...

    def planned(self, layers: Collection[tuple[str, str]], size: tuple[int, int]) -> bool:
        """Whether `ascend` on these layers together would have nothing to prepare."""
        ...

    def precision(self, network: str) -> str:
        """The number format of the network's convolutions here, such as `float32` or `bfloat16`."""
        ...

    def active_filters(self, network: str, layer: str) -> Sequence[int]:
        """The filters of a prepared network's layer that answer to anything at all."""
        ...

    def signatures(self, network: str, layer: str) -> np.ndarray:
        """What the filters of a prepared network's layer answer to: float32 (C, N), each row of
        mean 0 and length 1 or all 0, so that the product of two rows is how alike they are."""
        ...

    def ascend(self, canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        """One frame's steps: a new canvas, the given one left alone. All values finite and in 0..1,
        or, where the step came out non-finite, raises FloatingPointError. Raises OutOfMemoryError
        where the device cannot hold the step at this canvas size.

        On a device with a stream it may only have queued its work there: the picture is then good
        for what is queued after it, until the next call, and what came out non-finite is left out
        of it, and raised some calls later."""
        ...

    def wait(self) -> None:
        """Returns when the device has finished what `ascend` queued."""
        ...

    def tidy(self) -> bool:
        """Lets go of one thing, of each network at most, that plans needed and nothing will any
        more; whether there may be more of them. May keep all of Python waiting for some
        milliseconds: for a moment when the frame loop has time. Where nobody calls it, what piles
        up beyond bounds is let go of by `plan`."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KeyPress:
    """A key went down. `name` is lower case and layout-free: `a`, `left`, `plus`, `f5`, `space`;
    two have a name of their own with a modifier held: `alt+return`, `shift+return`."""

    name: str
    repeat: bool = False
    """True where the key is held and this is the keyboard repeating it."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The mouse moved over the output, pressed a button there or turned its wheel."""

    action: Literal["move", "left", "right", "wheel"]
    x: int
    """Pixels from the left."""
    y: int
    """Pixels from the top."""
    shift: bool = False
    """Whether a Shift key is held."""
    wheel: tuple[int, int] = (0, 0)
    """Notches to the right and up."""


@dataclass(frozen=True, slots=True)
class Quit:
    """The user closed the output."""


Event = KeyPress | Pointer | Quit


class Output(Protocol):
    """Owns the GL context and shows finished frames. All calls from one thread."""

    ctx: moderngl.Context
    bottom_up: bool
    """Whether row 0 of `framebuffer` is the bottom of what is seen (a window), or its top."""
    vsync: bool
    """Whether `show` waits for the display."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, now: a window's changes."""
        ...

    @property
    def framebuffer(self) -> moderngl.Framebuffer: ...

    def events(self) -> Sequence[Event]:
        """What happened since the last call; never blocks."""
        ...

    def show(self) -> None:
        """The frame in `framebuffer` is finished: put it on the screen or into the file."""
        ...

    def toggle_fullscreen(self) -> None: ...

    def show_pointer(self, wanted: bool) -> None:
        """Show the mouse pointer in full screen too, as long as it is `wanted`."""
        ...

    def close(self) -> None:
        """May be called twice."""
        ...


Value = float | int | bool | str
"""What a control holds: float or int, bool, or the text of an enum or name."""
