"""Some of the attacks on the flash limiter, flown without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_engine import FakeEngine
from flash_attacks import attacks, flown
from flash_flight import BEGIN_S

from liveflight import engines

pytestmark = pytest.mark.gl

FPS = 30.0
KINDS = (
    *("OSC reseed 5 Hz, bright", "keys: presets 4 Hz", "MIDI pad: blackout 4.5 Hz"),
    *("replay: blackout 4 Hz", "hue 4 Hz, red", "LFO contrast 4 Hz"),
)


@pytest.mark.parametrize("name", KINDS)
def test_attacks_flash_without_the_limiter_and_not_with_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "load", lambda *given, **named: FakeEngine())
    attack = next(each for each in attacks() if each.name == name)
    given, shown, limited = flown(attack, FPS, BEGIN_S + 1.3)
    assert not given.passes, "it is no attack"
    assert shown.passes and limited > 0
