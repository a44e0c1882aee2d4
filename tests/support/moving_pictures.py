"""Pictures that tell their number, and how similar two pictures are."""

from __future__ import annotations

import numpy as np

SIZE = WIDTH, HEIGHT = 320, 180
_BITS = 10
_BLOCK = 16


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a colourful picture, uint8 (H, W, 4), with the number as blocks along its top."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = number / 15
    made = np.empty((height, width, 4), np.uint8)
    made[..., 0] = 255 * x / max(width - 1, 1)
    made[..., 1] = 128 + 100 * np.sin(x / 23 + turn) * np.cos(y / 17 - turn)
    made[..., 2] = 255 * y / max(height - 1, 1)
    distance = np.hypot(x - width * (0.5 + 0.3 * np.cos(turn)), y - height * 0.6)
    disc = np.clip((height / 6 - distance) / 8, 0, 1)[..., None]
    made[..., :3] = made[..., :3] * (1 - disc) + np.array([250, 220, 20]) * disc
    made[..., 3] = 7  # means nothing
    for bit in range(_BITS):
        columns = slice(bit * _BLOCK, (bit + 1) * _BLOCK)
        made[:_BLOCK, columns, :3] = 255 if number >> bit & 1 else 0
    return made


def number_of(frame: np.ndarray) -> int:
    """Return the number that a picture tells."""
    middle = slice(4, _BLOCK - 4)
    bits = (frame[middle, bit * _BLOCK + 4 : (bit + 1) * _BLOCK - 4, :3] for bit in range(_BITS))
    return sum(int(block.mean() > 128) << bit for bit, block in enumerate(bits))


def similarity(one: np.ndarray, other: np.ndarray, *, luma: bool = False) -> float:
    """Return the mean structural similarity (SSIM) of two pictures' three channels, 8x8 windows.

    `luma`: of their brightness alone (BT.709), which video keeps at full resolution.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
    """
    a, b = (each[..., :3].astype(np.float32) for each in (one, other))
    if luma:
        a, b = ((each @ (0.2126, 0.7152, 0.0722))[..., None] for each in (a, b))
    mean_a, mean_b = _mean(a), _mean(b)
    var_a, var_b = _mean(a * a) - mean_a**2, _mean(b * b) - mean_b**2
    covariance = _mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def _mean(values: np.ndarray, side: int = 8) -> np.ndarray:
    """Return the means over all windows of a picture, (H - 7, W - 7, 3)."""
    for _ in range(2):
        sums = np.pad(values, ((1, 0), (0, 0), (0, 0))).cumsum(0, dtype=np.float64)
        values = (sums[side:] - sums[:-side]).swapaxes(0, 1) / side
    return values
