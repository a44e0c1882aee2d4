from __future__ import annotations

from pathlib import Path

import pytest
from fake_engine import FakeEngine

from liveflight import networks
from liveflight.core.contracts import LiveflightError, Target
from liveflight.core.controls import ROWS
from liveflight.show.flight import Flight, NetworkLoader
from liveflight.show.options import Options, canvas_size
from liveflight.show.start_flight import PRESET_OF, start_flight
from liveflight.storage import presets

LITE = "efficientnet_lite0"
HOME = Target("vgg16", "conv4_1", 17)

SHELF = {
    "ai-flight": 'slot = 1\ntargets = ["VGG16:features.17:17"]\n[camera]\nzoom = 2.0',
    "reef": f'targets = ["{LITE}:block7:5"]\n[camera]\nzoom = 2.0',
    "ai-flight-vgg19": """
journey = ["vgg19:block3_conv3:223", "vgg19:conv4_1:1"]
[show]
autopilot = true""",
    "mixed": f'targets = ["vgg16:conv4_1:17", "{LITE}:stem:3"]\n[show]\nautopilot = true',
    "inception": 'targets = ["googlenet:inception4c:*"]',
    "bare": "[camera]\nzoom = 3.0",
}


@pytest.fixture(autouse=True)
def navigator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The presets there are, in place of the shipped ones and of the user's."""
    folder = tmp_path / "presets"
    folder.mkdir()
    for name, text in SHELF.items():
        (folder / f"{name}.toml").write_text(f"version = 1\n{text}")
    monkeypatch.setattr(presets, "folder", lambda name: folder)
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "none")
    return folder


def begun(engine: FakeEngine | None = None, **options: object) -> Flight:
    there = engine or FakeEngine()
    flight = Flight(NetworkLoader(lambda: there, background=False), seed=0)
    start_flight(flight, Options(**options))  # type: ignore[arg-type]
    return flight


def test_without_a_wish_it_is_the_default_flight() -> None:
    flight = begun()
    assert flight.preset_player.preset == presets.DEFAULT == "ai-flight"
    assert flight.mix() == {HOME: 1.0}


def test_controls_are_at_once_where_they_were_set() -> None:
    flight = begun(settings={"ascent.rate": 2.0, "show.hud": True})
    assert flight.controls.number("camera.zoom") == 2.0
    assert flight.controls.number("ascent.rate") == 2.0
    assert flight.controls.flag("show.hud")


def test_settings_go_before_the_presets() -> None:
    assert begun(settings={"camera.zoom": 0.5}).controls.number("camera.zoom") == 0.5


@pytest.mark.parametrize("wish", ["mixed", "MIXED.toml", "1"])
def test_a_preset_by_name_file_or_slot(wish: str, navigator: Path, tmp_path: Path) -> None:
    if wish.endswith(".toml"):
        wish = str((navigator / "mixed.toml").rename(tmp_path / wish))
    flight = begun(preset=wish)
    if wish == "1":
        assert (flight.preset_player.preset, flight.target_selector.here) == ("ai-flight", HOME)
    else:
        assert flight.preset_player.preset.lower() == "mixed"
        assert len(flight.mix()) == 2
        assert flight.controls.flag("show.autopilot")


def test_the_autopilots_journey_begins_at_its_first_stop() -> None:
    flight = begun(preset="ai-flight-vgg19")
    assert flight.mix() == {Target("vgg19", "conv3_3", 223): 1.0}
    assert flight.autopilot.stops == (
        Target("vgg19", "conv3_3", 223),
        Target("vgg19", "conv4_1", 1),
    )


@pytest.mark.parametrize("network", networks.names())
def test_a_network_alone_is_its_own_preset(network: str) -> None:
    flight = begun(network=network.upper())
    assert flight.preset_player.preset == PRESET_OF.get(network, presets.DEFAULT)
    assert flight.target_selector.here.network == network


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({"filter": "7"}, Target("vgg16", "conv4_1", 7)),
        ({"filter": "*"}, Target("vgg16", "conv4_1", None)),
        ({"layer": "class", "filter": "Jellyfish"}, Target(LITE, "class", 107)),
        ({"layer": "inception4c"}, Target("googlenet", "inception4c", 0)),
        ({"layer": "stem"}, Target(LITE, "stem", 0)),
        ({"layer": "STEM", "filter": "31"}, Target(LITE, "stem", 31)),
        ({"network": LITE, "filter": "007"}, Target(LITE, "block7", 7)),
        ({"network": "vgg16", "filter": "9"}, Target("vgg16", "conv4_1", 9)),
        ({"network": "vgg16", "layer": "block4_conv2"}, Target("vgg16", "conv4_2", 0)),
        ({"preset": "ai-flight", "filter": "511"}, Target("vgg16", "conv4_1", 511)),
        ({"preset": "ai-flight-vgg19", "filter": "2"}, Target("vgg19", "conv3_3", 2)),
        ({"preset": "reef", "network": "vgg16", "layer": "conv1_1"}, Target("vgg16", "conv1_1", 0)),
    ],
    ids=str,
)
def test_a_named_target_is_flown_alone_and_stays(options: dict[str, str], target: Target) -> None:
    engine = FakeEngine()
    flight = begun(engine, settings={"show.dwell": 1.0}, **options)
    assert flight.mix() == {target: 1.0}
    assert flight.autopilot.stops == ()
    assert engine.prepared == [target.network], "no other network is loaded for it"
    for _ in range(20):
        flight.advance(0.5)
    assert flight.mix() == {target: 1.0}


def test_a_named_target_keeps_the_rest_of_the_preset() -> None:
    flight = begun(preset="reef", filter="7")
    assert flight.preset_player.preset == "reef"
    assert flight.controls.number("camera.zoom") == 2.0


def test_the_presets_own_network_named_again_changes_nothing() -> None:
    flight = begun(preset="mixed", network="vgg16")
    assert len(flight.mix()) == 2
    assert flight.controls.flag("show.autopilot")


def test_another_network_than_the_presets_begins_deep_in_it() -> None:
    there = begun(preset="reef", network="vgg19").target_selector.here
    layers = [layer.name for layer in networks.network("vgg19").layers]
    assert there.network == "vgg19"
    assert layers.index(there.layer) > len(layers) / 2


def test_a_preset_without_targets_begins_somewhere() -> None:
    flight = begun(preset="bare")
    assert flight.target_selector.here.network == networks.names()[0]
    assert networks.resolve(flight.target_selector.here) == flight.target_selector.here
    assert flight.controls.number("camera.zoom") == 3.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"preset": "ref"}, "there is no preset 'ref'; did you mean 'reef'?"),
        ({"preset": "nix.toml"}, "preset nix.toml cannot be read: No such file or directory"),
        ({"network": "vgg61"}, "there is no network 'vgg61'"),
        ({"layer": "blok7"}, "vgg16 has no layer 'blok7'; list its layers"),
        (
            {"network": LITE, "layer": "blok7"},
            f"{LITE} has no layer 'blok7'; did you mean 'block7'?",
        ),
        ({"network": LITE, "layer": "class", "filter": "jelyfish"}, "did you mean 'jellyfish'?"),
        (
            {"layer": "stem", "filter": "32"},
            "filter '32' is not in stem: allowed are 0 to 31, or *",
        ),
        ({"filter": "-1"}, "filter '-1' is not in conv4_1: allowed are 0 to 511, or *"),
        ({"filter": "1.5"}, "filter '1.5' is not in conv4_1"),
        ({"filter": "nan"}, "filter 'nan' is not in conv4_1"),
        ({"filter": "²"}, "filter '²' is not in conv4_1"),
        ({"filter": "9" * 9000}, "is not in conv4_1: allowed are 0 to 511"),
        ({"network": "vgg16", "layer": "block7"}, "vgg16 has no layer 'block7'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_exist_is_named(options: dict[str, str], reason: str) -> None:
    engine = FakeEngine()
    with pytest.raises(LiveflightError) as refused:
        begun(engine, **options)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250
    assert not engine.prepared, "nothing is loaded for it"


def test_every_control_that_presets_hold_is_set_or_at_its_default() -> None:
    flight = begun(preset="bare")
    for row in ROWS:
        if row.saved and row.key not in ("camera.zoom", "show.autopilot"):
            assert flight.controls.setting(row.key) == row.default


@pytest.mark.parametrize(
    ("asked", "scale", "size"),
    [
        ((320, 180), 1.0, (320, 180)),
        ((320, 180), 0.5, (160, 90)),
        ((320, 180), 0.2, (114, 64)),  # no side under 64
        ((70, 40), 0.5, (70, 40)),  # nor smaller than asked for where that is less
    ],
)
def test_a_lowered_canvas_keeps_its_shape_and_what_deep_layers_need(asked, scale, size):
    assert canvas_size(Options(canvas=asked), "cpu", scale) == size


def test_a_pad_that_is_on_from_the_start_needs_its_corners() -> None:
    with pytest.raises(LiveflightError, match="the pad needs four targets"):
        begun(settings={"pad.on": True})
    assert not begun(settings={"pad.x": 0.3}).controls.flag("pad.on")
