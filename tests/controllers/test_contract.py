"""Run one list of checks over every controller that opens without hardware."""

from __future__ import annotations

import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from in_flight import STEM

from liveflight.controllers.audio.input import SoundInput
from liveflight.controllers.controller import Controller
from liveflight.controllers.example import PERIOD_S, ExampleController
from liveflight.controllers.link import LinkInput
from liveflight.controllers.midi.input import MidiInput
from liveflight.controllers.midi.unavailable import FAILED, MidiUnavailable
from liveflight.controllers.osc.feedback import OscFeedback
from liveflight.controllers.osc.input import OscInput
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.replay.player import RecordingPlayer
from liveflight.controllers.replay.recorder import FlightRecorder
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Beat, Mailbox, Message, Nudge, Query, Set, Trigger
from liveflight.loop.open_controllers import OpenControllers
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording

VALUES: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
HEARD: list[Message] = [
    Set("camera.zoom", 1.5, "osc:127.0.0.1:5005"),
    Nudge("camera.rotation", 0.1, "key"),
    Set("midi.learn", "camera.zoom"),
    Trigger("show.sync", "osc:127.0.0.1:5005"),
    Beat(1.0, 120.0, origin="link"),
    Query("show.fps", lambda value: None),
]


class NoPorts:
    """Stand in for a system with MIDI but without a device."""

    sending = False

    def names(self) -> list[str]:
        return []

    def open(self, name: str, heard: object) -> None:
        raise OSError(name)

    def send(self, messages: object) -> None:
        raise AssertionError("there is no device")

    def close(self, name: str) -> None:
        pass

    def close_all(self) -> None:
        pass


def recording() -> Recording:
    said: list[tuple[float, list[Message]]] = [(0.0, [Set("camera.zoom", 2.0)])]
    return Recording(Preset("a", {STEM: 1.0}), {}, 0, 30.0, said=said)


def sound(folder: Path, background: bool) -> SoundInput:
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    return SoundInput(str(path), background)


def link(folder: Path) -> LinkInput:
    pytest.importorskip("link")
    return LinkInput()


CONTROLLERS: dict[str, Callable[[Path], Controller]] = {
    "example": lambda folder: ExampleController(),
    "OSC": lambda folder: OscInput(port=0),
    "OSC feedback": lambda folder: OscFeedback([("127.0.0.1", 9)], OscInput(port=0)),
    "OSCQuery": lambda folder: OscQuery(port=0),
    "MIDI": lambda folder: MidiInput("", folder / "midi.toml", NoPorts),
    "no MIDI": lambda folder: MidiUnavailable(FAILED),
    "sound in a show": lambda folder: sound(folder, background=True),
    "sound in a render": lambda folder: sound(folder, background=False),
    "Ableton Link": link,
    "replay": lambda folder: RecordingPlayer(recording()),
    "recording": lambda folder: FlightRecorder(folder / "log.jsonl", recording()),
}


@pytest.fixture(params=CONTROLLERS)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    return CONTROLLERS[request.param](tmp_path)


def test_a_controller_opens_runs_and_closes_without_a_thread_left(controller: Controller) -> None:
    threads, mailbox = set(threading.enumerate()), Mailbox()
    controller.open(mailbox)
    found: list[Message] = []
    for frame in range(30):
        now = 7.0 + frame / 30
        controller.poll(now)
        found += mailbox.drain()
        values, heard = dict(VALUES), list(HEARD if frame == 10 else [])
        controller.publish(now, values, heard)
        assert values == VALUES and len(heard) in (0, len(HEARD)), "it changes neither"
        lines = controller.status_lines()
        assert isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    controller.close()
    controller.close()
    # Link's own threads are not Python's.
    left = set(threading.enumerate()) - threads
    for each in left:
        each.join(5)  # those that were told to end may need a moment
    assert not any(each.is_alive() for each in left), left
    for message in found:
        assert isinstance(message, Beat) or message.key in CONTROLS


def test_a_late_frame_is_published_after_the_next_poll(controller: Controller) -> None:
    controller.open(Mailbox())
    for now in (1.0, 2.0):
        controller.poll(now)
    for now in (1.0, 2.0):
        controller.publish(now, VALUES, HEARD)
    controller.close()


def test_a_controller_closes_without_having_been_opened(controller: Controller) -> None:
    controller.close()
    controller.close()


def test_no_call_of_a_frame_blocks(controller: Controller) -> None:
    controller.open(Mailbox())
    controller.poll(1.0)
    controller.publish(1.0, VALUES, HEARD)  # what is imported or sent once may take its time
    took = []
    for frame in range(10):
        began = time.perf_counter()
        controller.poll(2.0 + frame / 30)
        controller.publish(2.0 + frame / 30, VALUES, HEARD)
        controller.status_lines()
        took.append(time.perf_counter() - began)
    controller.close()
    assert min(took) < 0.01, took


def test_one_that_could_not_be_opened_is_neither_polled_nor_published() -> None:
    class Absent(MidiUnavailable):
        def open(self, mailbox: Mailbox) -> None:
            raise LiveflightError("absent")

        def poll(self, now: float) -> None:
            raise AssertionError

        def publish(self, now: float, values: object, heard: object) -> None:
            raise AssertionError

        def status_lines(self) -> list[str]:
            raise AssertionError

    reports: list[str] = []
    controllers = OpenControllers(
        Mailbox(), lambda trouble, cause=None: reports.append(str(trouble)), background=False
    )
    controllers.open([("absent", Absent(""))])
    controllers.poll(1.0)
    controllers.publish(1.0, VALUES, HEARD)
    assert controllers.status_lines() == []
    controllers.close()
    assert len(reports) == 1


def test_the_example_moves_its_control_until_a_performer_does() -> None:
    example, mailbox = ExampleController(), Mailbox()
    example.open(mailbox)
    swung = []
    for quarter in range(4):
        example.poll(5.0 + quarter * PERIOD_S / 4)
        (message,) = mailbox.drain()
        assert isinstance(message, Set) and message.origin == "example"
        swung.append(message.value)
        example.publish(5.0, VALUES, [message])
    control = CONTROLS["camera.rotation"]
    assert swung == pytest.approx([0.0, control.maximum, 0.0, control.minimum])
    assert example.status_lines() == []
    example.publish(6.0, VALUES, [Nudge("camera.rotation", 0.1, "key")])
    example.poll(6.1)
    assert mailbox.drain() == [] and "is yours" in example.status_lines()[0]
    example.close()
