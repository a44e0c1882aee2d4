#!/usr/bin/env python
"""Writes down the layers of networks/catalogue.py's named networks as this torchvision has them."""

from pathlib import Path

from liveflight.networks import catalogue, tracing

for name in catalogue.WRITTEN:
    places = tracing.places(tracing.trace(name))
    text = "".join(catalogue.line(place.layer, place.aliases) for place in places)
    Path(catalogue.__file__).with_name(f"{name}.tsv").write_text(text, encoding="utf-8")
