"""Inject a fault into a program of liveflight at SIGUSR1: for benchmarks/kill_matrix.py.

Python imports this module at its start where its folder is on PYTHONPATH. LIVEFLIGHT_FAULT names
the fault: `exit` ends the process without clean-up, `cuda` makes every step fail from now on, as a
CUDA context does after an illegal access.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any, NoReturn

_STICKY = "CUDA error: an illegal memory access was encountered"


def _inject(signum: int, frame: object) -> None:
    if os.environ.get("LIVEFLIGHT_FAULT") == "cuda":
        _break_engine()
    else:
        os._exit(3)


def _break_engine() -> None:
    from liveflight.show.network_loader import NetworkLoader

    def fail(*given: Any) -> NoReturn:
        raise RuntimeError(_STICKY)

    for each in gc.get_objects():
        if isinstance(each, NetworkLoader):
            for name in ("directions", "plan", "prepare", "wait"):
                setattr(each.engine, name, fail)


if "liveflight" in " ".join(sys.orig_argv) and {"fly", "run"} & set(sys.orig_argv):
    signal.signal(signal.SIGUSR1, _inject)
