"""Make VGGs with random weights of He's variance."""

from __future__ import annotations

import torch
from torch import nn

from liveflight.networks import vgg
from liveflight.networks.layered import Layered


def seeded_vgg(name: str) -> Layered:
    """Return the module of `vgg16` or `vgg19`."""
    module = vgg._build({"vgg16": vgg._VGG16, "vgg19": vgg._VGG19}[name]).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data.normal_(0, (2 / part.weight[0].numel()) ** 0.5, generator=generator)
            part.bias.data.normal_(0, 0.1, generator=generator)
    return module.requires_grad_(False).eval()
