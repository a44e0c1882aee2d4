"""liveflight: play a neural network's filters live.

Importing this package loads nothing heavy; `python -m liveflight` or the `liveflight` command start
it.
"""

import os
import sys

__version__ = "0.1.0"

# From 1.29 on ONNX Runtime tells its makers which models it runs, from threads of its own and a
# database in the user's cache. Nobody has asked a performer, and a show is no place for it. It has
# to be said before its library is loaded, in this process and in those it starts
# (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# `python -m liveflight` puts the current folder first on the path, where anybody's json.py may lie.
# In a checkout that is not installed that folder holds this package: there it stays, as the last.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    _current = sys.path.pop(0)
    if __file__ == os.path.join(_current, "liveflight", "__init__.py") and _current not in sys.path:
        sys.path.append(_current)
        _known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{_known}{os.pathsep}{_current}" if _known else _current
