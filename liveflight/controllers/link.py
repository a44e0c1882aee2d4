"""Ableton Link: the beat that the programs of a local network share. Needs the extra `link`, whose
package compiles in Ableton's Link (GPL-2.0 or later, or a licence from Ableton).

Alone, the session follows our tempo; with others in it, ours follows the session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Set

ORIGIN = "link"

_SETTLE = 0.5
"""Seconds before it is enabled: one enabled as soon as it is made may bring its own tempo to the
session, instead of taking over the session's."""


class LinkInput:
    def __init__(self) -> None:
        self._link: Any = None
        self._made: float | None = None
        self._quantum = 4.0
        """Beats after which the session's peers agree where the bar begins."""
        self._peers = 0
        self._ours = float(CONTROLS["tempo.bpm"].default)
        """Our tempo, as last seen."""

    def open(self, mailbox: Mailbox) -> None:
        try:
            import link
        except ImportError as error:
            raise LiveflightError(
                'Ableton Link needs the package LinkPython-extern: pip install "liveflight[link]"'
            ) from error
        self._mailbox = mailbox
        self._link = link.Link(self._ours)

    def poll(self, now: float) -> None:
        if self._made is None:
            self._made = now
        if not self._link.enabled:
            self._link.enabled = now - self._made >= _SETTLE
        self._peers = self._link.numPeers()
        if self._peers:
            session, micros = self._session()
            beats = session.beatAtTime(micros, self._quantum)
            tempo = session.tempo()
            if math.isfinite(beats) and math.isfinite(tempo):
                self._mailbox.put(Beat(beats, tempo, origin=ORIGIN))

    def publish(self, now: float, values: Mapping[str, Value], heard: Sequence[Message]) -> None:
        self._quantum = float(values["tempo.beats_per_bar"])
        if wanted := self._wanted(values, heard):
            session, micros = self._session()
            session.setTempo(wanted, micros)
            self._link.commitSessionState(session)

    def _wanted(self, values: Mapping[str, Value], heard: Sequence[Message]) -> float | None:
        """The tempo that the session should take over: what ours has become, as long as we are
        alone, or what a performer set just now."""
        before, self._ours = self._ours, float(values["tempo.bpm"])
        if not self._peers:
            # Not where it differs from the session's: others may have come in since the poll.
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
                    wanted = float(bpm.nudged(bpm.fit(here), amount))
        return wanted

    def _session(self) -> tuple[Any, int]:
        return self._link.captureSessionState(), self._link.clock().micros()

    def status_lines(self) -> list[str]:
        return []

    def close(self) -> None:
        link, self._link = self._link, None
        if link:
            link.enabled = False
