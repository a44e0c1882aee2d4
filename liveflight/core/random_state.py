"""Read and set the state of a random generator as plain numbers, so that it can be saved. Pure."""

from __future__ import annotations

import numpy as np

RandomState = tuple[int, int, int, int]
"""State and increment of a PCG64 generator (128 bits each), whether half a word waits, and it."""

LIMITS = (1 << 128, 1 << 128, 2, 1 << 32)
"""Values from here on are not allowed, for each of the four."""


def state_of(generator: np.random.Generator) -> RandomState:
    """Return the state of a generator of `numpy.random.default_rng`."""
    found = generator.bit_generator.state
    inner = found["state"]
    return inner["state"], inner["inc"], found["has_uint32"], found["uinteger"]


def set_state(generator: np.random.Generator, state: RandomState) -> None:
    """Set the state of a generator of `numpy.random.default_rng`."""
    number, increment, waits, word = state
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": number, "inc": increment},
        "has_uint32": waits,
        "uinteger": word,
    }
