"""Turn changes of the bound channels into messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from liveflight.controllers.dmx.bindings import ChannelBinding, DmxMap
from liveflight.controllers.pickup import Pickup
from liveflight.core.contracts import Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Message, Set, Trigger


class Patch:
    """Move controls as their channels change; a channel that stays moves nothing."""

    def __init__(self, bindings: DmxMap, origin: str) -> None:
        """Take the bindings, which `bind` changes in place, and the origin of the messages."""
        self.bindings, self._origin = bindings, origin
        self._pickup: Pickup[ChannelBinding] = Pickup()

    @property
    def waiting(self) -> str:
        """Return which channel has to be moved to its control's value, or an empty text."""
        return self._pickup.waiting

    def bind(self, binding: ChannelBinding, levels: bytes) -> list[Message]:
        """Add a binding, which holds its control at once; return what that moves.

        Raises LiveflightError where too many are bound."""
        self.bindings.bind(binding)
        self._pickup.take(binding)
        return list(self._messages([binding], b"", levels))

    def update(self, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Take the values after a frame, and its messages."""
        bound = ((binding, binding.control, self._origin) for binding in self.bindings)
        self._pickup.update(values, heard, bound)

    def changed(self, before: bytes, after: bytes) -> list[Message]:
        """Return what a change of the levels means; `before` is empty for the first ones.

        First levels move the controls whose channels `jump`, and fire nothing."""
        return list(self._messages(self.bindings, before, after))

    def _messages(
        self, bindings: DmxMap | list[ChannelBinding], before: bytes, after: bytes
    ) -> Iterator[Message]:
        for binding in bindings:
            was, position = binding.position(before), binding.position(after)
            if position is not None and position != was:
                yield from self._moved(binding, was, position)

    def _moved(
        self, binding: ChannelBinding, was: float | None, position: float
    ) -> Iterator[Message]:
        control = CONTROLS[binding.control]
        if control.kind in ("trigger", "text"):
            if was is not None and was < 0.5 <= position:
                fired = Trigger(control.key, self._origin)
                text = Set(control.key, binding.value, self._origin)
                yield fired if control.kind == "trigger" else text
            return
        before = self._pickup.moved(binding, position, position if was is None else was)
        value = control.from_position(position)
        if was is not None and control.from_position(was) == value:
            return  # within one choice, or on the same side of a switch
        if self._pickup.reaches(binding, control, before, binding.takeover):
            yield Set(control.key, value, self._origin)
