"""Open MIDI ports in a child process.

RtMidi holds Python's lock while it opens a port, for several frames under JACK, and a driver may
crash its process. Neither may happen to the show.

    python -m liveflight.controllers.midi.subprocess_ports

The two exchange lines of JSON: `[what, port]` is a request, `{"answer": ...}` or `{"error": ...}`
its reply, and `{"heard": [port, bytes]}` comes whenever a port sends. `["send", [[port, bytes]]]`
has no reply; `{"sent": true}` follows when it is done. One at a time: so a driver that stands still
never fills the pipe, and the frame that writes into it never waits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TextIO

from liveflight.controllers.midi.ports import MidiListener, PortMessage, Ports, system_ports
from liveflight.core.contracts import LiveflightError
from liveflight.system import child_process

_REPLY_TIMEOUT_S = 10.0
"""Seconds that a reply may take: a driver may wait for a device."""
_CLOSE_TIMEOUT_S = 2.0
"""Seconds that the process has to close its ports."""

Say = Callable[[dict[str, Any]], None]


class SubprocessPorts:
    """Implement `ports.Ports` through the child process.

    When that has ended there are no ports; the next `names` starts another."""

    def __init__(self) -> None:
        """Start the process.

        Raises LiveflightError where no library is installed, or the system has no MIDI."""
        self._listeners: dict[str, MidiListener] = {}
        self._writing = threading.Lock()
        self._start()

    def names(self) -> list[str]:
        """Return the present ports; none, once, after the process has ended."""
        if self._process.poll() is None:
            found: list[str] = self._ask("names")
            return found
        self.close_all()
        self._start()
        return []

    def open(self, name: str, heard: MidiListener) -> None:
        self._listeners[name] = heard
        self._ask("open", name)

    def send(self, messages: Sequence[PortMessage]) -> None:
        self.sending = True
        with suppress(OSError, ValueError):  # the process has ended, and may be closed already
            self._write("send", messages)

    def close(self, name: str) -> None:
        self._listeners.pop(name, None)
        with suppress(OSError):
            self._ask("close", name)

    def close_all(self) -> None:
        """End the process. May be called twice."""
        self._listeners.clear()
        child_process.end(self._process, _CLOSE_TIMEOUT_S)
        if self._thread.ident:  # unset if the system had no thread left
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _start(self) -> None:
        self._process = child_process.start(
            child_process.python(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where JACK complains that it has no server
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout
        self._to = self._process.stdin
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.sending = False
        listen = partial(self._listen, self._process.stdout, self._answers)
        self._thread = threading.Thread(target=listen, name="midi in", daemon=True)
        try:
            self._thread.start()
            self._answer()
        except (OSError, RuntimeError) as error:
            self.close_all()
            raise LiveflightError(str(error)) from None

    def _ask(self, what: str, name: str = "") -> Any:
        self._write(what, name)
        return self._answer()

    def _write(self, what: str, given: object) -> None:
        line = json.dumps([what, given]).encode() + b"\n"
        with self._writing:
            self._to.write(line)
            self._to.flush()

    def _answer(self) -> Any:
        """Return the reply. Raises OSError where it is an error, or does not come."""
        try:
            answer = self._answers.get(timeout=_REPLY_TIMEOUT_S)
        except Empty:
            self._process.kill()
            answer = {"error": "MIDI does not answer"}
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["answer"]

    def _listen(self, lines: Any, answers: SimpleQueue[dict[str, Any]]) -> None:
        with lines:
            for line in lines:
                try:
                    said = json.loads(line)
                except ValueError:  # output of a library, cut in pieces
                    continue
                match said:
                    case {"heard": [str(name), list(data)]}:
                        if heard := self._listeners.get(name):
                            heard(data)
                    case {"sent": True}:
                        self.sending = False
                    case answer:
                        answers.put(answer)
        answers.put({"error": "the MIDI process has ended"})


def _serve(questions: TextIO, say: Say) -> None:
    try:
        ports = system_ports()
    except LiveflightError as error:
        say({"error": str(error)})
        return
    say({"answer": None})
    for line in questions:
        what, given = json.loads(line)
        try:
            if what == "send":
                ports.send(given)
                say({"sent": True})
            else:
                say({"answer": _handle(ports, what, given, say)})
        except Exception as error:  # RtMidi's exceptions share no base class
            say({"error": str(error)})
    ports.close_all()


def _handle(ports: Ports, what: str, name: str, say: Say) -> list[str] | None:
    match what:
        case "names":
            return ports.names()
        case "open":
            ports.open(name, lambda data: say({"heard": [name, list(data)]}))
        case "close":
            ports.close(name)
    return None


def _writer(out: TextIO) -> Say:
    """Return a function that writes one line at a time, from any thread."""
    lock = threading.Lock()

    def say(row: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps(row) + "\n")
            out.flush()

    return say


if __name__ == "__main__":
    with child_process.standard_output() as said, suppress(BrokenPipeError):
        _serve(sys.stdin, _writer(said))
    # At once: some libraries abort the process while their threads are ended.
    os._exit(0)
