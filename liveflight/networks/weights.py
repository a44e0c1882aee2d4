"""Find, read (without ever unpickling), check and download weight files."""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
import warnings
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from liveflight.core.contracts import LiveflightError, Progress
from liveflight.system import folders

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt")

MAX_BYTES = 2 << 30
"""Far above any network here: VGG19 with its classifier has 575 MB."""

TIMEOUT_S = 15.0
"""Seconds without a byte after which a download is given up."""

_CHUNK_BYTES = 1 << 20

Shapes = Mapping[str, tuple[int, ...]]


def hub_file(url: str) -> Path:
    """Return the file where torch.hub keeps the download of a URL, without torch."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))
    hub = folders.caches() / "torch" if home.startswith("~") else Path(home)  # there is no home
    return hub / "hub" / "checkpoints" / url.rpartition("/")[2]


def read(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a .safetensors file or of a state dict in a .pth or .pt file.

    Where the format allows (safetensors, and torch's since 1.6) they are mapped, not read, so only
    copies of them take memory. Raises LiveflightError for anything else."""
    refuse_at_sight(path)
    try:
        state = _safetensors(path) if path.suffix.lower() == ".safetensors" else _state_dict(path)
    except Exception as error:
        # The readers raise a dozen kinds of errors, some pages long, which all mean the same.
        raise LiveflightError(
            f"{path} cannot be read as weights: it is truncated, or holds more than plain tensors "
            "(which is never unpickled); get it anew, or convert it to .safetensors"
        ) from error
    if not isinstance(state, dict):
        raise LiveflightError(
            f"{path} holds one {type(state).__name__}, not a table of named tensors"
        )
    _refuse_strange_entries(path, state)
    return state


def refuse_at_sight(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raise LiveflightError for a file whose name, kind or size shows that it holds no weights."""
    if path.suffix.lower() not in suffixes:
        raise LiveflightError(f"weight file {path}: its name must end in {', '.join(suffixes)}")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise LiveflightError(f"weight file {path} is not a file but a folder or a device")
        path.open("rb").close()
    except OSError as error:
        raise LiveflightError(f"weight file {path} cannot be read: {error.strerror}") from error
    if not 0 < status.st_size <= MAX_BYTES:
        raise LiveflightError(
            f"weight file {path} has {status.st_size} bytes; 1 to {MAX_BYTES} are allowed"
        )


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def _state_dict(path: Path) -> Any:
    import torch

    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"  # torchvision's VGG files are older than that format
    with warnings.catch_warnings(action="ignore"):  # our own error says it
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)


def _refuse_strange_entries(path: Path, state: dict[Any, Any]) -> None:
    import torch

    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise LiveflightError(
                f"{path} is not a plain state dict: "
                f"its {str(name)[:80]!r} is a {type(value).__name__}, not a tensor"
            )


def misfit(state: Mapping[str, Tensor], shapes: Shapes, ignored: tuple[str, ...]) -> str | None:
    """Return why a file's tensors are not a network's parameters, or None where they fit.

    Keys that begin or end with one of `ignored` may be there or not."""
    import torch

    for name, shape in shapes.items():
        value = state.get(name)
        if value is None:
            return f"{name} is missing"
        if tuple(value.shape) != shape:
            return f"{name} is {tuple(value.shape)}, not {shape}"
        plain = value.layout is torch.strided and value.device.type == "cpu"
        if not (plain and value.is_floating_point()):
            return f"{name} is {value.dtype} ({value.layout}), not plain floating point"
    for name in state:
        if name not in shapes and not name.startswith(ignored) and not name.endswith(ignored):
            return f"{name[:80]!r} is not part of it"
    return None


def cached_or_downloaded(network: str, url: str, progress: Progress | None) -> Path:
    """Return torch.hub's file for a URL, after downloading it there if it is missing.

    Raises LiveflightError of three lines where that fails."""
    path = hub_file(url)
    if os.path.exists(path):  # unlike Path.exists, False in a folder that may not be entered
        return path
    try:
        _download(url, path, progress)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is also the server's answer, and holds its socket
        cause = error.reason if type(error) is URLError else error
        one_line = " ".join(str(cause).split())[:200] or type(cause).__name__
        raise LiveflightError(
            f"no weights for {network}: {path} is not there, "
            f"and {url} could not be downloaded ({one_line})\n"
            f"put {path.name} there by hand, or name a .pth or .safetensors with --weights FILE\n"
            "or fly without it: liveflight --network efficientnet_lite0"
        ) from error
    return path


def _download(url: str, path: Path, progress: Progress | None) -> None:
    """Download to a file, wholly or not at all. Raises OSError or HTTPException."""
    if why := folders.unwritable(path.parent):
        raise OSError(why)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two programs may download the same file at once, and others may read it: not tempfile, whose
    # files only their owner can read.
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            digest = _fetch(url, file, progress)
        # torch.hub's rule: the name ends in the first digits of the file's SHA-256
        expected = path.stem.rpartition("-")[2]
        if not digest.startswith(expected):
            raise OSError(f"what came has SHA-256 {digest[:8]}..., not {expected}...")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _fetch(url: str, file: IO[bytes], progress: Progress | None) -> str:
    """Write what the URL gives to the file, and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    request = Request(url, headers={"User-Agent": "liveflight"})
    with urlopen(request, timeout=TIMEOUT_S) as answer:
        total = answer.length or 0
        while chunk := answer.read(_CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if done > MAX_BYTES:
                raise OSError(f"more than {MAX_BYTES} bytes came")
            if progress is not None:
                progress(done, total)
    if done < total:
        raise OSError(f"it broke off after {done} of {total} bytes")
    return digest.hexdigest()
