from __future__ import annotations

from liveflight.loop.greeting import HINT, HINT_S, Greeting


def test_it_says_what_is_prepared_and_then_for_eight_seconds_the_first_keys() -> None:
    greeting = Greeting()
    greeting.begin()
    for _ in range(100):
        assert greeting.line("preparing vgg16 ...", 0.5) == "preparing vgg16 ..."
    shown = [greeting.line("", 0.25) for _ in range(40)]
    assert shown == [HINT] * (round(HINT_S / 0.25) - 1) + [""] * (41 - round(HINT_S / 0.25))


def test_a_key_ends_it_at_once() -> None:
    greeting = Greeting()
    greeting.begin()
    assert greeting.line("", 0.1) == HINT
    greeting.dismiss()
    assert greeting.line("", 0.1) == ""


def test_a_key_while_it_is_prepared_leaves_the_word_and_ends_the_hint() -> None:
    greeting = Greeting()
    greeting.begin()
    greeting.dismiss()
    assert greeting.line("preparing", 0.1) == "preparing"
    assert greeting.line("", 0.1) == ""


def test_later_preparations_are_not_its_business() -> None:
    greeting = Greeting()
    assert greeting.line("preparing vgg16 ...", 0.1) == "", "nobody is greeted"
    greeting.begin()
    greeting.line("", 0.1)
    assert greeting.line("preparing vgg19 ...", 0.1) == HINT
    greeting.dismiss()
    assert greeting.line("preparing vgg19 ...", 0.1) == ""


def test_a_notice_comes_first_and_goes_with_the_next_key() -> None:
    greeting = Greeting()
    greeting.begin()
    greeting.notify("Esc again quits", 2.0)
    assert [greeting.line("preparing", 0.75) for _ in range(3)] == [
        *["Esc again quits"] * 2,
        "preparing",
    ]
    greeting.notify("Esc again quits", 2.0)
    greeting.dismiss()
    assert greeting.line("preparing", 0.1) == "preparing"
