"""The top of the picture stays the top, from noise to engine to screen and file."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fake_engine import FakeEngine
from on_stage import CANVAS, STEM, STILL, Begin, rises, sunrise, towards
from PIL import Image

from liveflight.app import App
from liveflight.core.contracts import Ascent, Canvas, Mix
from liveflight.outputs.offscreen import Offscreen
from liveflight.outputs.sinks import open_sink
from liveflight.show.flight import Flight, NetworkLoader
from liveflight.show.options import Options

pytestmark = pytest.mark.gl


@pytest.mark.parametrize("bottom_up", [False, True])
def test_up_stays_up_from_noise_to_engine_to_screen(begin: Begin, bottom_up: bool) -> None:
    given: list[Canvas] = []

    def look(canvas: Canvas, mix: Mix, ascent: Ascent) -> Canvas:
        given.append(canvas.copy())
        return np.zeros_like(canvas)

    show = begin(look, bottom_up=bottom_up)
    show.canvas = sunrise()
    assert rises(show.frame())
    assert rises(show.frame(3))
    assert rises(given[-1] * 255.0)
    assert rises(show.app.picture())


def test_what_the_engine_draws_at_the_top_is_seen_at_the_top(begin: Begin) -> None:
    show = begin(towards(sunrise()), bottom_up=True)
    assert rises(show.frame(4))


@pytest.mark.parametrize("name", ["flight.mp4", "frames"])
def test_up_stays_up_into_the_file(name: str, tmp_path: Path) -> None:
    engine = FakeEngine(towards(sunrise(), 1 / 30))
    flight = Flight(NetworkLoader(lambda: engine, background=False), seed=0)
    flight.aim({STEM: 1.0})
    for key, value in STILL.items():
        flight.controls.set(key, value)
    flight.controls.jump()

    def fly() -> None:
        with open_sink(tmp_path / name, (64, 36), 30) as sink:
            output, options = Offscreen((64, 36)), Options(canvas=CANVAS, view=CANVAS)
            app = App(output, flight, options, live=False, sinks=[sink])
            with closing(app):
                for number in range(4):
                    app.frame(number / 30)

    with ThreadPoolExecutor(1) as elsewhere:  # its GL context becomes the thread's current one
        elsewhere.submit(fly).result()
    if name == "frames":
        pictures = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("frames/*"))]
    else:
        pictures = decoded(tmp_path / name, (64, 36))
    assert len(pictures) == 4
    assert rises(pictures[-1])


def decoded(path: Path, size: tuple[int, int]) -> list[np.ndarray]:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path)]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    return list(np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3))
