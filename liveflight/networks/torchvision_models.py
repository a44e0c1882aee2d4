"""torchvision's models and what follows their graphs, imported without Triton.

torchvision has torch look for Triton, which nothing here compiles with. Its library brings an LLVM
that ends the process where another is there already: Mesa's, which draws on machines without a GPU.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_modules = cast(dict[str, Any], sys.modules)
_hidden = "triton" not in _modules
if _hidden:
    _modules["triton"] = None  # to Python: it cannot be imported
try:
    from torchvision import models
    from torchvision.models.feature_extraction import NodePathTracer
    from torchvision.ops import stochastic_depth
finally:
    if _hidden:
        del _modules["triton"]

__all__ = ["NodePathTracer", "models", "stochastic_depth"]
