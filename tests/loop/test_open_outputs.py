"""Outputs beside the window, in a show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import moderngl
import numpy as np
import platformdirs
import pytest
from fake_engine import FakeEngine
from jack_box import until
from on_stage import Show, Stage

from liveflight.core.contracts import LiveflightError, Size
from liveflight.loop import open_outputs
from liveflight.loop.open_outputs import requested
from liveflight.outputs.sinks.frame_sink import Picture
from liveflight.outputs.sinks.live_recording import LiveRecording
from liveflight.outputs.sinks.live_sink import LiveSink
from liveflight.outputs.sinks.texture_sink import TextureSink
from liveflight.show.options import Options

pytestmark = pytest.mark.gl


class Kept(LiveSink):
    """Keep what it gets; be gone when told to."""

    def __init__(self, name: str = "the rig") -> None:
        self.got: list[Picture] = []
        self.gone = ""
        self.waits: threading.Event | None = None
        super().__init__(name)

    def open(self, size: Size) -> None:
        if self.gone:
            raise LiveflightError(self.gone)

    def send(self, picture: Picture, at: float) -> None:
        if self.gone:
            raise LiveflightError(self.gone)
        if self.waits:
            self.waits.wait()
        self.got.append(picture.copy())

    def interrupt(self) -> None:
        if self.waits:
            self.waits.set()

    def end(self, *, whole: bool) -> None:
        pass


class Shared(TextureSink):
    name = "the next program"

    def __init__(self) -> None:
        self.got: list[tuple[np.ndarray, bool]] = []
        self.closed = 0

    def write(self, texture: moderngl.Texture, *, bottom_up: bool) -> None:
        pixels = np.frombuffer(texture.read(), np.uint8).reshape(*texture.size[::-1], 4)
        self.got.append((pixels[..., :3], bottom_up))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def show(
    ctx: moderngl.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Show]]:
    monkeypatch.setattr(platformdirs, "user_videos_path", lambda: tmp_path)
    monkeypatch.setattr("liveflight.outputs.sinks.live_sink.RETRY_S", (0.0, 0.0))
    begun: list[Show] = []

    def begin(live: bool = True, bottom_up: bool = True) -> Show:
        stage = Stage(ctx, (64, 36), bottom_up)
        begun.append(Show(stage, FakeEngine(), live=live))
        if live:
            begun[-1].app.controllers.add(begun[-1].app.outputs, "the outputs")
        return begun[-1]

    yield begin
    for each in begun:
        each.app.close()


@pytest.mark.parametrize("bottom_up", [True, False])
def test_an_output_gets_the_audience_s_picture_without_text(
    show: Callable[..., Show], bottom_up: bool
) -> None:
    flown = show(bottom_up=bottom_up)
    rig = Kept()
    flown.app.outputs.add(rig)
    plain = flown.frame()
    until(lambda: rig.sent == 1)
    np.testing.assert_array_equal(rig.got[0][..., :3], plain)
    flown.set("show.hud", True)
    flown.set("show.freeze", True)
    flown.frame(3)
    until(lambda: rig.sent + rig.dropped == 4)
    assert (flown.stage.shown[-1] != plain).any()
    assert np.abs(rig.got[-1][..., :3].astype(int) - plain).max() <= 3, "no text"


def test_a_blackout_is_black_in_every_output(show: Callable[..., Show]) -> None:
    flown, rig, shared = show(), Kept(), Shared()
    flown.app.outputs.add(rig)
    flown.app.outputs.add(shared)
    flown.set("show.blackout", True)
    flown.frame(20)
    until(lambda: rig.sent + rig.dropped == 20)
    assert not rig.got[-1][..., :3].any()
    assert not shared.got[-1][0].any()


def test_a_texture_is_what_the_window_shows(show: Callable[..., Show]) -> None:
    flown, shared = show(), Shared()
    flown.app.outputs.add(shared)
    plain = flown.frame()
    ((pixels, bottom_up),) = shared.got
    assert bottom_up
    np.testing.assert_array_equal(pixels[::-1], plain)
    flown.app.outputs.remove(shared)
    flown.frame()
    assert len(shared.got) == shared.closed == 1


def test_outputs_come_and_go_while_the_show_runs(show: Callable[..., Show]) -> None:
    flown, rig = show(), Kept()
    flown.frame()
    flown.app.outputs.add(rig)
    flown.frame()
    assert flown.app.flight.controls.word("show.outputs") == "the rig: live"
    flown.app.outputs.remove(rig)
    flown.frame(2)
    until(lambda: rig.ended)
    sent = rig.sent
    flown.frame(2)
    assert rig.sent == sent
    assert flown.app.flight.controls.word("show.outputs") == ""


def test_an_output_that_stalls_while_it_ends_is_interrupted(show: Callable[..., Show]) -> None:
    flown, rig = show(), Kept()
    rig.stall_s, rig.waits = 0.0, threading.Event()
    flown.app.outputs.add(rig)
    flown.frame()
    until(lambda: rig._begun is not None)
    flown.app.outputs.remove(rig)
    flown.frame(2)
    until(lambda: rig.ended)


def test_what_happens_to_an_output_is_told_once(show: Callable[..., Show]) -> None:
    flown, rig = show(), Kept()
    flown.app.outputs.add(rig)
    flown.frame()
    until(lambda: rig.sent == 1)
    rig.gone = "the cable is out"
    flown.frame(2)
    until(lambda: rig.trouble != "")
    flown.frame(5)
    counts = flown.flight.reports.counts
    assert counts == {"the rig: the cable is out; it is tried again": 1}
    assert flown.app.controllers.status_lines()[0].startswith("the rig: the cable is out")
    rig.gone = rig.trouble = ""
    flown.frame()
    assert flown.flight.last_message == "the rig is back"


def test_whatever_a_server_says_is_told_as_a_line(show: Callable[..., Show]) -> None:
    flown, rig = show(), Kept()
    rig.gone = "flux\u00a0refus\u00e9\t\u009b2J"
    flown.app.outputs.add(rig)
    flown.frame()
    until(lambda: rig.trouble != "")
    flown.frame()
    assert flown.flight.controls.word("show.outputs") == "the rig: flux refus\u00e9  2J"


def test_an_output_that_cannot_open_is_told_and_left_out(
    show: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> LiveSink:
        raise LiveflightError("--spout works on Windows")

    monkeypatch.setattr(open_outputs, "requested", lambda options: [refuse, Kept])
    flown = show()
    assert flown.flight.reports.last == "--spout works on Windows"
    assert [sink.name for sink in flown.app.outputs.sinks] == ["the rig"]


def test_f12_records_what_is_shown_until_it_is_pressed_again(
    show: Callable[..., Show], tmp_path: Path
) -> None:
    flown = show()
    flown.press("f12")
    flown.frame(2)
    assert flown.flight.last_message == "recording"
    (recording,) = flown.app.outputs.sinks
    assert flown.app.controllers.status_lines() == ["recording 0:00"]
    until(lambda: recording.sent > 0)
    flown.press("f12")
    flown.frame(2)
    assert not flown.app.outputs.sinks
    until(lambda: recording.ended)
    flown.frame()
    (saved,) = tmp_path.rglob("*.mp4")
    assert flown.flight.last_message == f"saved {saved}"


def test_a_bouncing_button_starts_few_recordings(
    show: Callable[..., Show], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(LiveRecording):
        begun = 0
        go = threading.Event()

        def open(self, size: Size) -> None:
            Slow.begun += 1

        def send(self, picture: Picture, at: float) -> None:
            self.go.wait()

        def end(self, *, whole: bool) -> None:
            pass

    monkeypatch.setattr(open_outputs, "LiveRecording", Slow)
    flown = show()
    flown.frame()
    for number in range(40):
        flown.set("show.record", number % 2 == 0)
        flown.frame()
    assert Slow.begun <= open_outputs.MAX_FINISHING
    flown.set("show.record", True)
    flown.frame(2)
    Slow.go.set()
    until(lambda: flown.frame() is not None and bool(flown.app.outputs.sinks))


def test_a_panic_does_not_end_the_recording(show: Callable[..., Show]) -> None:
    flown = show()
    flown.set("show.record", True)
    flown.press("end")
    flown.frame(2)
    assert flown.flight.controls.flag("show.record")
    assert len(flown.app.outputs.sinks) == 1


def test_a_recording_that_fails_switches_itself_off_and_the_show_goes_on(
    show: Callable[..., Show], tmp_path: Path
) -> None:
    (tmp_path / "liveflight").write_text("in the way")
    flown = show()
    flown.press("f12")
    flown.frame(2)
    (recording,) = flown.app.outputs.sinks
    until(lambda: recording.ended)
    flown.frame(2)
    assert not flown.flight.controls.flag("show.record")
    assert not flown.app.outputs.sinks
    assert "cannot write" in flown.flight.reports.last
    assert flown.flight.reports.counts.total() == 1
    flown.frame()


def test_a_render_records_nothing(show: Callable[..., Show], tmp_path: Path) -> None:
    flown = show(live=False)
    flown.set("show.record", True)
    flown.frame(3)
    assert not list(tmp_path.iterdir())


def test_the_sound_that_is_heard_reaches_the_recording(show: Callable[..., Show]) -> None:
    flown = show()
    flown.app.outputs.hear(np.zeros(100, np.float32), 8000)
    flown.set("show.record", True)
    flown.frame(2)
    (recording,) = flown.app.outputs.sinks
    until(lambda: recording.sent > 0 or recording.ended)
    for _ in range(5):
        flown.app.outputs.hear(np.zeros(800, np.float32), 8000)
        flown.frame()
        time.sleep(0.02)
    flown.app.close()
    assert not recording.trouble


def test_every_option_has_its_output() -> None:
    options = Options(
        streams=("udp://127.0.0.1:9", "udp://127.0.0.1:9", "rtmp://127.0.0.1/a/b"),
        ndi="stage",
        virtual_camera="/dev/video9",
        spout="stage",
        syphon="stage",
    )
    makers = list(requested(options))
    names = []
    for make in makers[:4]:
        with closing(make()) as sink:
            names.append(sink.name)
    assert names == [
        "the stream to udp://127.0.0.1:9",
        "the stream to rtmp://127.0.0.1",
        "NDI 'stage'",
        "the virtual camera /dev/video9",
    ]
    assert len(makers) == 6
    assert list(requested(Options())) == []


def test_the_other_systems_outputs_name_what_to_use_here() -> None:
    for make in list(requested(Options(spout="a", syphon="b"))):
        with pytest.raises(LiveflightError, match=r"works on .*; on .* use --.*, else --ndi"):
            make()
