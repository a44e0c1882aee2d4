"""Keep a failure in one part of a frame from ending the others, or the show."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from traceback import extract_tb
from typing import ParamSpec, Protocol, TypeVar

from liveflight.core.contracts import CannotFlyError, LiveflightError

log = logging.getLogger("liveflight.show.flight")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 10.0
"""Seconds for which a part that failed is skipped, at first and at most; they double."""

P = ParamSpec("P")
T = TypeVar("T")


class Report(Protocol):
    def __call__(self, trouble: object, cause: BaseException | None = None) -> None:
        """Take note of a fault; `cause` is what was raised, where a traceback helps."""
        ...


@dataclass
class _Fault:
    kind: type[BaseException]
    text: str
    wait: float
    until: float


class FaultGuard:
    """Run parts of a frame by name.

    In a live flight the exception of a part is reported once with its cause, then counted. The part
    is skipped for a while, longer after each failure in a row. In a render the first failure is
    raised: a wrong picture in a file is worse than none."""

    def __init__(self, report: Report, *, live: bool) -> None:
        self.live = live
        self.now = 0.0
        """Seconds of the frame loop's clock; set it as each frame begins."""
        self.on_failure: Callable[[BaseException], None] = lambda error: None
        """Called with each exception of a live flight, before it is reported."""
        self._report = report
        self._faults: dict[str, _Fault] = {}

    def ready(self, part: str) -> bool:
        """Return whether the part is not being skipped."""
        fault = self._faults.get(part)
        return fault is None or self.now >= fault.until

    def run(self, part: str, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | None:
        """Return what `call` returns; None where it fails or is skipped."""
        if self._faults and not self.ready(part):
            return None
        return self.run_always(part, call, *given, **named)

    def run_always(
        self, part: str, call: Callable[P, T], *given: P.args, **named: P.kwargs
    ) -> T | None:
        """Do as `run` does, but never skip the part: somebody waits for just this call."""
        try:
            result = call(*given, **named)
        except Exception as error:
            self.failed(part, error)
            return None
        if self._faults:
            self._worked(part)
        return result

    def failed(self, part: str, error: Exception, text: str = "") -> None:
        """Take note that a part has raised `error`; `text` replaces the error's own text.

        Raises CannotFlyError as it is, and in a render LiveflightError for whatever it was."""
        if isinstance(error, CannotFlyError):
            raise error
        if not self.live:
            if isinstance(error, LiveflightError | MemoryError):
                raise error
            raise LiveflightError(f"{part} failed: {error!r} ({_place(error)})") from error
        self.on_failure(error)
        before = self._faults.get(part)
        if before and before.kind is type(error):
            text = before.text  # numbers in it may differ each time
        expected = isinstance(error, LiveflightError)
        text = text or (str(error) if expected else f"{part} failed: {_described(error)}")
        wait = min(2 * before.wait, LONGEST_WAIT_S) if before else FIRST_WAIT_S
        self._faults[part] = _Fault(type(error), text, wait, self.now + wait)
        self._report(text, None if expected else error)

    def _worked(self, part: str) -> None:
        """Forget a fault once the part has worked for as long as it was skipped."""
        fault = self._faults.get(part)
        if fault and self.now >= fault.until + fault.wait:
            del self._faults[part]
            log.info("%s works again", part)


def _described(error: Exception) -> str:
    plain = isinstance(error, RuntimeError | ArithmeticError) and str(error)
    return str(error) if plain else repr(error)


def _place(error: Exception) -> str:
    last = extract_tb(error.__traceback__)[-1]
    file = last.filename.replace("\\", "/").rpartition("/")[2]
    return f"{file}, line {last.lineno}"
