"""Condition raw gradients: colour, frequencies, size.

Pure functions on float32 tensors. Pictures and gradients are (1, 3, H, W), sRGB-coded RGB, row 0 at
the top; spectra are (1, 3, H, W // 2 + 1). Each function has a neutral argument that leaves its
input as it is, but for `normalise` and `limit`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from liveflight.core.contracts import MAX_DIRECTION
from liveflight.core.noise import COLOUR, frequencies, lowest

CHROMA_FALL = 0.5
"""How much faster than brightness a gradient's colour falls with frequency, as an exponent.

Eyes resolve colour coarsely; without this, rainbow grain covers everything after a few hundred
steps."""

RMS_FLOOR = 1e-12
"""Added before a division by an RMS, which may be 0."""


@lru_cache(maxsize=16)
def low_pass(size: tuple[int, int], exponent: float, device: torch.device) -> Tensor:
    """Return 1/f^exponent for the bins of a real FFT of an (H, W) picture: float32, mean 1.

    Ascending with it is ascending in the Fourier basis that Lucid and Distill use ("Feature
    Visualization", 2017): another metric, the same optimum."""
    fall = frequencies(*size, lowest(*size)) ** -exponent
    return torch.tensor(fall / fall.mean(), dtype=torch.float32, device=device)


@lru_cache(maxsize=16)
def chroma_low_pass(
    size: tuple[int, int], exponent: float, steeper: float, device: torch.device
) -> Tensor:
    """Return for colour what `low_pass` of this exponent returns for brightness.

    The exponent is larger by `steeper`; at the `lowest` frequency both are equal."""
    fall = (frequencies(*size) / lowest(*size)) ** -(exponent + steeper)
    top = float(low_pass(size, exponent, device)[0, 0])
    return torch.tensor(fall * top, dtype=torch.float32, device=device)


def colour(amount: float) -> np.ndarray:
    """Return the matrix by which `decorrelate` multiplies: float32 (3, 3)."""
    covariance = COLOUR @ COLOUR.T
    covariance = covariance / covariance.diagonal().mean()
    return (np.eye(3) * (1 - amount) + covariance * amount).astype(np.float32)


@lru_cache(maxsize=8)
def _colour(amount: float, device: torch.device) -> Tensor:
    return torch.from_numpy(colour(amount)).to(device)


def decorrelate(gradient: Tensor, amount: float) -> Tensor:
    """Give the gradient the colour correlation of natural pictures; 0 is off.

    The name is Lucid's: it paints in a decorrelated colour space by a matrix C. A step along the
    gradient there is C C^T g in RGB."""
    if amount == 0:
        return gradient
    return torch.einsum("ij,njhw->nihw", _colour(amount, gradient.device), gradient)


def smooth(gradient: Tensor, exponent: float, decorrelation: float) -> Tensor:
    """Weight the gradient's frequencies by 1/f^exponent; 0 is off.

    Colour differences fall faster, by `CHROMA_FALL` times the decorrelation."""
    if exponent == 0:
        return gradient
    size = (gradient.shape[-2], gradient.shape[-1])
    fall = low_pass(size, exponent, gradient.device)
    chroma_fall = chroma_low_pass(size, exponent, CHROMA_FALL * decorrelation, gradient.device)
    return scale_frequencies(gradient, fall, chroma_fall)


def scale_frequencies(picture: Tensor, fall: Tensor, chroma_fall: Tensor) -> Tensor:
    """Multiply the frequencies of the grey part by `fall`, of the rest by `chroma_fall`."""
    spectrum = scale_spectrum(torch.fft.rfft2(picture), fall, chroma_fall)
    return torch.fft.irfft2(spectrum, s=picture.shape[-2:])


def scale_spectrum(spectrum: Tensor, fall: Tensor, chroma_fall: Tensor) -> Tensor:
    """Do to a picture's spectrum, in place, what `scale_frequencies` does to the picture."""
    grey = spectrum.mean(1, keepdim=True)
    return spectrum.mul_(chroma_fall).add_(grey * (fall - chroma_fall))


def normalise(gradient: Tensor) -> Tensor:
    """Return the gradient at RMS 1, so that a step size means the same for every filter."""
    return gradient / (gradient.square().mean().sqrt() + RMS_FLOOR)


def band(direction: Tensor, high_pass: float, low_pass: float) -> Tensor:
    """Keep a band of frequencies, see `core.contracts.ViewStep`; 0 and 0 keep all."""
    if high_pass == 0 and low_pass == 0:
        return direction
    size = (direction.shape[-2], direction.shape[-1])
    gain = band_gain(size, high_pass, low_pass, direction.device)
    return torch.fft.irfft2(torch.fft.rfft2(direction) * gain, s=size)


@lru_cache(maxsize=16)
def band_gain(
    size: tuple[int, int], high_pass: float, low_pass: float, device: torch.device
) -> Tensor:
    """Return the gain of each bin of a real FFT of an (H, W) picture: float32, 0..1.

    It rises within the octave around `high_pass`, in cycles per picture height, as a raised cosine,
    and falls with the fourth power from `low_pass` on, in cycles per pixel: hard edges would ring.
    """
    periods = frequencies(*size, 1e-3)
    gain = np.ones_like(periods)
    if high_pass:
        octaves = np.log2(periods / high_pass)
        gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(octaves + 0.5, 0, 1))
    if low_pass:
        gain /= 1 + (periods / size[0] / low_pass) ** 4
    return torch.tensor(gain, dtype=torch.float32, device=device)


def limit(direction: Tensor, largest: float = MAX_DIRECTION) -> Tensor:
    """Limit values softly, so that none exceeds `largest`; small ones stay as they are."""
    return torch.tanh(direction / largest) * largest
