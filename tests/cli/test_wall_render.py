"""A wall in two real processes: one picture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from received import free_port

pytestmark = pytest.mark.gl

CANVAS = "160x90"
COMMON = [
    *(
        "render",
        "--canvas",
        CANVAS,
        "--size",
        CANVAS,
        "--view",
        "64x36",
        "--preset",
        "reef",
        "--device",
        "cpu",
    ),
    *("--fps", "10", "--seconds", "0.3", "--set", "show.autopilot=off"),
]


def start(out: Path, *more: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "liveflight", *COMMON, "--out", f"{out}/", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def pictures(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path), int) for path in sorted(folder.glob("*.png"))])


def test_two_ranks_render_the_whole_canvas_into_one_place(tmp_path: Path) -> None:
    wall = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    given = "--wall", "2x1", "--steps", "1"
    running = [start(tmp_path / "wall", *given, **wall, RANK=str(rank)) for rank in (0, 1)]
    for each in running:
        _, said = each.communicate(timeout=120)
        assert each.returncode == 0, said
    together = pictures(tmp_path / "wall")
    assert together.shape == (3, 90, 160, 3)
    across = np.abs(np.diff(together, axis=2)).mean((0, 1, 3))
    assert across.min() > 0, "no column is empty"
    assert across[79] < 2 * across.mean(), "the border of the tiles is no seam"
