"""Make the files that `fuzz.py` reads: presets, cue lists, MIDI bindings and recordings.

They are random or mutated from real ones, and lie in a user's folder of their own. Presets are
recalled in a flight.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import tomllib
from collections.abc import Callable, Collection
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from liveflight import networks
from liveflight.controllers.midi import bindings
from liveflight.controllers.midi.bindings import Binding, MidiMap, Source
from liveflight.controllers.midi.soft_takeover import SoftTakeover
from liveflight.core.contracts import Engine, LiveflightError
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Message, Nudge, Set, Trigger
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.preset_navigation import RecordedPresetNavigator
from liveflight.storage import cue_lists, presets, recording, toml_reader
from liveflight.storage.cue_lists import CueList
from liveflight.storage.recording import Recording
from liveflight.system.package_data import folder

_VALUES: tuple[Any, ...] = (
    0, -1, 1, 99, 2**63 - 1, 0.5, 1e308, float("inf"), float("nan"), True, False, "", "x" * 500,
    "../../etc/passwd", "con", "\u202e\u2028", "off", "camera.zoom", "vgg16:conv4_1:*", [], {},
    [[]], [{}], {"a": {"b": []}}, [0] * 300, "efficientnet_lite0:stem:3",
)  # fmt: skip
_WORDS = (*CONTROLS, *{row.group for row in ROWS}, "version", "targets", "", "x" * 100, "é")

_CODECS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32")

_changed: list[str] = []
"""Paths outside the user's folder that were written to."""
_allowed = tempfile.gettempdir()
_watching: list[bool] = []
"""Not empty once the audit hook, which cannot be removed, is installed for all subjects."""


def _watch(event: str, given: tuple[Any, ...]) -> None:
    """Note each write outside the allowed folder; this is an audit hook."""
    writes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate") or (
        event == "open" and (given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )
    path = given[0] if writes else ""
    if isinstance(path, str) and path and not path.startswith((_allowed, os.devnull)):
        _changed.append(path)


class _Still:
    """Stand in for an engine with every network loaded and planned."""

    device, stream = "cpu", 0

    def prepare(self, network: str, progress: object = None) -> None: ...

    def ready(self, network: str) -> bool:
        return True

    def plan(self, layers: object, size: object) -> None: ...

    def planned(self, layers: object, size: object) -> bool:
        return True

    def active_filters(self, network: str, layer: str) -> Collection[int]:
        return ()

    def close(self) -> None: ...


class Files:
    """One kind of file, whose cases are bytes in a file of the user's folder."""

    name = ""
    cases = 600
    slowest = 0.002

    def __init__(self) -> None:
        global _allowed
        self._home = tempfile.TemporaryDirectory()
        _allowed = self._home.name
        os.environ["XDG_CONFIG_HOME"] = _allowed
        self._path = self._place()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._real = self._examples()
        self._prepare()
        if not _watching:
            sys.addaudithook(_watch)
            _watching.append(True)
        _changed.clear()

    def case(self, chance: random.Random) -> bytes:
        from fuzz import mutated

        real = chance.choice(self._real)
        match chance.randrange(8):
            case 0:
                return chance.randbytes(chance.randint(0, 4000))
            case 1:
                return (real + b"\n") * chance.choice((2, 20, 200))
            case 2:
                return real + chance.choice((b"a=" + b"[" * 3000, b"[a." + b"b." * 5000 + b"c]"))
            case 3:
                return mutated(real, chance)
            case 4:
                return mutated(real.decode().encode(chance.choice(_CODECS)), chance)
            case _:
                return self._restructured(real, chance)

    def lay(self, case: bytes) -> None:
        self._path.write_bytes(case)

    def read(self, case: bytes) -> Any:
        return self._find()

    def check(self, found: Any) -> None:
        assert not _changed, f"written outside the user's folder: {_changed[:3]}"
        self._fly(found)

    def close(self) -> None:
        self._home.cleanup()

    def _place(self) -> Path:
        raise NotImplementedError

    def _examples(self) -> list[bytes]:
        raise NotImplementedError

    def _prepare(self) -> None:
        """Do what a show does before it reads the file."""

    def _find(self) -> Any:
        raise NotImplementedError

    def _fly(self, found: Any) -> None:
        """Use what was found; None if it was refused."""
        raise NotImplementedError

    def _restructured(self, real: bytes, chance: random.Random) -> bytes:
        return toml_reader.dump(_mutant(tomllib.loads(real.decode()), chance)).encode()


def _mutant(tree: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return the tree with some entries changed, renamed, repeated or removed."""
    for _ in range(chance.randint(1, 3)):
        node: Any = tree
        while True:
            keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(node[key], dict | list) and node[key] and chance.random() < 0.7:
                node = node[key]
                continue
            _change(node, key, chance)
            break
    return tree


def _change(node: Any, key: Any, chance: random.Random) -> None:
    match chance.randrange(4):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[chance.choice(_WORDS)] = node.pop(key)
        case 1:
            node.extend([deepcopy(node[key])] * chance.choice((1, 40)))
        case _:
            node[key] = deepcopy(chance.choice(_VALUES))


class Presets(Files):
    """Recall presets by name; the previous preset stays if one is refused."""

    name = "preset"
    cases = 800

    def _place(self) -> Path:
        return presets.user_folder() / "case.toml"

    def _examples(self) -> list[bytes]:
        return [path.read_bytes() for path in folder("presets").glob("*.toml")]

    def _prepare(self) -> None:
        for name in presets.names():  # tracing torchvision's networks takes seconds
            for target in presets.find(name).all_targets:
                networks.resolve(target)
        self._flight = _flight()
        self._flight.recall(presets.find("pulse"))

    def lay(self, case: bytes) -> None:
        super().lay(case)
        self._before = _state(self._flight)

    def _find(self) -> bool:
        flight = self._flight
        refused = flight.reports.counts.total()
        flight.apply([Set("show.preset", "case")])
        if flight.reports.counts.total() > refused:
            raise LiveflightError(flight.reports.last)
        return True

    def _fly(self, found: bool | None) -> None:
        assert found or _state(self._flight) == self._before, "refused, but the flight changed"


class CueLists(Files):
    name = "cue list"

    def _place(self) -> Path:
        return cue_lists.user_folder() / "case.toml"

    def _examples(self) -> list[bytes]:
        return [path.read_bytes() for path in folder("cues").glob("*.toml")]

    def _find(self) -> CueList:
        return cue_lists.find("case")

    def _fly(self, found: CueList | None) -> None:
        assert found is None or found.cues


class MidiBindings(Files):
    name = "MIDI bindings"

    def _place(self) -> Path:
        return bindings.default_path()

    def _examples(self) -> list[bytes]:
        sources = [
            Source("Launch Control XL", "cc", 1, 21), Source("BCR2000", "cc14", 16, 7),
            Source("Keystep 37", "pitch", 1, 0), Source("nanoPAD2", "note", 10, 36),
        ]  # fmt: skip
        bound = [
            Binding(sources[0], "camera.zoom", "twos"), Binding(sources[1], "ascent.rate"),
            Binding(sources[2], "warp.swirl", takeover="jump"),
            Binding(sources[3], "show.preset", value="reef"),
        ]  # fmt: skip
        return [bindings.dump(MidiMap(bound)).encode()]

    def _find(self) -> MidiMap:
        return bindings.read(self._path)

    def _fly(self, found: MidiMap | None) -> None:
        if found is None:
            return
        knobs = SoftTakeover(found)
        for binding in found:
            if message := knobs.move(binding.source, 127):
                assert isinstance(message, Set | Nudge | Trigger)
        assert list(bindings.parse(tomllib.loads(bindings.dump(found)))) == list(found)


class Logs(Files):
    """Read recordings, and apply their messages to a flight."""

    name = "log"
    cases = 500
    slowest = 0.1

    def _place(self) -> Path:
        return presets.user_folder().parent / "case.log"

    def _examples(self) -> list[bytes]:
        preset = presets.find("pulse")
        settings = {row.key: row.default for row in ROWS if row.settable}
        begun = recording.Recording(
            preset, settings, 7, 60.0, (320, 180), cue_lists.find("exhibition")
        )
        said: list[Message] = [
            Set("camera.zoom", 2.0), Nudge("warp.mirror", 1), Trigger("show.panic"),
            Set("show.preset", "reef"), Set("sound.low", 0.5), Set("mix.crossfade", 1.0),
        ]  # fmt: skip
        lines = [recording.frame(n / 60, [one], []) for n, one in enumerate(said)]
        lines.append(recording.frame(0.2, [], [("reef", presets.find("reef"))]))
        return ["".join([recording.header(begun), *lines, recording.end(0.3)]).encode()]

    def _prepare(self) -> None:
        self._flight = _flight()
        self._flight.recall(presets.find("pulse"))

    def _find(self) -> Recording:
        return recording.read(self._path)

    def _fly(self, found: Recording | None) -> None:
        if found is None:
            return
        flight = self._flight
        flight.preset_player.navigator = RecordedPresetNavigator(list(found.answers))
        for _, messages in found.said:
            flight.apply(messages)

    def _restructured(self, real: bytes, chance: random.Random) -> bytes:
        rows = [json.loads(line) for line in real.splitlines()]
        for row in chance.choices(rows, k=chance.randint(1, 3)):
            _mutant(row, chance)
        return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _flight() -> Flight:
    return Flight(NetworkLoader(cast(Callable[[], Engine], _Still), background=False), seed=7)


def _state(flight: Flight) -> tuple[object, ...]:
    """Return everything that a preset changes."""
    goal = dict(flight.target_selector.goal)
    return flight.values(), goal, flight.autopilot.stops, flight.modulation.rows
