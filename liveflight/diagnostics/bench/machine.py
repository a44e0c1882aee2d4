"""Describe the machine, its drivers and versions, and measure how fast it multiplies and copies.

The rates are measured in the same run, because the ascent's speed means little without them.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liveflight.diagnostics.bench.figures import percent, quantity
from liveflight.diagnostics.bench.tables import Table
from liveflight.system import child_process

if TYPE_CHECKING:
    import torch

_PACKAGES = ("torch", "torchvision", "onnxruntime-gpu", "onnxruntime", "moderngl", "pygame")
_FORMATS = ("float32", "bfloat16", "float16")
MATRIX_SIDE = {"cpu": 1536, "mps": 4096, "cuda": 8192}
"""Side of the largest square matrices that are multiplied, by device."""
COPY_BYTES = {"cpu": 256 << 20, "mps": 512 << 20, "cuda": 2 << 30}
_NOTED_LOAD = 0.15
"""Use of the processor by other programs, 0..1, above which a note is added."""
_MAX_PRODUCT_S = 0.25
"""Seconds for one product: a slower number format stays at smaller matrices."""


def facts(given: dict[str, Any]) -> dict[str, Any]:
    """Return the machine's `facts` as texts, and `busy`: other programs' share of its CPU, 0..1."""
    import psutil

    busy = psutil.cpu_percent(interval=1.0) / 100
    found = {
        "CPU": _cpu(),
        "cores": f"{psutil.cpu_count(logical=False)} ({psutil.cpu_count()} threads)",
        "RAM": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "OS": platform.platform(),
        "Python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"facts": found, "busy": busy}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        if named := re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE):
            return named[1]
    elif sys.platform == "darwin":
        named_by = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(named_by, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def rates(given: dict[str, Any]) -> dict[str, Any]:
    """Return the `device` and its rates per second.

    `matmul` is in operations, by number format. `copy` is in bytes read and written. On CUDA there
    are also `upload` and `download` of pinned memory."""
    import torch

    from liveflight.engines import devices

    device = devices.choose(given["device"])
    seconds = given["seconds"]
    answer: dict[str, Any] = {"device": device.type, "threads": torch.get_num_threads()}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        answer["GPU"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        answer["driver"] = _driver()
    finish = finisher(device.type)
    answer["matmul"] = {
        name: flops
        for name in _FORMATS
        if (flops := _matmul(torch, device, getattr(torch, name), seconds, finish))
    }
    size = COPY_BYTES[device.type]
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    answer["copy"] = 2 * size / _best(lambda: target.copy_(source), seconds, finish)
    if device.type == "cuda":
        host = torch.ones(size // 16, pin_memory=True)
        part = target[: size // 16]
        answer["upload"] = size / 4 / _best(lambda: part.copy_(host), seconds, finish)
        answer["download"] = size / 4 / _best(lambda: host.copy_(part), seconds, finish)
    return answer


def finisher(device: str) -> Callable[[], None]:
    """Return a function that waits until the device has finished its work."""
    import torch

    return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device, lambda: None)


def _driver() -> str:
    program = child_process.program("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return said.stdout.strip().splitlines()[0] if said.stdout.strip() else "unknown"


def _matmul(
    torch_: Any,
    device: torch.device,
    dtype: torch.dtype,
    seconds: float,
    finish: Callable[[], None],
) -> float:
    """Return the operations per second of the fastest product; 0 if the format does not work."""
    side = 192
    while True:
        try:
            left, right = (
                torch_.randn(side, side, device=device).to(dtype) / side**0.5 for _ in range(2)
            )
            left @ right  # the first loads plans and libraries
            finish()
            one = _best(partial(torch_.matmul, left, right), 0.0, finish)
        except RuntimeError:
            return 0.0
        if side == MATRIX_SIDE[device.type]:
            break
        larger = min(2 * side, MATRIX_SIDE[device.type])
        if one * (larger / side) ** 3 > _MAX_PRODUCT_S:
            break
        side = larger
    best = min(one, _best(partial(torch_.matmul, left, right), seconds, finish))
    return float(2 * side**3 / best)


def _best(work: Callable[[], object], seconds: float, finish: Callable[[], None]) -> float:
    """Return the shortest time in seconds that `work` took, repeated for this many seconds."""
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        work()
        finish()
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return best


def best_rate(raw: dict[str, Any]) -> float:
    """Return the highest matmul rate of this run, in operations per second."""
    return max(raw["matmul"].values(), default=0.0)


def tables(raw: dict[str, Any]) -> list[Table]:
    """Return the table of the machine and its rates."""
    rows = [(name, value) for name, value in raw["facts"].items()]
    rows += [(name, raw[name]) for name in ("GPU", "driver") if name in raw]
    rows.append(("computes on", f"{raw['device']} ({raw['threads']} threads)"))
    for name, flops in raw["matmul"].items():
        rows.append((f"matmul, {name}", quantity(flops, "FLOP/s")))
    for name in ("copy", "upload", "download"):
        if name in raw:
            rows.append((name, quantity(raw[name], "B/s")))
    missing = [name for name in _FORMATS if name not in raw["matmul"]]
    notes = [f"{', '.join(missing)}: no matrix product on this machine"] if missing else []
    if raw["busy"] > _NOTED_LOAD:
        notes.append(
            f"other programs use {percent(raw['busy'])} of the processor: all results are "
            "slower than they could be"
        )
    notes.append("the fastest products of square matrices; copies count bytes read and written")
    return [Table("Machine", ("", ""), rows, notes)]
