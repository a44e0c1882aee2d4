from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from liveflight import engines
from liveflight.diagnostics import doctor
from liveflight.diagnostics.doctor import Finding
from liveflight.system.child_process import ChildError

DEVICES = {"cpu": "2 threads", "cuda": "no: Found no NVIDIA driver on your system", "mps": "no: x",
           "chosen": "cpu", "remembers": True,
           "seconds": {"vgg16": {"onnx": 0.0123, "torch": 0.2}, "vgg19": {}}}  # fmt: skip
GRAPHICS = {"vendor": "NVIDIA", "renderer": "RTX", "version": "4.6"}


def healthy(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    answers: dict[str, dict[str, Any]] = {
        "devices": DEVICES,
        "graphics": GRAPHICS,
        "picture_transfer": {"why": ""},
        "engine": {"device": "cpu", "precision": "float32", "seconds": 0.1},
        "providers": {"names": ["CPUExecutionProvider"], "version": "1.31"},
        "provider": {},
        "midi": {"through": "rtmidi LINUX_ALSA", "ports": ["Launch Control"]},
        "sound": {"through": "PortAudio V19.7.0", "devices": ["Line", "Camera"]},
        "link": {"version": "1.3.0"},
        "zeroconf": {"version": "0.154.0"},
        "streaming": {"version": "9.0", "encoder": "libx264", "lacking": []},
        "ndi": {"version": "NDI 6.3", "trouble": ""},
    }
    return answers[function]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Finding]]:
    """Return the findings by name; trials answer as `healthy` does unless told otherwise."""
    monkeypatch.setattr(doctor, "has_display", lambda: True)
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")

    def examine(**otherwise: dict[str, Any] | ChildError) -> dict[str, Finding]:
        def ask(function: str, given: Mapping[str, Any], seconds: float) -> dict[str, Any]:
            name = function.rpartition(":")[2]
            found = otherwise.get(name, None) or healthy(name, given)
            if isinstance(found, ChildError):
                raise found
            return found

        monkeypatch.setattr(doctor, "ask", ask)
        return {finding.name: finding for finding in doctor.examine(0)}

    return examine


def test_a_healthy_machine_flies(examined: Callable[..., dict[str, Finding]]) -> None:
    found = examined()
    assert doctor.can_fly(list(found.values()))
    assert doctor.verdict(list(found.values())) == "liveflight can fly here"
    assert found["device cpu"].detail == "2 threads (chosen)"
    assert found["GL in a window"].detail == "RTX (NVIDIA, 4.6)"
    assert {f"engine {name}" for name in engines.NAMES if name != "auto"} <= set(found)


def test_what_auto_takes_and_why(examined: Callable[..., dict[str, Finding]]) -> None:
    found = examined()
    assert found["auto vgg16"].detail == "onnx (onnx 12.3 ms, torch 200.0 ms)"
    assert found["auto vgg19"].detail == "measured by its first flight"
    assert "auto's choice" not in found
    forgetful = examined(devices={**DEVICES, "remembers": False})["auto's choice"]
    assert not forgetful.ok and "XDG_CACHE_HOME" in forgetful.remedy
    crashed = examined(devices=ChildError("it crashed"))
    assert not any(name.startswith("auto") for name in crashed)
    graphic = examined(devices={**DEVICES, "cuda": "RTX", "chosen": "cuda"})
    assert not any(name.startswith("auto") for name in graphic)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MIDI", "rtmidi LINUX_ALSA: Launch Control"),
        ("sound", "PortAudio V19.7.0: Line, Camera"),
        ("Ableton Link", "1.3.0"),
        ("zeroconf", "0.154.0"),
        ("recording, streams", "ffmpeg 9.0, libx264"),
        ("NDI", "NDI 6.3"),
    ],
)
def test_what_a_show_may_do_without_is_named(
    name: str, said: str, examined: Callable[..., dict[str, Finding]]
) -> None:
    assert examined()[name].detail == said


@pytest.mark.parametrize(
    ("name", "trial"),
    [("MIDI", "midi"), ("sound", "sound"), ("Ableton Link", "link"), ("zeroconf", "zeroconf"),
     ("recording, streams", "streaming"), ("NDI", "ndi")],
)  # fmt: skip
def test_what_a_show_may_do_without_says_what_it_lacks(
    name: str, trial: str, examined: Callable[..., dict[str, Finding]]
) -> None:
    failed = ChildError('LiveflightError: it needs a package: pip install "liveflight[x]"')
    found = examined(**{trial: failed})
    assert (found[name].ok, found[name].detail) == (True, "not available")
    assert found[name].remedy == 'pip install "liveflight[x]"'
    assert doctor.can_fly(list(found.values()))


def test_nothing_plugged_in_is_said(examined: Callable[..., dict[str, Finding]]) -> None:
    found = examined(midi={"through": "m", "ports": []}, sound={"through": "p", "devices": []})
    assert found["MIDI"].detail == "m: no port is plugged in"
    assert found["sound"].detail == "p: no input device"


def test_what_streams_and_ndi_lack_is_said(examined: Callable[..., dict[str, Finding]]) -> None:
    found = examined(
        streaming={"version": "4.4", "encoder": "h264_nvenc", "lacking": ["srt"]},
        ndi={"version": "NDI 6", "trouble": "NDI finds nothing without dbus"},
    )
    assert found["recording, streams"].detail == "ffmpeg 4.4, h264_nvenc, but without srt"
    assert found["NDI"].remedy == "NDI finds nothing without dbus"


def test_no_driver_is_no_reason_not_to_fly(examined: Callable[..., dict[str, Finding]]) -> None:
    cuda = examined()["device cuda"]
    assert (cuda.ok, cuda.needed) == (False, False)
    assert cuda.remedy == "with an NVIDIA card: install its driver"


@pytest.mark.parametrize(
    ("trial", "name"),
    [("devices", "torch"), ("graphics", "GL in a window"), ("engine", "an engine")],
)
def test_what_nothing_flies_without(
    trial: str, name: str, examined: Callable[..., dict[str, Finding]]
) -> None:
    found = examined(**{trial: ChildError("no answer within 90 seconds")})
    assert not doctor.can_fly(list(found.values()))
    assert found[name].lines()[0].startswith(f"NO  {name}")
    assert found[name].remedy
    assert name in doctor.verdict(list(found.values()))


@pytest.mark.parametrize(
    ("failed", "remedy"),
    [
        ("ModuleNotFoundError: No module named 'torch'", "reinstall it"),
        ("ImportError: libtorch_cpu.so: cannot open shared object file", "reinstall it"),
        ("OSError: [WinError 126] The specified module could not be found", "reinstall it"),
        ("RuntimeError: could not determine the home directory", "see its full error"),
        ("it ended with code -9", "see its full error"),
    ],
)
def test_torch_is_to_be_installed_again_where_that_is_the_cause(
    failed: str, remedy: str, examined: Callable[..., dict[str, Finding]]
) -> None:
    assert remedy in examined(devices=ChildError(failed))["torch"].remedy


def test_a_folder_in_which_nothing_can_be_kept_is_named(
    examined: Callable[..., dict[str, Finding]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(doctor.folders, "caches", lambda: tmp_path / "file" / "liveflight")
    monkeypatch.setattr(doctor.folders, "pictures", lambda: tmp_path / "pictures")
    found = examined()
    kernels = found["measurements, kernels"]
    assert kernels.detail == f"cannot be saved: {tmp_path / 'file'} is not a folder"
    assert "HOME" in kernels.remedy and not kernels.needed
    assert found["screenshots"].ok and found["screenshots"].detail == str(tmp_path / "pictures")


def test_without_a_display_it_renders(
    examined: Callable[..., dict[str, Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "has_display", lambda: False)
    found = examined()
    assert "GL in a window" not in found
    assert found["GL without a window"].needed
    assert "liveflight render" in found["display"].remedy
    assert doctor.verdict(list(found.values())).startswith("liveflight can render here")


def test_a_provider_that_does_not_load_is_no_reason_not_to_fly(
    examined: Callable[..., dict[str, Finding]],
) -> None:
    log = "libonnxruntime_providers_cuda.so failed: libcurand.so.10: cannot open shared object file"
    found = examined(provider=ChildError("it did not load", log))
    assert found["ONNX CPU"].detail == "it needs libcurand.so.10, which is missing"
    assert doctor.can_fly(list(found.values()))
    found = examined(providers=ChildError("No module named 'onnxruntime'"))
    assert not found["ONNX Runtime"].ok and "pip install" in found["ONNX Runtime"].remedy


@pytest.mark.parametrize(
    ("answer", "well", "said", "remedy"),
    [
        ({"why": ""}, True, "the picture stays on the GPU", ""),
        ({"why": "GL is Mesa's; start it so"}, False, "GL is Mesa's", "start it so"),
        (ChildError("it ended with code -11"), False, "it ended with code -11", ""),
    ],
)
def test_the_hand_over_and_its_cause(
    answer: dict[str, Any] | ChildError,
    well: bool,
    said: str,
    remedy: str,
    examined: Callable[..., dict[str, Finding]],
) -> None:
    devices = {**DEVICES, "cuda": "H200", "chosen": "cuda"}
    finding = examined(devices=devices, picture_transfer=answer)["picture transfer"]
    assert (finding.ok, finding.detail, finding.remedy) == (well, said, remedy)
    assert not finding.needed


def test_without_cuda_there_is_no_hand_over_to_try(
    examined: Callable[..., dict[str, Finding]],
) -> None:
    found = examined(picture_transfer=ChildError("asked without need"))
    assert found["picture transfer"].ok


@pytest.mark.parametrize(
    ("log", "said", "remedy"),
    [
        ("x: libcuda.so.1: cannot open shared object file: No such file", "libcuda.so.1", "driver"),
        ("x: libnvinfer.so.10: cannot open shared object file", "libnvinfer.so.10", "tensorrt"),
        ("x: libcudnn.so.9: cannot open shared object file", "libcudnn.so.9", "[cuda,cudnn]"),
        ("x: libstrange.so: cannot open shared object file", "libstrange.so", ""),
        ("[E:onnx] Error: the card is too old for this\n", "the card is too old for this", ""),
        ("", "it did not load", ""),
    ],
)
def test_the_cause_is_found_in_the_log(log: str, said: str, remedy: str) -> None:
    found = doctor.why_not_loaded("it did not load", log)
    assert said in found[0] and remedy in found[1]


def test_a_torch_without_cuda_says_where_the_other_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: "Windows")
    assert "--index-url" in doctor.cuda_remedy("no: this torch is built without CUDA")
    assert "update" in doctor.cuda_remedy("no: The NVIDIA driver on your system is too old")


@pytest.mark.parametrize("number", ["127.0.0.1", "::1"])
def test_the_osc_port(number: str) -> None:
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as other:
        try:
            other.bind((number, 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
        port = other.getsockname()[1]
        taken = doctor.osc(port)
    assert not taken.ok and "--osc-port" in taken.remedy and "in use" in taken.detail
    assert doctor.osc(port).ok
    assert doctor.osc(0).detail == "switched off"


@pytest.mark.gl
@pytest.mark.slow
def test_as_a_program_it_says_what_works_here() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    child = subprocess.run(
        [sys.executable, "-m", "liveflight", "doctor", "--osc-port", "0"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert re.search(r"^ok  engine autograd +(cpu|cuda|mps), float", child.stdout, re.MULTILINE)
    assert re.search(r"^ok  ONNX CPU", child.stdout, re.MULTILINE)
    assert re.search(r"^ok  weights efficientnet_lite0", child.stdout, re.MULTILINE)
    assert child.stdout.splitlines()[-1].startswith("liveflight can ")
