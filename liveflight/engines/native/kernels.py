"""Compile kernels.c once for this CPU by its C compiler, load it and call it."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from liveflight.core.contracts import LiveflightError
from liveflight.engines import autotuning
from liveflight.system import child_process, folders

log = logging.getLogger("liveflight.engines")

CONVOLVE, DEPTHWISE, WINOGRAD, POOL, UNPOOL, SUM = range(6)
FRAME, LOAD_PICTURE, STORE_GRADIENT, STRIPS, PARTS = range(6, 11)
SCRATCH = 1 << 40
"""From this offset on, a view is in the thread's scratch memory."""
KEEP, CLAMP, MASK = range(3)

MAX_THREADS = 64

_SOURCE = Path(__file__).with_name("kernels.c")
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O3", "-shared", "-fPIC", "-pthread", "-ffp-contract=fast", "-std=gnu11")
_NATIVE = ("-march=native", "-mcpu=native")
"""Flags of which compilers know one, depending on the CPU."""
_MAX_FILES = 8
"""Libraries that are kept in the cache."""
_MAX_LIBRARY_BYTES = 1 << 24
"""Largest library that is loaded; it has some 100 KB."""

_COMPILER_TIMEOUT_S = 120.0
"""Seconds that a compiler may take; it takes 5 to 8."""

_int, _pointer = ctypes.c_int64, ctypes.c_void_p


class View(ctypes.Structure):
    """Mirror `view` of kernels.c."""

    _fields_ = (("offset", _int), ("row", _int), ("pixel", _int))


class Op(ctypes.Structure):
    """Mirror `op` of kernels.c."""

    _fields_ = (
        *((name, _int) for name in ("kind", "row_blocks", "column_blocks")),
        *((name, _int) for name in ("rows", "columns", "channels")),
        *((name, View) for name in ("source", "target", "added")),
        *((name, _pointer) for name in ("weight", "bias")),
        *((name, _int) for name in ("segments", "segment", "depth", "taps", "tap", "finish")),
        ("ceiling", ctypes.c_double),
    )


_PROGRESS_INTS = 8
"""64-bit integers of a `progress` of kernels.c: a cache line."""


class Kernels:
    """Call the compiled library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.lanes = int(library.lanes())
        """Floats of a vector."""
        self._run = library.run
        self._run.argtypes = [
            *(_pointer, _int, _pointer, ctypes.c_int),
            *(_pointer, _pointer, _int, _pointer, _pointer),
        ]
        self._run.restype = None

    def run(
        self,
        ops: ctypes.Array[Op],
        start: int,
        threads: int,
        memory: Tensor,
        scratch: Tensor,
        picture: Tensor,
        gradient: Tensor,
    ) -> None:
        """Run the operations from `start` on.

        All tensors are contiguous float32; `scratch`: (threads, floats)."""
        count = len(ops) - start
        progress = torch.empty(count + 1, _PROGRESS_INTS, dtype=torch.int64)
        self._run(
            ctypes.addressof(ops) + start * ctypes.sizeof(Op),
            count,
            -(-progress.data_ptr() // 64) * 64,
            threads,
            memory.data_ptr(),
            scratch.data_ptr(),
            scratch.stride(0),
            picture.data_ptr(),
            gradient.data_ptr(),
        )


@lru_cache(maxsize=1)
def kernels() -> Kernels:
    """Return the kernels for this CPU; compile them now unless they are in the user's cache.

    Raises LiveflightError where there is no compiler, or it fails."""
    return Kernels(load(folders.caches() / "kernels"))


def load(folder: Path) -> ctypes.CDLL:
    """Return the library from this folder, or compile it and keep it there.

    Raises LiveflightError where it cannot be compiled and loaded."""
    compiler = find_compiler()
    if not compiler:
        raise LiveflightError(
            f"there is no C compiler here ({', '.join(_COMPILERS)}), which --engine compiled "
            "needs: apt-get install gcc libc6-dev, or xcode-select --install; "
            "--engine auto does without"
        )
    parts = [part.read_bytes() for part in sorted(_SOURCE.parent.glob("kernels*.[ch]"))]
    key = hashlib.sha256(repr((parts, _FLAGS, _machine(compiler))).encode())
    name = key.hexdigest()[:32]
    if library := _cached(folder, name):
        return library
    try:
        return _build(compiler, folder, name)
    except OSError as error:
        raise LiveflightError(
            f"liveflight's kernels cannot be compiled and loaded: {error}; "
            "--engine auto does without"
        ) from error


def _cached(folder: Path, name: str) -> ctypes.CDLL | None:
    """Return the library of that name from the folder, if it is whole, and ours alone to write."""
    if not folder.is_dir():
        return None
    try:
        folder = folders.private(folder)
    except OSError as error:
        log.debug("compiled kernels: %s", error)
        return None
    for path in folder.glob(f"{name}-*.so"):
        # Its name holds the digest of its content: a part of a library would end the program.
        try:
            if path.stem == f"{name}-{_digest(folders.read(path, _MAX_LIBRARY_BYTES))}":
                return _open(path)
        except OSError as error:
            log.debug("%s: %s", path, error)
        with suppress(OSError):
            path.unlink()
        log.warning(
            "compiled kernels in %s are damaged, or others could change them: "
            "they are compiled anew",
            folder,
        )
    return None


def _open(path: Path) -> ctypes.CDLL:
    with suppress(OSError):
        return ctypes.CDLL(str(path))
    # A folder from which nothing may be run: from the one for temporary files, perhaps.
    with folders.temporary() as temporary:
        return ctypes.CDLL(str(shutil.copy(path, temporary)))


def _build(compiler: str, folder: Path, name: str) -> ctypes.CDLL:
    with folders.temporary() as temporary:
        made = temporary / "kernels.so"
        failed = _compile(compiler, made)
        if failed:
            raise LiveflightError(
                f"{compiler} does not compile liveflight's kernels, so --engine compiled cannot be "
                f"used: {failed}; --engine auto does without"
            )
        library = _open(made)
        content = made.read_bytes()
        try:
            folder = folders.private(folder)
            folders.write(folder / f"{name}-{_digest(content)}.so", content)
            _drop_oldest(folder)
        except OSError as error:
            log.debug("cannot keep compiled kernels: %s", error)
        return library


def _drop_oldest(folder: Path) -> None:
    """Delete the oldest libraries: of other versions and CPUs, or left by a broken compilation."""
    files = sorted(folder.iterdir(), key=lambda path: path.lstat().st_mtime)
    for path in files[:-_MAX_FILES]:
        path.unlink(missing_ok=True)


def _compile(compiler: str, made: Path) -> str:
    """Compile to the file `made`; return an empty string, or a line about what went wrong."""
    said = ""
    for native in _NATIVE:
        call = [compiler, *_FLAGS, native, str(_SOURCE), "-o", str(made)]
        try:
            done = subprocess.run(
                call,
                capture_output=True,
                text=True,
                errors="replace",
                env={**child_process.environment(), "LC_ALL": "C"},
                timeout=_COMPILER_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0:
            return ""
        lines = done.stderr.splitlines()
        said = said or next((line for line in lines if "error" in line), f"exit {done.returncode}")
    return said


def find_compiler() -> str:
    """Return the path of the C compiler, `CC` first; empty where there is none."""
    asked = (os.environ.get("CC", ""), *_COMPILERS)
    return next((path for each in asked if each and (path := child_process.program(each))), "")


def _machine(compiler: str) -> tuple[object, ...]:
    status = os.stat(compiler)
    able = torch.backends.cpu.get_cpu_capability()
    named = autotuning.machine()["processor"]
    return platform.machine(), named, able, _flags(), status.st_size, status.st_mtime


def _flags() -> str:
    """Return the CPU's features, of which another machine with the same CPU may lack some."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
