"""Loading beside the show: what is said of a download, and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fake_engine import FakeEngine

from liveflight.loader import Loader


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
    loader = Loader(lambda: engine, True, lambda *news: shown.append(news))
    assert not loader.ready(["vgg16"])
    engine.piece.release()
    engine.told.acquire()
    assert loader.downloading == "downloading vgg16: 25% of 4 MB"
    engine.piece.release(2)
    engine.told.acquire()
    engine.told.acquire()
    assert loader._work.wait(60)
    assert loader.downloading == ""
    assert shown == [("vgg16", part * 1_000_000, 4_000_000) for part in (1, 2, 4)]
    assert loader.ready(["vgg16"])


def test_closing_ends_a_download() -> None:
    engine = Downloading()
    loader = Loader(lambda: engine, True)
    loader.ready(["vgg16"])
    engine.piece.release()
    engine.told.acquire()
    closing = threading.Thread(target=loader.close)
    closing.start()
    while not loader._closing:
        pass
    engine.piece.release()
    closing.join()
    assert engine.ended == ["_UnwantedError"]
    assert loader.downloading == ""
