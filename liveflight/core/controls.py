"""List all controls, one row each, and keep their values.

Keys, OSC addresses, preset checking, the HUD and `liveflight controls` are all derived
from `CONTROLS`. Everything that moves is a rate per second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from liveflight.core.contracts import LiveflightError, Value, nearest
from liveflight.core.control import Control, Curve
from liveflight.core.morph import CURVES
from liveflight.core.preset_banks import BANKS
from liveflight.core.quantise import GRIDS


def _number(group: str, name: str, low: float, default: float, high: float, unit: str, help: str,
            curve: Curve = "linear", glide: float = 0.25) -> Control:  # fmt: skip
    return Control(group, name, "float", help, default, low, high, unit, curve, glide)


def _whole(
    group: str, name: str, low: int, default: int, high: int, unit: str, help: str
) -> Control:
    return Control(group, name, "int", help, default, low, high, unit)


def _switch(group: str, name: str, help: str, default: bool = False, saved: bool = True) -> Control:
    return Control(group, name, "bool", help, default, saved=saved)


def _choice(
    group: str, name: str, choices: tuple[str, ...], help: str, saved: bool = True
) -> Control:
    return Control(group, name, "enum", help, choices[0], choices=choices, saved=saved)


def _text(group: str, name: str, help: str, alias: str, waits: str = "") -> Control:
    return Control(group, name, "text", help, "", alias=alias, saved=False, waits=waits)


def _told(group: str, name: str, help: str) -> Control:
    return Control(group, name, "told", help, "", saved=False)


def _meter(group: str, name: str, low: float, high: float, unit: str, help: str) -> Control:
    return Control(group, name, "meter", help, float(low), low, high, unit, saved=False)


def _trigger(
    group: str, name: str, help: str, remote: bool = True, alias: str = "", waits: str = ""
) -> Control:
    return Control(
        group, name, "trigger", help, False, alias=alias, remote=remote, saved=False, waits=waits
    )


# fmt: off
# ruff: disable[E501]
ROWS: tuple[Control, ...] = (
    _number("camera", "zoom", 0.2, 1.2, 5.0, "x/s", "how many times larger the picture gets per second; below 1 flies backward", "geometric"),
    _number("camera", "rotation", -180, 0, 180, "deg/s", "turns the picture; positive is clockwise"),
    _number("camera", "pan_x", -1, 0, 1, "widths/s", "flies sideways; positive is to the right"),
    _number("camera", "pan_y", -1, 0, 1, "heights/s", "flies up or down; positive is up"),
    _number("camera", "speed", 0, 1, 4, "x", "multiplies all motion: camera, swirl, flow and hue"),

    _choice("warp", "mirror", ("off", "horizontal", "vertical", "both"), "folds the picture on its middle lines"),
    _whole("warp", "kaleidoscope", 0, 0, 16, "wedges", "folds the picture into this many mirrored wedges; 0 and 1 are off"),
    _number("warp", "swirl", -180, 0, 180, "deg/s", "turns the middle more than the rim"),
    _number("warp", "flow", 0, 0, 0.3, "heights/s", "slow liquid drift, different everywhere"),

    _number("colour", "hue", -360, 0, 360, "deg/s", "turns all colours round the wheel"),
    _number("colour", "saturation", 0.1, 1, 10, "x/s", "how many times more colourful the picture gets per second", "geometric"),
    _number("colour", "brightness", 0.2, 0.5, 0.8, "", "the mean brightness that the picture is pulled towards"),
    _number("colour", "contrast", 0.05, 0.2, 0.4, "", "the contrast (standard deviation) that the picture is pulled towards"),
    _number("colour", "pull", 0, 4, 20, "1/s", "how firmly brightness and contrast are held; 0 is off"),
    _number("colour", "decay", 0, 0, 5, "1/s", "how fast the picture fades to grey; 0 is off"),

    _number("ascent", "rate", 0, 0.9, 4, "range/s", "how fast the filter reshapes the picture"),
    _number("ascent", "detail", 0, 0.7, 1, "", "how much of the effort goes to small things: 0 composes only, 1 draws detail only"),
    _whole("ascent", "steps", 0, 1, 8, "views", "views per frame that share the rate: more are finer and slower"),
    _choice("ascent", "objective", ("channel", "neuron"), "excite the whole feature map, or its centre only"),
    _switch("ascent", "normalise", "divide the gradient by its own size, so that every filter pushes alike", True),
    _whole("ascent", "jitter", 0, 32, 64, "px", "random shift of views of the whole picture, against grids; 0 is off"),
    _number("ascent", "octaves", 0, 0.5, 2, "octaves", "how far the sizes of views vary, at random; 0 is off"),
    _number("ascent", "smoothing", 0, 1.6, 3, "", "exponent of the 1/f filter on the gradient: 0 is raw noise, 2 soft volumes"),
    _number("ascent", "decorrelation", 0, 1, 1, "", "how natural the colours of the gradient are; 0 is off"),
    _number("ascent", "soften", 0, 1, 20, "1/s", "smooths the finest pixels, against grain and dot grids; 0 is off"),
    _number("ascent", "noise", 0, 0, 0.5, "1/sqrt(s)", "fresh noise; 0 is off"),

    _text("mix", "target", "what is excited: network:layer:filter, or * for the whole layer", "/liveflight/target", "target"),
    _number("mix", "crossfade", 0, 3, 30, "s", "how long one target takes to grow into the next", glide=0),
    _trigger("mix", "filter_next", "the next filter of the layer", waits="target"),
    _trigger("mix", "filter_previous", "the filter before", waits="target"),
    _trigger("mix", "layer_deeper", "the next deeper layer", waits="target"),
    _trigger("mix", "layer_shallower", "the layer before", waits="target"),
    _trigger("mix", "network_next", "the next network whose weights are on this machine", waits="target"),
    _trigger("mix", "random", "a random active filter of the layer", waits="target"),
    _trigger("mix", "back", "back to the filter flown before", waits="target"),
    _trigger("mix", "forth", "forward to the filter flown after it", waits="target"),
    _text("mix", "target_add", "adds a target to the mix, as strong as the others are on average; again: stronger", "", "target"),
    _text("mix", "journey_add", "adds a target to the end of the autopilot's journey", ""),
    Control("mix", "star", "text", "stars a filter or removes its star; the atlas shows stars", "", remote=False, saved=False),
    _told("mix", "now", "the targets that are flown and their shares"),

    _switch("pad", "on", "blends the pad's four targets by pad.x and pad.y", saved=False),
    _number("pad", "x", 0, 0.5, 1, "", "from pad.a and pad.c on the left to pad.b and pad.d on the right", glide=0.1),
    _number("pad", "y", 0, 0.5, 1, "", "from pad.a and pad.b at the bottom to pad.c and pad.d at the top", glide=0.1),
    _number("pad", "spread", 0, 0, 1, "", "0 blends everywhere alike; 1 gives each corner of the picture its own target"),
    _text("pad", "a", "the target at the bottom left: network:layer:filter", ""),
    _text("pad", "b", "the target at the bottom right", ""),
    _text("pad", "c", "the target at the top left", ""),
    _text("pad", "d", "the target at the top right", ""),

    Control("morph", "time", "float", "how long one preset takes to become the next; 0 is at once", 0.0, 0, 60, "s", saved=False),
    Control("morph", "beats", "int", "the same in beats; above 0 it replaces the seconds", 0, 0, 64, "beats", saved=False),
    Control("morph", "curve", "enum", "how a morph begins and ends", CURVES[0], choices=CURVES, saved=False),
    _meter("morph", "progress", 0, 1, "", "how far one preset has become the next; 1 once it has"),

    _trigger("cue", "go", "the next cue", waits="cue"),
    _trigger("cue", "back", "the previous cue", waits="cue"),
    _switch("cue", "hold", "holds this cue until go", saved=False),
    Control("cue", "loop", "bool", "the last cue leads to the first", True, saved=False),
    _text("cue", "list", "starts a cue list by its name", ""),
    _told("cue", "playing", "the name of the cue list"),
    _told("cue", "now", "the current cue, of how many, and the time left"),
    _meter("cue", "left", 0, 86400, "", "seconds left of this cue, or beats if it is measured in beats; 0 while it holds"),
    _told("cue", "next", "the preset of the next cue"),

    _number("seed", "amount", 0, 1, 10, "1/s", "how firmly the picture is pulled towards the image or camera; 0 is off"),
    _choice("seed", "fit", ("cover", "contain"), "the image or camera fills the canvas, or is shown whole with the dream around it"),

    Control("tempo", "bpm", "float", "the tempo: beats per minute", 120.0, 20, 300, "bpm", saved=False),
    _trigger("tempo", "tap", "taps the tempo; each tap is a beat, the second one sets the tempo"),
    _trigger("tempo", "resync", "begins a bar and a phrase now"),
    _choice("tempo", "quantise", GRIDS, "what presets, targets and cues wait for", saved=False),
    Control("tempo", "beats_per_bar", "int", "how many beats a bar has", 4, 1, 16, "beats", saved=False),
    Control("tempo", "bars_per_phrase", "int", "how many bars a phrase has", 4, 1, 64, "bars", saved=False),
    Control("tempo", "modulation", "float", "scales all modulation; 0 is off", 1.0, glide=0.25, saved=False),
    _meter("tempo", "beat", 1, 16, "", "the beat of the bar"),
    _meter("tempo", "bar", 1, 64, "", "the bar of the phrase"),
    _told("tempo", "source", "where the tempo comes from: own, tapped, or the name of an external clock"),
    _told("tempo", "waiting", "what waits for the beat"),

    _text("midi", "learn", "arms this control, such as camera.zoom: the next knob or DMX channel that moves is bound to it", "/liveflight/learn"),
    _trigger("midi", "forget", "unbinds all knobs and DMX channels of the control that is armed", alias="/liveflight/forget"),

    _choice("sound", "react", ("off", "gentle", "strong"), "lets any preset move with the sound", saved=False),
    _switch("sound", "auto", "sets the gain by the loudness; off uses sound.gain", True, saved=False),
    Control("sound", "gain", "float", "gain of the sound while sound.auto is off", 0.0, -40, 40, "dB", saved=False),
    _meter("sound", "level", 0, 1, "", "how loud the sound is"),
    _meter("sound", "low", 0, 1, "", "how strong the sound is from 30 to 150 Hz"),
    _meter("sound", "mid", 0, 1, "", "how strong the sound is from 150 to 2500 Hz"),
    _meter("sound", "high", 0, 1, "", "how strong the sound is from 2.5 to 10 kHz"),
    _meter("sound", "onset", 0, 1, "", "how strongly a sound begins in this frame"),

    _text("show", "preset", "recalls a preset by name or slot number", "/liveflight/preset", "preset"),
    Control("show", "bank", "int", "the bank of slots that the keys 1 to 9 recall and store: bank 2 has 11 to 19", 1, 1, BANKS, saved=False),
    Control("show", "store", "text", "stores this look in a slot, 1 to 99; where one of yours is, only when asked twice within 2 s", "", saved=False),
    Control("show", "name", "text", "renames this preset of your own; from the network only with --allow-remote-save", "", saved=False),
    _trigger("show", "preset_next", "the next favourite preset; any next preset while there are fewer than two favourites", waits="preset"),
    _trigger("show", "preset_previous", "the previous one", waits="preset"),
    _trigger("show", "preset_random", "a random favourite preset; any preset while there are fewer than two favourites", waits="preset"),
    _trigger("show", "favourite", "makes this preset a favourite, or removes it from the favourites", remote=False),
    _trigger("show", "undo", "back to the look before the last recall or panic; again: redo", waits="preset"),
    _trigger("show", "snapshot", "saves this look in the next free slot; from the network only with --allow-remote-save"),
    _switch("show", "autopilot", "moves on by itself after each dwell, as show.autopilot_mode says"),
    _told("show", "autopilot_paused", "why the autopilot waits: a filter was chosen by hand; empty while it does not"),
    _choice("show", "autopilot_mode", ("journey", "wander", "sight"), "where it goes: along the journey; to random active filters; to what the camera or image shows"),
    _told("show", "seen", "the filter that sight goes to next: the one that responds most to the camera or image"),
    _number("show", "dwell", 1, 12, 600, "s", "how long the autopilot stays, crossfade included", "geometric", glide=0),
    _switch("show", "governor", "keeps the frame rate with fewer steps and a smaller canvas; off uses what was asked for", True, saved=False),
    _told("show", "effort", "what the governor chose: views of those asked for, their scale, and the canvas's"),
    _meter("show", "fps", 0, 240, "1/s", "frames displayed per second"),
    _meter("show", "step_rate", 0, 1000, "1/s", "ascent steps per second"),
    _meter("show", "late", 0, 1e9, "frames", "frames that came late since the start"),
    _told("show", "closed", "until when the show is closed; empty while it is open"),
    _told("show", "message", "the last message"),
    _told("show", "trouble", "the last fault, for ten seconds after it was last reported"),
    _told("show", "preparing", "what is being loaded, planned or downloaded"),
    _switch("show", "freeze", "stands still: no motion, no ascent", saved=False),
    _switch("show", "blackout", "fades to black", saved=False),
    Control("show", "master", "float", "brightness of the output", 1.0, saved=False),
    Control("show", "fit", "enum", "fill the output and crop, or show all with black bars", "cover", choices=("cover", "contain"), saved=False),
    Control("show", "flash_limit", "bool", "no more than three flashes a second; off only with --allow-flashing", True, remote=False, saved=False),
    _told("show", "limited", "the flash limiter, for as long as it holds the picture back"),
    _meter("show", "flash_limited", 0, 1e9, "frames", "frames that the flash limiter has held back since the start"),
    _switch("show", "hud", "shows target, rates and last message", saved=False),
    _switch("show", "help", "shows the keys", saved=False),
    _trigger("show", "panic", "a safe look at once: defaults, nothing frozen or dark; again within 2 s: black", alias="/liveflight/panic"),
    _trigger("show", "sync", "sends the state of all controls to all surfaces", alias="/liveflight/sync"),
    _trigger("show", "reseed", "starts again from noise"),
    Control("show", "record", "bool", "records the picture, with the sound that is heard", False, remote=False, saved=False),
    _told("show", "outputs", "the outputs beside the window, and what is wrong with them"),
    _trigger("show", "screenshot", "saves the picture as PNG", remote=False),
    _trigger("show", "save_preset", "saves the look as a preset of your own", remote=False),
    _text("show", "save_as", "saves the look as a preset of that name; from the network only with --allow-remote-save", ""),
    _trigger("show", "remote", "shows the address of the web remote; its QR code is on the terminal", remote=False),
    _trigger("show", "fullscreen", "leaves or enters full screen", remote=False),
    _trigger("show", "leave", "leaves full screen; from the window, twice within 2 s ends the flight", remote=False),
    _trigger("show", "quit", "ends the flight", remote=False),
)
# ruff: enable[E501]
# fmt: on

CONTROLS: Mapping[str, Control] = {row.key: row for row in ROWS}


def find(key: str) -> Control:
    """Return the control `group.name`. Raises LiveflightError with the nearest name."""
    if key in CONTROLS:
        return CONTROLS[key]
    raise LiveflightError(
        f"no control is called {key[:60]!r}{nearest(key, CONTROLS)}; "
        "`liveflight controls` lists them all"
    )


class Controls:
    """Keep the values of all controls: as set, as they glide, and how far modulation moves them."""

    def __init__(self) -> None:
        self._set: dict[str, Value] = {
            row.key: row.default for row in ROWS if row.kind != "trigger"
        }
        self._now: dict[str, Value] = dict(self._set)
        self.offsets: dict[str, float] = {}
        """Signed fader distances by which modulation moves floats, by key."""
        self.lean: tuple[Mapping[str, float], float] = ({}, 0.0)
        """Values that the numbers lean towards, by key, and how far, 0..1: at 1 they have them."""

    def set(self, key: str, value: Value) -> None:
        """Set a control to a value that its `check` or `clamp` returned; floats glide there."""
        self._set[key] = value
        if not CONTROLS[key].glide:
            self._now[key] = value

    def set_immediately(self, key: str, value: Value) -> None:
        """Set a control without a glide."""
        self._set[key] = self._now[key] = value

    def current(self, key: str) -> Value:
        """Return where its glide has brought a control, without modulation."""
        return self._now[key]

    def nudge(self, key: str, amount: float) -> None:
        """Move a control by a signed step; see `nudged`."""
        self.set(key, self.nudged(key, amount))

    def nudged(self, key: str, amount: float) -> Value:
        """Return a control's value after a signed step, as `Control.nudged` does.

        Raises LiveflightError for a text or a trigger, and an amount that is not finite."""
        control = CONTROLS[key]
        return control.nudged(self._set.get(key, control.default), amount)

    def jump(self) -> None:
        """End every glide at its goal."""
        self._now.update(self._set)

    def advance(self, dt: float) -> None:
        """Glide for `dt` seconds, alike at every frame rate."""
        for key, goal in self._set.items():
            if self._now[key] != goal:
                self._now[key] = _glided(CONTROLS[key], self._now[key], goal, dt)

    def setting(self, key: str) -> Value:
        """Return what was set last, without glide and modulation, as presets and faders see it."""
        return self._set[key]

    def settings(self) -> dict[str, Value]:
        """Return the `setting` of every control that has a value, by key."""
        return dict(self._set)

    def number(self, key: str) -> float:
        """Return the current value of a float or int in its unit, with modulation."""
        value = self._now[key]
        if offset := self.offsets.get(key):
            control = CONTROLS[key]
            value = control.from_position(control.to_position(value) + offset)
        goals, share = self.lean
        if share and key in goals:
            value = float(value) + share * (goals[key] - float(value))
        return float(value)

    def whole(self, key: str) -> int:
        return int(self._now[key])

    def flag(self, key: str) -> bool:
        return bool(self._now[key])

    def word(self, key: str) -> str:
        return str(self._now[key])


def _glided(control: Control, now: Value, goal: Value, dt: float) -> Value:
    if not control.glide:
        return goal
    start, end = control.to_position(now), control.to_position(goal)
    if abs(end - start) < 1e-4:
        return goal
    return control.from_position(start + (end - start) * (1 - math.exp(-dt / control.glide)))
