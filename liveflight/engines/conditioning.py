"""Condition raw gradients and pictures: colour, frequencies, size, softness, noise.

Pure functions on float32 tensors. Pictures and gradients are (1, 3, H, W), sRGB-coded RGB, row 0 at
the top; spectra are (1, 3, H, W // 2 + 1). Each function has a neutral argument that leaves its
input as it is, but for `normalise`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

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
    spectrum = torch.fft.rfft2(picture)
    grey = spectrum.mean(1, keepdim=True)
    spectrum = spectrum.mul_(chroma_fall).add_(grey * (fall - chroma_fall))
    return torch.fft.irfft2(spectrum, s=picture.shape[-2:])


def normalise(gradient: Tensor) -> Tensor:
    """Return the gradient at RMS 1, so that a step size means the same for every filter."""
    return gradient / (gradient.square().mean().sqrt() + RMS_FLOOR)


def soften(picture: Tensor, amount: float | Tensor) -> Tensor:
    """Diffuse by one step, 0..0.2 per neighbour; 0 is off.

    Removes what only the finest pixels carry, where strided convolutions leave their dot grid."""
    if _off(amount):
        return picture
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    around = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    around = around + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    return picture + (around - 4 * picture) * amount


def hold(
    picture: Tensor,
    brightness: float | Tensor,
    contrast: float | Tensor,
    pull: float | Tensor,
) -> Tensor:
    """Pull the picture's mean and standard deviation towards `brightness` and `contrast`.

    `pull`: the part of the way, 0..1; 0 is off."""
    if _off(pull):
        return picture
    mean = picture.mean()
    wider = contrast / (picture.std() + 1e-6) - 1
    return picture + pull * ((picture - mean) * wider + (brightness - mean))


def add_noise(picture: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add 1/f noise of this standard deviation; 0 is off.

    `generator` is one of the CPU's. Each channel is a fixed periodic field of noise, rolled by a
    random offset: to draw and filter a fresh one took longer than all other conditioning."""
    if deviation == 0:
        return picture
    size = (picture.shape[-2], picture.shape[-1])
    field = noise_field(size, picture.device)
    shifts = torch.stack([torch.randint(side, (3,), generator=generator) for side in size], 1)
    channels = [
        torch.roll(field[:, channel], shift, (1, 2))
        for channel, shift in enumerate(shifts.tolist())
    ]
    return torch.add(picture, torch.stack(channels, 1), alpha=deviation)


@lru_cache(maxsize=8)
def noise_field(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return 1/f noise of standard deviation 1, always the same: (1, 3, H, W) for an (H, W) `size`.

    Only its phases are random, so that no frequency happens to be weaker than asked for."""
    white = torch.fft.rfft2(torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)))
    even = torch.fft.irfft2(white / (white.abs() + RMS_FLOOR), s=size)
    even -= even.mean((2, 3), keepdim=True)  # or every step would add the same colour cast
    return filtered_noise(even.to(device), low_pass(size, 1.0, device))


def filtered_noise(white: Tensor, fall: Tensor) -> Tensor:
    """Return white noise with its frequencies times `fall`, of standard deviation 1."""
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * fall, s=white.shape[-2:])
    return noise / (noise.std() + RMS_FLOOR)


def _off(amount: float | Tensor) -> bool:
    """Return whether this is the number 0; a tensor is not read: that would wait for its device."""
    return not isinstance(amount, Tensor) and amount == 0
