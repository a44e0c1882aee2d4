"""With a stand-in for sounddevice: what PortAudio does when a device vanishes was tried by hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.inputs.sound_device import Device


class PortAudioError(Exception):
    pass


class FakeSoundDevice(SimpleNamespace):
    """One input, `Line`, at 48 kHz, as long as it is `plugged` in."""

    def __init__(self) -> None:
        super().__init__(PortAudioError=PortAudioError, InputStream=self.stream)
        self.plugged = True
        self.initialised = 0
        self.streams: list[Any] = []

    def query_devices(self, device: str | None = None, kind: str = "") -> Any:
        line = {"name": "Line", "max_input_channels": 2}
        if kind == "":
            return [line] if self.plugged else []
        if not self.plugged or device not in (None, "Line"):
            raise ValueError(f"No input device matching {device!r}")
        return line

    def stream(self, callback: Any, channels: int, **named: Any) -> Any:
        made = SimpleNamespace(samplerate=48000.0, closed=False, start=lambda: None)
        made.hear = lambda value: callback(
            np.full((480, channels), value, np.float32), 480, None, None
        )
        made.abort = lambda: None
        made.close = lambda: setattr(made, "closed", True)
        self.streams.append(made)
        return made

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.initialised += 1


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    fake = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def settled(device: Device, now: float) -> None:
    """After an attempt on the thread beside."""
    assert device._worker.wait(10)
    device.read(now)


def test_blocks_come_out_mixed_down_and_in_order(portaudio: FakeSoundDevice) -> None:
    device = Device("Line")
    device.open()
    assert device.rate == 48000
    assert len(device.read(1.0)) == 0
    portaudio.streams[0].hear(0.25)
    portaudio.streams[0].hear(0.5)
    assert device.read(1.02).tolist() == [0.25] * 480 + [0.5] * 480
    assert len(device.read(1.03)) == 0
    device.close()
    device.close()
    assert portaudio.streams[0].closed


def test_a_silent_device_is_opened_again_with_a_line_per_change(
    portaudio: FakeSoundDevice, caplog: pytest.LogCaptureFixture
) -> None:
    device = Device("default")
    device.open()
    device.read(0.0)
    portaudio.streams[0].hear(0.1)
    device.read(0.1)
    device.read(1.0)
    assert not device.lost
    assert device.lines() == []
    portaudio.plugged = False
    device.read(1.2)
    assert device.lost and len(caplog.records) == 1
    assert device.lines() == ["sound: default is lost"]
    assert device.read(1.3).tolist() == [0.0] * 4800, "lost is silent, not stuck"
    tried = []
    for tenth in range(20, 400):
        before = portaudio.initialised
        device.read(tenth / 10)
        if device._worker.busy:
            settled(device, tenth / 10)
        tried += [tenth / 10] * (portaudio.initialised - before)
    assert tried == pytest.approx([2.2, 4.2, 8.2, 16.2, 32.2], abs=0.3)
    portaudio.plugged = True
    for tenth in range(400, 700):
        device.read(tenth / 10)
        if device._worker.busy:
            settled(device, tenth / 10)
            portaudio.streams[-1].hear(0.3)
            break
    device.read(70.0)
    assert not device.lost
    assert [record.message for record in caplog.records] == [
        "sound: nothing comes from default any more; trying again",
        "sound: default is back",
    ]
    device.close()


def test_its_first_block_may_take_a_while(portaudio: FakeSoundDevice) -> None:
    device = Device("default")
    device.open()
    for now in (0.0, 1.5, 2.9):
        device.read(now)
        assert not device.lost
    device.read(3.1)
    assert device.lost
    device.close()


def test_an_unknown_device_names_those_there_are(portaudio: FakeSoundDevice) -> None:
    with pytest.raises(LiveflightError, match=r"'Micro' cannot be opened .*; there is Line"):
        Device("Micro").open()
    portaudio.plugged = False
    with pytest.raises(LiveflightError, match="there is none that hears"):
        Device("default").open()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(LiveflightError, match=r'pip install "liveflight\[audio\]"'):
        Device("default").open()
