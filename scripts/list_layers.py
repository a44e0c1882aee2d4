#!/usr/bin/env python
"""Write networks/*.tsv anew: the layers of the named networks in this torchvision."""

from pathlib import Path

from liveflight.networks import torchvision_models, tracing

for name in torchvision_models.LISTED:
    layers = tracing.traced_layers(tracing.trace(name))
    text = "".join(torchvision_models.layer_line(each.layer, each.aliases) for each in layers)
    Path(torchvision_models.__file__).with_name(f"{name}.tsv").write_text(text, encoding="utf-8")
