"""Open the system's MIDI ports through RtMidi, and send to their devices.

The package is python-rtmidi where it has wheels (below Python 3.13), else rtmidi2; both are wrapped
in the same methods. The library below them (https://www.music.mcgill.ca/~gary/rtmidi/) does
not report ports that come or go, so the names are listed repeatedly. One client does that for as
long as the program runs: opening a new one each time exhausts ALSA.
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

MidiListener = Callable[[Sequence[int]], None]
"""Called with the bytes of one message or more, on a thread of the library's."""

PortMessage = tuple[str, list[int]]
"""An open port's name, and the bytes of one message for its device."""

MISSING = 'MIDI needs a package that is not installed: pip install "liveflight[midi]"'

_CLIENT = "liveflight"
_ListedPort = tuple[str, int, int]
"""A port's listed name, how many equal names come before it, and its `_connection`."""
_CHANGING_NUMBERS = re.compile(r" \d+:\d+$|-0\d(?=:)| \[\d+\]")
"""The parts of a name that may change with each connection.

ALSA's client and port at its end, JACK's number for a client whose name is still taken, and ALSA's
client as a2jmidid passes it on to JACK."""
_WINDOWS_NUMBER = re.compile(r" \d+$")
"""RtMidi's number at the end of every name on Windows; it changes when an earlier port goes."""
_ALSA_CLIENT = re.compile(r" (\d+):\d+$| \[(\d+)\]")
"""ALSA's client number, as in the names of ALSA and of a2jmidid."""
_SOUND_DEVICES = Path("/dev/snd")


class Ports(Protocol):
    """List and open MIDI input ports, and send to their devices."""

    sending: bool
    """Whether the last messages are still being sent."""

    def names(self) -> list[str]:
        """Return the present input ports, each with a unique name that survives replugging.

        A port that was plugged in again is missing from one list, so that it is opened again."""
        ...

    def open(self, name: str, heard: MidiListener) -> None:
        """Open a port and call `heard` from then on. Raises OSError where it cannot."""
        ...

    def send(self, messages: Sequence[PortMessage]) -> None:
        """Send to the output ports of the same devices; not allowed while `sending`.

        Never blocks and never raises: a device that has none, or is gone, gets nothing."""
        ...

    def close(self, name: str) -> None:
        """Close a port, which may have vanished."""
        ...

    def close_all(self) -> None:
        """Close every port. May be called twice."""
        ...


def system_ports() -> SystemPorts:
    """Return the ports of the installed library.

    Raises LiveflightError where none is installed, or the system has no MIDI."""
    try:
        import rtmidi
    except ImportError:
        pass
    else:
        return RtMidiPorts(rtmidi, rtmidi.get_compiled_api())
    try:
        import rtmidi2
    except ImportError:
        raise LiveflightError(MISSING) from None
    apis = [rtmidi2.API_UNSPECIFIED, rtmidi2.API_LINUX_ALSA, rtmidi2.API_UNIX_JACK]
    return RtMidi2Ports(rtmidi2, apis)


class SystemPorts(ABC):
    """Share what both libraries have in common: one client that lists, and one per open port."""

    sending = False

    def __init__(self, library: ModuleType, apis: Sequence[int]) -> None:
        self._library = library
        self._opened: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        """Clients that send, by the port that was opened; None where the device has no output."""
        self._names: dict[_ListedPort, str] = {}
        for self._api in apis:
            # SystemError, RuntimeError or the library's own: the system lacks this kind of MIDI.
            with suppress(Exception):
                self._lister = self._client(_CLIENT)
                return
        raise LiveflightError(
            "MIDI: the system has none; on Linux load ALSA's sequencer (modprobe snd-seq) "
            "or start JACK"
        )

    @property
    def through(self) -> str:
        """Return the names of the library and of the system's MIDI, such as `rtmidi LINUX_ALSA`."""
        kinds = (name for name in dir(self._library) if name.startswith("API_"))
        kind = next((k for k in kinds if getattr(self._library, k) == self._api), "")
        return f"{self._library.__name__} {kind.removeprefix('API_')}".rstrip()

    def names(self) -> list[str]:
        present = self._numbered_ports()
        left = {port: name for port, name in self._names.items() if port in present}
        returned = len(left) == len(self._names)
        self._names = left
        if returned:  # else a new port may be a lost one, which has to be opened again
            for port in present:
                left[port] = left.get(port) or _unique_name(port[0], left.values())
        return list(left.values())

    def open(self, name: str, heard: MidiListener) -> None:
        present = self._numbered_ports()
        places = {self._names.get(port): number for port, number in present.items()}
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

    def send(self, messages: Sequence[PortMessage]) -> None:
        for name, data in messages:
            if name not in self._outputs:
                self._outputs[name] = self._output(name)
            if client := self._outputs[name]:
                with suppress(Exception):  # the device is gone; the next list lacks its port
                    self._send(client, data)

    def close(self, name: str) -> None:
        if output := self._outputs.pop(name, None):
            with suppress(Exception):
                output.close_port()
        client = self._opened.pop(name, None)
        if client is not None:
            with suppress(Exception):  # closing a port that has vanished may fail
                self._listen(client, None)
                client.close_port()

    def close_all(self) -> None:
        for name in list(self._opened):
            self.close(name)

    def _numbered_ports(self) -> dict[_ListedPort, int]:
        """Return the library's number of each port."""
        found: dict[_ListedPort, int] = {}
        for number, listed in enumerate(self._list_names()):
            name = _without_number(listed)
            if _CLIENT not in name.lower():  # JACK lists our own ports, too
                found[name, sum(other == name for other, *_ in found), _connection(name)] = number
        return found

    def _output(self, name: str) -> Any:
        """Return a client that sends to the device of an open port; None where it has no input."""
        listed = next((port for port, known in self._names.items() if known == name), None)
        if listed is None:
            return None
        with suppress(Exception):
            client = self._sender(f"{_CLIENT} out")
            place = output_place(listed, list(self._names), self._list_outputs(client))
            if place is not None:
                client.open_port(place)
                return client
        return None

    @abstractmethod
    def _client(self, name: str) -> Any: ...

    @abstractmethod
    def _sender(self, name: str) -> Any: ...

    @abstractmethod
    def _list_names(self) -> list[str]: ...

    @abstractmethod
    def _list_outputs(self, client: Any) -> list[str]: ...

    @abstractmethod
    def _send(self, client: Any, data: list[int]) -> None: ...

    @abstractmethod
    def _listen(self, client: Any, heard: MidiListener | None) -> None:
        """Set the callback, or remove it: the library crashes if it is still set at the close."""


class RtMidiPorts(SystemPorts):
    """Use python-rtmidi."""

    def _client(self, name: str) -> Any:
        return self._library.MidiIn(self._api, name=name)

    def _sender(self, name: str) -> Any:
        return self._library.MidiOut(self._api, name=name)

    def _list_names(self) -> list[str]:
        return list(self._lister.get_ports())

    def _list_outputs(self, client: Any) -> list[str]:
        return list(client.get_ports())

    def _send(self, client: Any, data: list[int]) -> None:
        client.send_message(data)

    def _listen(self, client: Any, heard: MidiListener | None) -> None:
        if heard is None:
            client.cancel_callback()
            return
        listener = heard
        client.set_callback(lambda event, _: listener(event[0]))


class RtMidi2Ports(SystemPorts):
    """Use rtmidi2."""

    def _client(self, name: str) -> Any:
        return self._library.MidiIn(name, api=self._api)

    def _sender(self, name: str) -> Any:
        return self._library.MidiOut(name, api=self._api)

    def _list_names(self) -> list[str]:
        return list(self._lister.ports)

    def _list_outputs(self, client: Any) -> list[str]:
        return list(client.ports)

    def _send(self, client: Any, data: list[int]) -> None:
        client.send_raw(*data)

    def _listen(self, client: Any, heard: MidiListener | None) -> None:
        if heard is None:
            client.callback = None
            return
        listener = heard
        client.callback = lambda message, _: listener(message)


def output_place(
    port: _ListedPort, inputs: Collection[_ListedPort], outputs: Sequence[str]
) -> int | None:
    """Return the place of the output that belongs to an input's device; None where there is none.

    Most systems list both by one name; JACK's bridges and Windows by names that differ in a word.
    A program's own ports may have any names: there its only output belongs to its only input."""
    listed, number, _ = port
    words = {"capture": "playback", "MIDIIN": "MIDIOUT"}
    wanted = _without_number(listed)
    for word, other in words.items():
        wanted = wanted.replace(word, other)
    same = [place for place, name in enumerate(outputs) if _without_number(name) == wanted]
    if number < len(same):
        return same[number]
    client = _client_of(listed)
    beside = [each for each, *_ in inputs if _client_of(each) == client]
    own = [place for place, name in enumerate(outputs) if _client_of(name) == client]
    return own[0] if len(beside) == len(own) == 1 and ":" in listed else None


def _client_of(listed: str) -> str:
    return _CHANGING_NUMBERS.sub("", listed).partition(":")[0]


def _without_number(listed: str) -> str:
    return _WINDOWS_NUMBER.sub("", listed) if sys.platform == "win32" else listed


def _connection(listed: str) -> int:
    """Return a number that changes each time an ALSA port's sound card is plugged in; else 0.

    A device that was plugged in again quickly is listed as before, but is no longer connected."""
    client = next((int(n) for n in chain(*_ALSA_CLIENT.findall(listed)) if n), 0)
    card = (client - 16) // 4  # the kernel's rule: clients 16 to 19 are card 0
    try:
        return (_SOUND_DEVICES / f"controlC{card}").stat().st_ino
    except OSError:
        return 0


def _unique_name(listed: str, taken: Collection[str]) -> str:
    """Return a name for a new port; equal ones are numbered."""
    name = _CHANGING_NUMBERS.sub("", listed)
    numbered = (f"{name} #{number}" if number > 1 else name for number in count(1))
    return next(each for each in numbered if each not in taken)


def first_of_equals(name: str) -> str:
    """Return the name of the first of several equal ports."""
    return re.sub(r" #\d+$", "", name)
