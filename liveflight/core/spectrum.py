"""Compute audio features: loudness, strength in three bands, onsets.

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

HOP_S = 0.01
"""Seconds between two analyses, to the nearest sample."""

_WINDOW_S = 0.046
"""Seconds of sound in one analysis, to the nearest power of two of samples."""

EDGES_HZ = (30.0, 150.0, 2500.0, 10000.0)
"""Edges of the bands low, mid and high."""

_RELEASE_S = 0.12
"""Time constant in seconds with which a meter falls; it rises at once."""

_GAIN_RELEASE_S = 10.0
"""Time constant in seconds with which the automatic gain forgets loud sounds."""

_SILENCE = 0.003
"""RMS, -50 dB, below which the automatic gain hears silence."""

_BAND_SILENCE = 0.05
"""Share of the total RMS below which it hears silence in a band."""

_COMPRESSION = 100.0
"""Amplitude ratio to the loudest partial down to which a partial counts for an onset."""

_FLUX_AVERAGE_S = 1.0
"""Seconds of the average flux that an onset has to exceed."""
_FLUX_FACTOR, _FLUX_MARGIN = 1.7, 0.04
"""Factor on that average, and margin above it, that an onset needs."""

_ONSET_GAP_S = 0.08
"""Seconds between two onsets at least."""


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    """Hold the loudness, the strength of each band and of an onset, each 0 to 1."""

    level: float = 0.0
    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    onset: float = 0.0


class Spectrum:
    """Analyse sound as it comes in."""

    def __init__(self, rate: int) -> None:
        """`rate` is in samples per second."""
        self._hop = round(rate * HOP_S)
        self._seconds = self._hop / rate
        size = 2 ** round(math.log2(rate * _WINDOW_S))
        self._hann = np.hanning(size + 1)[:-1].astype(np.float32)
        self._power = 2 / (size * float((self._hann**2).sum()))
        bins = np.fft.rfftfreq(size, 1 / rate)
        self._cuts = [int(np.searchsorted(bins, edge)) for edge in EDGES_HZ]
        self._window = np.zeros(size, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._rms, self._peaks = np.zeros(4), np.full(4, _SILENCE)
        self._onsets = _Onsets(self._seconds)
        self._analyses, self._onset = 0, 0.0

    def hear(self, samples: Samples) -> None:
        """Add samples; NaN becomes silence, values out of range are clipped.

        Otherwise one wild sample would be in every window and gain after it."""
        finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        self._rest = np.concatenate([self._rest, finite.clip(-1.0, 1.0)])
        while len(self._rest) >= self._hop:
            new, self._rest = self._rest[: self._hop], self._rest[self._hop :]
            self._window = np.concatenate([self._window[self._hop :], new])
            self._analyse()

    def features(self, gain: float | None = None) -> AudioFeatures:
        """Return the current features, with the strongest onset since the last call.

        `gain` is in dB; None scales the loudest of the last ten seconds or so to 1, in each
        band."""
        scale = 1 / self._peaks if gain is None else np.full(4, 10 ** (gain / 20))
        level, low, mid, high = np.minimum(self._rms * scale, 1.0).tolist()
        onset, self._onset = self._onset, 0.0
        return AudioFeatures(level, low, mid, high, onset)

    def _analyse(self) -> None:
        spectrum = np.abs(np.fft.rfft(self._window * self._hann))[: self._cuts[-1]]
        parts = np.add.reduceat(spectrum**2, self._cuts[:-1]) * self._power
        rms = np.sqrt(np.array([parts.sum(), *parts]))
        self._rms = np.maximum(rms, self._rms * math.exp(-self._seconds / _RELEASE_S))
        peaks = np.maximum(rms, self._peaks * math.exp(-self._seconds / _GAIN_RELEASE_S))
        self._peaks = np.maximum(peaks, max(_SILENCE, _BAND_SILENCE * peaks[0]))
        amplitudes = spectrum[self._cuts[0] :] * math.sqrt(2 * self._power) / self._peaks[0]
        self._analyses += 1
        # In the first window a sound that began earlier would look like an onset.
        if self._analyses * self._hop >= len(self._window):
            self._onset = max(self._onset, self._onsets.detect(amplitudes))


class _Onsets:
    """Detect onsets by spectral flux: how much louder all partials together have become.

    Each partial is compared with its neighbourhood in the spectrum before, so that gliding tones
    are not taken for new ones (SuperFlux: Böck and Widmer, DAFx 2013)."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the time between two spectra."""
        self._seconds = seconds
        self._before: deque[np.ndarray] = deque(maxlen=2)
        self._fluxes: deque[float] = deque([0.0], maxlen=round(_FLUX_AVERAGE_S / seconds))
        self._since = _ONSET_GAP_S
        self._strongest = _FLUX_MARGIN
        self._rising = False

    def detect(self, amplitudes: np.ndarray) -> float:
        """Return the strength of the onset that peaked in the last spectrum, 0 to 1; mostly 0."""
        now = np.log1p(_COMPRESSION * amplitudes)
        flux = 0.0
        if self._before:
            flux = float(np.maximum(now - _widened(self._before[0]), 0).mean())
        self._before.append(now)
        last, average = self._fluxes[-1], sum(self._fluxes) / len(self._fluxes)
        self._fluxes.append(flux)
        self._since += self._seconds
        self._strongest = max(flux, self._strongest * math.exp(-self._seconds / _GAIN_RELEASE_S))
        peak = self._rising and flux < last
        self._rising = flux > last or (self._rising and flux == last)
        loud = last > _FLUX_FACTOR * average + _FLUX_MARGIN
        if peak and loud and self._since >= _ONSET_GAP_S:
            self._since = 0.0
            return min(last / self._strongest, 1.0)
        return 0.0


def _widened(spectrum: np.ndarray) -> np.ndarray:
    """Return each bin as the loudest of itself and its two neighbours."""
    wide = spectrum.copy()
    np.maximum(wide[1:], spectrum[:-1], out=wide[1:])
    np.maximum(wide[:-1], spectrum[1:], out=wide[:-1])
    return wide
