#!/usr/bin/env python
"""Writes down the layers of networks/catalogue.py's named networks as this torchvision has them."""

from pathlib import Path

from liveflight.networks import torchvision_models, tracing

for name in torchvision_models.WRITTEN:
    places = tracing.places(tracing.trace(name))
    text = "".join(torchvision_models.line(place.layer, place.aliases) for place in places)
    Path(torchvision_models.__file__).with_name(f"{name}.tsv").write_text(text, encoding="utf-8")
