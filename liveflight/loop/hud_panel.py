"""Compose the HUD: what a performer wants to know at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap

from liveflight.core.contracts import Target, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.frame_counter import FrameCounter
from liveflight.core.text_panel import Bars, Cell, Level, Panel, Row, Text, Tone, row
from liveflight.loop.frame_pacer import FramePacer
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.show_status import LEAST_SHARE
from liveflight.networks import described
from liveflight.show.flight import Flight

_LABEL, _CONTENT = 4.0, 23.5
"""Widths of labels and of what stands beside them, in type sizes."""
_SHARE, _PERCENT = 2.4, 2.6
_TARGET = _CONTENT - _SHARE - _PERCENT - 1.6
_TARGET_LETTERS = 36
"""Letters of a target that fit; a longer one is shown without its network."""
_LETTERS = 54
"""Letters of a line of a fault."""
_MAX_LINES = 3
"""Lines of a fault."""

_BANDS = ("low", "mid", "high")


class HudPanel:
    """The rows of the HUD, and the levels of its bars."""

    def __init__(
        self, flight: Flight, frame_counter: FrameCounter, frame_pacer: FramePacer
    ) -> None:
        self._flight, self._frame_counter, self._frame_pacer = flight, frame_counter, frame_pacer
        self._heard = False
        """Whether there was any sound until now."""

    def rows(self, controllers: OpenControllers) -> Panel:
        """Return the rows; those that are always there come first."""
        values = self._flight.values()
        self._heard = self._heard or float(values["sound.level"]) > 0
        return (
            _preset(values),
            *self._targets(),
            self._speed(),
            *self._beat(values),
            *self._sound(),
            *_cue(values),
            *_morph(values),
            *_noted("state", "   ".join(_states(values)), "accent"),
            *_noted("waiting", str(values["tempo.waiting"]) or str(values["show.preparing"])),
            *_noted("", self._frame_pacer.reduction, "accent"),
            *_noted("flashes", str(values["show.limited"]), "alarm"),
            *_noted("last", str(values["show.message"])),
            *_wrapped([str(values["show.trouble"])], "alarm"),
            *_wrapped(controllers.status_lines(), "normal"),
        )

    def levels(self) -> Mapping[str, Level]:
        """Return the levels of the bars in this frame, by name."""
        values = self._flight.controls
        keys = ("sound.level", *(f"sound.{band}" for band in _BANDS))
        levels = {key: CONTROLS[key].to_position(values.setting(key)) for key in keys}
        levels |= {f"mix.{index}": share for index, (_, share) in enumerate(self._mix())}
        levels["morph.progress"] = self._flight.preset_player.morph_progress
        levels[f"beat.{values.setting('tempo.beat'):.0f}"] = 1.0
        return {name: (0.0, length) for name, length in levels.items()}

    def _mix(self) -> list[tuple[Target, float]]:
        return [pair for pair in self._flight.mix().items() if pair[1] >= LEAST_SHARE]

    def _targets(self) -> Iterator[Row]:
        for index, (target, share) in enumerate(self._mix()):
            yield _labelled(
                "" if index else "filter",
                Text(_named(target), width=_TARGET),
                Bars((f"mix.{index}",), _SHARE),
                Text(f"{share:.0%}", width=_PERCENT, right=True),
            )

    def _speed(self) -> Row:
        counter, steps = self._frame_counter, self._frame_pacer.step_rate.value
        return _labelled(
            "speed",
            Text(f"{counter.rate:.0f} frames/s", width=6.5),
            Text(f"{steps:.0f} steps/s", width=6.0),
            f"{counter.late} late",
        )

    def _beat(self, values: Mapping[str, Value]) -> Iterator[Row]:
        flight = self._flight
        if flight.tempo.used or flight.modulation.on_the_beat:
            beats = int(values["tempo.beats_per_bar"])
            names = tuple(f"beat.{beat + 1}" for beat in range(beats))
            yield _labelled(
                "beat",
                Bars(names, min(1.1 * beats, 8.0)),
                Text(f"{float(values['tempo.bpm']):.1f} bpm", width=5.5, right=True),
                f"bar {values['tempo.bar']:.0f} of {values['tempo.bars_per_phrase']}",
                Text(str(values["tempo.source"]), "dim"),
            )

    def _sound(self) -> Iterator[Row]:
        if self._heard:
            bands: list[Cell] = []
            for band in _BANDS:
                bands += [Text(band, "dim", 2.2, right=True), Bars((f"sound.{band}",), 2.0)]
            yield _labelled("sound", Bars(("sound.level",), 4.0), *bands)


def _named(target: Target) -> str:
    name = described(target)
    return name if len(name) <= _TARGET_LETTERS else name.partition(":")[2]


def _labelled(label: str, *cells: Cell | str) -> Row:
    return row(Text(label, "dim", _LABEL), *cells)


def _noted(label: str, text: str, tone: Tone = "normal") -> Iterator[Row]:
    if text:
        yield _labelled(label, Text(text, tone, _CONTENT))


def _wrapped(texts: Iterable[str], tone: Tone) -> Iterator[Row]:
    for text in texts:
        for line in wrap(text, _LETTERS, max_lines=_MAX_LINES, placeholder=" ..."):
            yield row(Text(line, tone))


def _preset(values: Mapping[str, Value]) -> Row:
    name = Text(str(values["show.preset"]) or "none", width=_CONTENT - 6.0)
    bank = values["show.bank"]
    return _labelled("preset", name, *([Text(f"bank {bank}", "accent")] if bank != 1 else []))


def _cue(values: Mapping[str, Value]) -> Iterator[Row]:
    place, _, left = str(values["cue.now"]).rpartition(", ")
    if not place:
        return
    if left.endswith(" s"):
        minutes, seconds = divmod(int(values["cue.left"]), 60)
        left = f"{minutes}:{seconds:02}"
    following = values["cue.next"]
    yield _labelled(
        "cue",
        Text(place, width=9.5),
        Text(left, "accent", 4.0, right=True),
        f"then {following}" if following else "the last one",
    )


def _morph(values: Mapping[str, Value]) -> Iterator[Row]:
    if (done := float(values["morph.progress"])) < 1:
        yield _labelled(
            "morph",
            Bars(("morph.progress",), 12.0),
            Text(f"{done:.0%}", width=_PERCENT, right=True),
        )


def _states(values: Mapping[str, Value]) -> Iterator[str]:
    """Yield what is unusual, in words."""
    if values["show.autopilot_paused"]:
        yield "autopilot paused"
    elif values["show.autopilot"]:
        yield f"autopilot: {values['show.autopilot_mode']}"
    if values["show.freeze"]:
        yield "frozen"
    if values["show.blackout"]:
        yield "black"
    elif (master := float(values["show.master"])) < 1:
        yield f"brightness {master:.0%}"
    if values["cue.hold"]:
        yield "cue held"
    if values["sound.react"] != "off":
        yield f"react: {values['sound.react']}"
    if not values["show.flash_limit"]:
        yield "flash limiter off"
    if values.get("show.record"):
        yield "recording"
