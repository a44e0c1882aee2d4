"""liveflight: play a neural network's filters live.

Importing this package loads nothing heavy; `python -m liveflight` or the `liveflight` command start
it.
"""

import os

__version__ = "0.1.0"

# From 1.29 on ONNX Runtime tells its makers which models it runs, from threads of its own and a
# database in the user's cache. Nobody has asked a performer, and a show is no place for it. It has
# to be said before its library is loaded, in this process and in those it starts
# (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
