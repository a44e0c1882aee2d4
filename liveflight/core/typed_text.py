"""Turn key presses into a line of text. Pure."""

from __future__ import annotations

_CHARACTERS = {"space": " ", "minus": "-", "comma": ",", "period": ".", "shift+minus": "_"}
"""Characters of keys whose name is another."""


def character(key: str) -> str:
    """Return what a key of that name types; empty for one that types nothing.

    Letters and digits, space, and `-`, `_`, `,` and `.`: enough for names."""
    plain = key.removeprefix("shift+")
    named = _CHARACTERS.get(key) or _CHARACTERS.get(plain)
    typed = named or (plain if len(plain) == 1 else "")
    return typed.upper() if plain != key else typed


def edited(text: str, key: str, longest: int) -> str | None:
    """Return the text after a key was pressed; None where the key does not edit."""
    if key == "backspace":
        return text[:-1]
    typed = character(key)
    return (text + typed)[:longest] if typed else None
