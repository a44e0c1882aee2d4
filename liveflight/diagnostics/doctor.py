"""`liveflight doctor`: what works on this machine, and what to do about the rest. Everything that
may hang or crash is tried in a process of its own, with a time limit."""

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

_LIMIT = 90.0
"""Seconds for one trial; importing torch from a slow disk takes many of them."""
_AT_ONCE = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    well: bool
    said: str
    remedy: str = ""
    """What to do, where it is not well and something can be done."""
    needed: bool = False
    """Whether nothing flies without."""

    def lines(self) -> list[str]:
        mark = "ok" if self.well else "NO" if self.needed else "--"
        first = f"{mark}  {self.name:<24} {self.said}"
        return [first, f"    {'':<24} -> {self.remedy}"] if self.remedy else [first]


def can_fly(findings: Sequence[Finding]) -> bool:
    return all(finding.well for finding in findings if finding.needed)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line."""
    if not can_fly(findings):
        lacking = ", ".join(each.name for each in findings if each.needed and not each.well)
        return f"liveflight cannot fly here: {lacking}"
    if not has_display():
        return "liveflight can render here; without a display it opens no window"
    return "liveflight can fly here"


def examine(osc_port: int) -> Iterator[Finding]:
    """Everything there is to look at, in the order in which it matters."""
    yield Finding("liveflight", True, f"{__version__}, {_system()}")
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def tried(function: str, **given: Any) -> Future[dict[str, Any]]:
            return pool.submit(ask, f"{probes.__name__}:{function}", given, _LIMIT)

        devices = tried("devices")
        graphics = tried("graphics", output="headless")
        controllers = {name: tried(function) for name, function in _SURFACES.items()}
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
    for name, trial in controllers.items():
        yield _surface(name, _answer(trial))


def _system() -> str:
    return f"Python {platform.python_version()}, {platform.platform()}"


def _answer(trial: Future[dict[str, Any]]) -> dict[str, Any]:
    """What was answered, or the failure and all that was said under `failed` and `log`."""
    try:
        return trial.result()
    except ChildError as error:
        return {"failed": str(error), "log": error.said}


def _devices(found: Mapping[str, Any]) -> Iterator[Finding]:
    if "failed" in found:
        broken = found["failed"].startswith(("ModuleNotFoundError", "ImportError", "OSError"))
        again = "install it again: scripts/fly, or pip install --force-reinstall torch"
        whole = f'see all that it says: {sys.executable} -P -c "import torch"'
        remedy = again if broken else whole
        yield Finding("torch", False, found["failed"], remedy, needed=True)
        return
    for name in ("cpu", "mps" if platform.system() == "Darwin" else "cuda"):
        said = found[name]
        missing = said.startswith("no: ")
        remedy = cuda_remedy(said) if missing and name == "cuda" else ""
        chosen = " (chosen)" if found["chosen"] == name else ""
        yield Finding(f"device {name}", not missing, said.removeprefix("no: ") + chosen, remedy)


def cuda_remedy(said: str) -> str:
    """What to do about a CUDA that is not there."""
    if "built without CUDA" in said and platform.system() != "Darwin":
        return (
            "with an NVIDIA card: pip install torch torchvision with the --index-url of CUDA "
            "that pytorch.org names"
        )
    if "no NVIDIA driver" in said:
        return "with an NVIDIA card: install its driver"
    if "too old" in said or "insufficient" in said:
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
        remedy = "install it again: scripts/fly"
        yield Finding("an engine", False, "none takes a step", remedy, needed=True)


def _auto(found: Mapping[str, Any]) -> Iterator[Finding]:
    """What `--engine auto` takes: on a graphics card always the same, else what was measured."""
    if "failed" in found or found["chosen"] != "cpu":
        return
    for network, seconds in found["seconds"].items():
        times = [f"{name} {1e3 * each:.1f} ms" for name, each in seconds.items()]
        said = (
            f"{next(iter(seconds))} ({', '.join(times)})"
            if times
            else "measured by its first flight"
        )
        yield Finding(f"auto {network}", True, said)
    if not found["remembers"]:
        said = "what is fastest cannot be remembered: measured at each start, and not for renders"
        remedy = "make the user's cache folder writable, or name another: XDG_CACHE_HOME=FOLDER"
        yield Finding("auto's choice", False, said, remedy)


def _providers(listed: Future[dict[str, Any]], tried: Any) -> Iterator[Finding]:
    answer = _answer(listed)
    if "failed" in answer:
        remedy = "pip install onnxruntime, or onnxruntime-gpu[cuda,cudnn]; the others do without"
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
        said, remedy = why_not_loaded(found["failed"], found["log"])
        yield Finding(f"ONNX {short}", False, said, remedy)


def why_not_loaded(failed: str, log: str) -> tuple[str, str]:
    """The cause in what ONNX Runtime logged as a provider did not load, and what to do."""
    lacking = re.findall(r"(lib[\w.+-]+?\.(?:so|dylib)[\d.]*): cannot open", log)
    lacking = [name for name in lacking if "onnxruntime" not in name] or lacking
    if not lacking:
        errors = re.findall(r"(?:Error|error|Failure|FAIL)\S*:?\s+(.{10,160})", log)
        return (errors[-1].strip() if errors else failed), ""
    library = lacking[-1]
    said = f"it needs {library}, which is not here"
    for prefix, remedy in _LIBRARIES.items():
        if library.startswith(prefix):
            return said, remedy
    return said, ""


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
    handed = tried("hand_over", output=where, device=device) if device == "cuda" else None
    yield _gl("GL without a window", _answer(headless), needed=window is None)
    if window is None:
        remedy = "start it on a desktop, or use liveflight render"
        yield Finding("display", False, "DISPLAY and WAYLAND_DISPLAY are not set", remedy)
    else:
        yield _gl("GL in a window", _answer(window), needed=True)
    if handed is None:
        said = "through the host's memory, as everywhere but on CUDA"
        yield Finding("hand-over of pictures", True, said)
        return
    answer = _answer(handed)
    cause, _, remedy = (answer.get("failed") or answer["why"]).partition("; ")
    said = cause or "the picture stays on the GPU"
    yield Finding("hand-over of pictures", not cause, said, remedy)


def _gl(name: str, answer: Mapping[str, Any], needed: bool) -> Finding:
    if "failed" in answer:
        remedy = (
            "update the graphics driver; on Debian and Ubuntu "
            "apt-get install libegl1 libgl1 libgl1-mesa-dri"
        )
        return Finding(name, False, answer["failed"], remedy, needed)
    said = f"{answer['renderer']} ({answer['vendor']}, {answer['version']})"
    software = "llvmpipe" in said or "softpipe" in said or "SwiftShader" in said
    remedy = "in software: with a graphics card, install or update its driver" if software else ""
    return Finding(name, True, said, remedy, needed)


def _weights() -> Iterator[Finding]:
    for name in networks.names():
        network = networks.network(name)
        path, own = network.find_weights(), network.included
        said = str(path or "not here yet")
        remedy = "" if path else "downloaded at first use, or --weights FILE"
        if own and not path:
            remedy = "install liveflight anew"
        yield Finding(f"weights {name}", path is not None, said, remedy, needed=own)


def _folders() -> Iterator[Finding]:
    for what, folder in folders.kept().items():
        why = folders.unwritable(folder)
        remedy = "make it writable, or name another folder by HOME or XDG_*_HOME" if why else ""
        yield Finding(what, not why, f"cannot be kept: {why}" if why else str(folder), remedy)


def osc(port: int) -> Finding:
    """Whether the port can be listened on; 0 is without."""
    name = f"OSC port {port}"
    if not port:
        return Finding("OSC", True, "not wanted")
    try:
        for probe in bind_all("localhost", port, socket.SOCK_DGRAM, "OSC", "--osc-port"):
            probe.close()
    except LiveflightError as error:
        said = str(error).partition("(")[2].partition(")")[0].lower()
        return Finding(name, False, said, "close the other program, or choose --osc-port")
    return Finding(name, True, "free")


_SURFACES = {"MIDI": "midi", "sound": "sound", "Ableton Link": "link", "zeroconf": "announcing"}
"""What a show may do without, and its trial."""


def _surface(name: str, found: Mapping[str, Any]) -> Finding:
    if "failed" in found:
        _, _, remedy = found["failed"].rpartition(": ")
        return Finding(name, True, "not to be had", remedy)
    if "ports" in found:
        ports = ", ".join(found["ports"]) or "no port is plugged in"
        return Finding(name, True, f"{found['through']}: {ports}")
    if "devices" in found:
        devices = ", ".join(found["devices"]) or "no device that hears"
        return Finding(name, True, f"{found['through']}: {devices}")
    return Finding(name, True, found["version"])
