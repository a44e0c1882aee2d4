from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jack_box import until
from sacn.messages.data_packet import DataPacket

from liveflight.controllers.dmx import bindings as dmx_bindings
from liveflight.controllers.dmx.bindings import ChannelBinding, DmxMap
from liveflight.controllers.dmx.input import DmxInput
from liveflight.core.contracts import LiveflightError, Value
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.core.mailbox import Mailbox, Message, Set, Trigger

VALUES: dict[str, Value] = {row.key: row.default for row in ROWS if row.kind != "trigger"}
SPEED = CONTROLS["camera.speed"]


class Desk:
    """A lighting console on this machine, and the show that it plays."""

    def __init__(self, folder: Path, protocol: str, universe: int, *bound: ChannelBinding) -> None:
        path = folder / "dmx.toml"
        dmx_bindings.write(dmx_bindings.dump(DmxMap(bound)), path)
        self.now, self.mailbox = 100.0, Mailbox()
        self.protocol, self.universe, self.path = protocol, universe, path
        self.input = DmxInput(protocol, universe, "127.0.0.1", path, 0, lambda: self.now)
        self.input.open(self.mailbox)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sequence = 0

    def send(self, *levels: int, universe: int | None = None, **fields: object) -> None:
        universe = self.universe if universe is None else universe
        self.sequence = self.sequence % 255 + 1
        if self.protocol == "artnet":
            even = bytes(levels) + bytes(len(levels) % 2)
            head = b"Art-Net\0\x00\x50\x00\x0e" + bytes([self.sequence, 0])
            address = universe.to_bytes(2, "little")
            self.raw(head + address + len(even).to_bytes(2, "big") + even)
            return
        made = {"cid": (7,) * 16, "sourceName": "Desk", **fields}
        made |= {"universe": universe, "dmxData": levels, "sequence": self.sequence}
        self.raw(bytes(DataPacket(**made).getBytes()))

    def raw(self, datagram: bytes) -> None:
        self.udp.sendto(datagram, ("127.0.0.1", self.input.receiver.port))

    def frame(self, *heard: Message) -> list[Message]:
        """Return the messages since the last frame, after this one's are published."""
        messages = self.mailbox.drain()
        self.input.publish(self.now, VALUES, [*messages, *heard])
        return messages

    def comes(self, message: Message) -> None:
        """Wait for a message, and leave out others."""
        until(lambda: message in self.frame())

    def says(self, words: str) -> None:
        """Wait for a status line."""
        until(lambda: words in " / ".join(self.input.status_lines()))


@contextmanager
def desk(folder: Path, protocol: str, universe: int, *bound: ChannelBinding) -> Iterator[Desk]:
    made = Desk(folder, protocol, universe, *bound)
    try:
        yield made
    finally:
        made.input.close()
        made.udp.close()


@pytest.mark.parametrize(("protocol", "universe"), [("artnet", 0), ("artnet", 300), ("sacn", 1)])
def test_a_channel_moves_its_control(tmp_path: Path, protocol: str, universe: int) -> None:
    bound = ChannelBinding(2, "camera.speed")
    with desk(tmp_path, protocol, universe, bound) as one:
        one.says(f"universe {universe}")
        one.send(0, 255)
        one.comes(Set("camera.speed", 4.0))
        assert one.input.status_lines() == []
        one.send(9, 255)
        one.send(9, 51)
        until(lambda: bool(messages := one.mailbox.drain()) and messages == [
            Set("camera.speed", SPEED.from_position(0.2))
        ])  # fmt: skip


def test_messages_carry_where_they_come_from(tmp_path: Path) -> None:
    with desk(tmp_path, "artnet", 5, ChannelBinding(1, "mix.random")) as one:
        one.send(0, 0)
        one.send(255, 0)
        found: list[Message] = []
        until(lambda: bool(found.extend(one.mailbox.drain()) or found))
        assert isinstance(found[0], Trigger) and found[0].origin == "dmx:artnet 5"


@pytest.mark.parametrize("protocol", ["artnet", "sacn"])
def test_a_control_learns_the_fader_that_moves(tmp_path: Path, protocol: str) -> None:
    with desk(tmp_path, protocol, 3) as one:
        one.send(0, 0, 40)
        until(lambda: one.input.receiver.sources == 1)
        one.frame(Set("midi.learn", "camera.speed"))
        one.says("DMX learn: move a fader for camera.speed")
        for level in (60, 90, 102):
            one.send(0, 0, level)
        until(lambda: one.input._levels[:3] == bytes([0, 0, 102]))
        one.now += 1.0
        one.comes(Set("midi.learn", ""))
        until(lambda: list(dmx_bindings.read(one.path)) == [ChannelBinding(3, "camera.speed")])
        one.send(0, 0, 255)
        one.comes(Set("camera.speed", 4.0))
        one.frame(Set("midi.learn", "camera.speed"))
        one.frame(Trigger("midi.forget"))
        until(lambda: not list(dmx_bindings.read(one.path)))
    assert not list(dmx_bindings.read(one.path))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("show.quit", "show.quit cannot be reached from the network"),
        ("show.fps", "cannot be set"),
        ("show.preset", "first set it to the text"),
        ("camera.zooom", "did you mean"),
    ],
)
def test_what_no_channel_may_move_is_not_armed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, said: str
) -> None:
    with desk(tmp_path, "artnet", 0) as one:
        one.frame(Set("midi.learn", key))
        assert said in caplog.text
        assert not any("learn" in line for line in one.input.status_lines())


def test_the_last_levels_stay_when_the_sender_is_gone(tmp_path: Path) -> None:
    with desk(tmp_path, "sacn", 1, ChannelBinding(1, "camera.speed")) as one:
        one.send(255)
        one.comes(Set("camera.speed", 4.0))
        one.now += 2.6
        one.says("sACN universe 1 comes no more: its last levels stay")
        assert one.frame() == []
        one.send(255)
        until(lambda: one.input.status_lines() == [])
        assert one.frame() == []
        one.send(255, streamTerminated=True)
        one.says("comes no more")


def test_the_source_of_the_highest_priority_wins(tmp_path: Path) -> None:
    with desk(tmp_path, "sacn", 1, ChannelBinding(1, "camera.speed")) as one:
        one.send(255, cid=(1,) * 16)
        one.comes(Set("camera.speed", 4.0))
        one.send(0, cid=(2,) * 16, priority=120)
        one.comes(Set("camera.speed", 0.0))
        one.send(255, cid=(1,) * 16)
        one.send(51, cid=(2,) * 16, priority=120)
        one.comes(Set("camera.speed", SPEED.from_position(0.2)))
        one.send(0, cid=(2,) * 16, priority=120, streamTerminated=True)
        one.comes(Set("camera.speed", 4.0))


def test_another_universe_is_named_while_ours_is_silent(tmp_path: Path) -> None:
    with desk(tmp_path, "artnet", 0, ChannelBinding(1, "camera.speed")) as one:
        one.send(255, 0, universe=1)
        one.says("waiting for Art-Net universe 0; universe 1 comes")
        assert one.frame() == []


def test_garbage_is_counted_logged_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with desk(tmp_path, "artnet", 0, ChannelBinding(1, "camera.speed")) as one:
        chance = random.Random(5)
        for _ in range(100):
            one.raw(chance.randbytes(chance.randrange(1600)))
        until(lambda: one.input.receiver.refused == 100)
        assert one.input.status_lines()[-1] == "100 DMX packets refused"
        assert caplog.text.count("packet refused: it is not Art-Net") == 1
        one.send(255, 0)
        one.comes(Set("camera.speed", 4.0))


def test_a_flood_is_not_read_to_its_end(tmp_path: Path) -> None:
    with desk(tmp_path, "artnet", 0, ChannelBinding(1, "camera.speed")) as one:

        def flooded() -> bool:
            for _ in range(50):
                one.send(0, 0)
            return one.input.receiver.refused > 0

        until(flooded)
        one.now += 1.0
        one.send(255, 0)
        one.comes(Set("camera.speed", 4.0))


def test_a_multicast_is_received_on_a_network_interface(tmp_path: Path) -> None:
    bound = ChannelBinding(1, "camera.speed")
    path = tmp_path / "dmx.toml"
    dmx_bindings.write(dmx_bindings.dump(DmxMap([bound])), path)
    one = DmxInput("sacn", 1, "0.0.0.0", path, 0)
    mailbox = Mailbox()
    try:
        one.open(mailbox)
    except OSError as error:
        pytest.skip(f"no multicast here: {error}")
    made = DataPacket((7,) * 16, "Desk", 1, (255,))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.sendto(bytes(made.getBytes()), ("239.255.0.1", one.receiver.port))
        except OSError as error:
            one.close()
            pytest.skip(f"no multicast here: {error}")
        until(lambda: mailbox.drain() == [Set("camera.speed", 4.0)])
    one.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        one = DmxInput("artnet", 0, "127.0.0.1", tmp_path / "dmx.toml", port)
        with pytest.raises(LiveflightError, match=f"Art-Net cannot listen on 127.0.0.1:{port}"):
            one.open(Mailbox())
        assert not one.listening


def test_texts_of_the_network_do_not_fill_the_memory(tmp_path: Path) -> None:
    with desk(tmp_path, "artnet", 0) as one:
        for number in range(100):
            one.frame(Set("midi.learn", f"nothing.{number}"))
        assert len(one.input._faults._logged) <= 32
