"""Limit how many ONNX Runtime sessions are kept, and how many dropped ones wait to be freed."""

from __future__ import annotations

import psutil
import torch

from liveflight.engines.onnx import sessions

_OWN = 32
"""Sessions kept where each has its own weights."""

_MEMORY_SHARE, _SESSION_BYTES, _FEWEST_SHARED = 1 / 32, 3.5 * 2**20, 112
"""Share of the machine's memory for sessions that share weights, what one takes, and the fewest.

A mix takes some 8 sessions, one at each scale (twice as many where whole layers have sessions of
their own), and presets prefetch a dozen mixes. With less room they would be made and dropped
without end."""

_MAX_THREADS = 4096
"""Threads of all sessions, unless there are the fewest sessions."""


def kept(shared: bool) -> int:
    """Return how many sessions are kept. `shared`: they share their weights."""
    if not shared or not sessions.shared_arena():
        return _OWN
    room = int(psutil.virtual_memory().total * _MEMORY_SHARE / _SESSION_BYTES)
    return max(_FEWEST_SHARED, min(room, _MAX_THREADS // max(1, torch.get_num_threads() - 1)))


def dropped(shared: bool) -> int:
    """Return how many dropped sessions may wait to be freed in a quiet moment."""
    return 32 if shared else 4
