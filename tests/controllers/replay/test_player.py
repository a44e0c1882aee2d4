from __future__ import annotations

import pytest
from in_flight import STEM

from liveflight.controllers.replay.player import RecordingPlayer
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.storage.presets import Preset
from liveflight.storage.recording import Recording


def played(said: list[tuple[float, list[Message]]], *times: float) -> list[list[Message]]:
    """Return what is put at each of these times."""
    player, mailbox = (
        RecordingPlayer(Recording(Preset("a", {STEM: 1.0}), {}, 0, 30.0, said=said)),
        Mailbox(),
    )
    player.open(mailbox)
    heard = []
    for now in times:
        player.poll(now)
        heard.append(mailbox.drain())
    player.close()
    return heard


def test_each_message_comes_at_the_first_frame_not_before_it() -> None:
    one, two, three = Set("camera.zoom", 2.0), Trigger("mix.random"), Nudge("camera.zoom", 0.1)
    said: list[tuple[float, list[Message]]] = [(0.0, [one]), (0.3, [two]), (0.5, [three])]
    assert played(said, 7.0, 7.2, 7.4, 7.6, 7.8) == [[one], [], [two], [three], []]
    assert played(said, 0.0, 9.0) == [[one], [two, three]]


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 144])
def test_at_the_recorded_rate_every_message_keeps_its_frame(fps: int) -> None:
    said: list[tuple[float, list[Message]]] = [
        (frame / fps, [Set("camera.zoom", 1 + frame / 1000)]) for frame in range(500)
    ]
    heard = played(said, *(frame / fps for frame in range(500)))
    assert heard == [messages for _, messages in said]


def test_at_a_lower_rate_no_onset_is_missed_and_none_lasts() -> None:
    onset = [0.0, 0.8, 0.0, 0.0, 0.0, 0.0]
    said: list[tuple[float, list[Message]]] = [
        (frame / 60, [Set("sound.onset", each)]) for frame, each in enumerate(onset)
    ]
    said[1][1].append(Trigger("mix.random"))
    heard = played(said, 0.0, 2 / 60, 4 / 60)
    assert heard[1] == [Trigger("mix.random"), Set("sound.onset", 0.8)]
    assert heard[2] == [Set("sound.onset", 0.0)]
