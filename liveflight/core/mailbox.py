"""Collect messages from all threads until the frame loop drains them, once per frame.

A Set replaces the one that waits for its control, a Beat the Beat before. Nudges are added.
Triggers and Asks all survive, up to caps. A message that replaces or adds to another moves to the
end: messages come out in the order in which they were last sent. Only the show finds out whether a
text is valid. Therefore the newest texts of a control all survive: a mistyped one does not remove a
good one.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from liveflight.core.contracts import Value

MAX_QUEUED = 256
"""Triggers and asks that may wait for one frame; what exceeds it is counted and dropped."""
MAX_PER_CONTROL = 8
"""Triggers of one control among them, and texts of one control.

A frame has no time for a hundred recalls of a preset."""


@dataclass(frozen=True, slots=True)
class Set:
    """Set control `key` to `value`, already checked."""

    key: str
    value: Value
    origin: str = field(default="", compare=False)
    """Sender, such as `osc:127.0.0.1`: it does not need to be notified of the change."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """Move control `key` by a signed step, as `Control.nudged` does."""

    key: str
    amount: float
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fire control `key`."""

    key: str
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """Have the loop call `reply` with the setting of control `key`; `reply` must not block."""

    key: str
    reply: Callable[[Value], None]


@dataclass(frozen=True, slots=True)
class Beat:
    """Report where an external clock stands at this frame.

    Put once per frame, from the `poll` of the controller that receives the clock, while it does."""

    position: float
    """Beats since that clock's own first bar began; a whole number on each beat."""
    bpm: float
    running: bool = True
    """False while that clock stands: ours then runs alone, at this tempo."""
    origin: str = field(default="", compare=False)


Message = Set | Nudge | Trigger | Query | Beat

_NETWORK = frozenset({"osc", "oscquery", "web", "dmx"})


def from_network(origin: str) -> bool:
    """Return whether the sender of a message counts as the network, loopback included.

    Its origin begins with the name of its protocol and a colon. The page of the performer's own
    browser, `page:HOST:PORT`, does not count."""
    return origin.partition(":")[0] in _NETWORK


class Mailbox:
    """Take messages from any thread, and give them to the frame loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str | int], Message] = {}
        self._queued = 0
        self._fired: Counter[str] = Counter()
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        """Texts that wait for each control, in their order."""
        self.dropped = 0
        """Triggers and asks dropped since the start."""

    def put(self, *messages: Message) -> None:
        """Add messages that reach the same frame together: a bundle is one call."""
        with self._lock:
            for message in messages:
                self._put(message)

    def _put(self, message: Message) -> None:
        match message:
            case Set(key, value):
                self._waiting.pop(("step", key), None)
                if isinstance(value, str):
                    self._put_text(key, value, message)
                else:
                    self._waiting.pop(("set", key), None)
                    self._waiting["set", key] = message
            case Nudge(key, amount):
                waiting = self._waiting.pop(("step", key), None)
                before = waiting.amount if isinstance(waiting, Nudge) else 0.0
                self._waiting["step", key] = replace(message, amount=before + amount)
            case Beat():
                self._waiting.pop(("beat", ""), None)
                self._waiting["beat", ""] = message
            case Trigger(key) if self._fired[key] == MAX_PER_CONTROL:
                self.dropped += 1
            case _ if self._queued < MAX_QUEUED:
                self._queued += 1
                self._fired[message.key] += isinstance(message, Trigger)
                self._waiting["queue", self._queued] = message
            case _:
                self.dropped += 1

    def _put_text(self, key: str, text: str, message: Message) -> None:
        texts = self._texts[key]
        if text in texts:
            texts.remove(text)
            del self._waiting[f"set {key}", text]
        elif len(texts) == MAX_PER_CONTROL:
            del self._waiting[f"set {key}", texts.pop(0)]
        texts.append(text)
        self._waiting[f"set {key}", text] = message

    def drain(self) -> list[Message]:
        """Return all messages since the last drain, in the order in which they were last sent."""
        with self._lock:
            drained = list(self._waiting.values())
            self._waiting, self._queued = {}, 0
            self._fired.clear()
            self._texts.clear()
        return drained
