"""Try out parts of the machine, for `doctor` and `bench`, in processes of their own.

`liveflight.system.child_process` runs the probes. Each takes and returns JSON, and raises where the
part does not work here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liveflight.core.contracts import Output


def graphics(given: dict[str, Any]) -> dict[str, Any]:
    """Return the vendor, renderer and version of GL for `output` (`headless` or `window`)."""
    output = _output(given["output"])
    info = output.ctx.info
    answer = {name: info[f"GL_{name.upper()}"] for name in ("vendor", "renderer", "version")}
    output.close()
    return answer


def picture_transfer(given: dict[str, Any]) -> dict[str, Any]:
    """Return `why` pictures cannot stay on the GPU between GL and the ascent; empty if they can.

    GL draws for `output`, the ascent runs on `device`. The text is the cause and, after a
    semicolon, what to do."""
    from liveflight import engines
    from liveflight.render import canvas_transfer

    engine = engines.load("auto", given["device"])
    output = _output(given["output"])
    way, why = canvas_transfer.choose(output.ctx, engine.device, engine.stream)
    way.release()
    output.close()
    return {"why": str(why)}


def displays(given: dict[str, Any]) -> dict[str, Any]:
    """Return the `sizes` of the displays of this desktop in pixels; raise where there is none."""
    from liveflight.outputs.window import display_sizes

    return {"sizes": display_sizes()}


def _output(kind: str) -> Output:
    if kind == "window":
        from liveflight.outputs.window import Window

        return Window((160, 90))
    from liveflight.outputs.offscreen import Offscreen

    return Offscreen((48, 32))


def devices(given: dict[str, Any]) -> dict[str, Any]:
    """Return the devices, and what the engine `auto` chose among on the processor.

    `cuda`, `mps` and `cpu` are names, or `no: ` and why the device is missing; `chosen` is one of
    them. `seconds` are the measured times by network and engine, the chosen engine first.
    `remembers` says whether the next flight will know them."""
    import torch

    from liveflight import engines, networks
    from liveflight.engines import devices as here

    answer = {"cpu": f"{torch.get_num_threads()} threads, torch {torch.__version__}"}
    answer["cuda"] = _cuda(torch)
    mps = torch.backends.mps
    answer["mps"] = "Apple's GPU" if mps.is_available() else "no: not a Mac with Apple's GPU"
    answer["chosen"] = here.choose("auto").type
    seconds = engines.chosen_by_auto(networks.names())
    return {**answer, "seconds": seconds, "remembers": engines.remembers()}


def _cuda(torch: Any) -> str:
    if torch.version.cuda is None:
        return "no: this torch is built without CUDA"
    try:
        torch.cuda.init()
        free, total = torch.cuda.mem_get_info()
    except Exception as error:  # drivers raise many types
        return f"no: {str(error).splitlines()[0]}"
    name = torch.cuda.get_device_name()
    return f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free, CUDA {torch.version.cuda}"


def engine(given: dict[str, Any]) -> dict[str, Any]:
    """Take one step with the engine `name` on the embedded network."""
    import time

    from liveflight import engines, networks
    from liveflight.core.contracts import Ascent, Target, ViewStep
    from liveflight.core.noise import pink
    from liveflight.networks import efficientnet_lite0

    chosen = engines.load(given["name"], given["device"])
    network = networks.network(efficientnet_lite0.NAME)  # the lightest that needs no download
    chosen.prepare(network.name)
    layer = network.layers[len(network.layers) // 4]
    step = ViewStep({Target(network.name, layer.name, 0): 1.0})
    begun = time.perf_counter()
    chosen.directions(pink((96, 64), 1), [step], Ascent())
    return {
        "device": chosen.device,
        "precision": chosen.precision(network.name),
        "seconds": time.perf_counter() - begun,
    }


def providers(given: dict[str, Any]) -> dict[str, Any]:
    """Return the providers that ONNX Runtime was built with; not all of them may load."""
    import onnxruntime

    return {"names": onnxruntime.get_available_providers(), "version": onnxruntime.__version__}


def provider(given: dict[str, Any]) -> dict[str, Any]:
    """Run the smallest model on the provider `name`.

    Where the provider cannot load, ONNX Runtime says why on standard error and uses another one."""
    import numpy as np
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    session = onnxruntime.InferenceSession(_identity(), providers=[given["name"]])
    if session.get_providers()[0] != given["name"]:
        raise RuntimeError("it did not load")
    session.run(None, {"x": np.ones(1, np.float32)})
    return {}


def _identity() -> bytes:
    """Return an ONNX model of one Identity node from x to y, float32 (1,)."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", [x], [y])
    opsets = [helper.make_opsetid("", 13)]
    model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return model


def midi(given: dict[str, Any]) -> dict[str, Any]:
    """Return the MIDI system and the names of its ports; raise where there can be none."""
    from liveflight.controllers.midi.ports import system_ports

    ports = system_ports()
    return {"through": ports.through, "ports": ports.names()}


def sound(given: dict[str, Any]) -> dict[str, Any]:
    """Return PortAudio's version and the names of the input devices."""
    from liveflight.controllers.audio.device_process import input_device_names, load_sounddevice

    portaudio = load_sounddevice()
    version = portaudio.get_portaudio_version()[1].partition(",")[0]
    return {"through": version, "devices": input_device_names(portaudio)}


def link(given: dict[str, Any]) -> dict[str, Any]:
    """Return the version of Ableton Link's package, without joining a session."""
    from importlib.metadata import version

    from liveflight.controllers.link import LinkInput
    from liveflight.core.mailbox import Mailbox

    LinkInput().open(Mailbox())
    return {"version": version("LinkPython-extern")}


def zeroconf(given: dict[str, Any]) -> dict[str, Any]:
    """Return zeroconf's version; raise where it is missing or multicast does not work."""
    from liveflight.core.contracts import LiveflightError

    try:
        import zeroconf as library
    except ImportError:
        raise LiveflightError(
            'zeroconf announces OSCQuery: pip install "liveflight[zeroconf]"'
        ) from None
    library.Zeroconf().close()
    return {"version": library.__version__}


def streaming(given: dict[str, Any]) -> dict[str, Any]:
    """Return ffmpeg's version, the encoder that live video uses, and what it can send to."""
    from liveflight.outputs.sinks import live_encoding, video_encoding

    program = live_encoding.find_ffmpeg("record and stream")
    told = video_encoding.run([program, "-hide_banner", "-version"]).stdout.split()[2].decode()
    version = told.lstrip("n").partition("-")[0]
    known = video_encoding.run([program, "-hide_banner", "-protocols"]).stdout.decode().split()
    lacking = [name for name in ("rtmp", "srt", "udp") if name not in known]
    encoder = live_encoding.choose(program)
    return {"version": version, "encoder": encoder.name, "lacking": lacking}


def ndi(given: dict[str, Any]) -> dict[str, Any]:
    """Return NDI's version, and why sources may not be found."""
    from liveflight.core.contracts import LiveflightError
    from liveflight.system import ndi as library

    if why := library.load():
        raise LiveflightError(why)
    from cyndilib import get_ndi_version

    return {"version": get_ndi_version().split()[-1], "trouble": library.discovery_trouble()}
