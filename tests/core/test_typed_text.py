from __future__ import annotations

import pytest

from liveflight.core.typed_text import character, edited


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("a", "a"),
        ("shift+a", "A"),
        ("7", "7"),
        ("shift+7", "7"),
        ("space", " "),
        ("minus", "-"),
        ("shift+minus", "_"),
        ("shift+comma", ","),
        ("ctrl+a", ""),
        ("f5", ""),
        ("left", ""),
        ("", ""),
    ],
)
def test_what_a_key_types(key: str, typed: str) -> None:
    assert character(key) == typed


def test_a_line_grows_to_its_length_and_shrinks() -> None:
    assert edited("ab", "c", 3) == "abc"
    assert edited("abc", "d", 3) == "abc"
    assert edited("abc", "backspace", 3) == "ab"
    assert edited("", "backspace", 3) == ""
    assert edited("abc", "tab", 3) is None
