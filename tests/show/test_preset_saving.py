from __future__ import annotations

from pathlib import Path

import pytest
from in_flight import DEEP

from liveflight.core.mailbox import Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.show import preset_saving
from liveflight.show.flight import Flight
from liveflight.storage import favourite_presets, presets, starred_targets
from liveflight.storage.presets import Preset


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "liveflight" / "presets"
    monkeypatch.setattr(presets, "user_folder", lambda: folder)
    return folder


def test_a_saved_preset_is_the_look_and_not_where_modulation_has_it(
    flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=False)
    swing = ModulationRow("camera.zoom", "lfo", 0.5, shape="square", hertz=0.01, smooth=0.0)
    flight.recall(Preset("look", {DEEP: 1.0}, {"camera.zoom": 2.0}, modulation=(swing,)))
    for _ in range(100):
        flight.advance(0.1)
    assert flight.controls.number("camera.zoom") > 4
    flight.apply([Trigger("show.save_preset")])
    (path,) = own.iterdir()
    assert path.name.startswith("mine ")
    saved = presets.read(path)
    assert saved.settings == {"camera.zoom": 2.0}
    assert (saved.targets, saved.modulation, saved.slot) == ({DEEP: 1.0}, (swing,), None)
    assert flight.last_message == f"saved {path}"


def test_looks_saved_within_a_second_are_all_kept_whatever_the_clock_does(
    flight: Flight, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_saving.time, "strftime", lambda form: "mine 2026-10-25 02.30.00")
    preset_saving.offer(flight, remote=False)
    for zoom in (2.0, 3.0):
        flight.apply([Set("camera.zoom", zoom), Trigger("show.save_preset")])
    names = ["mine 2026-10-25 02.30.00", "mine 2026-10-25 02.30.00_2"]
    assert [presets.find(name).settings["camera.zoom"] for name in names] == [2.0, 3.0]
    assert flight.last_message == f"saved {own / names[1]}.toml"


def test_a_snapshot_takes_the_first_free_slot_which_recalls_it(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    free = presets.free_slot()
    for zoom in (2.0, 3.0):
        flight.apply([Set("camera.zoom", zoom), Trigger("show.snapshot", "midi:box")])
    assert flight.last_message == f"saved as number {free + 1}"
    flight.apply([Set("show.preset", str(free))])
    assert flight.controls.setting("camera.zoom") == 2.0
    flight.apply([Trigger("show.undo")])
    assert flight.controls.setting("camera.zoom") == 3.0, "undo is of the recall"
    assert not flight.reports.counts


@pytest.mark.parametrize("origin", ["osc:127.0.0.1:5000", "oscquery:10.0.0.7"])
@pytest.mark.parametrize("remote", [False, True])
def test_over_the_network_only_where_that_is_allowed(
    origin: str, remote: bool, flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=remote)
    flight.apply([Trigger("show.snapshot", origin)])
    assert own.exists() == remote
    assert ("start with --allow-remote-save" in flight.reports.last) != remote


def test_the_network_saves_seldom_and_not_for_ever(flight: Flight, own: Path) -> None:
    now = [0.0]
    preset_saving.offer(flight, remote=True, clock=lambda: now[0])
    afar, here = Trigger("show.snapshot", "osc:10.0.0.7:1"), Trigger("show.snapshot", "key")
    for _ in range(50):
        flight.apply([afar])
    assert len(list(own.iterdir())) == 1
    assert "one in 2 s is allowed" in flight.reports.last
    flight.apply([here])
    assert len(list(own.iterdir())) == 2, "who is here saves as they like"
    for second in range(2, 200, 2):
        now[0] = float(second)
        flight.apply([afar])
    assert len(list(own.iterdir())) == preset_saving.MAX_REMOTE + 1
    assert "16 are allowed in a show" in flight.reports.last
    flight.apply([here])
    assert len(list(own.iterdir())) == preset_saving.MAX_REMOTE + 2


def test_favourites_are_of_saved_presets(flight: Flight) -> None:
    preset_saving.offer(flight, remote=False)
    flight.apply([Trigger("show.favourite")])
    assert "preset '' is not saved" in flight.reports.last
    flight.apply([Set("show.preset", "ink"), Trigger("show.favourite")])
    alone = (
        "ink is a favourite, the only one: F3, F4 and G go through all presets until there are two"
    )
    assert flight.last_message == alone
    flight.apply([Set("show.preset", "reef"), Trigger("show.favourite")])
    assert flight.last_message == "reef is a favourite"
    flight.apply([Trigger("show.favourite"), Set("show.preset", "ink")])
    assert favourite_presets.read() == ("ink",)
    flight.apply([Trigger("show.favourite")])
    assert flight.last_message == "ink is no longer a favourite"
    assert favourite_presets.read() == ()


def test_what_cannot_be_kept_is_reported_and_the_flight_goes_on(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    own.parent.parent.mkdir(exist_ok=True)
    own.parent.write_text("a file where the folder would be")
    flight.apply([Trigger("show.save_preset"), Trigger("show.snapshot")])
    assert sum(flight.reports.counts.values()) == 2
    assert "cannot be written" in flight.reports.last


def test_a_star_is_kept_and_taken_away_again(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    for said, kept in [("is starred", (DEEP,)), ("is no longer starred", ())]:
        flight.apply([Set("mix.star", str(DEEP))])
        assert starred_targets.read() == kept and flight.last_message == f"{DEEP} {said}"
    assert not flight.reports.counts


def test_a_look_is_saved_under_a_name(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    flight.apply([Set("show.save_as", " blue hour ", "page:127.0.0.1:5")])
    assert flight.last_message == "saved as blue hour"
    flight.apply([Set("show.save_as", "blue hour")])
    assert flight.last_message == "saved as blue hour_2", "nothing is overwritten"
    assert flight.controls.setting("show.save_as") == ""
    for name in ("../x", "/etc/passwd", "a/b", "con"):
        flight.apply([Set("show.save_as", name)])
        assert "preset name" in flight.reports.last
    flight.apply([Set("show.save_as", "theirs", "web:10.0.0.7:5")])
    assert "--allow-remote-save" in flight.reports.last
    assert sorted(path.name for path in own.iterdir()) == ["blue hour.toml", "blue hour_2.toml"]
