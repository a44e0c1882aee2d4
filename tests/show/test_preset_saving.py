from __future__ import annotations

from pathlib import Path

import pytest
from in_flight import DEEP

from liveflight.core.mailbox import Set, Trigger
from liveflight.core.modulation import ModulationRow
from liveflight.show import preset_saving
from liveflight.show.flight import Flight
from liveflight.storage import favourite_presets, preset_editing, presets, starred_targets
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


@pytest.mark.parametrize(
    "origin", ["osc:127.0.0.1:5000", "oscquery:10.0.0.7", "dmx:sacn 1", "web:1"]
)
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


# Slots and names


def stored(flight: Flight, slot: str, *zooms: float, origin: str = "") -> list[str]:
    """Return what is said as looks of these zooms are stored, half a second apart."""
    said = []
    for zoom in zooms:
        flight.advance(0.5)
        flight.apply([Set("camera.zoom", zoom), Set("show.store", slot, origin)])
        said.append(flight.last_message)
    return said


def test_a_slot_is_stored_at_once_where_only_a_shipped_preset_has_it(
    flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=False)
    shipped = presets.find("3").name
    assert stored(flight, "3", 2.0) == ["stored as number 3"]
    assert presets.find("3").settings["camera.zoom"] == 2.0
    assert presets.find(shipped).slot == 3, "it is still there by its name"
    (path,) = own.iterdir()
    assert flight.values()["show.preset"] == path.stem, "it is what is flown"
    assert flight.values()["show.store"] == ""


def test_a_slot_of_ones_own_is_replaced_only_when_asked_twice(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    stored(flight, "12", 2.0)
    flight.apply([Set("show.name", "sunrise")])
    assert stored(flight, "12", 3.0) == ["show.store 12 again replaces sunrise"]
    flight.apply([Set("show.bank", 2)])
    for _ in range(10):
        flight.advance(0.25)
    assert stored(flight, "12", 3.5) == ["Shift+2 again replaces sunrise"], "too late"
    assert presets.find("12").settings["camera.zoom"] == 2.0
    again = ["sunrise is replaced, number 12", "Shift+2 again replaces sunrise"]
    assert stored(flight, "12", 4.0, 5.0) == again
    assert stored(flight, "13", 6.0) == ["stored as number 13"]
    kept = presets.find("sunrise")
    assert (kept.settings["camera.zoom"], kept.slot, kept.title) == (4.0, 12, "sunrise")
    assert len(list(own.iterdir())) == 2


def test_a_slot_is_a_number_up_to_99(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    for slot in ("0", "100", "three", "-1", "1.5"):
        flight.apply([Set("show.store", slot)])
        assert flight.reports.last == f"slot {slot!r}: allowed is 1 to 99"
    assert not own.exists()


def test_a_name_goes_with_slot_favourite_and_look(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    stored(flight, "5", 2.0)
    flight.apply([Trigger("show.favourite"), Set("show.name", " Sunrise 2 ")])
    assert flight.last_message.endswith("is now Sunrise 2")
    assert [path.name for path in own.iterdir()] == ["Sunrise 2.toml"]
    assert presets.find("5").name == presets.find("5").title == "Sunrise 2"
    assert favourite_presets.read() == ("Sunrise 2",)
    assert flight.values()["show.preset"] == "Sunrise 2"
    assert not flight.reports.counts


def test_a_preset_that_is_renamed_elsewhere_while_it_is_flown_is_still_known(
    flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=False)
    stored(flight, "5", 2.0)
    preset_editing.rename(name := str(flight.values()["show.preset"]), "dawn")
    preset_saving.note_renamed(flight, "another", "one")
    preset_saving.note_renamed(flight, name, "dawn")
    flight.apply([Trigger("show.favourite"), Set("show.name", "dusk")])
    assert favourite_presets.read() == (flight.values()["show.preset"],) == ("dusk",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("reef", "there is a preset 'reef' already"),
        ("Reef", "there is a preset 'Reef' already"),
        ("a/b", "preset name 'a/b': allowed are"),
        ("..", "preset name"),
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(
    name: str, reason: str, flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=False)
    stored(flight, "5", 2.0)
    (before,) = own.iterdir()
    flight.apply([Set("show.name", name)])
    assert reason in flight.reports.last
    assert list(own.iterdir()) == [before]


def test_shipped_presets_keep_their_names(flight: Flight, own: Path) -> None:
    preset_saving.offer(flight, remote=False)
    flight.apply([Set("show.preset", "ink"), Set("show.name", "mine")])
    assert flight.reports.last.startswith("preset 'ink' comes with the installation")
    assert not own.exists() and presets.find("ink")


def test_the_network_stores_and_renames_only_where_that_is_allowed(
    flight: Flight, own: Path
) -> None:
    preset_saving.offer(flight, remote=False)
    stored(flight, "5", 2.0)
    (before,) = own.iterdir()
    afar = "osc:10.0.0.7:1"
    flight.apply([Set("show.store", "6", afar), Set("show.store", "5", afar)])
    flight.apply([Set("show.store", "5", afar), Set("show.name", "theirs", afar)])
    assert flight.reports.counts.total() == 4
    assert "start with --allow-remote-save" in flight.reports.last
    assert list(own.iterdir()) == [before]
    preset_saving.offer(flight, remote=True)
    assert stored(flight, "6", 3.0, origin=afar) == ["stored as number 6"]
    flight.apply([Set("show.name", "theirs", afar)])
    assert presets.find("6").name == "theirs"


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
    flight.apply([Set("show.save_as", "Reef")])
    assert flight.last_message == "saved as Reef_2", "a preset of the installation is not hidden"
    assert flight.controls.setting("show.save_as") == ""
    for name in ("../x", "/etc/passwd", "a/b", "con"):
        flight.apply([Set("show.save_as", name)])
        assert "preset name" in flight.reports.last
    flight.apply([Set("show.save_as", "theirs", "web:10.0.0.7:5")])
    assert "--allow-remote-save" in flight.reports.last
    assert sorted(path.name for path in own.iterdir()) == [
        "Reef_2.toml",
        "blue hour.toml",
        "blue hour_2.toml",
    ]
