"""Devices over fake captures; test_device_process has real ones."""

from __future__ import annotations

import numpy as np
import pytest

from liveflight.controllers.audio.device import Device
from liveflight.core.contracts import LiveflightError
from liveflight.core.spectrum import Samples


class FakeLine:
    rate = 48000

    def __init__(self) -> None:
        self.ended = self.closed = False
        self.coming: list[float] = []

    def hear(self, *values: float) -> None:
        self.coming += values

    def take(self) -> Samples:
        came, self.coming = self.coming, []
        return np.array(came, np.float32)

    def close(self) -> None:
        self.closed = True


class Plugs:
    """Open captures for as long as the device is plugged in."""

    def __init__(self) -> None:
        self.plugged = True
        self.attempts = 0
        self.lines: list[FakeLine] = []

    def __call__(self, name: str) -> FakeLine:
        self.attempts += 1
        if not self.plugged:
            raise LiveflightError(f"no {name}")
        self.lines.append(FakeLine())
        return self.lines[-1]


def settled(device: Device, now: float) -> None:
    """Wait for the attempt on the worker's thread, and take its result."""
    assert device._worker.wait(10)
    device.read(now)


def test_what_comes_is_read_once_and_in_order() -> None:
    plugs = Plugs()
    device = Device("Line", plugs)
    device.open()
    assert device.rate == 48000
    assert len(device.read(1.0)) == 0
    plugs.lines[0].hear(0.25, 0.5)
    assert device.read(1.02).tolist() == [0.25, 0.5]
    assert len(device.read(1.03)) == 0
    device.close()
    device.close()
    assert plugs.lines[0].closed


def test_a_silent_device_is_opened_again_with_a_line_per_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugs = Plugs()
    device = Device("default", plugs)
    device.open()
    device.read(0.0)
    plugs.lines[0].hear(0.1)
    device.read(0.1)
    device.read(1.0)
    assert not device.lost
    assert device.status_lines() == []
    plugs.plugged = False
    device.read(1.2)
    assert device.lost and len(caplog.records) == 1
    assert device.status_lines() == ["sound: default is lost"]
    assert device.read(1.3).tolist() == [0.0] * 4800, "lost is silent, not stuck"
    tried = []
    for tenth in range(20, 400):
        before = plugs.attempts
        device.read(tenth / 10)
        if device._worker.busy:
            settled(device, tenth / 10)
        tried += [tenth / 10] * (plugs.attempts - before)
    assert tried == pytest.approx([2.2, 4.2, 8.2, 16.2, 32.2], abs=0.3)
    assert plugs.lines[0].closed
    plugs.plugged = True
    for tenth in range(400, 700):
        device.read(tenth / 10)
        if device._worker.busy:
            settled(device, tenth / 10)
            plugs.lines[-1].hear(0.3)
            break
    device.read(70.0)
    assert not device.lost
    assert [record.message for record in caplog.records] == [
        "sound: nothing comes from default any more; trying again",
        "sound: default is back",
    ]
    device.close()
    assert plugs.lines[-1].closed


def test_its_first_block_may_take_a_while() -> None:
    device = Device("default", Plugs())
    device.open()
    for now in (0.0, 1.5, 2.9):
        device.read(now)
        assert not device.lost
    device.read(3.1)
    assert device.lost
    device.close()


def test_one_that_has_ended_is_lost_at_once() -> None:
    plugs = Plugs()
    device = Device("default", plugs)
    device.open()
    plugs.lines[0].hear(0.1)
    device.read(0.0)
    plugs.lines[0].ended = True
    device.read(0.1)
    assert device.lost
    device.close()


def test_one_that_came_back_as_the_show_ends_is_closed() -> None:
    plugs = Plugs()
    device = Device("default", plugs)
    device.open()
    plugs.lines[0].ended = True
    device.read(0.0)
    device.read(1.5)
    device.close()
    assert len(plugs.lines) == 2
    assert all(line.closed for line in plugs.lines)
