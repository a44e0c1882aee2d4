"""Play a neural network's filters live.

Importing this package loads nothing heavy. `python -m liveflight` or the `liveflight` command
starts the program.
"""

import os
import sys

__version__ = "0.1.0"

# From 1.29 on ONNX Runtime reports to its makers which models it runs, with threads of its own and
# a database in the user's cache. The user has not agreed to that, and a show has no use for it. The
# variable must be set before the library is loaded, in this process and in those it starts
# (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# `python -m liveflight` puts the current folder first on the path, where anybody's json.py may lie.
# In a checkout that is not installed, that folder holds this package: it stays, in last place.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    _current = sys.path.pop(0)
    if __file__ == os.path.join(_current, "liveflight", "__init__.py") and _current not in sys.path:
        sys.path.append(_current)
        _path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{_path}{os.pathsep}{_current}" if _path else _current
