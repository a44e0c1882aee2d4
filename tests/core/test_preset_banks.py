from __future__ import annotations

from liveflight.core.preset_banks import BANKS, MAX_SLOT, key_in_bank, slot_number


def test_each_key_of_each_bank_has_a_slot_of_its_own() -> None:
    slots = [slot_number(bank, key) for bank in range(1, BANKS + 1) for key in range(1, 10)]
    assert slots[:10] == [*range(1, 10), 11]
    assert len(set(slots)) == 81 and max(slots) == 89 <= MAX_SLOT
    for bank in range(1, BANKS + 1):
        reached = [key_in_bank(bank, slot) for slot in range(1, MAX_SLOT + 1)]
        assert [key for key in reached if key] == list(range(1, 10))
