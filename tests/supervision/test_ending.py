from __future__ import annotations

import signal

import pytest

from liveflight.supervision.ending import judge


@pytest.mark.parametrize(
    ("code", "begun", "kind", "cause"),
    [
        (0, False, "crash", "crash"),
        (0, True, "crash", "crash"),
        (130, True, "quit", "quit"),
        (2, False, "quit", "refused"),
        (2, True, "crash", "crash"),
        (1, False, "crash", "crash"),
        (77, True, "crash", "crash"),
        (86, True, "crash", "gpu_lost"),
        (87, False, "crash", "out_of_memory"),
        (88, False, "no display", "no_display"),
        (89, True, "crash", "stalled"),
        (-signal.SIGKILL, True, "crash", "signal"),
        (-signal.SIGSEGV, False, "crash", "signal"),
        (-99, True, "crash", "signal"),
    ],
)
def test_exit_codes(code: int, begun: bool, kind: str, cause: str) -> None:
    found = judge(code, quit=False, begun=begun, display=True)
    assert (found.kind, found.cause) == (kind, cause)
    assert found.code == (code if kind == "quit" else 0)


@pytest.mark.parametrize("code", [1, 2, 86, -signal.SIGKILL])
def test_a_show_whose_desktop_went_away_has_not_crashed(code: int) -> None:
    assert judge(code, quit=False, begun=False, display=False).kind == "no display"


def test_a_quit_needs_no_desktop() -> None:
    assert judge(0, quit=True, begun=True, display=False).kind == "quit"
    assert judge(0, quit=True, begun=True, display=True).code == 0


@pytest.mark.parametrize("code", [1, 86, -signal.SIGSEGV])
def test_one_that_was_quit_and_crashes_as_it_closes_stays_ended(code: int) -> None:
    found = judge(code, quit=True, begun=True, display=True)
    assert (found.kind, found.code) == ("quit", 0)
    assert found.text.endswith("as it closed")


def test_signals_are_named() -> None:
    assert judge(-signal.SIGSEGV, quit=False, begun=True, display=True).text == "killed by SIGSEGV"
    assert judge(-99, quit=False, begun=True, display=True).text == "killed by signal 99"
