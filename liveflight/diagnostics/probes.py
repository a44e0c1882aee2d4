"""What `doctor` and `bench` try out in processes of their own (`liveflight.system.child_process`): each takes and
gives JSON, and raises where it does not work here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liveflight.core.contracts import Output


def graphics(given: dict[str, Any]) -> dict[str, Any]:
    """Who draws for `output` (`headless` or `window`)."""
    output = _output(given["output"])
    info = output.ctx.info
    answer = {name: info[f"GL_{name.upper()}"] for name in ("vendor", "renderer", "version")}
    output.close()
    return answer


def hand_over(given: dict[str, Any]) -> dict[str, Any]:
    """`why` pictures do not stay on the GPU between GL for `output` and the ascent on `device`:
    the cause and, after a semicolon, what to do; empty where they do."""
    from liveflight import engines
    from liveflight.render import canvas_transfer

    engine = engines.load("auto", given["device"])
    output = _output(given["output"])
    way, why = canvas_transfer.choose(output.ctx, engine.device, engine.stream)
    way.release()
    output.close()
    return {"why": str(why)}


def _output(kind: str) -> Output:
    if kind == "window":
        from liveflight.outputs.window import Window

        return Window((160, 90))
    from liveflight.outputs.offscreen import Offscreen

    return Offscreen((48, 32))


def devices(given: dict[str, Any]) -> dict[str, Any]:
    """`cuda`, `mps` and `cpu`: a device's name, or why it is not here after `no: `; `chosen`. And
    what the engine `auto` chose among on the processor: `seconds` by network and engine, the chosen
    one first; `remembers`: whether the next flight will know."""
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
    except Exception as error:  # a driver's words come in many types
        return f"no: {str(error).splitlines()[0]}"
    name = torch.cuda.get_device_name()
    return f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free, CUDA {torch.version.cuda}"


def engine(given: dict[str, Any]) -> dict[str, Any]:
    """Takes one step with the engine `name` on the embedded network."""
    import time

    from liveflight import engines, networks
    from liveflight.core.contracts import Ascent, Target
    from liveflight.core.noise import pink
    from liveflight.networks import efficientnet_lite0

    chosen = engines.load(given["name"], given["device"])
    network = networks.network(efficientnet_lite0.NAME)  # the lightest that needs no download
    chosen.prepare(network.name)
    layer = network.layers[len(network.layers) // 4]
    target = Target(network.name, layer.name, 0)
    begun = time.perf_counter()
    chosen.ascend(pink((96, 64), 1), {target: 1.0}, Ascent(amount=0.02, steps=1))
    return {
        "device": chosen.device,
        "precision": chosen.precision(network.name),
        "seconds": time.perf_counter() - begun,
    }


def providers(given: dict[str, Any]) -> dict[str, Any]:
    """Those ONNX Runtime was built with, which says nothing about what loads."""
    import onnxruntime

    return {"names": onnxruntime.get_available_providers(), "version": onnxruntime.__version__}


def provider(given: dict[str, Any]) -> dict[str, Any]:
    """Runs the smallest model on the provider `name`. Where it cannot, ONNX Runtime says why on
    standard error and goes on with another one."""
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
    """An ONNX model of one Identity node from x to y, float32 (1,)."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", [x], [y])
    opsets = [helper.make_opsetid("", 13)]
    model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return model


def midi(given: dict[str, Any]) -> dict[str, Any]:
    """What MIDI goes through, and the names of the ports there are; raises where there can be
    none."""
    from liveflight.controllers.midi.ports import system_ports

    ports = system_ports()
    return {"through": ports.through, "ports": ports.names()}


def sound(given: dict[str, Any]) -> dict[str, Any]:
    """PortAudio's version, and the names of the devices that hear."""
    from liveflight.controllers.audio.device_process import input_device_names, load_sounddevice

    portaudio = load_sounddevice()
    version = portaudio.get_portaudio_version()[1].partition(",")[0]
    return {"through": version, "devices": input_device_names(portaudio)}


def link(given: dict[str, Any]) -> dict[str, Any]:
    """The version of the package that Ableton Link comes in. Joins no session."""
    from importlib.metadata import version

    from liveflight.controllers.link import LinkInput
    from liveflight.core.mailbox import Mailbox

    LinkInput().open(Mailbox())
    return {"version": version("LinkPython-extern")}


def announcing(given: dict[str, Any]) -> dict[str, Any]:
    """Zeroconf's version; raises where it is missing, or multicast is not to be had."""
    from liveflight.core.contracts import LiveflightError

    try:
        import zeroconf
    except ImportError:
        raise LiveflightError(
            'OSCQuery is announced by zeroconf: pip install "liveflight[zeroconf]"'
        ) from None
    zeroconf.Zeroconf().close()
    return {"version": zeroconf.__version__}
