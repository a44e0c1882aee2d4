"""The autopilot follows what the camera sees."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine
from in_flight import DEEP, LITE, STEM
from jack_box import until
from kept_frames import KeptFrames
from PIL import Image
from tiny_network import register, tiny, tiny_module

from liveflight import app as app_module
from liveflight import engines, networks
from liveflight.core.contracts import Ascent, Canvas, LiveflightError, Mix, Target
from liveflight.core.mailbox import Mailbox, Set
from liveflight.loop.open_controllers import OpenControllers
from liveflight.loop.sight_autopilot import SightAutopilot
from liveflight.outputs.offscreen import Offscreen
from liveflight.show import filter_ranking
from liveflight.show.flight import Flight
from liveflight.show.options import Options
from liveflight.storage.recording import read
from liveflight.system import ffmpeg

LAYER = Target(LITE, "block5", 0)


def stripes(height: int = 72, width: int = 96) -> np.ndarray:
    wave = np.sin(np.arange(width) * 0.9) * 110 + 128
    return np.broadcast_to(wave[None, :, None], (height, width, 3)).astype(np.uint8)


def dots(height: int = 72, width: int = 96) -> np.ndarray:
    down, across = np.mgrid[:height, :width] % 16 - 8
    inside = (down**2 + across**2 < 20)[..., None]
    return np.where(inside, (220, 40, 30), (240, 230, 200)).astype(np.uint8)


class Eyes:
    """In the place of an `ImageSource`: shows one picture."""

    def __init__(self, picture: np.ndarray | None, given: bool = True) -> None:
        self.picture, self.given = picture, given

    def latest_image(self) -> np.ndarray | None:
        return self.picture


class Show:
    """A flight with sight, without pictures: a frame each quarter of a second."""

    def __init__(self, flight: Flight, eyes: Eyes, *, background: bool = False) -> None:
        self.flight, self.eyes, self.now = flight, eyes, 0.0
        self.mailbox = Mailbox()
        self.controllers = OpenControllers(self.mailbox, flight.reports.add, background=False)
        report = flight.reports.add
        self.sight = SightAutopilot(flight.target_selector, eyes, {}, report, background)  # type: ignore[arg-type]
        self.controllers.add(self.sight)
        self.set("show.autopilot", True)
        self.set("show.autopilot_mode", "sight")
        self.set("show.dwell", 2.0)
        self.set("mix.crossfade", 0.5)

    def set(self, key: str, value: object) -> None:
        self.mailbox.put(Set(key, value))  # type: ignore[arg-type]

    def frame(self) -> None:
        self.controllers.poll(self.now)
        self.flight.apply(self.mailbox.drain())
        self.flight.advance(0.25)
        self.controllers.publish(self.now, self.flight.values(), [])
        self.now += 0.25

    def fly(self, seconds: float) -> list[int]:
        """Return the filters that were flown, in order."""
        flown: list[int] = []
        for _ in range(round(seconds * 4)):
            self.frame()
            number = self.flight.target_selector.here.filter
            assert number is not None
            if flown[-1:] != [number]:
                flown.append(number)
        return flown


PICTURES = {"stripes": stripes, "dots": dots}


@cache
def ranked(picture: str) -> list[int | None]:
    """All filters of block5, by `liveflight find` those first that answer to it most."""
    found = filter_ranking.find(LITE, PICTURES[picture](), ["block5"], most=1000)
    return [each.target.filter for each in found]


def best(picture: str, most: int = 8) -> list[int | None]:
    return ranked(picture)[:most]


@pytest.fixture
def aloft(flight: Flight, engine: FakeEngine) -> Flight:
    """At a filter that answers to neither picture, all of its layer alive."""
    engine.alive = range(networks.network(LITE).layer("block5").channels)
    shown = {*best("stripes", most=20), *best("dots", most=20)}
    flight.aim({Target(LITE, "block5", next(n for n in engine.alive if n not in shown)): 1.0})
    return flight


def test_it_goes_to_what_is_held_up(aloft: Flight) -> None:
    show = Show(aloft, Eyes(stripes()))
    first = show.fly(7)[1:]
    assert first and set(first) <= set(best("stripes"))
    show.eyes.picture = dots()
    show.fly(3.5)  # a dwell and a second or two
    assert show.flight.target_selector.here.filter in best("dots")
    assert show.flight.target_selector.here.filter not in best("stripes")
    assert not show.flight.reports.counts


def test_it_does_not_stay_on_one_filter(aloft: Flight) -> None:
    flown = Show(aloft, Eyes(dots())).fly(16)[1:]
    assert len(set(flown[:4])) == 4
    assert set(flown) <= set(best("dots", most=20))


def test_what_answers_to_nothing_is_not_flown(aloft: Flight, engine: FakeEngine) -> None:
    strongest = set(best("dots", most=3))
    engine.alive = [one for one in engine.alive if one not in strongest]
    flown = Show(aloft, Eyes(dots())).fly(8)[1:]
    assert flown and not set(flown) & strongest


def test_what_is_seen_is_said_by_name(flight: Flight, engine: FakeEngine) -> None:
    engine.alive = range(1000)
    flight.aim({Target(LITE, "class", 107): 1.0})
    show = Show(flight, Eyes(dots()))
    show.fly(2)
    (line,) = show.controllers.status_lines()
    assert line.startswith(f"sees {LITE}:class:")
    (found,) = filter_ranking.find(LITE, dots(), ["class"], 1)
    assert line.endswith(f":{found.target.filter} {found.name}")
    show.set("show.autopilot", False)
    show.fly(0.5)
    assert show.controllers.status_lines() == [] and flight.values()["show.seen"] == ""


def test_another_layer_is_looked_at_with_its_own_filters(aloft: Flight) -> None:
    show = Show(aloft, Eyes(stripes()))
    show.fly(3)
    show.set("mix.target", str(STEM))
    show.fly(1.5)
    assert show.flight.target_selector.here == STEM
    assert str(show.flight.values()["show.seen"]).startswith(f"{LITE}:stem:")


def test_without_a_camera_it_says_so_once_and_wanders(flight: Flight) -> None:
    flight.autopilot.follow([DEEP])
    show = Show(flight, Eyes(None, given=False))
    flown = show.fly(12)
    assert len(flown) > 4 and set(flown) <= {2, 3, 5, 11}
    assert flight.reports.counts == {"sight needs --camera or --image: wandering": 1}


def test_a_camera_that_shows_nothing_yet_is_no_trouble(flight: Flight) -> None:
    show = Show(flight, Eyes(None))
    assert len(show.fly(8)) > 2
    assert not flight.reports.counts
    show.eyes.picture = dots()
    show.fly(2)
    assert flight.values()["show.seen"] != ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LiveflightError("no weights\nput them there\nor there"), "sight: no weights; wandering"),
        (OSError(5, "disk"), "sight: OSError(5, 'disk'); wandering"),
        (MemoryError(), "sight: MemoryError(); wandering"),
    ],
)
def test_a_network_that_cannot_be_asked_is_one_line(
    flight: Flight,
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    engine.alive = range(8)
    asked: list[int] = []

    def make() -> None:
        asked.append(1)
        raise error

    register(monkeypatch, "tiny", make)  # type: ignore[arg-type]
    monkeypatch.setattr(networks.Network, "find_weights", lambda network: Path("here"))
    flight.aim({tiny("shapes", 2): 1.0})
    flown = Show(flight, Eyes(dots())).fly(10)
    assert flight.reports.counts == {said: 1}
    assert len(asked) == 1 and len(flown) > 3


def test_nothing_is_downloaded_for_it(
    flight: Flight, monkeypatch: pytest.MonkeyPatch, weights: set[str]
) -> None:
    monkeypatch.setattr(networks.Network, "load", lambda *given: pytest.fail("it was loaded"))
    flight.aim({Target("vgg19", "conv4_1", 2): 1.0})
    Show(flight, Eyes(dots())).fly(3)
    assert flight.reports.counts == {"sight: the weights of vgg19 are missing; wandering": 1}


@pytest.mark.parametrize(
    ("key", "value"), [("show.autopilot_mode", "wander"), ("show.autopilot", False)]
)
def test_it_is_at_rest_until_it_is_wanted(
    flight: Flight, monkeypatch: pytest.MonkeyPatch, key: str, value: object
) -> None:
    monkeypatch.setattr(networks.Network, "load", lambda *given: pytest.fail("it was loaded"))
    show = Show(flight, Eyes(dots()))
    show.set(key, value)
    show.fly(6)
    assert flight.values()["show.seen"] == "" and not flight.reports.counts


def test_no_frame_waits_for_a_look(
    flight: Flight, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.alive = range(8)
    gate, entered = threading.Event(), threading.Event()

    def make() -> object:
        entered.set()
        assert gate.wait(60)
        return tiny_module(3)

    register(monkeypatch, "tiny", make)  # type: ignore[arg-type]
    monkeypatch.setattr(networks.Network, "find_weights", lambda network: Path("here"))
    flight.aim({tiny("shapes", 2): 1.0})
    show = Show(flight, Eyes(dots()), background=True)
    with closing(show.sight):
        show.fly(1)
        assert entered.wait(60)
        assert len(show.fly(10)) > 3, "it wanders meanwhile"
        gate.set()
        until(
            lambda: show.fly(0.25) and str(flight.values()["show.seen"]).startswith("tiny:shapes:")
        )


# In a render, with a real video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three seconds of stripes, then three of dots."""
    program = ffmpeg.find()
    if program is None:
        pytest.skip("there is no ffmpeg here")
    for name, picture in (("a", stripes()), ("b", dots())):
        for number in range(3):
            Image.fromarray(picture).save(tmp_path / f"{name}{number}.png")
    (tmp_path / "list.txt").write_text(
        "".join(f"file '{name}{n}.png'\nduration 1\n" for name in "ab" for n in range(3))
    )
    command = [program, "-loglevel", "error", "-f", "concat", "-i", str(tmp_path / "list.txt")]
    command += ["-vf", "fps=10", "-c:v", "ffv1", "-pix_fmt", "gbrp", str(tmp_path / "two.mkv")]
    subprocess.run(command, check=True)
    return tmp_path / "two.mkv"


def dreamt(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
    """Every target and every weight tells in the picture."""
    dreamt = canvas.astype(np.float32)
    for target, weight in mix.items():
        dreamt[..., (target.filter or 0) % 3] += 0.01 * weight * (1 + (target.filter or 0))
    return (dreamt % 1).astype(np.float16)


@pytest.fixture
def fake_engines(
    monkeypatch: pytest.MonkeyPatch, aloft: Flight, engine: FakeEngine
) -> Iterator[None]:
    alive = engine.alive
    monkeypatch.setattr(engines, "load", lambda *asked, **more: FakeEngine(dreamt, alive=alive))
    yield


def rendered(frames: int, **given: object) -> tuple[list[Target], list[np.ndarray]]:
    """Where it was at each frame of a render at ten a second, and the pictures."""
    options = Options(canvas=(32, 18), fps=10.0, **given)  # type: ignore[arg-type]
    here: list[Target] = []
    kept = KeptFrames()
    with closing(app_module.build(options, Offscreen((32, 18)), live=False, sinks=[kept])) as app:
        for number in range(frames):
            app.frame(number / 10)
            here.append(app.flight.target_selector.here)
    return here, list(kept.pictures)


SIGHT = {"show.autopilot": True, "show.autopilot_mode": "sight", "show.dwell": 1.0}


@pytest.mark.gl
@pytest.mark.usefixtures("fake_engines")
def test_a_render_without_a_camera_wanders(caplog: pytest.LogCaptureFixture) -> None:
    begin = {"network": LITE, "layer": "block5", "filter": "0", "settings": SIGHT}
    here, _ = rendered(30, **begin)
    assert len(set(here)) > 1
    assert caplog.text.count("sight needs --camera or --image: wandering") == 1


@pytest.mark.gl
@pytest.mark.usefixtures("fake_engines")
def test_a_render_follows_a_video_and_its_log_flies_the_same_without_it(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {**SIGHT, "mix.crossfade": 0.5, "seed.amount": 0.0}
    begin = {"network": LITE, "layer": "block5", "filter": "0", "settings": settings}
    log = tmp_path / "set.log"
    caplog.set_level(logging.WARNING)
    here, pictures = rendered(60, **begin, camera=str(video), record=log)
    striped = {target.filter for target in here[15:28]}
    dotted = {target.filter for target in here[48:]}
    assert striped <= set(best("stripes")) and dotted <= set(best("dots"))
    assert not striped & dotted
    recorded = read(log)
    again, same = rendered(60, replay=recorded, settings=recorded.settings)
    assert again == here and all(map(np.array_equal, same, pictures))
    assert caplog.text == ""
