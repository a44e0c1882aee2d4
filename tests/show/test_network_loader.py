"""Loading beside the show: what is said of a download, and how it ends."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import pytest
from fake_engine import FakeEngine
from in_flight import settle

from liveflight.core.contracts import LiveflightError
from liveflight.show.network_loader import Layers, NetworkLoader
from liveflight.system.worker import BUSY_NAME


class Downloading(FakeEngine):
    """Its networks come in three pieces, each on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.piece = threading.Semaphore(0)
        self.told = threading.Semaphore(0)
        self.ended: list[str] = []

    def prepare(self, network: str, progress: Callable[[int, int], None] | None = None) -> None:
        assert progress is not None
        try:
            for done in (1, 2, 4):
                self.piece.acquire()
                progress(done * 1_000_000, 4_000_000)
                self.told.release()
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise
        super().prepare(network, progress)


def test_a_download_is_shown_while_it_lasts() -> None:
    engine, shown = Downloading(), []
    loader = NetworkLoader(lambda: engine, True, lambda *news: shown.append(news))
    assert not loader.ensure_loaded(["vgg16"])
    engine.piece.release()
    engine.told.acquire()
    assert loader.downloading == "downloading vgg16: 25% of 4 MB"
    engine.piece.release(2)
    engine.told.acquire()
    engine.told.acquire()
    settle(loader)
    assert loader.downloading == ""
    assert shown == [("vgg16", part * 1_000_000, 4_000_000) for part in (1, 2, 4)]
    assert loader.ensure_loaded(["vgg16"])


def test_closing_ends_a_download() -> None:
    engine = Downloading()
    loader = NetworkLoader(lambda: engine, True)
    loader.ensure_loaded(["vgg16"])
    engine.piece.release()
    engine.told.acquire()
    closing = threading.Thread(target=loader.close)
    closing.start()
    while not loader._closing:
        pass
    engine.piece.release()
    closing.join()
    assert engine.ended == ["_CancelledError"]
    assert loader.downloading == ""


# Plans

SIZE = (32, 18)


def layers(*names: str) -> Layers:
    return frozenset(("vgg16", name) for name in names)


A, B, C = layers("conv1_1"), layers("conv2_1"), layers("conv3_1")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def loader(engine: FakeEngine) -> Iterator[NetworkLoader]:
    """With its network loaded."""
    loader = NetworkLoader(lambda: engine, background=True)
    assert not loader.ensure_loaded(["vgg16"])
    assert settle(loader) and loader.ensure_loaded(["vgg16"])
    yield loader
    engine.planning.set()
    loader.close()


def planned(engine: FakeEngine) -> list[Layers]:
    return [mix for mix, _ in engine.plans]


def test_plans_are_made_one_after_the_other_beside_the_show(
    loader: NetworkLoader, engine: FakeEngine
) -> None:
    engine.planning.clear()
    for _ in range(3):
        assert not loader.ensure_planned([A | B, B], SIZE)
    assert not engine.plans
    engine.planning.set()
    assert settle(loader) and not loader.ensure_planned([A | B, B], SIZE)
    assert settle(loader) and loader.ensure_planned([A | B, B], SIZE)
    assert engine.plans == [(A | B, SIZE), (B, SIZE)]
    assert loader.ensure_planned([B], SIZE) and not loader.ensure_planned([B], (16, 9))


def test_of_a_row_of_hasty_wishes_the_newest_wins(
    loader: NetworkLoader, engine: FakeEngine
) -> None:
    engine.planning.clear()
    for number in range(50):
        assert not loader.ensure_planned([layers(f"conv{number}")], SIZE)
    assert not loader.ensure_planned([C], SIZE)
    engine.planning.set()
    assert settle(loader) and not loader.ensure_planned([C], SIZE)
    assert settle(loader) and loader.ensure_planned([C], SIZE)
    assert planned(engine) == [layers("conv0"), C]


def test_what_is_foreseen_comes_last(loader: NetworkLoader, engine: FakeEngine) -> None:
    loader.prefetch([B, C, B])
    engine.planning.clear()
    assert not loader.ensure_planned([A], SIZE)
    loader.prefetch_next(SIZE)
    engine.planning.set()
    assert settle(loader) and loader.ensure_planned([A], SIZE)
    for _ in range(4):
        loader.prefetch_next(SIZE)
        settle(loader)
    assert planned(engine) == [A, B, C]


def test_a_new_outlook_replaces_the_old(loader: NetworkLoader, engine: FakeEngine) -> None:
    loader.prefetch([A, B])
    loader.prefetch([C])
    for _ in range(3):
        loader.prefetch_next(SIZE)
        settle(loader)
    assert planned(engine) == [C]


def test_foreseeing_loads_networks_and_passes_over_what_it_cannot(
    loader: NetworkLoader, engine: FakeEngine
) -> None:
    engine.missing.add("vgg19")
    elsewhere = frozenset({("vgg19", "conv1_1")}), frozenset({("other", "stem")})
    loader.prefetch([*elsewhere, A])
    for _ in range(6):
        loader.prefetch_next(SIZE)
        settle(loader)
    assert engine.prepared == ["vgg16", "other"]
    assert planned(engine) == [elsewhere[1], A]


@pytest.mark.parametrize("background", [False, True])
def test_what_cannot_be_planned_is_said_once_and_then_goes_without(background: bool) -> None:
    engine = FakeEngine()
    engine.impossible.add("conv2_1")
    loader = NetworkLoader(lambda: engine, background)
    if not loader.ensure_loaded(["vgg16"]):
        assert settle(loader) and loader.ensure_loaded(["vgg16"])
    with pytest.raises(LiveflightError, match="no plan for"):
        while not loader.ensure_planned([B], SIZE):
            settle(loader)
    assert loader.ensure_planned([B], SIZE)
    loader.close()


def test_a_fault_while_planning_is_one_line_that_names_the_layers(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no graph\nand more")

    monkeypatch.setattr(engine, "plan", broken)
    named = r"^vgg16:conv1_1 \+ vgg16:conv2_1 cannot be planned at 32x18: .*no graph"
    assert not loader.ensure_planned([A | B], SIZE)
    settle(loader)
    with pytest.raises(LiveflightError, match=named) as told:
        loader.ensure_planned([A | B], SIZE)
    assert "\n" not in str(told.value)


def test_what_the_runtimes_brought_is_not_looked_through_in_mid_flight():
    brought = [[number] for number in range(1000)]
    loader = NetworkLoader(FakeEngine, background=False)
    before = gc.get_freeze_count()
    assert loader.ensure_loaded(["vgg16"])
    assert gc.get_freeze_count() >= before + len(brought)
    loader.close()
    assert gc.get_freeze_count() < len(brought)


def test_what_plans_left_is_let_go_of_by_who_made_it_when_nothing_else_is_to_be_done(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    who: list[str] = []

    def tidy() -> bool:
        who.append(threading.current_thread().name)
        return len(who) % 2 == 1

    monkeypatch.setattr(engine, "tidy", tidy)
    for _ in range(2):
        loader.tidy()
        settle(loader)
    loader.tidy()
    assert not loader.busy
    assert who == [BUSY_NAME, BUSY_NAME], "nothing more is left"
    engine.planning.clear()
    assert not loader.ensure_planned([A], SIZE)
    loader.tidy()
    engine.planning.set()
    assert settle(loader) and loader.ensure_planned([A], SIZE)
    assert len(who) == 2, "something was being planned"
    loader.tidy()
    assert settle(loader) and len(who) == 3


def test_another_number_of_views_is_something_to_tidy_up(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[int] = []
    monkeypatch.setattr(engine, "tidy", lambda: bool(tidied.append(1)))
    for expected in (1, 1):  # the second time all is tidy
        loader.tidy()
        settle(loader)
        assert len(tidied) == expected
    loader.views_changed()
    loader.tidy()
    settle(loader)
    assert len(tidied) == 2


def slow_to_tidy(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Once this is set, tidying up comes to an end; there is always more of it."""
    done = threading.Event()

    def tidy() -> bool:
        engine.tidied += 1
        assert done.wait(60)
        return True

    monkeypatch.setattr(engine, "tidy", tidy)
    return done


def test_tidying_up_waits_for_what_was_wanted_meanwhile(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = slow_to_tidy(engine, monkeypatch)
    loader.tidy()
    assert not loader.busy and not loader.ensure_planned([A], SIZE)
    done.set()
    settle(loader)
    for _ in range(3):  # the rests of a frame
        loader.tidy()
    assert engine.tidied == 1
    assert not loader.ensure_planned([A], SIZE) and loader.busy
    assert settle(loader) and loader.ensure_planned([A], SIZE)
    loader.tidy()
    assert settle(loader) and engine.tidied == 2


def test_tidying_up_goes_on_where_nobody_wants_it_any_more(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = slow_to_tidy(engine, monkeypatch)
    loader.tidy()
    assert not loader.ensure_planned([A], SIZE), "wanted, but only just now"
    done.set()
    settle(loader)
    for _ in range(6):
        loader.tidy()
    assert settle(loader) and engine.tidied == 1
    loader.tidy()
    assert settle(loader) and engine.tidied == 2


def test_what_is_foreseen_waits_for_the_tidying_up_but_not_for_ever(
    loader: NetworkLoader, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_to_tidy(engine, monkeypatch).set()
    loader.prefetch([A, B])
    engine.planning.clear()
    loader.prefetch_next(SIZE)
    loader.tidy()  # could not
    engine.planning.set()
    settle(loader)
    loader.prefetch_next(SIZE)
    loader.prefetch_next(SIZE)
    assert planned(engine) == [A]
    loader.tidy()
    assert settle(loader) and engine.tidied == 1
    for _ in range(20):  # no rest comes any more
        loader.prefetch_next(SIZE)
        settle(loader)
    assert planned(engine) == [A, B]
