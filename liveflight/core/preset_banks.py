"""Number the slots of presets: nine banks of nine, each reached by the keys 1 to 9. Pure."""

from __future__ import annotations

BANKS = 9
MAX_SLOT = 99
"""Highest slot number; 10, 20, ... and those above 89 are in no bank."""


def slot_number(bank: int, key: int) -> int:
    """Return the slot of a key (1 to 9) in a bank (1 to 9): in bank 2 these are 11 to 19."""
    return 10 * (bank - 1) + key


def key_in_bank(bank: int, slot: int) -> int:
    """Return the key, 1 to 9, that reaches a slot in a bank; 0 where none does."""
    key = slot - 10 * (bank - 1)
    return key if 1 <= key <= 9 else 0
