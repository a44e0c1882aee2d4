"""Check many items within one test, and name those that fail."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(items: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call the test for every item, given as its first argument, and fail after the last one.

    Fixtures and other parameters are shared by all items. The failure names the items by their
    `key`, or by themselves, and has the first one's traceback."""
    listed = list(items)
    assert listed, "nothing to check"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def check_all(**given: Any) -> None:
            failed: dict[str, BaseException] = {}
            for item in listed:
                try:
                    test(item, **given)
                except (Exception, pytest.fail.Exception) as error:  # a skip skips the whole test
                    failed[str(getattr(item, "key", item))] = error
            if failed:
                first = next(iter(failed.values()))
                names = ", ".join(failed)
                raise AssertionError(f"{len(failed)} of {len(listed)} fail: {names}") from first

        signature = inspect.signature(test)
        rest = list(signature.parameters.values())[1:]
        check_all.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        check_all.__name__, check_all.__doc__ = test.__name__, test.__doc__
        check_all.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]
        check_all.__module__, check_all.__qualname__ = test.__module__, test.__qualname__
        return check_all

    return decorate
