from __future__ import annotations

from pathlib import Path

import pytest

from liveflight.core.contracts import KeyPress
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.show.preset_naming import PresetNaming
from liveflight.storage import presets
from liveflight.storage.presets import Preset


class Typist:
    def __init__(self, flown: str) -> None:
        self.mailbox = Mailbox()
        self.browser = AtlasBrowser(self.mailbox, lambda: None)
        self.naming = PresetNaming(self.mailbox, self.browser, lambda: flown)

    def press(self, *names: str) -> list[Message]:
        for name in names:
            assert self.naming.press(KeyPress(name)), name
        return self.mailbox.drain()


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path)
    presets.write(Preset("slot 3", {}))


def test_a_name_is_typed_and_sent() -> None:
    typist = Typist("slot 3")
    typist.browser.open = True
    keys = ["shift+s", "u", "n", "space", "2", "minus", "x", "backspace", "shift+minus", "a"]
    assert typist.press("f9", *keys) == []
    assert not typist.browser.open
    assert typist.naming.lines()[:2] == ["a new name for slot 3", "> Sun 2-_a_\t "]
    assert typist.press("return") == [Set("show.name", "Sun 2-_a")]
    assert not typist.naming.open and not typist.naming.press(KeyPress("a"))


@pytest.mark.parametrize("keys", [["escape"], ["return"], ["f9"], ["a", "escape"]])
def test_nothing_typed_or_escape_changes_nothing(keys: list[str]) -> None:
    typist = Typist("slot 3")
    assert typist.press("f9", *keys) == [] and not typist.naming.open


def test_a_preset_that_is_not_ones_own_says_what_to_do() -> None:
    typist = Typist("reef")
    assert typist.press("f9", "a") == []
    assert typist.naming.lines()[0] == "reef is not a preset of your own"
    assert typist.press("return") == []


def test_other_keys_work_as_always() -> None:
    naming = Typist("slot 3").naming
    naming.press(KeyPress("f9"))
    for name in ("f11", "ctrl+q", "left", "tab", "ctrl+a"):
        assert not naming.press(KeyPress(name))
    assert naming.press(KeyPress("f9", repeat=True)) and naming.open
