"""A whole flight is built and started."""

from __future__ import annotations

import socket
from contextlib import closing

import moderngl
import pytest
from fake_engine import FakeEngine
from in_flight import settle
from on_stage import CANVAS, Stage, hud
from pythonosc.osc_message_builder import OscMessageBuilder

from liveflight import engines
from liveflight.app import App, build
from liveflight.controllers.osc.input import OscInput
from liveflight.core.contracts import LiveflightError
from liveflight.loop.sight_autopilot import SightAutopilot
from liveflight.show import options as flight_options
from liveflight.show.options import Options
from liveflight.storage import presets

pytestmark = pytest.mark.gl


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Return the engine that `build` gets."""
    fake = FakeEngine()
    monkeypatch.setattr(engines, "load", lambda *_, **named: fake)
    return fake


def wait(app: App) -> None:
    settle(app.flight.loader)


def started(ctx: moderngl.Context, live: bool = True, **options: object) -> App:
    return build(Options(**options), Stage(ctx, (64, 36), False), live=live)  # type: ignore[arg-type]


def test_build_flies_the_default(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with closing(started(ctx, live=False, canvas=CANVAS)) as app:
        assert app.flight.preset_player.preset == presets.DEFAULT
        assert [type(one) for one in app.controllers.opened] == [SightAutopilot]
        for number in range(3):
            app.frame(number / 60)
        assert len(engine.asked) == 2


@pytest.mark.parametrize(("device", "size"), [("cpu", (36, 20)), ("cuda", (96, 54))])
def test_views_are_what_the_device_can_do_in_the_shape_of_the_canvas(
    device: str,
    size: tuple[int, int],
    ctx: moderngl.Context,
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flight_options, "DENSE_VIEW", {"cpu": (24, 30), "cuda": (72, 72)})
    monkeypatch.setattr(engine, "device", device)
    with closing(started(ctx, live=False)) as app:
        assert app.feedback_loop.size == (64, 36), "the output's"
        app.frame(0.0)
        app.frame(0.05)
        assert app.flight.target_selector.size == size
        assert {size for _, size in engine.plans} == {size}


def test_a_render_has_the_outputs_pixels_however_long_they_take(
    ctx: moderngl.Context, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveflight.app.canvas_pixels", lambda *_: 160 * 80)
    stage = Stage(ctx, (200, 100), False)
    with closing(build(Options(view=CANVAS), stage, live=False)) as app:
        assert app.feedback_loop.size == (200, 100)
    with closing(build(Options(view=CANVAS), stage, live=True)) as app:
        assert app.feedback_loop.size == (160, 80)


def test_the_canvas_asked_for_stays(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with closing(started(ctx, live=False, canvas=(20, 30))) as app:
        app.frame(0.0)
        app.frame(0.05)
        assert app.feedback_loop.size == (20, 30)


@pytest.mark.parametrize(
    "options", [{"preset": "nix"}, {"network": "nix"}, {"canvas": (1, 1)}], ids=str
)
def test_what_cannot_start_closes_its_output(
    options: dict[str, object], ctx: moderngl.Context, engine: FakeEngine
) -> None:
    stage = Stage(ctx, (64, 36), False)
    with pytest.raises(LiveflightError):
        build(Options(**options), stage, live=False)  # type: ignore[arg-type]
    assert stage.closed


@pytest.mark.parametrize("live", [False, True])
def test_a_first_network_without_weights_ends_the_flight(
    live: bool, ctx: moderngl.Context, engine: FakeEngine
) -> None:
    engine.missing.add("vgg16")
    with pytest.raises(LiveflightError, match="no weights"):
        app = started(ctx, live=live, canvas=CANVAS)
        with closing(app):
            wait(app)
            app.frame(0.0)


def udp_socket(port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", port))
    return bound


def test_a_busy_osc_port_is_reported_and_the_flight_goes_on(
    ctx: moderngl.Context, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with udp_socket() as other:
        taken = other.getsockname()[1]
        app = started(ctx, canvas=CANVAS, osc_port=taken)
    with closing(app):
        assert not any(isinstance(surface, OscInput) for surface in app.controllers.opened)
        assert f"localhost:{taken}" in app.flight.reports.last
        assert app.flight.reports.last.endswith("flying on without, and trying again")
        assert len(caplog.records) == 1
        for number in range(2):  # loaded, planned
            wait(app)
            app.frame(number / 60)
        for number in range(3):
            app.frame(number / 60 + 1)
        # A busy machine takes its time.
        assert app.feedback_loop.ticks or app.feedback_loop.worker.wait(60)
        assert engine.asked


def test_what_comes_by_osc_moves_the_controls(ctx: moderngl.Context, engine: FakeEngine) -> None:
    with udp_socket() as other:
        free = other.getsockname()[1]
    with closing(started(ctx, canvas=CANVAS, osc_port=free)) as app:
        osc = next(one for one in app.controllers.opened if isinstance(one, OscInput))
        message = OscMessageBuilder("/liveflight/camera/rotation/raw")
        message.add_arg(45.0)
        osc.receive(message.build().dgram, ("127.0.0.1", 5))
        osc.receive(b"\xff\xfe nonsense", ("127.0.0.1", 5))
        app.frame(0.0)
        assert app.flight.controls.setting("camera.rotation") == 45.0
        assert hud(app)[-1] == "1 OSC messages refused"
    app.close()
    with udp_socket(free):
        """The port is given back."""
