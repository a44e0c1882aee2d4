"""Fly attacks on the flash limiter off screen, by the program's own inputs, on a clock of its own.

Each frame is kept as it was before the limiter, and as it is shown: one flight compares both.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt

from liveflight.app import App, build
from liveflight.controllers.midi import bindings
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.osc import codec
from liveflight.controllers.osc.input import OscInput
from liveflight.core.contracts import Event, KeyPress, Size, Target, Value
from liveflight.core.modulation import ModulationRow
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture
from liveflight.show.options import Options
from liveflight.storage import presets, recording
from liveflight.storage.presets import Preset

Frame = npt.NDArray[np.uint8]
BEGIN_S = 1.0
"""Seconds before an attack begins, in which the picture grows."""
SIZE, VIEW = (160, 90), (128, 72)
CHEAP = Target("efficientnet_lite0", "block2_expand", 5)
"""A target of a shallow layer: a step takes little time."""
_PORT = "Box"

Act = Callable[[int], Sequence[Any]]
"""Returns what is sent at a step: OSC packets, keys or MIDI messages."""


@dataclass(frozen=True)
class Attack:
    """Say what is done to a show: at each step of a rate, by `by`, what `act` says."""

    name: str
    by: str = ""
    """osc, keys or midi; replay: by OSC, recorded and flown again; empty: by the show itself."""
    hertz: float = 0.0
    """Steps per second."""
    act: Act = lambda number: ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    modulation: tuple[ModulationRow, ...] = ()
    saved: tuple[Preset, ...] = ()
    """Presets of the user."""
    options: Mapping[str, Any] = field(default_factory=dict)
    fps: float = 0.0
    """Frames per second that it takes at least."""

    def said(self, since: float, dt: float) -> list[Any]:
        """Return what is sent in the frame so many seconds after the attack began."""
        now, before = (int(moment * self.hertz + 1e-6) for moment in (since, since - dt))
        return [each for number in range(before, now) for each in self.act(number)]


def osc(address: str, *values: Any) -> bytes:
    """Return a packet for one of the program's addresses."""
    return codec.encode(f"/liveflight/{address}", *values)


class Stage(Offscreen):
    """An output whose keys the attack presses."""

    def __init__(self, size: Size = SIZE) -> None:
        super().__init__(size)
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


class Tap:
    """Keep each frame of an app as its flash limiter is given it."""

    def __init__(self, app: App) -> None:
        self.frame: Frame
        limiter = app.presenter.flash_limiter
        limit = limiter.limit

        def limited(framebuffer: moderngl.Framebuffer, size: Size, dt: float, **how: Any) -> None:
            self.frame = read_picture(framebuffer, size, bottom_up=how["bottom_up"]).copy()
            limit(framebuffer, size, dt, **how)

        limiter.limit = limited  # type: ignore[method-assign]


class Flight:
    """Fly an attack, frame by frame. It uses the folder that `XDG_CONFIG_HOME` names."""

    def __init__(self, attack: Attack, fps: float, seconds: float) -> None:
        self._attack, self._fps, self._seconds = attack, fps, seconds
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "flight.toml"
        settings: dict[str, Value] = {"show.autopilot": False, **attack.settings}
        options = Options(fps=fps, seed=1, view=VIEW, engine="compiled", settings=settings)
        options = replace(options, preset=str(self._preset()), **attack.options)
        if attack.by == "replay":
            with_record = replace(attack, by="osc", options={**attack.options, "record": path})
            first = Flight(with_record, fps, seconds)
            for _ in first.frames():
                pass
            first.close()
            options = replace(options, replay=recording.read(path))
        self.now = 0.0
        self.stage = Stage()
        self.app: App = build(options, self.stage, live=False)
        self._tap = Tap(self.app)
        self._open()

    @property
    def limited(self) -> int:
        """Return how many frames the limiter has changed."""
        return self.app.presenter.flash_limiter.frames

    def frames(self) -> Iterator[tuple[Frame, Frame]]:
        """Yield each frame before the limiter, and as it is shown."""
        for number in range(round(self._seconds * self._fps)):
            self.now = number / self._fps
            if self.now >= BEGIN_S:
                for each in self._attack.said(self.now - BEGIN_S, 1 / self._fps):
                    self._say(each)
            self.app.frame(self.now)
            yield self._tap.frame, read_picture(self.stage.framebuffer, SIZE, bottom_up=False)

    def close(self) -> None:
        self.app.close()
        self._socket.close()
        self._folder.cleanup()

    def _preset(self) -> Path:
        """Write the presets, and return the path of the one that is flown."""
        assert "XDG_CONFIG_HOME" in os.environ, "presets are saved there"
        for each in self._attack.saved:
            presets.user_folder().mkdir(parents=True, exist_ok=True)
            (presets.user_folder() / f"{each.name}.toml").write_text(presets.dump(each))
        flown = Preset("attacked", {CHEAP: 1.0}, modulation=self._attack.modulation)
        path = Path(self._folder.name) / "attacked.toml"
        path.write_text(presets.dump(flown))
        return path

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
