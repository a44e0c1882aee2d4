"""Fixtures that several test files share."""

from __future__ import annotations

import functools
import gc
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import moderngl
import numpy as np
import pytest
from fake_engine import FakeEngine
from hypothesis import settings
from in_flight import STEM
from jack_box import server, starts, until
from made_textures import Textures
from program_pool import ProgramPool

from liveflight.networks import Network
from liveflight.outputs import before_gl
from liveflight.render import warp
from liveflight.show.flight import Flight
from liveflight.show.network_loader import NetworkLoader
from liveflight.system import child_process

# No deadlines: a busy machine may stop for half a second.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep measurements and builds of this machine in a folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # Compiled shaders of Mesa are the same in all processes.
        shared = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            shared = shared.parent
        patch.setenv("MESA_SHADER_CACHE_DIR", str(shared / "mesa"))
        patch.setattr(warp, "periodic_noise", functools.cache(warp.periodic_noise))
        yield
    gc.unfreeze()  # loaders that no test closed


@pytest.fixture(scope="session")
def jack() -> Iterator[ModuleType]:
    """python-rtmidi, with a JACK server that has a made-up sound card."""
    if not shutil.which("jackd"):
        pytest.skip("needs jackd (Debian: jackd2)")
    rtmidi = pytest.importorskip("rtmidi")
    with (
        pytest.MonkeyPatch.context() as patch,
        server(f"liveflight-test-{os.getpid()}", patch),
    ):
        until(lambda: starts(rtmidi))
        yield rtmidi


@pytest.fixture(scope="session")
def x_server() -> Iterator[str]:
    """Run a virtual X server with its own GL; return its display, such as `:3`."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.skip("there is no Xvfb here")
    number, theirs = os.pipe()
    server = subprocess.Popen(
        # Without -noreset the server starts over, deaf for a moment, when its last client leaves.
        [xvfb, "-displayfd", str(theirs), "-noreset", "-screen", "0", "1280x720x24"],
        pass_fds=[theirs],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    try:
        with os.fdopen(number) as answer:
            chosen = answer.readline().strip()
        if not chosen:
            pytest.fail("Xvfb does not start")
        yield f":{chosen}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def display(x_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set DISPLAY to the virtual X server, for this test and the processes it starts."""
    monkeypatch.setenv("DISPLAY", x_server)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return x_server


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(7)
    np.random.seed(7)


@pytest.fixture(scope="session")
def gl_context() -> Iterator[moderngl.Context]:
    """Open one offscreen context for all tests; use `ctx`, which resets its state."""
    before_gl()
    backend: dict[str, Any] = {"backend": "egl"} if sys.platform == "linux" else {}
    try:
        context = moderngl.create_context(require=330, standalone=True, **backend)
    except Exception as error:
        pytest.skip(f"there is no OpenGL 3.3 here: {error}")
    ProgramPool(context)
    yield context
    context.release()


@pytest.fixture
def ctx(gl_context: moderngl.Context) -> Iterator[moderngl.Context]:
    """Return the offscreen context, current, nothing enabled; any GL error fails the test."""
    with gl_context:
        gl_context.enable_only(moderngl.NOTHING)
        gl_context.detect_framebuffer(0).use()
        assert gl_context.error == "GL_NO_ERROR", "an earlier test left a GL error"
        yield gl_context
        assert gl_context.error == "GL_NO_ERROR"


@pytest.fixture
def textures(ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> Textures:
    """Watch what `ctx.texture` makes: moderngl frees nothing by itself."""
    made, make = Textures(), ctx.texture

    def watched(*args: Any, **named: Any) -> moderngl.Texture:
        made.append(make(*args, **named))
        return made[-1]

    monkeypatch.setattr(ctx, "texture", watched)
    return made


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def flight(engine: FakeEngine) -> Flight:
    """Return a flight at `STEM` whose networks are loaded at once."""
    flight = Flight(NetworkLoader(lambda: engine, background=False), seed=5)
    flight.aim({STEM: 1.0})
    return flight


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the set of networks whose weights are found, to be changed by the test."""
    here: set[str] = set()
    find: Callable[[Network], Path | None] = lambda network: (  # noqa: E731
        Path(network.name) if network.name in here else None
    )
    monkeypatch.setattr(Network, "find_weights", find)
    return here


@pytest.fixture
def show(engine: FakeEngine) -> Flight:
    """Return a flight that has nothing loaded yet and loads in the background."""
    return Flight(NetworkLoader(lambda: engine, background=True), seed=5)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Return the list of child processes, which grows as the test starts them."""
    processes: list[subprocess.Popen[bytes]] = []
    start = child_process.start

    def remembered(*given: Any, **named: Any) -> subprocess.Popen[bytes]:
        processes.append(start(*given, **named))
        return processes[-1]

    monkeypatch.setattr(child_process, "start", remembered)
    return processes
