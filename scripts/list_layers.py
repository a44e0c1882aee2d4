#!/usr/bin/env python
"""Write networks/*.tsv anew: the layers of the named networks in this torchvision."""

from pathlib import Path

from liveflight.networks import torchvision_models, tracing

for name in torchvision_models.WRITTEN:
    places = tracing.places(tracing.trace(name))
    text = "".join(torchvision_models.line(place.layer, place.aliases) for place in places)
    Path(torchvision_models.__file__).with_name(f"{name}.tsv").write_text(text, encoding="utf-8")
