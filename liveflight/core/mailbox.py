"""The one place where threads meet. Inputs put messages in from any thread; the frame loop drains
them once per frame.

A Set replaces what was waiting for its control, a Beat the Beat before, Nudges add up, Triggers and
Asks all survive up to caps. What is replaced or added to moves to the end: what was said last also
comes out last. Only the show finds out whether a text can be done: of a control's texts the newest
ones all survive, so that a mistyped one does not take a good one with it.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from liveflight.core.contracts import Value

CAP = 256
"""Triggers and asks that may wait for one frame; a flood beyond it is counted, not kept."""
ALIKE = 8
"""Triggers of one control among them, and texts of one control: a frame has no time for a hundred
recalls of a preset."""


@dataclass(frozen=True, slots=True)
class Set:
    """Control `key` to `value`, already checked."""

    key: str
    value: Value
    origin: str = field(default="", compare=False)
    """Who said so, such as `osc:127.0.0.1`: it need not be told of the change again."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """Control `key` by a signed step, as `Control.nudged` understands it."""

    key: str
    amount: float
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    key: str
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """The loop calls `reply` with what control `key` is set to. `reply` must not block."""

    key: str
    reply: Callable[[Value], None]


@dataclass(frozen=True, slots=True)
class Beat:
    """Where a clock outside stands at this frame: put once per frame by the surface that hears it,
    from its `poll`, for as long as it is heard."""

    position: float
    """In beats since that clock's own first bar began; a whole number on each beat."""
    bpm: float
    running: bool = True
    """False while that clock stands: ours then goes on alone, at this tempo."""
    origin: str = field(default="", compare=False)


Message = Set | Nudge | Trigger | Ask | Beat


class Mailbox:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str | int], Message] = {}
        self._queued = 0
        self._fired: Counter[str] = Counter()
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        """Those that wait for each control, in their order."""
        self.dropped = 0
        """Triggers and asks lost to the caps since the start."""

    def put(self, *messages: Message) -> None:
        """All of them reach the same frame: a bundle is one call."""
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
            case Trigger(key) if self._fired[key] == ALIKE:
                self.dropped += 1
            case _ if self._queued < CAP:
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
        elif len(texts) == ALIKE:
            del self._waiting[f"set {key}", texts.pop(0)]
        texts.append(text)
        self._waiting[f"set {key}", text] = message

    def drain(self) -> list[Message]:
        """Everything since the last drain, in the order in which it was last said."""
        with self._lock:
            drained = list(self._waiting.values())
            self._waiting, self._queued = {}, 0
            self._fired.clear()
            self._texts.clear()
        return drained
