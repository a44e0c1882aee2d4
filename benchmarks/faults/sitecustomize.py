"""Inject a fault into a program of liveflight, or look into it, at SIGUSR1.

Python imports this module at its start where its folder is on PYTHONPATH. LIVEFLIGHT_FAULT names
the fault: `exit` ends the process without clean-up, `cuda` makes every step fail from now on, as a
CUDA context does after an illegal access; `count GL objects` is none, but writes their number into
the file that LIVEFLIGHT_COUNT names. Where LIVEFLIGHT_FRAMES names a folder, each rank of a wall
writes the seconds and the number of every frame that it shows into a file there.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
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


def _log_frames(folder: str) -> None:
    """Wrap what shows a frame, once its module has been imported."""

    def wrap(kind: type, name: str, counter: str, rank: int) -> None:
        shows = getattr(kind, name)
        file = open(os.path.join(folder, f"rank-{rank}"), "a", buffering=1)

        def show(self: Any, *given: Any) -> None:
            shows(self, *given)
            file.write(f"{time.monotonic():.4f} {getattr(self, counter).frames}\n")

        setattr(kind, name, show)

    def watch() -> None:
        while True:
            module = sys.modules.get("liveflight.loop.wall_leader")
            if module and hasattr(module, "LeadingPresenter"):
                if (rank := int(os.environ.get("LOCAL_RANK", 0))) == 0:
                    wrap(module.LeadingPresenter, "dim", "_frame_counter", 0)
                    return
            module = sys.modules.get("liveflight.loop.wall_follower")
            if module and hasattr(module, "Follower"):
                rank = int(os.environ.get("LOCAL_RANK", 1))
                wrap(module.Follower, "_on_show", "frame_counter", rank)
                return
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()


if "liveflight" in " ".join(sys.orig_argv) and {"fly", "run"} & set(sys.orig_argv):
    signal.signal(signal.SIGUSR1, _inject)
    if "fly" in sys.orig_argv and os.environ.get("LIVEFLIGHT_FRAMES"):
        _log_frames(os.environ["LIVEFLIGHT_FRAMES"])
