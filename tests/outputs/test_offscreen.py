from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import numpy as np
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.offscreen import Offscreen
from liveflight.render.canvas_transfer import read_picture

pytestmark = pytest.mark.gl
T = TypeVar("T")
InThread = Callable[[Callable[[], T]], T]


@pytest.fixture
def in_thread() -> Iterator[InThread]:
    """Run work on another thread: a new context becomes the current one of its thread."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda work: pool.submit(work).result()


def test_each_frame_is_read_upright(in_thread: InThread) -> None:
    shown: list[np.ndarray] = []

    def fly() -> None:
        with closing(Offscreen((7, 5))) as output:
            assert output.size == (7, 5)
            assert not output.bottom_up
            output.framebuffer.use()
            output.ctx.clear(0, 0, 1)
            # Not bottom_up: the framebuffer's first rows are the top of what is seen.
            output.ctx.clear(1, 0.5, 0, viewport=(0, 0, 7, 2))
            for _ in range(2):
                output.show()
                shown.append(read_picture(output.framebuffer, output.size, bottom_up=False))
                output.ctx.clear(0, 1, 0, viewport=(6, 0, 1, 5))

    in_thread(fly)
    first = np.empty((5, 7, 3), np.uint8)
    first[:2], first[2:] = (255, 128, 0), (0, 0, 255)
    second = first.copy()
    second[:, 6] = (0, 255, 0)
    assert len(shown) == 2
    np.testing.assert_array_equal(shown[0], first)
    np.testing.assert_array_equal(shown[1], second)
    assert shown[0].dtype == np.uint8


def test_flies_and_closes_twice(in_thread: InThread) -> None:
    def fly() -> str:
        output = Offscreen((6, 4))
        assert list(output.events()) == []
        output.toggle_fullscreen()
        assert output.size == output.framebuffer.size == (6, 4)
        output.framebuffer.clear(1, 1, 1)
        output.show()
        error = output.ctx.error
        output.close()
        output.close()
        return error

    assert in_thread(fly) == "GL_NO_ERROR"


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (1_000_000, 4)])
def test_impossible_size_is_named(size: tuple[int, int], in_thread: InThread) -> None:
    with pytest.raises(LiveflightError, match=f"size {size[0]}x{size[1]}: .* sides of 1 to \\d+$"):
        in_thread(lambda: Offscreen(size))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glvnd finds drivers on Linux")
def test_no_gl_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent")
    child = subprocess.run(
        [sys.executable, "-c", NO_GL], capture_output=True, text=True, timeout=60, check=True
    )
    assert child.stdout.startswith("no OpenGL 3.3 without a window (")
    assert child.stdout.endswith("apt install libegl1 libgl1 libgl1-mesa-dri\n")
    assert child.stdout.count("\n") == 1
    assert child.stderr == ""


NO_GL = """
from liveflight.core.contracts import LiveflightError
from liveflight.outputs.offscreen import Offscreen
try:
    Offscreen((4, 2))
except LiveflightError as error:
    print(error)
"""


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="there is no Triton here")
def test_triton_can_be_imported_after_gl() -> None:
    code = (
        "from liveflight.outputs.offscreen import Offscreen; output = Offscreen((8, 6)); "
        "import triton; output.close()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
