"""What a sound is like just now: how loud, how strong in three bands, whether something begins.
Pure: samples in, numbers out, the same however the samples are cut into blocks.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""float32 (N,), mono, -1 to 1."""

HOP = 0.01
"""Seconds between two looks at the sound, to the nearest sample."""

_WINDOW = 0.046
"""Seconds of sound in one look, to the nearest power of two of samples."""

EDGES = (30.0, 150.0, 2500.0, 10000.0)
"""In Hz: low, mid and high lie between them."""

_RELEASE = 0.12
"""Time constant in seconds with which a meter falls; it rises at once."""

_FORGET = 10.0
"""Time constant in seconds with which the automatic gain forgets how loud it was."""

_SILENCE = 0.003
"""RMS, -50 dB, below which the automatic gain takes nothing for sound."""

_FAINT = 0.05
"""Part of the whole's loudness below which it takes nothing in a band for sound."""

_COMPRESSION = 100.0
"""How far below its loudest a partial still counts for an onset, as a factor of amplitude."""

_MEMORY = 1.0
"""Seconds whose average flux an onset has to exceed, so many times, and by so much."""
_TIMES, _MORE = 1.7, 0.04

_APART = 0.08
"""Seconds between two onsets at least."""


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """Each from 0 to 1."""

    level: float = 0.0
    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    onset: float = 0.0


class Spectrum:
    def __init__(self, rate: int) -> None:
        """`rate` in samples per second."""
        self._hop = round(rate * HOP)
        self._seconds = self._hop / rate
        size = 2 ** round(math.log2(rate * _WINDOW))
        self._hann = np.hanning(size + 1)[:-1].astype(np.float32)
        self._power = 2 / (size * float((self._hann**2).sum()))
        bins = np.fft.rfftfreq(size, 1 / rate)
        self._cuts = [int(np.searchsorted(bins, edge)) for edge in EDGES]
        self._window = np.zeros(size, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._rms, self._peaks = np.zeros(4), np.full(4, _SILENCE)
        self._onsets = _Onsets(self._seconds)
        self._looks, self._onset = 0, 0.0

    def hear(self, samples: Samples) -> None:
        """The samples that follow those before. What is no number is silence, what is out of range
        its nearest end: one wild sample would else be in every window and gain after it."""
        finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        self._rest = np.concatenate([self._rest, finite.clip(-1.0, 1.0)])
        while len(self._rest) >= self._hop:
            new, self._rest = self._rest[: self._hop], self._rest[self._hop :]
            self._window = np.concatenate([self._window[self._hop :], new])
            self._look()

    def heard(self, gain: float | None = None) -> AudioFeatures:
        """How it is now, and the strongest onset since the last call. `gain` in dB; None takes the
        loudest of the last ten seconds or so for 1, in each band."""
        scale = 1 / self._peaks if gain is None else np.full(4, 10 ** (gain / 20))
        level, low, mid, high = np.minimum(self._rms * scale, 1.0).tolist()
        onset, self._onset = self._onset, 0.0
        return AudioFeatures(level, low, mid, high, onset)

    def _look(self) -> None:
        spectrum = np.abs(np.fft.rfft(self._window * self._hann))[: self._cuts[-1]]
        parts = np.add.reduceat(spectrum**2, self._cuts[:-1]) * self._power
        rms = np.sqrt(np.array([parts.sum(), *parts]))
        self._rms = np.maximum(rms, self._rms * math.exp(-self._seconds / _RELEASE))
        peaks = np.maximum(rms, self._peaks * math.exp(-self._seconds / _FORGET))
        self._peaks = np.maximum(peaks, max(_SILENCE, _FAINT * peaks[0]))
        amplitudes = spectrum[self._cuts[0] :] * math.sqrt(2 * self._power) / self._peaks[0]
        self._looks += 1
        if self._looks * self._hop >= len(self._window):  # what sounded before does not begin now
            self._onset = max(self._onset, self._onsets.look(amplitudes))


class _Onsets:
    """Spectral flux: how much louder all partials together have become. Each is compared with its
    neighbourhood in the spectrum before, so that gliding tones are not taken for new ones
    (SuperFlux: Böck and Widmer, DAFx 2013)."""

    def __init__(self, seconds: float) -> None:
        """`seconds` between two looks."""
        self._seconds = seconds
        self._before: deque[np.ndarray] = deque(maxlen=2)
        self._fluxes: deque[float] = deque([0.0], maxlen=round(_MEMORY / seconds))
        self._since = _APART
        self._strongest = _MORE
        self._rising = False

    def look(self, amplitudes: np.ndarray) -> float:
        """How strong the onset is, 0 to 1, that the last look was the height of; mostly 0."""
        now = np.log1p(_COMPRESSION * amplitudes)
        flux = 0.0
        if self._before:
            flux = float(np.maximum(now - _widened(self._before[0]), 0).mean())
        self._before.append(now)
        last, average = self._fluxes[-1], sum(self._fluxes) / len(self._fluxes)
        self._fluxes.append(flux)
        self._since += self._seconds
        self._strongest = max(flux, self._strongest * math.exp(-self._seconds / _FORGET))
        height = self._rising and flux < last
        self._rising = flux > last or (self._rising and flux == last)
        if height and last > _TIMES * average + _MORE and self._since >= _APART:
            self._since = 0.0
            return min(last / self._strongest, 1.0)
        return 0.0


def _widened(spectrum: np.ndarray) -> np.ndarray:
    """Each bin at the loudest of itself and its two neighbours."""
    wide = spectrum.copy()
    np.maximum(wide[1:], spectrum[:-1], out=wide[1:])
    np.maximum(wide[:-1], spectrum[1:], out=wide[:-1])
    return wide
