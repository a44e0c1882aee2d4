from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np
import pytest

from liveflight.render import canvas_transfer
from liveflight.render.canvas_transfer import CanvasTransfer, HostCopy, choose, read_picture
from liveflight.render.cuda_interop import CudaImage

if TYPE_CHECKING:
    from fake_cudart import FakeCudart

pytestmark = pytest.mark.gl


@pytest.fixture
def texture(ctx: moderngl.Context) -> Iterator[moderngl.Texture]:
    made = ctx.texture((7, 5), 4, dtype="f2")
    yield made
    made.release()


def numbered() -> np.ndarray:
    """Every value another one, so that no mix-up of rows, columns or channels goes unseen."""
    return (np.arange(5 * 7 * 4).reshape(5, 7, 4) / 1024).astype(np.float16)


def test_canvas_survives_the_round_trip(texture: moderngl.Texture) -> None:
    canvas_transfer: CanvasTransfer = HostCopy()
    canvas_transfer.write(texture, numbered())
    read = canvas_transfer.read(texture)
    assert read.dtype == np.float16
    np.testing.assert_array_equal(read, numbered())
    canvas_transfer.release()


def test_writes_any_memory_layout(texture: moderngl.Texture) -> None:
    canvas_transfer = HostCopy()
    canvas_transfer.write(texture, numbered()[::-1, ::-1])
    np.testing.assert_array_equal(canvas_transfer.read(texture), numbered()[::-1, ::-1])


def test_row_0_is_the_texture_s_first_row(texture: moderngl.Texture) -> None:
    HostCopy().write(texture, numbered())
    first = np.frombuffer(texture.read(), np.float16)[: 7 * 4]
    np.testing.assert_array_equal(first, numbered()[0].ravel())


def test_reads_into_the_same_memory_until_the_size_changes(
    ctx: moderngl.Context, texture: moderngl.Texture
) -> None:
    canvas_transfer = HostCopy()
    first = canvas_transfer.read(texture)
    assert canvas_transfer.read(texture) is first
    other = ctx.texture((4, 3), 4, dtype="f2")
    assert canvas_transfer.read(other).shape == (3, 4, 4)
    other.release()


@pytest.mark.parametrize(
    "canvas",
    [np.zeros((7, 5, 4), np.float16), np.zeros((5, 7, 3), np.float16), np.zeros((5, 7, 4))],
    ids=["turned", "no alpha", "float64"],
)
def test_refuses_another_size_or_type(texture: moderngl.Texture, canvas: np.ndarray) -> None:
    canvas_transfer = HostCopy()
    canvas_transfer.write(texture, numbered())
    with pytest.raises(ValueError, match=r"the texture takes float16 \(5, 7, 4\)"):
        canvas_transfer.write(texture, canvas)
    np.testing.assert_array_equal(canvas_transfer.read(texture), numbered())


def test_read_picture_has_the_top_first(ctx: moderngl.Context) -> None:
    texture = ctx.texture((7, 5), 4)
    framebuffer = ctx.framebuffer([texture])
    framebuffer.clear(0.0, 0.0, 1.0)
    framebuffer.clear(1.0, 0.2, 0.0, viewport=(0, 0, 7, 1))
    for bottom_up, row in ((False, 0), (True, 4)):
        expected = np.tile(np.array([0, 0, 255], np.uint8), (5, 7, 1))
        expected[row] = 255, 51, 0
        picture = read_picture(framebuffer, (7, 5), bottom_up=bottom_up)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, expected)
    framebuffer.release()
    texture.release()


@pytest.fixture
def nvidia(ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> moderngl.Context:
    """Return the context, taken for one of NVIDIA's driver."""
    monkeypatch.setitem(ctx.info, "GL_VENDOR", "NVIDIA Corporation")
    return ctx


@pytest.fixture
def cudart(nvidia: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> FakeCudart:
    pytest.importorskip("cuda.bindings.runtime")
    from fake_cudart import FakeCudart

    fake = FakeCudart(nvidia)
    monkeypatch.setattr(canvas_transfer, "_bindings", lambda: fake)
    return fake


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_other_devices_take_the_host_and_say_nothing(cudart: FakeCudart, device: str) -> None:
    canvas_transfer, reason = choose(cudart.ctx, device, 0)
    assert (type(canvas_transfer), reason) == (HostCopy, "")
    assert not cudart.calls


def test_the_gpu_s_own_way_is_taken_where_a_picture_survives_it(
    cudart: FakeCudart, texture: moderngl.Texture
) -> None:
    cudart.devices = [2, 1]
    canvas_transfer, reason = choose(cudart.ctx, "cuda", 77, 1)
    assert (type(canvas_transfer), reason) == (CudaImage, "")
    assert cudart.of("cudaSetDevice") == [(1,)]
    assert cudart.of("cudaGraphicsMapResources")[0][-1] == 77
    assert not cudart.registered, "the probe's textures are gone"
    canvas_transfer.write(texture, numbered())
    canvas_transfer.write(texture, canvas_transfer.read(texture))
    np.testing.assert_array_equal(HostCopy().read(texture), numbered())
    canvas_transfer.forget()
    canvas_transfer.release()


def flipped(pixels: np.ndarray) -> np.ndarray:
    return pixels[::-1]


def stale() -> Callable[[np.ndarray], np.ndarray]:
    """Return a transfer that shows the first picture for ever."""
    first: list[np.ndarray] = []
    return lambda pixels: first[0] if first else first.append(pixels.copy()) or pixels


PROBES = [
    ({"devices": [1]}, "OpenGL draws on CUDA device 1, the engine computes on 0"),
    ({"failing": {"cudaGLGetDevices": 100}}, "OpenGL draws on a GPU that CUDA cannot use"),
    ({"failing": {"cudaGLGetDevices": 219}}, "no OpenGL context is current"),
    ({"failing": {"cudaSetDevice": 101}}, "OpenGL and CUDA use different GPUs"),
    ({"failing": {"cudaMalloc": 2}}, "cudaMalloc failed: out of memory"),
    ({"failing": {"cudaGraphicsGLRegisterImage": 304}}, "WSL2 has none"),
    ({"failing": {"cudaGraphicsGLRegisterImage": 999}}, "VirtualGL does that too"),
    ({"failing": {"cudaGraphicsMapResources": 999}}, "cudaGraphicsMapResources failed"),
    ({"failing": {"cudaMemcpy2DToArrayAsync": 400}}, "cudaMemcpy2DToArrayAsync failed"),
    ({"null_handles": True}, "null handles"),
    ({"spoil": flipped}, "comes out another one"),
    ({"spoil": stale()}, "comes out another one"),
]


@pytest.mark.parametrize(("changed", "cause"), PROBES, ids=[cause for _, cause in PROBES])
def test_any_failure_leaves_the_host_and_names_the_cause(
    cudart: FakeCudart, changed: dict[str, Any], cause: str
) -> None:
    for name, value in changed.items():
        setattr(cudart, name, value)
    canvas_transfer, reason = choose(cudart.ctx, "cuda", 77)
    assert type(canvas_transfer) is HostCopy
    assert reason.startswith("the picture goes through the host's memory: ")
    assert cause in reason and "\n" not in reason
    assert not cudart.registered and not cudart.mapped and not cudart.memory
    assert not cudart.left_over


def test_a_failing_probe_gives_its_textures_back(
    cudart: FakeCudart, textures: list[moderngl.Texture]
) -> None:
    cudart.failing["cudaMemcpy2DToArrayAsync"] = 400
    choose(cudart.ctx, "cuda", 77)
    assert len(textures) == 2 and not textures.alive  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("release", "remedy"),
    [("6.6.87.2-microsoft-standard-WSL2", "WSL2"), ("6.12.1", "__NV_PRIME_RENDER_OFFLOAD=1")],
)
def test_another_driver_is_named(
    ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch, release: str, remedy: str
) -> None:
    monkeypatch.setitem(ctx.info, "GL_VENDOR", "Mesa/X.org")
    monkeypatch.setattr(platform, "uname", lambda: SimpleNamespace(release=release))
    canvas_transfer, reason = choose(ctx, "cuda", 0)
    assert type(canvas_transfer) is HostCopy
    assert "'Mesa/X.org'" in reason and remedy in reason


def test_missing_bindings_are_named_with_the_line_that_installs_them(
    nvidia: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    canvas_transfer, reason = choose(nvidia, "cuda", 0)
    assert type(canvas_transfer) is HostCopy
    assert "pip install 'cuda-bindings" in reason


def test_what_nobody_foresaw_leaves_the_host_too(cudart: FakeCudart) -> None:
    cudart.devices = None  # type: ignore[assignment]
    canvas_transfer, reason = choose(cudart.ctx, "cuda", 0)
    assert type(canvas_transfer) is HostCopy
    assert "TypeError" in reason


def has_device() -> bool:
    """Whether the true bindings find a CUDA device."""
    runtime = pytest.importorskip("cuda.bindings.runtime")
    error, count = runtime.cudaGetDeviceCount()
    return not error and count > 0


def test_the_true_bindings_without_a_device_leave_the_host(nvidia: moderngl.Context) -> None:
    if has_device():
        pytest.skip("there is a CUDA device here")
    canvas_transfer, reason = choose(nvidia, "cuda", 0)
    assert type(canvas_transfer) is HostCopy
    assert "cudaGLGetDevices failed" in reason


@pytest.mark.gpu
def test_a_true_gpu_keeps_every_bit(ctx: moderngl.Context) -> None:
    if not has_device():
        pytest.skip("there is no CUDA device here")
    torch = pytest.importorskip("torch")
    stream = torch.cuda.Stream()
    canvas_transfer, reason = choose(ctx, "cuda", stream.cuda_stream)
    if reason:
        pytest.skip(reason)
    # Every pattern of bits that is a finite half.
    bits = np.arange(65536, dtype=np.uint16)
    bits = bits[np.isfinite(bits.view(np.float16))][: 331 * 47 * 4]
    picture = bits.view(np.float16).reshape(47, 331, 4)
    source, target = (ctx.texture((331, 47), 4, dtype="f2") for _ in range(2))
    with torch.cuda.stream(stream):
        for turn in range(3):
            source.write(np.roll(picture, turn, axis=1).tobytes())
            seen = torch.as_tensor(canvas_transfer.read(source), device="cuda")
            canvas_transfer.write(target, seen.flip(0).contiguous())
            expected = np.roll(picture, turn, axis=1)[::-1]
            read = np.frombuffer(target.read(), np.uint16)
            np.testing.assert_array_equal(read, expected.ravel().view(np.uint16))
    canvas_transfer.release()
    for texture in (source, target):
        texture.release()
