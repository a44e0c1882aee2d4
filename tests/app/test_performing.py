"""A flight as a performer plays it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from on_stage import CANVAS, STEM, STILL, TICK, Begin, grey, rises, sunrise
from PIL import Image

from liveflight.core.contracts import Event, KeyPress, Quit
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Trigger
from liveflight.core.noise import first_canvas
from liveflight.storage import presets

pytestmark = pytest.mark.gl


def test_blackout_fades_to_black_and_back(begin: Begin) -> None:
    show = begin()
    show.canvas = grey(0.5)
    lit = show.frame(2).mean()
    show.press("b")
    fading = [show.frame().mean() for _ in range(12)]
    assert lit > fading[0] > fading[1] > fading[3] > 0
    show.frame()
    assert show.frame().max() == 0
    show.press("b")
    assert 0 < show.frame().mean() < lit / 2
    assert show.frame(12).mean() == pytest.approx(lit, abs=0.5)


def test_under_a_blackout_the_flight_goes_on(begin: Begin) -> None:
    show = begin()
    show.set("show.blackout", True)
    show.frame(12)
    assert len(show.engine.asked) == 11


def test_the_master_dims(begin: Begin) -> None:
    show = begin()
    show.canvas = grey(0.5)
    show.set("show.master", 0.5)
    assert show.frame(40).mean() == pytest.approx(64, abs=1)


def test_freeze_keeps_every_bit_of_the_canvas(begin: Begin) -> None:
    show = begin(lambda view, *_: -view)
    show.set("camera.rotation", 90.0)
    show.set("warp.flow", 0.2)
    show.frame(3)
    show.press("space")
    show.frame()
    before, asked = show.canvas.tobytes(), len(show.engine.asked)
    show.frame(5)
    assert show.canvas.tobytes() == before
    assert len(show.engine.asked) == asked
    show.press("space")
    show.frame()
    assert show.canvas.tobytes() != before


def test_reseed_starts_from_new_noise(begin: Begin) -> None:
    show = begin(seed=4)
    show.set("show.freeze", True)
    show.frame()
    np.testing.assert_array_equal(show.canvas, first_canvas(CANVAS, 4))
    show.press("r")
    show.frame()
    np.testing.assert_array_equal(show.canvas, first_canvas(CANVAS, 5))


def test_the_same_seed_flies_the_same_flight(begin: Begin) -> None:
    def flown(seed: int) -> list[np.ndarray]:
        show = begin(lambda view, *_: 1 - 2 * view, seed=seed, canvas=(64, 36))
        flying = {"camera.zoom": 2.0, "warp.flow": 0.1, "ascent.detail": 0.6, "ascent.octaves": 0.5}
        flying |= {"ascent.steps": 2, "ascent.noise": 0.1, "ascent.soften": 2.0, "colour.pull": 4.0}
        flying["show.governor"] = False  # it goes by how long drawing takes
        for key, value in flying.items():
            show.set(key, value)
        show.frame(20)
        return show.stage.shown

    first = flown(9)
    np.testing.assert_array_equal(first, flown(9))
    assert (first[-1] != flown(10)[-1]).any()


def test_a_screenshot_is_the_picture_without_text_and_dimming(begin: Begin, own: Path) -> None:
    show = begin(size=(60, 40), bottom_up=True)
    show.canvas = sunrise()
    for key in ("show.hud", "show.help", "show.blackout"):
        show.set(key, True)
    show.frame(12)
    assert show.frame().max() < 255 and not rises(show.stage.shown[-1])
    show.press("p")
    show.save()
    (path,) = (own / "pictures" / "liveflight").iterdir()
    assert path.suffix == ".png"
    picture = np.asarray(Image.open(path))
    assert picture.shape == (40, 60, 3)
    assert rises(picture)
    assert show.flight.last_message == f"saved {path}"
    assert not show.flight.reports.counts


def test_a_screenshot_that_cannot_be_saved_is_reported(begin: Begin, own: Path) -> None:
    (own / "pictures").write_text("in the way")
    show = begin()
    show.press("p")
    show.save()
    assert f"{own / 'pictures' / 'liveflight'} cannot be made" in show.flight.reports.last
    assert len(show.frame()) == 36


def test_save_preset_saves_what_is_flown(begin: Begin, own: Path) -> None:
    show = begin()
    show.set("camera.rotation", 45.0)
    show.frame()
    show.press("f5")
    show.frame()
    (path,) = (own / "presets").iterdir()
    preset = presets.read(path)
    assert preset.targets == {STEM: 1.0}
    moved = {key: value for key, value in STILL.items() if value != CONTROLS[key].default}
    assert preset.settings == {"camera.rotation": 45.0, **moved}
    assert show.flight.last_message == f"saved {path}"
    show.set("camera.rotation", 0.0)
    show.set("show.preset", path.stem)
    show.frame()
    assert show.flight.controls.setting("camera.rotation") == 45.0


def test_a_preset_that_cannot_be_saved_is_reported(begin: Begin, own: Path) -> None:
    (own / "presets").write_text("in the way")
    show = begin()
    show.press("f5")
    show.frame(2)
    assert "cannot be written" in show.flight.reports.last
    assert sum(show.flight.reports.counts.values()) == 1


def test_the_output_may_change_its_size(begin: Begin) -> None:
    show = begin(bottom_up=True)
    show.canvas = sunrise()
    show.set("show.hud", True)
    show.set("show.help", True)
    show.frame(2)
    for size in ((120, 30), (30, 120), (1, 1), (200, 100)):
        show.stage.size = size
        assert show.frame().shape == (size[1], size[0], 3)
    show.set("show.hud", False)
    show.set("show.help", False)
    assert rises(show.frame(10))  # panels go after half a second
    assert show.canvas.shape == (CANVAS[1], CANVAS[0], 4)


def test_the_whole_picture_or_a_full_screen(begin: Begin) -> None:
    show = begin(size=(64, 64))
    show.canvas = grey(0.5)
    assert show.frame(2).min() > 100
    show.set("show.fit", "contain")
    picture = show.frame()
    assert picture[:10].max() == picture[-10:].max() == 0
    assert picture[20:44].min() > 100


def test_full_screen_is_the_outputs_business(begin: Begin) -> None:
    show = begin()
    show.press("f")
    show.frame(2)
    assert show.stage.fullscreen


@pytest.mark.parametrize("event", [Quit(), KeyPress("ctrl+q")])
def test_the_flight_ends_when_the_performer_ends_it(event: Event, begin: Begin) -> None:
    show = begin()
    show.frame()
    assert show.app.running
    show.stage.waiting.append(event)
    show.frame()
    assert not show.app.running


def test_escape_leaves_full_screen_and_then_ends_the_flight_when_pressed_twice(
    begin: Begin,
) -> None:
    show = begin()
    show.press("f11")
    show.frame(2)
    show.press("escape")
    show.frame(2)
    assert show.app.running and not show.stage.fullscreen
    show.press("escape")
    show.frame()
    assert show.app.running and show.flight.last_message == "Esc again quits"
    show.frame(int(2.5 / TICK))
    show.press("escape")
    show.frame(int(1.5 / TICK))
    assert show.app.running, "the first press was too long ago"
    show.press("escape")
    show.frame()
    assert not show.app.running


def test_every_trigger_does_something(begin: Begin) -> None:
    show = begin()
    show.frame()
    triggers = [Trigger(row.key) for row in ROWS if row.kind == "trigger"]
    of_surfaces = {each.key for each in triggers} - set(show.flight._triggers)
    assert of_surfaces == {"midi.forget", "show.remote"}
    show.app.mailbox.put(*triggers)
    show.frame()
    allowed = {
        "no network but",
        "there is no cu",
        "nothing was fl",
    }  # this machine may have none, this flight has none
    assert not [one for one in show.flight.reports.counts if one[:14] not in allowed]
