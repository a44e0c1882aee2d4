"""Views to the engine and directions back, whatever the driver does."""

from __future__ import annotations

from collections.abc import Iterator

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine

from liveflight.core.contracts import Ascent, Canvas, Target, ViewStep
from liveflight.loop import hand_over
from liveflight.loop.hand_over import HandOver, timed_directions
from liveflight.render.canvas_transfer import HostCopy, InteropError

pytestmark = pytest.mark.gl

PIXELS = np.random.default_rng(3).random((6, 9, 4)).astype(np.float16)


class Interop(HostCopy):
    """A transfer within the GPU, as far as this test can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.forgotten = self.released = 0

    def read(self, texture: moderngl.Texture) -> Canvas:
        if self.broken:
            raise InteropError("lost")
        return super().read(texture)

    def write(self, texture: moderngl.Texture, canvas: Canvas) -> None:
        if self.broken:
            raise InteropError("lost")
        super().write(texture, canvas)

    def forget(self) -> None:
        self.forgotten += 1

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def interop(monkeypatch: pytest.MonkeyPatch) -> Interop:
    transfer = Interop()
    monkeypatch.setattr(hand_over, "choose", lambda ctx, device, stream: (transfer, "because"))
    return transfer


@pytest.fixture
def texture(ctx: moderngl.Context) -> Iterator[moderngl.Texture]:
    texture = ctx.texture((9, 6), 4, PIXELS.tobytes(), dtype="f2")
    yield texture
    texture.release()


def test_without_an_engine_it_copies_through_the_host(
    ctx: moderngl.Context, texture: moderngl.Texture
) -> None:
    handed = HandOver(ctx)
    np.testing.assert_array_equal(handed.read(texture), PIXELS)
    handed.write(texture, PIXELS[::-1].copy())
    np.testing.assert_array_equal(handed.read(texture), PIXELS[::-1])
    handed.release()


def test_each_engine_gets_its_transfer_and_its_reason_once(
    ctx: moderngl.Context, interop: Interop
) -> None:
    handed = HandOver(ctx)
    first, second = FakeEngine(), FakeEngine()
    assert [handed.use_engine(engine) for engine in (first, first, second, second)] == [
        *("because", "", "because", ""),
    ]
    assert interop.released == 1, "the one of the first engine"
    handed.forget()
    assert interop.forgotten == 1
    handed.release()
    assert interop.released == 2


def test_a_read_that_fails_goes_through_the_host_at_once(
    ctx: moderngl.Context, texture: moderngl.Texture, interop: Interop
) -> None:
    handed = HandOver(ctx)
    engine = FakeEngine()
    handed.use_engine(engine)
    interop.broken = True
    np.testing.assert_array_equal(handed.read(texture), PIXELS)
    assert interop.released == 1
    interop.broken = False
    interop.write = interop.read = None  # type: ignore[method-assign,assignment]
    assert handed.use_engine(engine) == "", "it does not come back"
    handed.write(texture, PIXELS)
    handed.release()


def test_a_write_that_fails_is_told_and_the_next_one_works(
    ctx: moderngl.Context, texture: moderngl.Texture, interop: Interop
) -> None:
    """Fail to copy: an engine left the directions on the GPU."""
    handed = HandOver(ctx)
    handed.use_engine(FakeEngine())
    interop.broken = True
    with pytest.raises(InteropError, match="lost"):
        handed.write(texture, PIXELS[::-1].copy())
    np.testing.assert_array_equal(handed.read(texture), PIXELS)
    handed.write(texture, PIXELS[::-1].copy())
    np.testing.assert_array_equal(handed.read(texture), PIXELS[::-1])
    handed.release()


def test_directions_are_timed_until_the_device_has_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [10.0]
    monkeypatch.setattr(hand_over.time, "perf_counter", lambda: now[0])

    class Queueing(FakeEngine):
        def wait(self) -> None:
            now[0] += 0.25

    engine = Queueing(lambda view, mix, ascent: view + view)
    engine.prepare("vgg16")
    steps = [ViewStep({Target("vgg16", "conv4_1", 3): 1.0})]
    directions, seconds = timed_directions(engine, PIXELS, steps, Ascent())
    np.testing.assert_array_equal(directions, PIXELS + PIXELS)
    assert seconds == 0.25
