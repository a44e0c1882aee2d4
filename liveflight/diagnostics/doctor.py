"""Find out what works on this machine, and how to fix the rest, for `liveflight doctor`.

Everything that may hang or crash is tried in a process of its own, with a time limit.
"""

from __future__ import annotations

import platform
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from liveflight import __version__, engines, networks
from liveflight.controllers.osc.sockets import bind_all
from liveflight.core.contracts import LiveflightError
from liveflight.diagnostics import probes
from liveflight.outputs import has_display
from liveflight.system import folders
from liveflight.system.child_process import ChildError, ask

_TRIAL_LIMIT_S = 90.0
"""Seconds for one trial; importing torch from a slow disk takes many of them."""
_PARALLEL_TRIALS = 3


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    """How to fix it; empty where it is fine or nothing can be done."""
    needed: bool = False
    """Whether liveflight cannot run without it."""

    def lines(self) -> list[str]:
        """Return the finding as one line, and its remedy as a second."""
        mark = "ok" if self.ok else "NO" if self.needed else "--"
        first = f"{mark}  {self.name:<24} {self.detail}"
        return [first, f"    {'':<24} -> {self.remedy}"] if self.remedy else [first]


def can_fly(findings: Sequence[Finding]) -> bool:
    """Return whether everything needed works."""
    return all(finding.ok for finding in findings if finding.needed)


def verdict(findings: Sequence[Finding]) -> str:
    """Return the last line, which sums up."""
    if not can_fly(findings):
        lacking = ", ".join(each.name for each in findings if each.needed and not each.ok)
        return f"liveflight cannot fly here: {lacking}"
    if not has_display():
        return "liveflight can render here; without a display it opens no window"
    return "liveflight can fly here"


def examine(osc_port: int) -> Iterator[Finding]:
    """Yield all findings, the most important first."""
    python = f"Python {platform.python_version()}"
    yield Finding("liveflight", True, f"{__version__}, {python}, {platform.platform()}")
    with ThreadPoolExecutor(_PARALLEL_TRIALS) as pool:

        def tried(function: str, **given: Any) -> Future[dict[str, Any]]:
            return pool.submit(ask, f"{probes.__name__}:{function}", given, _TRIAL_LIMIT_S)

        devices = tried("devices")
        graphics = tried("graphics", output="headless")
        optional = {name: tried(function) for name, function in _OPTIONAL.items()}
        providers = tried("providers")
        stepping = {
            name: tried("engine", name=name, device="auto")
            for name in engines.NAMES
            if name != "auto"
        }
        found = _answer(devices)
        yield from _devices(found)
        yield from _engines(stepping)
        yield from _auto(found)
        yield from _providers(providers, tried)
        yield from _graphics(graphics, tried, found.get("chosen", "cpu"))
    yield from _weights()
    yield from _folders()
    yield osc(osc_port)
    for name, trial in optional.items():
        yield _optional(name, _answer(trial))


def _answer(trial: Future[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer, or the failure under `failed` and the messages under `log`."""
    try:
        return trial.result()
    except ChildError as error:
        return {"failed": str(error), "log": error.messages}


def _devices(found: Mapping[str, Any]) -> Iterator[Finding]:
    if "failed" in found:
        broken = found["failed"].startswith(("ModuleNotFoundError", "ImportError", "OSError"))
        again = "reinstall it: scripts/fly, or pip install --force-reinstall torch"
        whole = f'see its full error: {sys.executable} -P -c "import torch"'
        remedy = again if broken else whole
        yield Finding("torch", False, found["failed"], remedy, needed=True)
        return
    for name in ("cpu", "mps" if platform.system() == "Darwin" else "cuda"):
        detail = found[name]
        missing = detail.startswith("no: ")
        remedy = cuda_remedy(detail) if missing and name == "cuda" else ""
        chosen = " (chosen)" if found["chosen"] == name else ""
        yield Finding(f"device {name}", not missing, detail.removeprefix("no: ") + chosen, remedy)


def cuda_remedy(reason: str) -> str:
    """Return how to fix a missing CUDA, from the reason it gave."""
    if "built without CUDA" in reason and platform.system() != "Darwin":
        return (
            "with an NVIDIA card: pip install torch torchvision with the --index-url of CUDA "
            "that pytorch.org names"
        )
    if "no NVIDIA driver" in reason:
        return "with an NVIDIA card: install its driver"
    if "too old" in reason or "insufficient" in reason:
        return "update NVIDIA's driver"
    return ""


def _engines(stepping: Mapping[str, Future[dict[str, Any]]]) -> Iterator[Finding]:
    answers = {name: _answer(trial) for name, trial in stepping.items()}
    for name, answer in answers.items():
        if "failed" in answer:
            yield Finding(f"engine {name}", False, answer["failed"])
        else:
            yield Finding(f"engine {name}", True, f"{answer['device']}, {answer['precision']}")
    if all("failed" in answer for answer in answers.values()):
        remedy = "reinstall liveflight: scripts/fly"
        yield Finding("an engine", False, "no engine works", remedy, needed=True)


def _auto(found: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what `--engine auto` chooses: always the same on a GPU, else the fastest measured."""
    if "failed" in found or found["chosen"] != "cpu":
        return
    for network, seconds in found["seconds"].items():
        times = [f"{name} {1e3 * each:.1f} ms" for name, each in seconds.items()]
        chosen = f"{next(iter(seconds))} ({', '.join(times)})" if times else ""
        yield Finding(f"auto {network}", True, chosen or "measured by its first flight")
    if not found["remembers"]:
        detail = "the fastest engine cannot be saved: measured at each start, and not for renders"
        remedy = "make the user's cache folder writable, or set another: XDG_CACHE_HOME=FOLDER"
        yield Finding("auto's choice", False, detail, remedy)


def _providers(listed: Future[dict[str, Any]], tried: Any) -> Iterator[Finding]:
    answer = _answer(listed)
    if "failed" in answer:
        remedy = (
            "pip install onnxruntime, or onnxruntime-gpu[cuda,cudnn]; other engines do not need it"
        )
        yield Finding("ONNX Runtime", False, answer["failed"], remedy)
        return
    names = [name for name in answer["names"] if not name.startswith("Azure")]
    trials = {name: tried("provider", name=name) for name in names}
    for name, trial in trials.items():
        short = name.removesuffix("ExecutionProvider")
        found = _answer(trial)
        if "failed" not in found:
            yield Finding(f"ONNX {short}", True, f"onnxruntime {answer['version']}")
            continue
        cause, remedy = why_not_loaded(found["failed"], found["log"])
        yield Finding(f"ONNX {short}", False, cause, remedy)


def why_not_loaded(failed: str, log: str) -> tuple[str, str]:
    """Return why an ONNX Runtime provider did not load, from its log, and how to fix it."""
    lacking = re.findall(r"(lib[\w.+-]+?\.(?:so|dylib)[\d.]*): cannot open", log)
    lacking = [name for name in lacking if "onnxruntime" not in name] or lacking
    if not lacking:
        errors = re.findall(r"(?:Error|error|Failure|FAIL)\S*:?\s+(.{10,160})", log)
        return (errors[-1].strip() if errors else failed), ""
    library = lacking[-1]
    remedies = (remedy for prefix, remedy in _LIBRARIES.items() if library.startswith(prefix))
    return f"it needs {library}, which is missing", next(remedies, "")


_CUDA_EXTRA = 'with an NVIDIA card: pip install "onnxruntime-gpu[cuda,cudnn]"'
_TENSORRT = 'with an NVIDIA card, for --engine onnx: pip install "tensorrt-cu13<11" (gigabytes)'
_LIBRARIES = {
    "libcuda.so": "with an NVIDIA card: install its driver",
    "libnvinfer": _TENSORRT,
    "libnvonnxparser": _TENSORRT,
    "libcu": _CUDA_EXTRA,
    "libnv": _CUDA_EXTRA,
}


def _graphics(headless: Future[dict[str, Any]], tried: Any, device: str) -> Iterator[Finding]:
    shown = has_display()
    window = tried("graphics", output="window") if shown else None
    where = "window" if shown else "headless"
    handed = tried("picture_transfer", output=where, device=device) if device == "cuda" else None
    yield _gl("GL without a window", _answer(headless), needed=window is None)
    if window is None:
        remedy = "start it on a desktop, or use liveflight render"
        yield Finding("display", False, "DISPLAY and WAYLAND_DISPLAY are not set", remedy)
    else:
        yield _gl("GL in a window", _answer(window), needed=True)
    if handed is None:
        yield Finding("picture transfer", True, "through the host's memory, as without CUDA")
        return
    answer = _answer(handed)
    cause, _, remedy = (answer.get("failed") or answer["why"]).partition("; ")
    yield Finding("picture transfer", not cause, cause or "the picture stays on the GPU", remedy)


def _gl(name: str, answer: Mapping[str, Any], needed: bool) -> Finding:
    if "failed" in answer:
        remedy = (
            "update the graphics driver; on Debian and Ubuntu "
            "apt-get install libegl1 libgl1 libgl1-mesa-dri"
        )
        return Finding(name, False, answer["failed"], remedy, needed)
    detail = f"{answer['renderer']} ({answer['vendor']}, {answer['version']})"
    software = any(driver in detail for driver in ("llvmpipe", "softpipe", "SwiftShader"))
    remedy = "in software: with a graphics card, install or update its driver" if software else ""
    return Finding(name, True, detail, remedy, needed)


def _weights() -> Iterator[Finding]:
    for name in networks.names():
        network = networks.network(name)
        path, own = network.find_weights(), network.included
        detail = str(path or "not here yet")
        remedy = "" if path else "downloaded at first use, or --weights FILE"
        if own and not path:
            remedy = "reinstall liveflight"
        yield Finding(f"weights {name}", path is not None, detail, remedy, needed=own)


def _folders() -> Iterator[Finding]:
    for content, folder in folders.by_content().items():
        why = folders.unwritable(folder)
        remedy = "make it writable, or set another folder with HOME or XDG_*_HOME" if why else ""
        yield Finding(content, not why, f"cannot be saved: {why}" if why else str(folder), remedy)


def osc(port: int) -> Finding:
    """Return whether the program can listen on the port; 0 stands for no OSC."""
    name = f"OSC port {port}"
    if not port:
        return Finding("OSC", True, "switched off")
    try:
        for probe in bind_all("localhost", port, socket.SOCK_DGRAM, "OSC", "--osc-port"):
            probe.close()
    except LiveflightError as error:
        cause = str(error).partition("(")[2].partition(")")[0].lower()
        return Finding(name, False, cause, "close the other program, or choose --osc-port")
    return Finding(name, True, "free")


_OPTIONAL = {
    "recording, streams": "streaming", "NDI": "ndi", "MIDI": "midi", "sound": "sound",
    "Ableton Link": "link", "zeroconf": "zeroconf",
}  # fmt: skip
"""Optional features, and the probe of each."""


def _optional(name: str, found: Mapping[str, Any]) -> Finding:
    if "failed" in found:
        _, _, remedy = found["failed"].rpartition(": ")
        return Finding(name, True, "not available", remedy)
    if "ports" in found:
        ports = ", ".join(found["ports"]) or "no port is plugged in"
        return Finding(name, True, f"{found['through']}: {ports}")
    if "devices" in found:
        devices = ", ".join(found["devices"]) or "no input device"
        return Finding(name, True, f"{found['through']}: {devices}")
    if "encoder" in found:
        lacking = f", but without {', '.join(found['lacking'])}" if found["lacking"] else ""
        return Finding(name, True, f"ffmpeg {found['version']}, {found['encoder']}{lacking}")
    return Finding(name, True, found["version"], found.get("trouble", ""))
