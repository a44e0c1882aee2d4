from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
from fake_cudart import FakeCudart, runtime

from liveflight.render.cuda_interop import REMEDIES, CudaImage, Cudart, InteropError

pytestmark = pytest.mark.gl

STREAM = 77
COPIES = ("cudaMemcpy2DFromArrayAsync", "cudaMemcpy2DToArrayAsync")


@pytest.fixture
def cudart(ctx: moderngl.Context) -> FakeCudart:
    return FakeCudart(ctx)


@pytest.fixture
def image(cudart: FakeCudart) -> CudaImage:
    return CudaImage(Cudart(cudart), 0, STREAM)


@pytest.fixture
def texture(ctx: moderngl.Context) -> Iterator[moderngl.Texture]:
    made = ctx.texture((7, 5), 4, numbered().tobytes(), dtype="f2")
    yield made
    made.release()


def numbered() -> np.ndarray:
    """Every value another one, so that no mix-up of rows, columns or channels goes unseen."""
    return (np.arange(5 * 7 * 4).reshape(5, 7, 4) / 1024).astype(np.float16)


class Offered:
    """Device memory as any library offers it."""

    def __init__(self, pointer: int, **changed: Any) -> None:
        face = {"shape": (5, 7, 4), "typestr": "<f2", "data": (pointer, False), "version": 2}
        self.__cuda_array_interface__ = face | changed


def content(cudart: FakeCudart, canvas: Any) -> np.ndarray:
    face = canvas.__cuda_array_interface__
    return cudart.memory[face["data"][0]].view(np.float16).reshape(face["shape"])


def test_reads_into_the_device_s_memory(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    canvas = image.read(texture)
    np.testing.assert_array_equal(content(cudart, canvas), numbered())
    assert cudart.names == [
        "cudaSetDevice",
        "cudaMalloc",
        "cudaGraphicsGLRegisterImage",
        "cudaGraphicsMapResources",
        "cudaGraphicsSubResourceGetMappedArray",
        "cudaMemcpy2DFromArrayAsync",
        "cudaGraphicsUnmapResources",
    ]


def test_what_is_read_offers_itself_to_other_libraries(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    face = image.read(texture).__cuda_array_interface__  # type: ignore[attr-defined]
    (pointer,) = cudart.memory
    assert face == {
        "shape": (5, 7, 4),
        "typestr": "<f2",
        "data": (pointer, False),
        "strides": None,
        "stream": STREAM,
        "version": 3,
    }


def test_the_default_stream_goes_by_its_number_in_the_interface(
    cudart: FakeCudart, texture: moderngl.Texture
) -> None:
    canvas = CudaImage(Cudart(cudart), 0, 0).read(texture)
    assert canvas.__cuda_array_interface__["stream"] == 1  # type: ignore[attr-defined]
    assert cudart.of("cudaGraphicsMapResources")[0][-1] == 0


def test_everything_is_queued_on_the_engine_s_stream(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    image.write(texture, image.read(texture))
    for name in (*COPIES, "cudaGraphicsMapResources", "cudaGraphicsUnmapResources"):
        assert {arguments[-1] for arguments in cudart.of(name)} == {STREAM}


@pytest.mark.parametrize("strides", [None, (56, 8, 2)])
def test_writes_what_anybody_offers(
    cudart: FakeCudart,
    image: CudaImage,
    texture: moderngl.Texture,
    strides: tuple[int, ...] | None,
) -> None:
    texture.write(np.zeros((5, 7, 4), np.float16))
    cudart.memory[512] = numbered().ravel().view(np.uint8)
    image.write(texture, Offered(512, strides=strides))
    assert texture.read() == numbered().tobytes()


def test_writes_a_picture_from_the_host_without_cuda(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    image.write(texture, numbered()[::-1])
    assert texture.read() == numbered()[::-1].tobytes()
    assert cudart.names == ["cudaSetDevice"]


@pytest.mark.parametrize(
    "changed",
    [{"shape": (7, 5, 4)}, {"shape": (5, 7, 3)}, {"typestr": "<f4"}, {"strides": (8, 40, 2)}],
    ids=["turned", "no alpha", "float32", "columns first"],
)
def test_refuses_another_size_type_or_layout(
    image: CudaImage, texture: moderngl.Texture, changed: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"the texture takes C-contiguous <f2 \(5, 7, 4\)"):
        image.write(texture, Offered(512, **changed))
    assert texture.read() == numbered().tobytes()


def test_registers_each_texture_once_and_asks_for_its_array_each_time(
    ctx: moderngl.Context, cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    other = ctx.texture((7, 5), 4, dtype="f2")
    for _ in range(3):
        image.write(other, image.read(texture))
    assert [arguments[0] for arguments in cudart.of("cudaGraphicsGLRegisterImage")] == [
        texture.glo,
        other.glo,
    ]
    arrays = [int(arguments[2]) for arguments in cudart.of("cudaMemcpy2DFromArrayAsync")]
    assert len(set(arrays)) == 3
    other.release()


@pytest.mark.parametrize("told", [True, False], ids=["forgotten in time", "noticed later"])
def test_a_released_texture_is_given_up_and_its_successor_registered(
    ctx: moderngl.Context, cudart: FakeCudart, image: CudaImage, told: bool
) -> None:
    first = ctx.texture((7, 5), 4, numbered().tobytes(), dtype="f2")
    image.read(first)
    if told:
        image.forget()
        assert not cudart.registered
    first.release()
    second = ctx.texture((4, 3), 4, np.ones((3, 4, 4), np.float16).tobytes(), dtype="f2")
    np.testing.assert_array_equal(content(cudart, image.read(second)), 1)
    assert list(cudart.registered.values()) == [second.glo]
    assert len(cudart.of("cudaGraphicsGLRegisterImage")) == 2
    second.release()


def test_memory_follows_the_size(
    ctx: moderngl.Context, cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    first = image.read(texture)
    assert image.read(texture) is first
    other = ctx.texture((4, 3), 4, dtype="f2")
    image.read(other)
    assert [memory.size for memory in cudart.memory.values()] == [4 * 3 * 8]
    other.release()


@pytest.mark.parametrize("failing", ["cudaGraphicsSubResourceGetMappedArray", *COPIES])
def test_a_failed_copy_leaves_the_texture_unmapped_and_no_error_behind(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture, failing: str
) -> None:
    canvas = image.read(texture)
    cudart.failing[failing] = 400
    with pytest.raises(InteropError, match=f"{failing} failed: invalid resource handle .400."):
        image.read(texture)
        image.write(texture, canvas)
    assert not cudart.mapped
    assert cudart.names[-1] == "cudaGraphicsUnmapResources"
    assert not cudart.left_over
    cudart.failing.clear()
    np.testing.assert_array_equal(content(cudart, image.read(texture)), numbered())


def test_the_first_failure_is_the_one_to_tell(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    cudart.failing = {"cudaMemcpy2DFromArrayAsync": 400, "cudaGraphicsUnmapResources": 999}
    with pytest.raises(InteropError, match="cudaMemcpy2DFromArrayAsync"):
        image.read(texture)


def test_a_null_handle_is_a_failure(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    cudart.null_handles = True
    with pytest.raises(InteropError, match=r"null handles.*pip install 'cuda-bindings"):
        image.read(texture)
    assert "cudaGraphicsMapResources" not in cudart.names


def test_gives_everything_back_and_can_begin_again(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    image.read(texture)
    image.release()
    image.release()
    assert not cudart.registered and not cudart.memory
    np.testing.assert_array_equal(content(cudart, image.read(texture)), numbered())


def test_gives_everything_back_to_a_lost_device(
    cudart: FakeCudart, image: CudaImage, texture: moderngl.Texture
) -> None:
    image.read(texture)
    cudart.failing = {"cudaGraphicsUnregisterResource": 46, "cudaFree": 46}
    image.release()
    assert not cudart.left_over


@pytest.mark.parametrize("code", REMEDIES)
def test_a_failure_says_what_to_do(cudart: FakeCudart, code: int) -> None:
    cudart.failing["cudaSetDevice"] = code
    _, text = runtime.cudaGetErrorString(runtime.cudaError_t(code))
    with pytest.raises(InteropError) as raised:
        CudaImage(Cudart(cudart), 0, STREAM)
    told = f"cudaSetDevice failed: {text.decode()} ({code}); {REMEDIES[code]}"
    assert str(raised.value) == told


def test_bindings_offer_every_call_that_is_made() -> None:
    made = [name for name in vars(FakeCudart) if name.startswith("cuda")]
    assert len(made) > 10
    assert not [name for name in made if not hasattr(runtime, name)]
