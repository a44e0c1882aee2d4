from __future__ import annotations

from pathlib import Path

import pytest

from liveflight import networks
from liveflight.core.contracts import KeyPress, Target
from liveflight.core.mailbox import Mailbox, Message, Set
from liveflight.show.atlas_browser import AtlasBrowser
from liveflight.show.name_search import NameSearch
from liveflight.storage import presets


class Typist:
    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.browser = AtlasBrowser(self.mailbox, lambda: None)
        self.search = NameSearch(self.mailbox, self.browser)

    def press(self, *names: str) -> list[Message]:
        for name in names:
            assert self.search.press(KeyPress(name)), name
        return self.mailbox.drain()

    def type(self, text: str) -> list[Message]:
        return self.press(*({" ": "space", "-": "minus"}.get(each, each) for each in text))

    @property
    def names(self) -> list[str]:
        return [line[2:] for line in self.search.lines()[1:-3] if line.strip()]


@pytest.fixture
def typist() -> Typist:
    typist = Typist()
    typist.press("/")
    return typist


def test_typing_narrows_the_names_and_enter_flies_there(typist: Typist) -> None:
    typist.type("jell")
    assert typist.names == ["jellyfish\tclass 107"]
    assert typist.press("return") == [Set("mix.target", "efficientnet_lite0:class:107")]
    assert not typist.search.open and not typist.search.press(KeyPress("a"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("107", "jellyfish\tclass 107"),
        ("class 980", "volcano\tclass 980"),
        ("short-haired", "German short-haired pointer\tclass 210"),
        ("terrier irish", "Irish terrier\tclass 184"),
        ("reef", "reef\tpreset"),
    ],
)
def test_by_name_number_or_several_words(text: str, name: str, typist: Typist) -> None:
    typist.type(text)
    assert name in typist.names


def test_what_begins_with_the_text_comes_first(typist: Typist) -> None:
    typist.type("cat")
    names = [name.split("\t")[0].lower() for name in typist.names]
    begins = [name.startswith("cat") for name in names]
    assert begins == sorted(begins, reverse=True) and begins[0]


def test_the_arrows_pick_and_backspace_takes_back(typist: Typist) -> None:
    typist.type("vol")
    names = typist.names
    assert len(names) > 1
    typist.press("down")
    assert typist.search.lines()[2].startswith("> ")
    typist.press("up", "up", "up")
    assert typist.search.lines()[1].startswith("> "), "it stops at the ends"
    typist.press("pagedown")
    assert typist.search.lines()[len(names)].startswith("> ")
    typist.press("backspace", "backspace", "backspace", "backspace")
    assert typist.search.lines()[0].startswith("/ _\t")
    assert typist.search.lines()[1].startswith("> ")


def test_a_long_list_scrolls_with_what_is_picked(typist: Typist) -> None:
    entries = int(typist.search.lines()[0].split(" of ")[1])
    assert entries >= 1000 + len(presets.names())
    height = len(typist.search.lines())
    for _ in range(entries + 5):
        typist.press("down")
        lines = typist.search.lines()
        assert len(lines) == height and sum(line.startswith("> ") for line in lines) == 1
    assert "class" in lines[-4]


def test_where_nothing_is_called_so_nothing_is_picked(typist: Typist) -> None:
    typist.type("qqqq")
    assert "no match" in typist.search.lines()[1]
    assert typist.press("down", "return", "shift+return") == [] and typist.search.open


def test_shift_and_enter_adds_and_stays(typist: Typist) -> None:
    typist.type("volcano")
    added = [Set("mix.target_add", "efficientnet_lite0:class:980")]
    assert typist.press("shift+return") == added and typist.search.open


def test_a_preset_is_recalled(typist: Typist) -> None:
    typist.type("reef preset")
    assert typist.press("return") == [Set("show.preset", "reef")]


def test_escape_closes_and_the_next_search_begins_anew(typist: Typist) -> None:
    typist.type("zebra")
    assert typist.press("escape") == [] and not typist.search.open
    typist.press("/")
    assert typist.search.lines()[0].startswith("/ _\t")


def test_it_takes_what_types_and_leaves_the_rest(typist: Typist) -> None:
    for name in ("f11", "alt+return", "end", "tab", "f5"):
        assert not typist.search.press(KeyPress(name))
    typist.type("b r 1")
    assert typist.press("left", "right") == []
    assert typist.search.lines()[0].startswith("/ b r 1_")


def test_a_held_key_types_on_and_flies_once(typist: Typist) -> None:
    assert typist.search.press(KeyPress("a", repeat=True))
    assert typist.search.press(KeyPress("return", repeat=True))
    assert typist.mailbox.drain() == [] and typist.search.open
    typist.type("a" * 90)
    assert len(typist.search.lines()[0].split("\t")[0]) < 50
    assert not Typist().search.press(KeyPress("/", repeat=True))


def test_the_atlas_gives_way_to_it() -> None:
    typist = Typist()
    typist.browser.choose()
    typist.press("/")
    assert typist.search.open and not typist.browser.open


def test_a_preset_that_was_saved_meanwhile_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typist: Typist
) -> None:
    typist.press("escape")
    monkeypatch.setattr(presets, "names", lambda: ("my newest",))
    typist.press("/")
    typist.type("newest")
    assert typist.press("return") == [Set("show.preset", "my newest")]


def test_every_class_is_a_target_there_is(typist: Typist) -> None:
    for entry in typist.search._entries:
        if entry.control == "mix.target":
            assert networks.resolve(Target.parse(entry.value)).filter is not None
