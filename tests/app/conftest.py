"""Shows for tests of the app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import platformdirs
import pytest
from fake_engine import FakeEngine, Step, stay
from on_stage import Begin, Show, Stage

from liveflight.show.flight import NetworkLoader
from liveflight.storage import presets


@pytest.fixture
def begin(ctx: moderngl.Context) -> Iterator[Begin]:
    shows: list[Show] = []

    def begin(
        step: Step = stay,
        size: tuple[int, int] = (64, 36),
        bottom_up: bool = False,
        live: bool = True,
        seed: int = 0,
        engine: FakeEngine | None = None,
        loader: NetworkLoader | None = None,
        **options: Any,
    ) -> Show:
        stage = Stage(ctx, size, bottom_up)
        engine = engine or FakeEngine(step)
        show = Show(stage, engine, live=live, seed=seed, loader=loader, **options)
        shows.append(show)
        return show

    yield begin
    for show in shows:
        show.app.close()


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where presets and pictures of the user go."""
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "presets")
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path / "pictures")
    return tmp_path
