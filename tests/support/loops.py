"""One test that goes through many items, and names those that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")


def every(
    items: Iterable[T], name: Callable[[T], str]
) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Return a decorator: one test that checks every item, and names all that failed."""
    listed = list(items)
    assert listed, "nothing to check"

    def decorate(check: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            failed: dict[str, BaseException] = {}
            for item in listed:
                try:
                    check(item)
                except (Exception, pytest.fail.Exception) as error:
                    failed[name(item)] = error
            if failed:
                first = next(iter(failed.values()))
                text = "\n".join(f"{item}: {error!s}" for item, error in failed.items())
                raise AssertionError(text) from first

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate
