"""Attack the flash limiter, and judge what is shown by benchmarks/flash_meter.py.

Twenty attacks and more: blackout, master, brightness, contrast, hue, presets, reseed, LFOs and
beats, at 1 to 30 Hz, from OSC, keys, MIDI, replays and cameras, each with the limiter and without.
Each flies off screen on a clock of its own. Then, with --presets, each shipped preset, whose frames
the limiter must leave as they are, bit by bit.

    python benchmarks/flash_attacks.py --seconds 10 --fps 30 60
    python benchmarks/flash_attacks.py --presets --seconds 30
    python benchmarks/flash_attacks.py --only "OSC blackout 8 Hz" --sheet sheet.png
"""

from __future__ import annotations

import argparse
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flash_meter import FlashMeter, Verdict
from PIL import Image

from liveflight.app import App, build
from liveflight.controllers.midi import bindings
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.osc import codec
from liveflight.controllers.osc.input import OscInput
from liveflight.core.contracts import Event, KeyPress, Target, Value
from liveflight.core.mailbox import Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture
from liveflight.show.options import Options
from liveflight.storage import presets
from liveflight.storage.recording import Recording

Frame = npt.NDArray[np.uint8]
BEGIN_S = 1.0
"""Seconds before an attack begins, in which the picture grows."""
SIZE, VIEW = (320, 180), (128, 72)
PRESET = "reef"
_CHEAP = Target("efficientnet_lite0", "block2_expand", 5)
"""A target of a shallow layer: a step takes little time."""
_PORT = "Box"

Act = Callable[[float, float], Sequence[Any]]
"""Returns what is sent in the frame so many seconds after the attack began, and their interval."""


class Stage(Offscreen):
    """An output whose keys the attack presses."""

    def __init__(self) -> None:
        super().__init__(SIZE)
        self.keys: list[str] = []

    def events(self) -> Sequence[Event]:
        pressed, self.keys = self.keys, []
        return [KeyPress(name) for name in pressed]


class Ports:
    """MIDI ports without a device."""

    sending = False

    def names(self) -> list[str]:
        return [_PORT]

    def open(self, name: str, heard: object) -> None: ...
    def send(self, messages: object) -> None: ...
    def close(self, name: str) -> None: ...
    def close_all(self) -> None: ...


@dataclass
class Attack:
    """Say what is done to a show. `by`: osc, keys, midi, replay; empty: by the show itself."""

    name: str
    by: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    modulation: tuple[ModulationRow, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)


class Steps:
    """Call `make(number)` at each step of a rate, and nothing in between."""

    def __init__(self, hertz: float, make: Callable[[int], Sequence[Any]]) -> None:
        self._hertz, self._make = hertz, make

    def __call__(self, since: float, dt: float) -> Sequence[Any]:
        now, before = int(since * self._hertz + 1e-6), int((since - dt) * self._hertz + 1e-6)
        return [each for number in range(before, now) for each in self._make(number)]


def _osc(address: str, *values: Any) -> bytes:
    return codec.encode(f"/liveflight/{address}", *values)


def _high_low(key: str, low: float, high: float) -> Callable[[int], list[bytes]]:
    address = f"{key.replace('.', '/')}/raw"
    return lambda number: [_osc(address, high if number % 2 else low)]


def _lfo(control: str, hertz: float, shape: str = "square") -> tuple[ModulationRow, ...]:
    return (ModulationRow(control, "lfo", 1.0, shape, hertz=hertz, smooth=0.0),)


def _flip(on: str, off: str) -> Callable[[int], list[bytes]]:
    return lambda number: [_osc("show/preset", off if number % 2 else on)]


def _strobe(hertz: float, code: str) -> dict[str, Any]:
    source = f"nullsrc=size=160x90:rate=60,geq={code.format(f'mod(floor(T*{2 * hertz:g}),2)')}"
    return {"camera": f"lavfi:{source}"}


_WHITE = "lum='16+219*{}':cb=128:cr=128"
_HALVES = "lum='16+219*abs({}-gt(X,80))':cb=128:cr=128"
_RED = "lum='16+66*{0}':cb='128-38*{0}':cr='128+112*{0}'"
FIRM: Mapping[str, Value] = {"seed.amount": 10.0}
_WHITE_WALL = {"camera": "lavfi:color=c=0xf0f0f0:size=160x90:rate=30"}
_CHECKS = "lum='16+219*mod({}+floor(X/20)+floor(Y/18),2)':cb=128:cr=128"
_GREYS = "lum='60+120*{}':cb=128:cr=128"
FREE: Mapping[str, Value] = {"colour.pull": 20.0, "ascent.rate": 0.1}
PULL: Mapping[str, Value] = {"colour.pull": 20.0}


def attacks() -> Iterator[tuple[Attack, Act]]:
    """Yield the attacks, with what each does in a frame."""

    def none(since: float, dt: float) -> Sequence[Any]:
        return ()

    for hertz in (3.5, 5.0, 8.0):
        act = Steps(2 * hertz, lambda number: [_osc("show/blackout", int(number % 2 == 0))])
        yield Attack(f"OSC blackout {hertz:g} Hz", "osc"), act
    act = Steps(8, _high_low("show.master", 0.0, 1.0))
    yield Attack("OSC master 4 Hz", "osc"), act
    for hertz in (7.5, 10.0, 15.0):  # a fade takes half a second: only a bright picture flashes
        act = Steps(2 * hertz, _high_low("show.master", 0.0, 1.0))
        white = Attack(f"OSC master {hertz:g} Hz, white", "osc", _WHITE_WALL, settings=FIRM)
        yield white, act
    held = Steps(15, lambda number: ["b"])
    yield Attack("keys: B held down, 15 Hz", "keys", _WHITE_WALL, settings=FIRM), held
    yield Attack("keys: B at 4 Hz", "keys"), Steps(8, lambda number: ["b"])
    yield Attack("keys: reseed 10 Hz", "keys"), Steps(10, lambda number: ["r"])
    yield Attack("keys: panic and black 6 Hz", "keys"), Steps(12, lambda number: ["end"])
    note = Steps(9, lambda number: [(0x90, 36, 127), (0x80, 36, 0)])
    yield Attack("MIDI pad: blackout 4.5 Hz", "midi"), note
    yield (
        Attack("MIDI fader: master 4 Hz", "midi"),
        Steps(8, lambda number: [(0xB0, 7, 0 if number % 2 else 127)]),
    )
    yield (
        Attack("OSC brightness 3.5 Hz", "osc", settings=FREE),
        Steps(7, _high_low("colour.brightness", 0.2, 0.8)),
    )
    yield (
        Attack("OSC contrast 4 Hz", "osc", settings=PULL),
        Steps(8, _high_low("colour.contrast", 0.05, 0.4)),
    )
    yield Attack("OSC saturation 5 Hz", "osc"), Steps(10, _high_low("colour.saturation", 0.1, 10.0))
    lfo = _lfo("colour.hue", 4.0)
    fast: Mapping[str, Value] = {"camera.speed": 4.0, "colour.saturation": 3.0}
    yield Attack("LFO hue 4 Hz", modulation=lfo, settings=fast), none
    for hertz, shape in ((3.5, "sine"), (6.0, "square"), (15.0, "square")):
        white = Attack(f"LFO master {hertz:g} Hz, {shape}, white", "", _WHITE_WALL, settings=FIRM)
        yield replace(white, modulation=_lfo("show.master", hertz, shape)), none
    lfo = _lfo("colour.brightness", 4.0)
    yield Attack("LFO brightness 4 Hz", modulation=lfo, settings=PULL), none
    beat: Mapping[str, Value] = {"tempo.bpm": 300.0}
    row = ModulationRow("show.master", "lfo", 1.0, "square", beats=1.0, smooth=0.0)
    yield Attack("beat: master at 300 bpm, 5 Hz", modulation=(row,), settings=beat), none
    yield Attack("OSC presets 10 Hz", "osc"), Steps(10, _flip("ink", "embers"))
    yield Attack("OSC reseed 5 Hz", "osc"), Steps(5, lambda number: [_osc("show/reseed")])
    replayed = Attack("replay: blackout 4 Hz and the limiter off", "replay")
    yield (
        replayed,
        Steps(
            8,
            lambda number: [Set("show.blackout", number % 2 == 0), Set("show.flash_limit", False)],
        ),
    )
    yield (
        Attack("replay: reseed and presets 12 Hz", "replay"),
        Steps(12, lambda number: [Trigger("show.reseed"), Trigger("show.preset_next")]),
    )
    shapes = (
        *(("", _WHITE, 3.75), ("", _WHITE, 6.0), (" halves", _HALVES, 5.0), (" red", _RED, 4.0)),
        *((" squares", _CHECKS, 5.0), (" grey", _GREYS, 4.0)),
    )
    for name, code, hertz in shapes:
        given = _strobe(hertz, code)
        yield Attack(f"camera{name} {hertz:g} Hz", options=given, settings=FIRM), none


class Flight:
    """Fly an attack, frame by frame."""

    def __init__(
        self,
        attack: Attack,
        act: Act,
        fps: float,
        seconds: float,
        *,
        limited: bool,
    ) -> None:
        self._attack, self._act, self.fps = attack, act, fps
        self.stage = Stage()
        self.now = 0.0
        self._folder = tempfile.TemporaryDirectory()
        preset = presets.find(PRESET)
        preset = replace(preset, targets={_CHEAP: 1.0}, modulation=attack.modulation, journey=())
        settings: dict[str, Value] = {"show.autopilot": False, **attack.settings}
        given = Options(fps=fps, seed=1, view=VIEW, engine="compiled", settings=settings)
        given = replace(given, allow_flashing=not limited, **attack.options)
        named: dict[str, Any] = {
            "network": _CHEAP.network,
            "layer": _CHEAP.layer,
            "filter": str(_CHEAP.filter),
        }
        if attack.by == "replay":
            said = [
                (moment, list(act(moment - BEGIN_S, 1 / fps))) for moment in self._times(seconds)
            ]
            log = Recording(preset, settings, 1, fps, said=said, seconds=seconds)
            given = replace(given, replay=log)
        else:
            given = replace(given, **named)
        self.app: App = build(given, self.stage, live=False)
        if attack.by != "replay":
            self.app.flight.recall(preset)
        self._open()
        self.app.flight.controls.set("show.flash_limit", limited)

    def frames(self, seconds: float) -> Iterator[Frame]:
        for now in self._times(seconds):
            self.now = now
            if self.now >= BEGIN_S and self._attack.by not in ("", "replay"):
                for each in self._act(self.now - BEGIN_S, 1 / self.fps):
                    self._say(each)
            self.app.frame(self.now)
            yield read_picture(self.stage.framebuffer, SIZE, bottom_up=False)

    def close(self) -> None:
        self.app.close()
        self._socket.close()
        self._folder.cleanup()

    def _times(self, seconds: float) -> list[float]:
        return [number / self.fps for number in range(round(seconds * self.fps))]

    def _open(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # for answers
        self._osc = OscInput(clock=lambda: self.now)
        self._osc._mailbox = self.app.mailbox  # no socket: packets are handed over
        if self._attack.by == "midi":
            path = Path(self._folder.name) / "midi.toml"
            knob = bindings.Source(_PORT, "cc", 1, 7)
            pad = bindings.Source(_PORT, "note", 1, 36)
            bound = bindings.MidiMap()
            bound.bind(bindings.Binding(knob, "show.master", takeover="jump"))
            bound.bind(bindings.Binding(pad, "show.blackout"))
            bindings.write(bindings.dump(bound), path)
            self._midi = MidiInput("", path, Ports, lambda: self.now)
            self.app.controllers.add(self._midi, "MIDI")

    def _say(self, each: Any) -> None:
        match self._attack.by:
            case "osc":
                self._osc.receive(each, ("127.0.0.1", 5000), ours=self._socket)
            case "keys":
                self.stage.keys.append(each)
            case "midi":
                self._midi.hear(_PORT, each)


def flown(
    attack: Attack,
    act: Act,
    fps: float,
    seconds: float,
    *,
    limited: bool,
    keep: list[Frame] | None = None,
) -> tuple[Verdict, int]:
    """Fly an attack; return the verdict, and how many frames were limited. `keep` gets them all."""
    flight, meter = Flight(attack, act, fps, seconds, limited=limited), FlashMeter(fps)
    try:
        for frame in flight.frames(seconds):
            meter.add(frame)
            if keep is not None:
                keep.append(frame.copy())
        return meter.verdict(), flight.app.presenter.flash_limiter.frames
    finally:
        flight.close()


def sheet(path: Path, rows: Sequence[Sequence[Frame]], every: int) -> None:
    """Save rows of pictures, one of so many frames each."""
    lines = [np.concatenate([f[::2, ::2] for f in row[::every]][:12], 1) for row in rows]
    Image.fromarray(np.concatenate(lines, 0)).save(path)


def untouched(name: str, seconds: float, fps: float) -> tuple[int, int, int, Verdict]:
    """Return how many frames of a preset the limiter changed, of how many, how many it limited.

    And the verdict on the preset."""
    meter, count, limited_frames = FlashMeter(fps), round(seconds * fps), 0
    shown: list[list[bytes]] = []
    for limited in (True, False):  # one after the other: each has a GL context of its own
        given = Options(
            preset=name, fps=fps, seed=1, view=VIEW, engine="compiled", allow_flashing=True
        )
        output = Offscreen(SIZE)
        flight = build(given, output, live=False)
        flight.flight.controls.set("show.flash_limit", limited)
        shown.append([])
        for number in range(count):
            flight.frame(number / fps)
            frame = read_picture(output.framebuffer, SIZE, bottom_up=False)
            shown[-1].append(sha256(frame.tobytes()).digest())
            if not limited:
                meter.add(frame)
        limited_frames += flight.presenter.flash_limiter.frames
        flight.close()
    changed = sum(one != other for one, other in zip(*shown, strict=True))
    return changed, count, limited_frames, meter.verdict()


def main() -> None:
    """Fly what was asked for, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=float, nargs="+", default=[30.0])
    parser.add_argument("--only", default="", help="attacks or presets with this in their names")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N")
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--sheet", type=Path, help="a picture of the first attack: PNG")
    args = parser.parse_args()
    if args.presets:
        for name in (each for each in presets.names() if args.only in each):
            for fps in args.fps:
                changed, count, limited, verdict = untouched(name, args.seconds, fps)
                print(
                    f"{name:16} {fps:3g} fps  {changed} of {count} frames changed, "
                    f"{limited} limited; {verdict.flashes:g} flashes without",
                    flush=True,
                )
        return
    chosen = [(one, act) for one, act in attacks() if args.only in one.name]
    for attack, act in chosen[args.skip :]:
        for fps in args.fps:
            kept: list[list[Frame]] = [[], []]
            row = []
            for limited in (False, True):
                keep = kept[limited] if args.sheet else None
                verdict, frames = flown(attack, act, fps, args.seconds, limited=limited, keep=keep)
                row.append(f"{verdict.flashes:4g} {'pass' if verdict.passes else 'FAIL'}")
            print(
                f"{attack.name:42} {fps:3g} fps  without {row[0]}  with {row[1]}"
                f"  ({frames} frames limited)",
                flush=True,
            )
            if args.sheet:
                begin = round(BEGIN_S * fps)
                sheet(args.sheet, [each[begin:] for each in kept], 3)
                return


if __name__ == "__main__":
    main()
