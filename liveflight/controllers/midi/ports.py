"""MIDI ports as the system has them, through RtMidi: python-rtmidi where it has wheels (below
Python 3.13), else rtmidi2. Both sit behind four methods.

https://www.music.mcgill.ca/~gary/rtmidi/ is the library below them. It neither tells of ports that
come and go nor reports a port that has vanished, so names are looked through again and again, by
one client that lives on: opening one each time exhausts ALSA.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from liveflight.core.contracts import LiveflightError

AudioFeatures = Callable[[Sequence[int]], None]
"""Called with the bytes of one message, on a thread of the library's."""

MISSING = 'MIDI needs a package that is not installed: pip install "liveflight[midi]"'

_CLIENT = "liveflight"
_Plugged = tuple[str, int, int]
"""A port as the library lists it, how many of that very name come before it, and its plug."""
_NUMBERS = re.compile(r" \d+:\d+$|-0\d(?=:)| \[\d+\]")
"""What may be another number after every plug: ALSA's client and port at the end of a name, JACK's
for a client whose name is still taken, and ALSA's client where a2jmidid passes it on to JACK."""
_RUNNING = re.compile(r" \d+$")
"""RtMidi's own number of a port, at the end of every name on Windows: another one as soon as a port
before it is gone."""
_SEQUENCED = re.compile(r" (\d+):\d+$| \[(\d+)\]")
"""ALSA's client, as ALSA and as a2jmidid name its ports."""
_DEVICES = Path("/dev/snd")


class Ports(Protocol):
    def names(self) -> list[str]:
        """The input ports there are now, each with a name of its own that outlives unplugging. One
        that is plugged in anew is missing once."""
        ...

    def open(self, name: str, heard: AudioFeatures) -> None:
        """Raises OSError where it cannot be opened, or not any more."""
        ...

    def close(self, name: str) -> None:
        """Of a port that may have vanished."""
        ...

    def close_all(self) -> None: ...


def system_ports() -> SystemPorts:
    """Raises LiveflightError where no library is installed, or the system has no MIDI."""
    try:
        import rtmidi
    except ImportError:
        pass
    else:
        return _RtMidi(rtmidi, rtmidi.get_compiled_api())
    try:
        import rtmidi2
    except ImportError:
        raise LiveflightError(MISSING) from None
    apis = [rtmidi2.API_UNSPECIFIED, rtmidi2.API_LINUX_ALSA, rtmidi2.API_UNIX_JACK]
    return _RtMidi2(rtmidi2, apis)


class SystemPorts(ABC):
    """What both libraries have in common: a client that lists, and one more for each open port."""

    def __init__(self, library: ModuleType, apis: Sequence[int]) -> None:
        self._library = library
        self._opened: dict[str, Any] = {}
        self._names: dict[_Plugged, str] = {}
        for self._api in apis:
            # SystemError, RuntimeError or the library's own: the system has not that kind of MIDI.
            with suppress(Exception):
                self._lister = self._client(_CLIENT)
                return
        raise LiveflightError(
            "MIDI: the system has none; on Linux load ALSA's sequencer (modprobe snd-seq) "
            "or start JACK"
        )

    @property
    def through(self) -> str:
        """The library and the kind of MIDI of the system's."""
        kinds = (name for name in dir(self._library) if name.startswith("API_"))
        kind = next((k for k in kinds if getattr(self._library, k) == self._api), "")
        return f"{self._library.__name__} {kind.removeprefix('API_')}".rstrip()

    def names(self) -> list[str]:
        there = self._there()
        left = {plugged: name for plugged, name in self._names.items() if plugged in there}
        returned = len(left) == len(self._names)
        self._names = left
        if returned:  # else what is new may be what is gone, and has to be opened again
            for plugged in there:
                left[plugged] = left.get(plugged) or _free(plugged[0], left.values())
        return list(left.values())

    def open(self, name: str, heard: AudioFeatures) -> None:
        there = self._there()
        places = {self._names.get(plugged): number for plugged, number in there.items()}
        if name not in places:
            raise OSError(f"MIDI port {name!r} is gone")
        client = self._client(f"{_CLIENT} in")
        try:
            client.ignore_types(True, False, True)  # all but system exclusive and active sensing
            self._listen(client, heard)
            client.open_port(places[name])
        except Exception as error:
            raise OSError(f"MIDI port {name!r} cannot be opened: {error}") from error
        self._opened[name] = client

    def close(self, name: str) -> None:
        client = self._opened.pop(name, None)
        if client is not None:
            with suppress(Exception):  # closing a port that has vanished may fail
                self._listen(client, None)
                client.close_port()

    def close_all(self) -> None:
        for name in list(self._opened):
            self.close(name)

    def _there(self) -> dict[_Plugged, int]:
        """The library's number of each port."""
        found: dict[_Plugged, int] = {}
        for number, listed in enumerate(self._listed()):
            name = _RUNNING.sub("", listed) if sys.platform == "win32" else listed
            if _CLIENT not in name.lower():  # JACK lists our own
                found[name, sum(other == name for other, *_ in found), _plug(name)] = number
        return found

    @abstractmethod
    def _client(self, name: str) -> Any: ...

    @abstractmethod
    def _listed(self) -> list[str]: ...

    @abstractmethod
    def _listen(self, client: Any, heard: AudioFeatures | None) -> None:
        """A callback has to be taken away before its port is closed, or the library crashes."""


class _RtMidi(SystemPorts):
    def _client(self, name: str) -> Any:
        return self._library.MidiIn(self._api, name=name)

    def _listed(self) -> list[str]:
        return list(self._lister.get_ports())

    def _listen(self, client: Any, heard: AudioFeatures | None) -> None:
        if heard is None:
            client.cancel_callback()
            return
        listener = heard
        client.set_callback(lambda event, _: listener(event[0]))


class _RtMidi2(SystemPorts):
    def _client(self, name: str) -> Any:
        return self._library.MidiIn(name, api=self._api)

    def _listed(self) -> list[str]:
        return list(self._lister.ports)

    def _listen(self, client: Any, heard: AudioFeatures | None) -> None:
        if heard is None:
            client.callback = None
            return
        listener = heard
        client.callback = lambda message, _: listener(message)


def _plug(listed: str) -> int:
    """Of ALSA's port of a sound card another number after every plug, otherwise 0: a box that is
    plugged in again at once is listed as before, but nothing is connected to it any more."""
    client = next((int(n) for n in chain(*_SEQUENCED.findall(listed)) if n), 0)
    card = (client - 16) // 4  # the kernel's: clients 16 to 19 are card 0
    try:
        return (_DEVICES / f"controlC{card}").stat().st_ino
    except OSError:
        return 0


def _free(listed: str, taken: Collection[str]) -> str:
    """The name of a port that has just come; of several alike, numbered."""
    name = _NUMBERS.sub("", listed)
    numbered = (f"{name} #{number}" if number > 1 else name for number in count(1))
    return next(each for each in numbered if each not in taken)


def namesake(name: str) -> str:
    """The first of several alike."""
    return re.sub(r" #\d+$", "", name)
