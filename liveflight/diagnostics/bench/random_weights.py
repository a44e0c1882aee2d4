"""Write random weights in torchvision's file format, for networks whose own are missing here.

Speed does not depend on the values.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liveflight import networks
from liveflight.networks.vgg import VGG16_URL, VGG19_URL
from liveflight.networks.weights import hub_file
from liveflight.system.child_process import ask

_URLS = {"vgg16_torchvision": VGG16_URL, "vgg19": VGG19_URL}


def missing(names: Collection[str]) -> list[str]:
    """Return those of these networks that need random weights."""
    return [name for name in names if name in _URLS and not networks.network(name).find_weights()]


@contextmanager
def installed(names: Collection[str], seconds: float = 120.0) -> Iterator[dict[str, str]]:
    """Yield an environment in which child processes find random weights for these networks.

    The other networks keep their real weights. The files are removed as the context ends. Raises
    ChildError where they cannot be written, or not within `seconds` each."""
    if not names:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="liveflight-bench-") as folder:
        checkpoints = Path(folder, "hub", "checkpoints")
        checkpoints.mkdir(parents=True)
        for name, url in _URLS.items():
            path = checkpoints / hub_file(url).name
            if name in names:
                ask(f"{__name__}:write", {"network": name, "path": str(path)}, seconds)
            elif hub_file(url).is_file():
                path.symlink_to(hub_file(url))
        yield {"TORCH_HOME": folder}


def write(given: dict[str, Any]) -> dict[str, Any]:
    """Write weights for `network` to the file `path`, from a fixed seed.

    Convolutions are He-initialised (normal, variance 2 / fan-in), biases are 0."""
    import torch

    known = networks.network(given["network"])
    generator = torch.Generator().manual_seed(16)
    state: dict[str, torch.Tensor] = {}
    inputs = 3
    places = {layer: name for name, layer in known.aliases.items() if name.startswith("features.")}
    for layer in known.layers:
        if not layer.name.startswith("conv"):
            continue
        weight = torch.empty(layer.channels, inputs, 3, 3)
        weight.normal_(0.0, math.sqrt(2 / (9 * inputs)), generator=generator)
        state[f"{places[layer.name]}.weight"] = weight
        state[f"{places[layer.name]}.bias"] = torch.zeros(layer.channels)
        inputs = layer.channels
    torch.save(state, Path(given["path"]))
    return {}
