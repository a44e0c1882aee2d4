"""Name the keys that pygame reports, whatever the keyboard's layout."""

from __future__ import annotations

from liveflight.outputs.sdl import pygame

_MODIFIERS = {
    "ctrl+": pygame.KMOD_CTRL,
    "alt+": pygame.KMOD_ALT,
    "meta+": pygame.KMOD_META,
    "shift+": pygame.KMOD_SHIFT,
}
"""Prefixes of a key's name, in their order."""
_KEYS_BY_CHARACTER = {"?": "question", "/": "/"}
"""Keys by the character they type: its position differs between keyboards."""

_KEYS_BY_CODE = {
    **{ord(character): character for character in "abcdefghijklmnopqrstuvwxyz0123456789"},
    **{getattr(pygame, f"K_KP{digit}"): str(digit) for digit in range(10)},
    pygame.K_PLUS: "plus",
    pygame.K_EQUALS: "plus",
    pygame.K_KP_PLUS: "plus",
    pygame.K_MINUS: "minus",
    pygame.K_UNDERSCORE: "minus",
    pygame.K_KP_MINUS: "minus",
    pygame.K_KP_ENTER: "return",
    pygame.K_LEFTBRACKET: "leftbracket",
    pygame.K_RIGHTBRACKET: "rightbracket",
    pygame.K_COMMA: "comma",
    pygame.K_PERIOD: "period",
}  # fmt: skip
_KEYS_BY_POSITION = {
    **{pygame.KSCAN_A + index: chr(ord("a") + index) for index in range(26)},
    **{pygame.KSCAN_1 + index: str((index + 1) % 10) for index in range(10)},
    pygame.KSCAN_MINUS: "minus",
    pygame.KSCAN_EQUALS: "plus",
    pygame.KSCAN_LEFTBRACKET: "leftbracket",
    pygame.KSCAN_RIGHTBRACKET: "rightbracket",
    pygame.KSCAN_COMMA: "comma",
    pygame.KSCAN_PERIOD: "period",
}
"""Names of keys by their position on a US keyboard."""


def pressed_name(event: pygame.event.Event) -> str:
    """Return the name of a key press as in `KeyPress`; empty for a modifier key."""
    name = key_name(event.key, event.scancode)
    held = [prefix for prefix, mask in _MODIFIERS.items() if event.mod & mask]
    # A digit stays one with Shift held, even where that types a slash.
    if not name.isdigit() and event.unicode in _KEYS_BY_CHARACTER:
        name = _KEYS_BY_CHARACTER[event.unicode]
        held = [prefix for prefix in held if prefix != "shift+"]  # it belongs to the character
    return "".join((*held, name)) if name else ""


def key_name(key: int, scancode: int) -> str:
    """Return a key's name without modifiers; empty for a modifier key.

    A key whose character has no name (a Cyrillic letter, an accented digit row) is named by its
    position on the keyboard."""
    if pygame.KSCAN_LCTRL <= scancode <= pygame.KSCAN_RGUI:
        return ""
    named = _KEYS_BY_CODE.get(key) or _KEYS_BY_POSITION.get(scancode)
    return named or pygame.key.name(key).lower().replace(" ", "")
