"""A show is saved while it runs, and another process continues it with its picture."""

from __future__ import annotations

import errno
import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from on_stage import CANVAS, TICK, Begin, Show, Stage, rises, sunrise

from liveflight import engines
from liveflight.app import App, build
from liveflight.cli import parser, unattended
from liveflight.core.contracts import LiveflightError
from liveflight.core.mailbox import Set
from liveflight.loop import first_picture
from liveflight.loop.state_saver import INTERVAL_S, StateSaver
from liveflight.media import image_file
from liveflight.show.network_loader import NetworkLoader
from liveflight.show.opening_times import OpeningTimes
from liveflight.show.options import Options
from liveflight.storage import state_file
from liveflight.storage.saved_state import SavedState

pytestmark = pytest.mark.gl

NOW = 1.8e9
EVERY_S = 1.0
"""Seconds between two saved states of most tests."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "show"


def saving(show: Show, folder: Path, interval: float = EVERY_S) -> StateSaver:
    saver = StateSaver(show.app, folder, interval, clock=lambda: NOW + show.now, background=False)
    show.app.watchers.append(saver.after_frame)
    return saver


def fly(show: Show, seconds: float) -> None:
    show.frame(round(seconds / TICK))


def stamp(folder: Path) -> int:
    return (folder / "state").stat().st_mtime_ns


def read(folder: Path) -> SavedState:
    found = state_file.read(folder)
    assert found
    return found


def test_it_is_saved_every_five_seconds(begin: Begin, folder: Path) -> None:
    show = begin()
    saving(show, folder, INTERVAL_S)
    fly(show, INTERVAL_S - 0.5)
    assert not folder.exists()
    show.set("camera.zoom", 2.0)
    fly(show, 1.0)
    assert read(folder).settings["camera.zoom"] == 2.0
    show.set("camera.zoom", 3.0)
    fly(show, INTERVAL_S)
    assert read(folder).settings["camera.zoom"] == 3.0
    (folder / "state").unlink()
    assert read(folder).settings["camera.zoom"] == 2.0


def test_a_fresh_show_takes_the_place_of_an_older_one_at_once(begin: Begin, folder: Path) -> None:
    state_file.write(SavedState(settings={"camera.zoom": 1.5}, picture=b"old"), folder)
    show = begin()
    saver = StateSaver(show.app, folder, 3600.0, background=False, at_once=True)
    show.app.watchers.append(saver.after_frame)
    show.set("camera.zoom", 2.0)
    show.frame(3)
    found = read(folder)
    assert found.settings["camera.zoom"] == 2.0
    assert found.picture != b"old"


def test_nothing_is_written_while_nothing_changes(begin: Begin, folder: Path) -> None:
    show = begin()
    saving(show, folder)
    show.set("show.freeze", True)
    fly(show, 2 * EVERY_S + 1)
    before = stamp(folder)
    fly(show, 3 * EVERY_S)
    assert stamp(folder) == before
    show.set("show.master", 0.5)
    fly(show, EVERY_S + 1)
    assert stamp(folder) != before
    assert read(folder).settings["show.master"] == 0.5
    assert read(folder).picture


@pytest.mark.parametrize("size", [CANVAS, (18, 32), (64, 16)])
def test_the_picture_is_the_canvas_upright_and_undimmed(
    size: tuple[int, int], begin: Begin, folder: Path
) -> None:
    show = begin(canvas=size)
    saving(show, folder)
    show.set("show.blackout", True)
    show.frame()
    show.canvas = sunrise(size)
    fly(show, EVERY_S + 1)
    picture = image_file.decode(read(folder).picture)
    assert picture is not None and rises(picture)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(size[0] / size[1], rel=0.03)
    assert 0.8 < picture.shape[0] * picture.shape[1] / (320 * 180) < 1.2
    assert len(read(folder).picture) < 100_000


@pytest.mark.parametrize("size", [CANVAS, (18, 32), (64, 16)])
def test_the_first_frame_shows_the_saved_picture(
    size: tuple[int, int], begin: Begin, folder: Path
) -> None:
    there = size[0] * 4, size[1] * 4
    show = begin(canvas=there, size=there)
    saving(show, folder)
    show.frame()
    smooth = np.linspace(0.2, 0.8, there[0])[None, :, None] * np.ones((there[1], 1, 3))
    smooth[: there[1] // 2, :, 2] *= 0.4
    canvas = show.canvas
    canvas[..., :3] = smooth
    show.canvas = canvas
    fly(show, EVERY_S + 1)
    shown = show.frame()
    again = begin(canvas=there, size=there, resume=read(folder), engine=FakeEngine())
    first = again.frame()
    assert np.sqrt(np.mean((first - shown) ** 2)) < 6  # of 255
    other = begin(canvas=there, size=there).frame()
    assert np.sqrt(np.mean((other - shown) ** 2)) > 30


def test_it_shows_the_saved_picture_while_the_network_is_loading(begin: Begin) -> None:
    picture = np.full((18, 32, 3), (200, 40, 90), np.uint8)
    engine = FakeEngine()
    engine.gate.clear()
    loader = NetworkLoader(lambda: engine, background=True)
    show = begin(loader=loader, resume=SavedState(picture=image_file.encode(picture)))
    for _ in range(3):
        assert np.abs(show.frame().mean((0, 1)) - (200, 40, 90)).max() < 8
        assert not show.flight.mix()
    engine.gate.set()


@pytest.mark.parametrize("bottom_up", [False, True])
def test_the_picture_is_there_before_the_show_is_built(
    bottom_up: bool, ctx: moderngl.Context
) -> None:
    sun = (sunrise((128, 72))[..., :3] * 255).astype(np.uint8)
    stage = Stage(ctx, (64, 36), bottom_up)
    first_picture.show(stage, SavedState(picture=image_file.encode(sun)))
    [shown] = stage.shown
    assert rises(shown)
    dim = SavedState(picture=image_file.encode(sun), settings={"show.master": 0.5})
    first_picture.show(stage, dim)
    assert stage.shown[1].max() == pytest.approx(shown.max() / 2, abs=2)


@pytest.mark.parametrize(
    "state",
    [
        SavedState(),
        SavedState(picture=b"nonsense"),
        SavedState(picture=image_file.encode(np.full((9, 16, 3), 200, np.uint8)),
                   settings={"show.blackout": True}),
    ],
)  # fmt: skip
def test_without_a_picture_and_in_a_blackout_nothing_is_shown(
    state: SavedState, ctx: moderngl.Context
) -> None:
    stage = Stage(ctx, (64, 36), bottom_up=True)
    first_picture.show(stage, state)
    assert not stage.shown


def test_new_noise_is_noise_again(begin: Begin) -> None:
    state = SavedState(picture=image_file.encode(np.full((18, 32, 3), 200, np.uint8)))
    show = begin(resume=state)
    assert show.frame().std() < 4
    show.app.feedback_loop.reseed()
    assert show.frame(2).std() > 10


@pytest.mark.parametrize("picture", [b"", b"nonsense", b"\xff\xd8\xff\xe0 cut"])
def test_a_picture_that_cannot_be_read_is_left_out(picture: bytes, begin: Begin) -> None:
    assert begin(resume=SavedState(picture=picture)).frame().std() > 10


def test_a_full_disk_is_said_once_and_the_show_goes_on(
    begin: Begin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = begin()
    saver = saving(show, folder)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(state_file.os, "fsync", full)
        fly(show, 4 * EVERY_S + 1)
    assert saver.failures == 4
    [(said, times)] = show.flight.reports.counts.items()
    assert times == 4 and "No space left on device; it goes on, and is tried again" in said
    fly(show, EVERY_S + 1)
    assert read(folder).picture
    assert saver.failures == 4


def test_the_end_of_a_show_is_saved(begin: Begin, folder: Path) -> None:
    show = begin()
    saver = saving(show, folder)
    fly(show, EVERY_S + 1)
    show.set("camera.zoom", 3.0)
    show.frame()
    saver.end()
    assert read(folder).settings["camera.zoom"] == 3.0
    assert read(folder).picture


def test_nothing_is_written_while_the_show_is_closed(begin: Begin, folder: Path) -> None:
    show = begin()
    saving(show, folder)
    show.flight.asleep = True
    fly(show, 2 * EVERY_S + 1)
    before = stamp(folder)
    fly(show, 3 * EVERY_S)
    assert stamp(folder) == before


# From the command line's options to a flight, in the real app


@pytest.fixture
def started(
    ctx: moderngl.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., App]:
    """Build the app as `fly` does, with these options of its command line."""
    monkeypatch.setattr(state_file.folders, "state", lambda: tmp_path / "state")
    monkeypatch.setattr(engines, "load", lambda *_, **named: FakeEngine())

    def start(**given: object) -> App:
        usual = {"resume": False, "safe": False, "name": "show", "record": None}
        args = Namespace(**usual | given)
        options = Options(canvas=CANVAS, resume=unattended.saved(args), record=args.record)
        return build(options, Stage(ctx, (64, 36), False), live=False)

    return start


def test_a_start_continues_where_it_is_asked_to(started: Callable[..., App], folder: Path) -> None:
    with closing(started()) as app:
        saver = StateSaver(app, folder, background=False)
        app.mailbox.put(Set("show.preset", "reef"), Set("show.master", 0.5))
        app.frame(1.0)
        saver.end()
    with closing(started(resume=True)) as app:
        assert app.flight.preset_player.preset == "reef"
        assert app.flight.controls.number("show.master") == 0.5
    with closing(started(resume=True, safe=True)) as app:
        assert app.flight.preset_player.preset != "reef"
        assert app.flight.controls.number("show.master") == 0.5
    for given in ({}, {"resume": True, "name": "another"}):
        with closing(started(**given)) as app:
            assert app.flight.preset_player.preset != "reef"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"liveflight state 1 00 9\n{}"])
def test_a_start_with_garbled_files_is_a_plain_start(
    content: bytes, started: Callable[..., App], folder: Path
) -> None:
    folder.mkdir(parents=True)
    for name in ("state", "state.previous"):
        (folder / name).write_bytes(content)
    with closing(started(resume=True)) as app:
        app.frame(1.0)
        assert app.flight.mix()


@pytest.mark.parametrize(
    ("words", "supervised", "kept"),
    [
        ((), False, False),
        (("--keep-state",), False, True),
        (("--resume",), False, True),
        ((), True, True),
    ],
)
def test_a_show_is_saved_where_somebody_will_continue_it(
    words: tuple[str, ...],
    supervised: bool,
    kept: bool,
    begin: Begin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_file.folders, "state", lambda: tmp_path / "state")
    show = begin()
    args = parser.parse(["fly", "--name", "left wall", "--keep-interval", "1", *words])
    saver = unattended.equip(show.app, args, supervised=supervised)
    assert bool(saver) == kept
    if saver:
        fly(show, 2.0)
        saver.end()
        assert state_file.read(tmp_path / "state" / "left wall")


def test_a_show_that_ends_at_once_keeps_the_picture(begin: Begin, folder: Path) -> None:
    show = begin()
    show.frame()
    StateSaver(show.app, folder, picture=b"as it was", background=False).end()
    assert read(folder).picture == b"as it was"


def test_a_show_with_hours_closes_itself(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpeningTimes, "is_open", lambda self, now: False)
    show = begin()
    args = parser.parse(["fly", "--hours", "mon-fri 9:00-17:00"])
    unattended.equip(show.app, args, supervised=False)
    assert not show.frame().any()
    assert show.flight.asleep


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--hours", "someday"], "argument --hours: hours 'someday'"),
        (["--name", "../x"], "argument --name: show name '../x': allowed are"),
        (["--keep-interval", "0"], "argument --keep-interval: '0' is not a number from 1 to 3600"),
    ],
)
def test_options_that_are_wrong_are_named(words: list[str], why: str) -> None:
    with pytest.raises(LiveflightError) as caught:
        parser.parse(["fly", *words])
    assert why in str(caught.value)


def test_a_show_that_goes_on_does_without_a_recording_that_cannot_be_written(
    started: Callable[..., App], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = folder / "gone" / "night.log"
    with pytest.raises(LiveflightError, match="cannot be written"):
        started(record=nowhere)
    state_file.write(SavedState(), folder)
    with closing(started(record=nowhere, resume=True)) as app:
        assert "going on without it" in caplog.text
        app.mailbox.put(Set("show.preset", "reef"))
        app.frame(1.0)
        assert app.flight.preset_player.preset == "reef"
