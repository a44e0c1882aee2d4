"""Inject a fault into a program of liveflight, or look into it, at SIGUSR1.

Python imports this module at its start where its folder is on PYTHONPATH. LIVEFLIGHT_FAULT names
the fault: `exit` ends the process without clean-up, `cuda` makes every step fail from now on, as a
CUDA context does after an illegal access; `count GL objects` is none, but writes their number into
the file that LIVEFLIGHT_COUNT names.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any, NoReturn

_STICKY = "CUDA error: an illegal memory access was encountered"


def _inject(signum: int, frame: object) -> None:
    match os.environ.get("LIVEFLIGHT_FAULT"):
        case "cuda":
            _break_engine()
        case "count GL objects":
            _count_gl_objects()
        case _:
            os._exit(3)


def _count_gl_objects() -> None:
    import moderngl as gl

    gc.collect()
    gc.unfreeze()
    kinds = (gl.Texture, gl.Buffer, gl.Framebuffer, gl.VertexArray, gl.Program, gl.Query)
    objects = [each for each in gc.get_objects() if isinstance(each, kinds)]
    alive = sum(not isinstance(each.mglo, gl.InvalidObject) for each in objects)
    gc.freeze()
    with open(os.environ["LIVEFLIGHT_COUNT"], "w") as file:
        file.write(str(alive))


def _break_engine() -> None:
    from liveflight.show.network_loader import NetworkLoader

    def fail(*given: Any) -> NoReturn:
        raise RuntimeError(_STICKY)

    gc.unfreeze()  # or those from before a network was loaded are not listed
    for each in gc.get_objects():
        if isinstance(each, NetworkLoader):
            for name in ("directions", "plan", "prepare", "wait"):
                setattr(each.engine, name, fail)


if "liveflight" in " ".join(sys.orig_argv) and {"fly", "run"} & set(sys.orig_argv):
    signal.signal(signal.SIGUSR1, _inject)
