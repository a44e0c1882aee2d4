"""Play, visit and disturb a show for hours: OSC, MIDI, web pages, and helpers that die."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from supervised_show import HELPERS, SupervisedShow

from liveflight import networks
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.storage import cue_lists, presets

_RESTED, _SETTLED_S, _REST_S = "reef", 12.0, 26.0
"""The preset of a rest, the seconds until it counts, and those that it takes."""
_TOUR_S = 1.5
"""Seconds for each layer and preset of the tour at the beginning."""
_FADERS = ("camera", "warp", "colour")
_TRIGGERS = (
    *(row.key for row in ROWS if row.kind == "trigger" and row.group in ("mix", "cue")),
    *("show.reseed", "show.undo", "show.preset_next", "tempo.tap"),
)


class Players:
    """Everybody who plays; each is called when it is due, on one thread but for the web pages."""

    def __init__(self, show: SupervisedShow, seed: int, *, midi: bool) -> None:
        self.did: Counter[str] = Counter()
        self.kills = 0
        """Restarts that were caused."""
        self._show, self._rng = show, random.Random(seed)
        self._box = _Box() if midi else None
        here = [network for name in networks.names() if (network := networks.network(name))]
        here = [network for network in here if network.find_weights()]
        self._layers = [(network.name, layer) for network in here for layer in network.layers]
        names = {network.name for network in here}
        self._presets = [
            name
            for name in presets.names()
            if {target.network for target in presets.find(name).all_targets} <= names
        ]
        self._cues = cue_lists.names()
        self._faders = [row for row in ROWS if row.group in _FADERS and row.kind == "float"]
        self._due: list[list[Any]] = []
        self._resting = -math.inf
        """When the last rest began."""

    @property
    def rests(self) -> bool:
        """Return whether the show has been left alone with the same picture for a while."""
        return _SETTLED_S <= time.monotonic() - self._resting < _REST_S

    def every(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something every so many seconds, for the first time after that time."""
        self._due.append([seconds, time.monotonic() + seconds, action])

    def begin(self, kill_every: float) -> None:
        """Plan what everybody does; `kill_every` in seconds, 0 for never."""
        self.every(0.1, self._fade)
        self.every(4.0, self._change)
        self.every(20.0, self._visit)
        self.every(120.0, self._rest)
        self.every(300.0, self._record)
        self.every(420.0, lambda: self._end("camera"))
        self.every(500.0, lambda: self._end("sound file"))
        self.every(610.0, lambda: self._end("stream"))
        if box := self._box:
            self.every(0.2, lambda: box.turn(self._rng.randrange(128)))
            self.every(60.0, box.plug)
        if kill_every:
            self.every(kill_every, self._kill)

    def tour(self) -> None:
        """Fly every layer and every preset once, so that what is kept for each is there."""
        for network, layer in self._layers:
            self._send("target", f"{network}:{layer.name}:0")
            time.sleep(_TOUR_S)
        for name in self._presets:
            self._send("preset", name)
            time.sleep(_TOUR_S)

    def play(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for each in self._due:
            if now >= each[1]:
                each[1] = now + each[0]
                with suppress(OSError, LookupError, psutil.Error):
                    each[2]()

    def close(self) -> None:
        """Pull the MIDI box's plug."""
        if self._box:
            self._box.close()

    def _send(self, address: str, *values: float | str) -> None:
        self._show.send(address, *values)
        self.did["OSC"] += 1

    def _rest(self) -> None:
        """Fly the same for a while, to compare what the show needs for that."""
        self._resting = time.monotonic()
        self._send("morph/time/raw", 0.0)
        self._send("preset", _RESTED)
        self._send("cue/hold/raw", 1.0)
        self._send("show/autopilot/raw", 0.0)
        self.did["rests"] += 1

    @property
    def _busy(self) -> bool:
        return time.monotonic() - self._resting >= _REST_S

    def _fade(self) -> None:
        if not self._busy:
            return
        row = self._rng.choice(self._faders)
        self._send(f"{row.group}/{row.name}", self._rng.uniform(0.25, 0.75))

    def _change(self) -> None:
        if not self._busy:
            return
        kind = self._rng.choice(("target", "target", "preset", "cues", "pad", *_TRIGGERS))
        self.did["changes"] += 1
        if kind == "target":
            network, layer = self._rng.choice(self._layers)
            self._send("target", f"{network}:{layer.name}:{self._rng.randrange(layer.channels)}")
        elif kind == "preset":
            self._send("preset", self._rng.choice(self._presets))
        elif kind == "cues":
            self._send("cue/list", self._rng.choice(self._cues))
        elif kind == "pad":
            self._send("pad/x", self._rng.random())
        else:
            self._send(CONTROLS[kind].address.removeprefix("/liveflight/"), 1)

    def _visit(self) -> None:
        found = re.search(r"token=([\w-]+)", self._show.said())
        self.did["pages"] += 1
        given = (self._show.osc, found[1] if found else "", self._rng.choice((True, False)))
        threading.Thread(target=_page, args=given, daemon=True).start()

    def _record(self) -> None:
        """Begin or end a recording, and remove the finished ones."""
        videos = self._show.folder / "videos"
        for each in sorted(videos.rglob("*.mp4"))[:-1]:
            each.unlink()
        self._send("show/record", float(self.did["records"] % 2 == 0))
        self.did["records"] += 1

    def _end(self, name: str) -> None:
        self._show.helper(HELPERS[name]).kill()
        self.did[f"{name} killed"] += 1

    def _kill(self) -> None:
        self._show.show().send_signal(signal.SIGKILL)
        self.kills += 1


class _Box:
    """A MIDI controller on JACK whose plug is pulled and put back."""

    def __init__(self) -> None:
        self._out: Any = None
        self.plug()

    def plug(self) -> None:
        import rtmidi

        if self._out:
            self.close()
        else:
            self._out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Soak")
            self._out.open_virtual_port("knobs")

    def turn(self, value: int) -> None:
        if self._out:
            self._out.send_message([0xB0, 21, value])

    def close(self) -> None:
        if self._out:
            self._out.close_port()
            del self._out
            self._out = None


def _page(port: int, token: str, politely: bool) -> None:
    """Open the web remote's socket, look for ten seconds, and leave, politely or not."""

    async def look() -> None:
        url = f"ws://127.0.0.1:{port}/remote/socket?token={token}"
        async with aiohttp.ClientSession() as session:
            page = await session.ws_connect(url, heartbeat=None)
            seen, end = 0, time.monotonic() + 10
            while time.monotonic() < end:
                with suppress(asyncio.TimeoutError):
                    frame = await page.receive(timeout=1)
                    if frame.type is aiohttp.WSMsgType.BINARY:
                        seen += 1
                        await page.send_str(json.dumps({"do": "seen", "count": seen}))
                    elif frame.type is not aiohttp.WSMsgType.TEXT:
                        return
            if politely:
                await page.close()
            else:
                page._response.connection.transport.abort()  # type: ignore[union-attr]

    with suppress(aiohttp.ClientError, OSError, AttributeError):
        asyncio.run(look())


def jack(folder: Path, name: str) -> Sequence[subprocess.Popen[bytes]]:
    """Start a JACK server of this name with a dummy sound card where there is jackd."""
    if not shutil.which("jackd"):
        return ()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(
        ["jackd", "--no-realtime", "--name", name, "-d", "dummy"],
        cwd=folder,
        **quiet,  # type: ignore[call-overload]
    )
    time.sleep(1.0)
    return (server,)
