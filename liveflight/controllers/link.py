"""Share beat and tempo with other programs on the local network through Ableton Link.

Needs the extra `link`, whose package compiles in Ableton's Link (GPL-2.0 or later, or a licence
from Ableton). While we are alone in the session, it follows our tempo; with others in it, ours
follows the session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Set

ORIGIN = "link"

_ENABLE_DELAY_S = 0.5
"""Seconds before Link is enabled.

Enabled as soon as it is made, it may impose its own tempo on the session instead of taking over the
session's."""


class LinkInput:
    """Follow a Link session. A `controllers.controller.Controller`."""

    def __init__(self) -> None:
        self._link: Any = None
        self._made: float | None = None
        self._quantum = 4.0
        """Beats per bar: peers agree where a bar of this length begins."""
        self._peers = 0
        self._ours = float(CONTROLS["tempo.bpm"].default)
        """Our tempo in beats per minute, as of the last `publish`."""

    def open(self, mailbox: Mailbox) -> None:
        """Join the session. Raises LiveflightError without the package."""
        try:
            import link
        except ImportError as error:
            raise LiveflightError(
                'Ableton Link needs the package LinkPython-extern: pip install "liveflight[link]"'
            ) from error
        self._mailbox = mailbox
        self._link = link.Link(self._ours)

    def poll(self, now: float) -> None:
        """Put the session's beat if there are other peers, and if it is finite."""
        if self._made is None:
            self._made = now
        if not self._link.enabled:
            self._link.enabled = now - self._made >= _ENABLE_DELAY_S
        self._peers = self._link.numPeers()
        if self._peers:
            session, micros = self._session()
            beats = session.beatAtTime(micros, self._quantum)
            tempo = session.tempo()
            if math.isfinite(beats) and math.isfinite(tempo):
                self._mailbox.put(Beat(beats, tempo, origin=ORIGIN))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        """Set the session's tempo where ours leads it."""
        self._quantum = float(values["tempo.beats_per_bar"])
        if wanted := self._wanted(values, heard):
            session, micros = self._session()
            session.setTempo(wanted, micros)
            self._link.commitSessionState(session)

    def _wanted(self, values: Mapping[str, Value], heard: Sequence[Message]) -> float | None:
        """Return the tempo that the session should take over, in beats per minute; None for none.

        Alone, that is ours if it has changed; with peers, what a performer has set just now."""
        before, self._ours = self._ours, float(values["tempo.bpm"])
        if not self._peers:
            # Compared with our last tempo, not the session's: peers may have joined since the poll.
            return self._ours if self._ours != before else None
        session, _ = self._session()
        bpm, wanted = CONTROLS["tempo.bpm"], None
        for message in heard:
            match message:
                case Set(bpm.key, value):
                    wanted = float(value)
                case Nudge(bpm.key, amount):
                    here = session.tempo() if wanted is None else wanted
                    here = here if math.isfinite(here) else self._ours
                    wanted = float(bpm.nudged(bpm.clamp(here), amount))
        return wanted

    def _session(self) -> tuple[Any, int]:
        return self._link.captureSessionState(), self._link.clock().micros()

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        link, self._link = self._link, None
        if link:
            link.enabled = False
