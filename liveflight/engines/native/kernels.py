"""kernels.c, compiled once for this processor by its C compiler, and how it is called."""

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

CONVOLVE, DEPTHWISE, WINOGRAD, POOL, UNPOOL, SUM, FRAME, ENTER, LEAVE, STRIPS, PARTS = range(11)
OWN = 1 << 40
"""From here on, a place is in the thread's own scratch memory."""
KEEP, CLAMP, MASK = range(3)

MOST_THREADS = 64

_SOURCE = Path(__file__).with_name("kernels.c")
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O3", "-shared", "-fPIC", "-pthread", "-ffp-contract=fast", "-std=gnu11")
_NATIVE = ("-march=native", "-mcpu=native")
"""Compilers know one of them, by the processor."""
_MOST_FILES = 8
_MOST_BYTES = 1 << 24
"""Of one library; it has some 100 KB."""

_PATIENCE = 120.0
"""Seconds that a compiler may take; it takes 5 to 8."""

_int, _pointer = ctypes.c_int64, ctypes.c_void_p


class KernelArgument(ctypes.Structure):
    _fields_ = (("first", _int), ("row", _int), ("pixel", _int))


class Op(ctypes.Structure):
    """`op` of kernels.c."""

    _fields_ = (
        *((name, _int) for name in ("kind", "row_blocks", "column_blocks")),
        *((name, _int) for name in ("rows", "columns", "channels")),
        *((name, KernelArgument) for name in ("source", "target", "added")),
        *((name, _pointer) for name in ("weight", "bias")),
        *((name, _int) for name in ("segments", "segment", "depth", "taps", "tap", "finish")),
        ("ceiling", ctypes.c_double),
    )


_LINE = 8
"""Numbers of 8 bytes of a progress."""


class Kernels:
    """The compiled library."""

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
        """Those from `start` on, on so many threads. All tensors are contiguous float32; `scratch`:
        (threads, floats)."""
        count = len(ops) - start
        progress = torch.empty(count + 1, _LINE, dtype=torch.int64)
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
    """Those for this processor, compiled now unless they lie in the user's cache. Raises
    LiveflightError where there is no compiler, or it fails."""
    return Kernels(load(folders.caches() / "kernels"))


def load(folder: Path) -> ctypes.CDLL:
    """The library, from this folder of such libraries where it lies there whole."""
    compiler = _compiler()
    parts = [part.read_bytes() for part in sorted(_SOURCE.parent.glob("kernels*.[ch]"))]
    key = hashlib.sha256(repr((parts, _FLAGS, _machine(compiler))).encode())
    name = key.hexdigest()[:32]
    if library := _kept(folder, name):
        return library
    try:
        return _compiled(compiler, folder, name)
    except OSError as error:
        raise LiveflightError(
            f"liveflight's kernels cannot be compiled and loaded: {error}; "
            "--engine auto does without"
        ) from error


def _kept(folder: Path, name: str) -> ctypes.CDLL | None:
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
            if path.stem == f"{name}-{_digest(folders.read(path, _MOST_BYTES))}":
                return _opened(path)
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


def _opened(path: Path) -> ctypes.CDLL:
    with suppress(OSError):
        return ctypes.CDLL(str(path))
    # Nothing may be run from there: from where temporary files lie, perhaps.
    with folders.temporary() as temporary:
        return ctypes.CDLL(str(shutil.copy(path, temporary)))


def _compiled(compiler: str, folder: Path, name: str) -> ctypes.CDLL:
    with folders.temporary() as temporary:
        made = temporary / "kernels.so"
        failed = _compile(compiler, made)
        if failed:
            raise LiveflightError(
                f"{compiler} does not compile liveflight's kernels, so --engine compiled cannot be "
                f"flown: {failed}; --engine auto does without"
            )
        library = _opened(made)
        content = made.read_bytes()
        try:
            folder = folders.private(folder)
            folders.write(folder / f"{name}-{_digest(content)}.so", content)
            _drop_oldest(folder)
        except OSError as error:
            log.debug("cannot keep compiled kernels: %s", error)
        return library


def _drop_oldest(folder: Path) -> None:
    """Those of other versions and processors, and what a compilation left that was ended."""
    files = sorted(folder.iterdir(), key=lambda path: path.lstat().st_mtime)
    for path in files[:-_MOST_FILES]:
        path.unlink(missing_ok=True)


def _compile(compiler: str, made: Path) -> str:
    """What went wrong, in a line, or nothing."""
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
                timeout=_PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0:
            return ""
        lines = done.stderr.splitlines()
        said = said or next((line for line in lines if "error" in line), f"exit {done.returncode}")
    return said


def has_compiler() -> bool:
    return bool(_found())


def _compiler() -> str:
    found = _found()
    if not found:
        raise LiveflightError(
            f"there is no C compiler here ({', '.join(_COMPILERS)}), which --engine compiled "
            "needs: apt-get install gcc libc6-dev, or xcode-select --install; "
            "--engine auto does without"
        )
    return found


def _found() -> str:
    asked = (os.environ.get("CC", ""), *_COMPILERS)
    return next((path for each in asked if each and (path := child_process.program(each))), "")


def _machine(compiler: str) -> tuple[object, ...]:
    status = os.stat(compiler)
    able = torch.backends.cpu.get_cpu_capability()
    named = autotuning.machine()["processor"]
    return platform.machine(), named, able, _flags(), status.st_size, status.st_mtime


def _flags() -> str:
    """What the processor can do: another machine may call the same one by the same name and not
    let it do all of that."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
