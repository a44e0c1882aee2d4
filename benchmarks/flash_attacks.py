"""Attack the flash limiter, and judge what is shown by benchmarks/flash_meter.py.

Blackout, master, brightness, contrast, hue, presets, reseed, LFOs and beats, at 3.5 to 30 Hz, from
OSC, keys, MIDI, replays and cameras. Each is judged twice: as the limiter was given the frames, and
as they are shown.

    python benchmarks/flash_attacks.py --seconds 10 --fps 30 60
    python benchmarks/flash_attacks.py --only "OSC blackout 8 Hz" --sheet sheet.png
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from flash_flight import BEGIN_S, CHEAP, Act, Attack, Flight, Frame, osc
from flash_meter import FlashMeter, Verdict
from PIL import Image

from liveflight.core.contracts import Value
from liveflight.core.modulation import ModulationRow
from liveflight.storage.presets import Preset

FIRM: Mapping[str, Value] = {"seed.amount": 10.0}
"""Settings that hold the picture to the camera's."""
PULL: Mapping[str, Value] = {"colour.pull": 20.0}
FREE: Mapping[str, Value] = {**PULL, "ascent.rate": 0.1}
"""Settings with which brightness and contrast follow their controls at once."""
BARE: Mapping[str, Value] = {
    **{"colour.pull": 0.0, "ascent.rate": 0.0, "camera.zoom": 1.0, "camera.speed": 4.0}
}
"""Settings that leave the colours of a picture to the hue alone."""
DAY: Mapping[str, Value] = {**FREE, "colour.brightness": 0.8, "colour.contrast": 0.4}
NIGHT: Mapping[str, Value] = {**FREE, "colour.brightness": 0.2, "colour.contrast": 0.05}
PALE: Mapping[str, Value] = {**FREE, "colour.brightness": 0.8, "colour.contrast": 0.05}
WHITE_WALL = {"camera": "lavfi:color=c=0xf0f0f0:size=160x90:rate=30"}
STROBES = {
    "white 3.75": "lum='16+219*{}':cb=128:cr=128",
    "white 6": "lum='16+219*{}':cb=128:cr=128",
    "halves 5": "lum='16+219*abs({}-gt(X,80))':cb=128:cr=128",
    "red 4": "lum='16+66*{0}':cb='128-38*{0}':cr='128+112*{0}'",
    "squares 5": "lum='16+219*mod({}+floor(X/20)+floor(Y/18),2)':cb=128:cr=128",
    "grey 4": "lum='60+120*{}':cb=128:cr=128",
}
"""Pictures of a camera by name and Hz; {} is 0 and 1 in turn."""


def attacks() -> Iterator[Attack]:
    """Yield the attacks."""
    yield from _by_osc()
    yield from _by_presets()
    yield from _by_hand()
    yield from _by_itself()
    for name, code in STROBES.items():
        hertz = float(name.split()[1])
        source = f"nullsrc=size=160x90:rate=60,geq={code.format(f'mod(floor(T*{2 * hertz:g}),2)')}"
        given = {"camera": f"lavfi:{source}"}
        yield Attack(f"camera {name} Hz", options=given, settings=FIRM)


def _turns(address: str, low: float, high: float) -> Act:
    return lambda number: [osc(f"{address}/raw", high if number % 2 else low)]


def _blackout(number: int) -> list[bytes]:
    return [osc("show/blackout", int(number % 2 == 0))]


def _reseed(number: int) -> list[bytes]:
    return [osc("show/reseed")]


def _recall(number: int) -> list[bytes]:
    return [osc("show/preset", ("day", "night")[number % 2])]


def _slot(number: int) -> list[str]:
    return [str(1 + number % 2)]


def _pad(number: int) -> list[tuple[int, ...]]:
    return [(0x90, 36, 127), (0x80, 36, 0)]


def _fader(number: int) -> list[tuple[int, ...]]:
    return [(0xB0, 7, 0 if number % 2 else 127)]


def _key(name: str) -> Act:
    return lambda number: [name]


def _by_osc() -> Iterator[Attack]:
    for hertz in (3.5, 5.0):
        yield Attack(f"OSC blackout {hertz:g} Hz", "osc", 2 * hertz, _blackout)
    yield Attack("OSC blackout 8 Hz, white", "osc", 16, _blackout, FIRM, options=WHITE_WALL)
    master = _turns("show/master", 0.0, 1.0)
    yield Attack("OSC master 4 Hz", "osc", 8, master)
    for hertz in (7.5, 10.0, 15.0):  # a fade takes half a second: only a bright picture flashes
        name = f"OSC master {hertz:g} Hz, white"
        yield Attack(name, "osc", 2 * hertz, master, FIRM, options=WHITE_WALL)
    brightness = _turns("colour/brightness", 0.2, 0.8)
    yield Attack("OSC brightness 3.5 Hz", "osc", 7, brightness, FREE)
    yield Attack("OSC reseed 10 Hz", "osc", 10, _reseed)
    yield Attack("OSC reseed 5 Hz, bright", "osc", 5, _reseed, PALE)
    yield Attack("replay: blackout 4 Hz", "replay", 8, _blackout)
    yield Attack("replay: brightness 3.5 Hz", "replay", 7, brightness, FREE)
    yield Attack("replay: reseed 10 Hz", "replay", 10, _reseed)


def _by_presets() -> Iterator[Attack]:
    """Yield attacks by two saved looks."""
    day, night = (
        Preset("day", {CHEAP: 1.0}, DAY, slot=1),
        Preset("night", {CHEAP: 1.0}, NIGHT, slot=2),
    )
    both: dict[str, Any] = {"settings": FREE, "saved": (day, night)}
    yield Attack("OSC presets 3.5 Hz", "osc", 7, _recall, **both)
    yield Attack("keys: presets 4 Hz", "keys", 8, _slot, **both)
    yield Attack("replay: presets 3.5 Hz", "replay", 7, _recall, **both)


def _by_hand() -> Iterator[Attack]:
    yield Attack("keys: B 15 Hz, white", "keys", 15, _key("b"), FIRM, options=WHITE_WALL)
    yield Attack("keys: B at 4 Hz", "keys", 8, _key("b"))
    yield Attack("keys: reseed 10 Hz", "keys", 10, _key("r"))
    yield Attack("MIDI pad: blackout 4.5 Hz", "midi", 9, _pad)
    yield Attack("MIDI fader: master 4 Hz", "midi", 8, _fader)


def _by_itself() -> Iterator[Attack]:
    """Yield attacks by modulation, and by motion of the hue."""
    red = {"image": _picture("red", np.full((9, 16, 3), (255, 0, 0), np.uint8))}
    yield Attack("hue 4 Hz, red", settings={**BARE, "colour.hue": 360.0}, options=red)
    yield Attack("OSC hue 4 Hz, red", "osc", 4, _turns("colour/hue", 360, 360), BARE, options=red)
    for hertz, shape in ((3.5, "sine"), (6.0, "square"), (15.0, "square"), (30.0, "square")):
        rows = _lfo("show.master", shape, hertz=hertz)
        name = f"LFO master {hertz:g} Hz, {shape}, white"
        white = Attack(name, settings=FIRM, modulation=rows, options=WHITE_WALL)
        yield replace(white, fps=2 * hertz)
    for control in ("brightness", "contrast"):
        rows = _lfo(f"colour.{control}", hertz=4.0)
        yield Attack(f"LFO {control} 4 Hz", settings=PULL, modulation=rows)
    rows = _lfo("show.master", beats=1.0)
    yield Attack("beat: master 300 bpm, 5 Hz", settings={"tempo.bpm": 300.0}, modulation=rows)


def _lfo(control: str, shape: str = "square", **rate: float) -> tuple[ModulationRow, ...]:
    return (ModulationRow(control, "lfo", 1.0, shape, smooth=0.0, **rate),)  # type: ignore[arg-type]


def _picture(name: str, pixels: Frame) -> Path:
    """Save a picture, ten times as large, and return its path."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / f"{name}.png"
    Image.fromarray(pixels.repeat(10, 0).repeat(10, 1)).save(path)
    return path


def flown(
    attack: Attack, fps: float, seconds: float, keep: list[tuple[Frame, Frame]] | None = None
) -> tuple[Verdict, Verdict, int]:
    """Fly an attack; return the verdicts before the limiter and after, and its frames.

    `keep` gets all frames."""
    flight = Flight(attack, fps, seconds)
    given, shown = FlashMeter(fps), FlashMeter(fps)
    try:
        for before, after in flight.frames():
            given.add(before)
            shown.add(after)
            if keep is not None:
                keep.append((before, after.copy()))
        return given.verdict(), shown.verdict(), flight.limited
    finally:
        flight.close()


def sheet(path: Path, frames: list[tuple[Frame, Frame]], every: int) -> None:
    """Save what was given above what was shown: one frame of so many each."""
    rows = [np.concatenate([pair[row] for pair in frames[::every]][:12], 1) for row in (0, 1)]
    Image.fromarray(np.concatenate(rows, 0)).save(path)


def line(attack: Attack, fps: float, before: Verdict, after: Verdict, limited: int) -> str:
    """Return a line of the table."""
    told = [
        f"{each.flashes:4g}, in place {each.in_place.flashes:4g} {('FAIL', 'pass')[each.passes]}"
        for each in (before, after)
    ]
    return (
        f"{attack.name:36} {fps:3g} fps  without {told[0]}  with {told[1]}"
        f"  ({limited} frames limited)"
    )


def main() -> int:
    """Fly what was asked for, and print a table; return 1 unless all were attacks and passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=float, nargs="+", default=[30.0])
    parser.add_argument("--only", default="", help="attacks with this in their names")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N")
    parser.add_argument("--sheet", type=Path, help="a picture of the first attack: PNG")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        chosen = [attack for attack in attacks() if args.only in attack.name]
        for attack in chosen[args.skip :]:
            for fps in (each for each in args.fps if each >= attack.fps):
                kept: list[tuple[Frame, Frame]] = []
                found = flown(attack, fps, args.seconds, kept if args.sheet else None)
                print(line(attack, fps, *found), flush=True)
                good &= found[1].passes and not found[0].passes
            if args.sheet:
                sheet(args.sheet, kept[round(BEGIN_S * args.fps[-1]) :], 3)
                break
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
