"""Report faults of a show: each is logged in full the first time, then counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from liveflight.show.preset_navigation import RefusedBeforeError

log = logging.getLogger("liveflight.show.flight")

_MAX_KINDS = 200
"""Number of different faults that are counted apart."""


class Mended(str):
    """A line that says that a fault is over. It goes where the fault went."""


class FaultReports:
    """Log each fault once and count it from then on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.last = ""
        """The last line, of a fault or of its end."""
        self.last_fault = ""
        self.on_add: Callable[[object, BaseException | None], None] = lambda trouble, cause: None
        """Called with each fault and its cause, counted ones too."""

    def add(self, trouble: object, cause: BaseException | None = None) -> None:
        """Log the fault, with the traceback of its `cause` if there is one, or count it."""
        if isinstance(trouble, RefusedBeforeError):
            log.info("%s", trouble)
            return
        text = str(trouble) or type(trouble).__name__
        self.last = text.splitlines()[0]
        if not isinstance(trouble, Mended):
            self.on_add(trouble, cause)
            self.last_fault = self.last
        if text not in self.counts and len(self.counts) >= _MAX_KINDS:
            text = "further troubles"
        self.counts[text] += 1
        if self.counts[text] == 1:
            log.warning("%s", text, exc_info=cause)
