"""Make short sounds, and store them as files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from liveflight.core.spectrum import Samples


def stored(path: Path, sound: Samples, rate: int = 44100) -> Path:
    """Write a stereo WAV of 16 bits with the sound in both channels; return its path."""
    both = np.repeat((sound * 32767).astype("<i2")[:, None], 2, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(both.tobytes())
    return path


def tone(seconds: float, rate: int = 44100) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)
