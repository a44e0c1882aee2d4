from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from liveflight.core.loop_pull import LoopPull, follows, joined, split

SIZE = WIDTH, HEIGHT = 96, 54


def picture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a picture with structure of every size."""
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((size[1], size[0], 3)).astype(np.float32)
    bands = [(level + 1) * band for level, band in enumerate(split(noise, 3))]
    whole = joined(bands)
    return np.clip(128 + 45 * whole / whole.std(), 0, 255).astype(np.uint8)


def contrast(one: np.ndarray) -> float:
    return float(one.std())


def pulled(steps: int = 20) -> list[np.ndarray]:
    """Return what becomes of a picture that nothing else changes, step by step."""
    pull, now, wanted = LoopPull(SIZE), picture(1), picture(2)
    seen = [now]
    for step in range(steps):
        change = pull.change(now, wanted, step / steps, (step + 1) / steps, np.eye(3))
        now = np.clip(np.rint(now + 255 * change), 0, 255).astype(np.uint8)
        seen.append(now)
    return seen


def test_at_the_end_nothing_is_left_of_the_difference() -> None:
    seen = pulled()
    away = [float(np.abs(each.astype(float) - picture(2)).mean()) for each in seen]
    assert away[1] > 0.95 * away[0] and away[-1] < 1.0
    assert all(later < before + 1 for before, later in pairwise(away))


def test_the_contrast_stays_while_one_becomes_the_other() -> None:
    seen = pulled()
    assert min(map(contrast, seen)) > 0.95 * min(contrast(seen[0]), contrast(picture(2)))


def test_places_follow_one_after_the_other() -> None:
    seen = pulled()
    away = np.abs(seen[10].astype(float) - picture(2)).mean(axis=2)
    start = np.abs(seen[0].astype(float) - picture(2)).mean(axis=2)
    left = [away[y : y + 9, x : x + 8].sum() / start[y : y + 9, x : x + 8].sum()
            for y in range(0, HEIGHT, 9) for x in range(0, WIDTH, 8)]  # fmt: skip
    assert min(left) < 0.1 and max(left) > 0.8


@pytest.mark.parametrize("order", [0.0, 0.3, 1.0])
def test_what_is_large_comes_before_what_is_small(order: float) -> None:
    place = np.full((1, 1, 1), order, np.float32)
    shares = [[follows(at / 100, place, coarse).item() for at in range(101)] for coarse in (0, 1)]
    fine, coarse = shares
    assert fine[0] == coarse[0] == 0.0 and fine[-1] == coarse[-1] == 1.0
    assert all(big >= small for small, big in zip(fine, coarse, strict=True))
    assert max(big - small for small, big in zip(fine, coarse, strict=True)) > 0.5


def test_patches_move_with_the_camera() -> None:
    pull = LoopPull(SIZE)
    still = pull._order(np.eye(3), (HEIGHT, WIDTH))
    shifted = np.array([[1.0, 0, 24 / HEIGHT], [0, 1, 0], [0, 0, 1]])
    inner = slice(4, -4), slice(4, WIDTH - 24 - 4)  # it is coarser at the borders
    later = pull._order(shifted, (HEIGHT, WIDTH))
    assert later[inner] == pytest.approx(still[:, 24:][inner], abs=0.02)
    assert still.min() < 0.15 and still.max() > 0.85


@pytest.mark.parametrize("size", [(64, 36), (33, 17), (2, 2), (16, 90)])
def test_pictures_of_any_size_are_split_and_joined(size: tuple[int, int]) -> None:
    one = picture(3, size).astype(np.float32)
    assert joined(split(one, 3)) == pytest.approx(one, abs=1e-3)
    change = LoopPull(size).change(picture(1, size), picture(2, size), 0.5, 0.6, np.eye(3))
    assert change.shape == (size[1], size[0], 3) and np.isfinite(change).all()
