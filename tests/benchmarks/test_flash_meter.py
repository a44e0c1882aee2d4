"""The meter on sequences that have to pass and on others that have to fail."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flash_meter import FlashMeter, Verdict, judged, main, video_frames
from flashing import HIGH, WIDE, frames, part, sine, square

FPS = 30.0
LEFT = np.zeros((HIGH, WIDE))
LEFT[:, : WIDE // 2] = 1.0
CHECKS = (np.indices((HIGH, WIDE)).sum(0) // 4 % 2).astype(float)
FINE = np.indices((HIGH * 4, WIDE * 4)).sum(0) % 2 * 1.0
RED, BLACK, BLUE, GREY = (0.9, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.9), (0.2, 0.19, 0.19)

Light = Callable[[float], object]


def verdict(light: Light, seconds: float = 1.4, fps: float = FPS) -> Verdict:
    return judged(frames(light, seconds, fps), fps)


def flickering(seconds: float) -> Light:
    """A flicker of 10 Hz that ends after some seconds."""
    return lambda now: square(10, 0.1, 0.6)(now) if now < seconds else 0.1


@pytest.mark.parametrize(
    ("light", "passes"),
    [
        pytest.param(square(2, 0.1, 0.6), True, id="2 Hz"),
        pytest.param(square(3, 0.1, 0.6), True, id="3 Hz: at the limit"),
        pytest.param(square(4, 0.1, 0.6), False, id="4 Hz"),
        pytest.param(square(10, 0.1, 0.6), False, id="10 Hz"),
        pytest.param(square(10, 0.2, 0.29), True, id="9 %"),
        pytest.param(square(10, 0.2, 0.31), False, id="11 %"),
        pytest.param(square(10, 0.82, 1.0), True, id="the darker one above 0.80"),
        pytest.param(square(10, 0.78, 1.0), False, id="the darker one below 0.80"),
        pytest.param(square(10, 0.0, part(0.2)), True, id="a fifth of a field"),
        pytest.param(square(10, 0.0, part(0.3)), False, id="more than a quarter of a field"),
        pytest.param(square(6, LEFT, 1 - LEFT), False, id="opposed halves"),
        pytest.param(square(6, CHECKS, 1 - CHECKS), False, id="opposed squares of 0.75 degree"),
        pytest.param(sine(1, 0.0, 1.0), True, id="a slow sine"),
        pytest.param(sine(2.4, 0.0, 1.0), True, id="a quicker sine"),
        pytest.param(sine(5, 0.1, 0.6), False, id="a sine of 5 Hz"),
        pytest.param(lambda now: now / 2, True, id="a ramp"),
        pytest.param(lambda now: 0.1 if now < 1 else 0.8, True, id="a cut"),
        pytest.param(flickering(0.3), True, id="three flashes and quiet"),
        pytest.param(flickering(0.4), False, id="four flashes and quiet"),
        pytest.param(square(6, BLACK, RED), False, id="red and black"),
        pytest.param(square(6, BLUE, (0.3, 0.0, 0.0)), False, id="red and blue alike in light"),
        pytest.param(square(6, (0.25, 0.18, 0.18), GREY), True, id="pale reds"),
    ],
)
def test_what_passes_and_what_fails(light: Light, passes: bool) -> None:
    assert verdict(light).passes is passes


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_the_rate_is_of_seconds_at_any_frame_rate(fps: float) -> None:
    assert verdict(square(2.5, 0.1, 0.6), fps=fps).passes
    assert verdict(square(5, 0.1, 0.6), fps=fps).flashes == 5


def test_red_is_judged_apart_from_luminance() -> None:
    found = verdict(square(6, BLUE, (0.3, 0.0, 0.0)))
    failed = {name for name, worst in found.kinds.items() if not worst.passes}
    assert failed and all(name.startswith("red") for name in failed)


def test_the_worst_second_and_place_are_told() -> None:
    mask = np.zeros((HIGH, WIDE))
    mask[60:90, 107:] = 1.0  # a third by third at the bottom right

    def late(now: float) -> object:
        return mask * float(square(10, 0.0, 1.0)(now)) if now > 2 else 0.0  # type: ignore[arg-type]

    found = verdict(late, 4.0)
    worst = found.kinds["general, at once"]
    assert not found.passes and worst.flashes == 10 and 3 <= worst.second <= 4
    assert worst.place[0] > 0.6 and worst.place[1] > 0.6
    assert any("FAIL" in line for line in found.lines())


def test_a_balanced_pattern_below_a_tenth_of_a_degree_is_exempt() -> None:
    meter = FlashMeter(FPS)
    for number in range(40):
        fine = FINE if number % 2 else 1 - FINE
        meter.add(np.repeat((fine * 255).astype(np.uint8)[..., None], 3, 2))
    assert meter.verdict().passes


def test_a_moving_pattern_is_no_flash() -> None:
    def drifting(now: float) -> object:
        across = (np.arange(WIDE) + 60 * now) * 2 * np.pi / 12
        return np.broadcast_to(0.4 + 0.3 * np.sin(across), (HIGH, WIDE))

    found = verdict(drifting)
    assert found.passes and found.places.transitions > 6


@pytest.mark.parametrize(("hertz", "passes"), [(5.5, True), (8.0, False)])
def test_flicker_in_place_is_judged_whatever_its_phases(hertz: float, passes: bool) -> None:
    rows, columns = np.indices((HIGH, WIDE)) // 8
    phases = (7 * rows + 3 * columns**2 + columns) % 6 / 6
    found = verdict(lambda now: 0.45 + 0.3 * np.sin(2 * np.pi * (hertz * now + phases)), fps=60.0)
    assert found.flashes <= 3 and found.passes is found.in_place.passes is passes


def test_a_video_file_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "strobe.mp4"
    strobe = (
        "nullsrc=size=160x90:rate=30:duration=1.5,geq=lum='235*mod(floor(T*12),2)':cb=128:cr=128"
    )
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", strobe]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(path)], check=True)
    fps, found = video_frames(path)
    assert fps == 30 and judged(found, fps).flashes == 6
    monkeypatch.setattr("sys.argv", ["flash_meter.py", str(path)])
    assert main() == 1
