"""Condition raw gradients: colour, frequencies, size.

Pure functions on float32 tensors. Pictures and gradients are (N, 3, H, W), sRGB-coded RGB, row 0 at
the top; spectra are (N, 3, H, W // 2 + 1). Each function has a neutral argument that leaves its
input as it is, but for `normalise` and `limit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from liveflight.core.contracts import MAX_DIRECTION, Ascent, ViewStep
from liveflight.core.noise import COLOUR, frequencies, lowest

CHROMA_FALL = 0.5
"""How much faster than brightness a gradient's colour falls with frequency, as an exponent.

Eyes resolve colour coarsely; without this, rainbow grain covers everything after a few hundred
steps."""

RMS_FLOOR = 1e-12
"""Added before a division by an RMS, which may be 0."""


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
    return mix_channels(gradient, _colour(amount, gradient.device))


def mix_channels(picture: Tensor, matrix: Tensor) -> Tensor:
    """Return the picture with each pixel's colour multiplied by a (3, 3) matrix."""
    return (matrix @ picture.flatten(2)).view_as(picture)


def normalise(gradient: Tensor) -> Tensor:
    """Return the gradient at RMS 1, so that a step size means the same for every filter."""
    return gradient / (gradient.square().mean().sqrt() + RMS_FLOOR)


Curve = tuple[float, float, float, float]
"""Weights of one view's frequencies, as numbers that can be sent to a device.

The exponents of brightness and of colour, and the binary logarithms of the cycles per picture
height of `ViewStep.high_pass` and `ViewStep.low_pass`."""

NEUTRAL: Curve = (0.0, 0.0, -math.inf, math.inf)
"""Keeps all frequencies as they are."""


def curve(step: ViewStep, ascent: Ascent, height: int) -> Curve:
    """Return a view's curve. `height`: that of the view, in pixels."""
    exponent = ascent.smoothing * step.smoothing
    steeper = CHROMA_FALL * ascent.decorrelation if exponent else 0.0
    return (
        exponent,
        exponent + steeper,
        math.log2(step.high_pass) if step.high_pass else -math.inf,
        math.log2(step.low_pass * height) if step.low_pass else math.inf,
    )


@dataclass(frozen=True, slots=True)
class Gains:
    """Hold the gain of each bin of a real FFT: float32 (1 or N, 1, H, W // 2 + 1)."""

    grey: Tensor
    """1/f^exponent with mean 1, for the mean of the three channels.

    Ascending with it is ascending in the Fourier basis that Lucid and Distill use ("Feature
    Visualization", 2017): another metric, the same optimum."""
    colour: Tensor
    """For what differs from grey; at the `lowest` frequency it equals that of grey."""
    band: Tensor
    """0..1: what the high pass and the low pass keep."""


class Frequencies:
    """Weight the frequencies of pictures of one size. All that it does can be captured."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        least = lowest(height, width)
        self._size = height, width
        self._grey, self._colour, self._octaves, self._counts = (
            torch.from_numpy(values.astype(np.float32)).to(device)
            for values in (
                np.log(frequencies(height, width, least) / least),
                np.log(frequencies(height, width) / least),
                np.log2(frequencies(height, width, 1e-3)),
                _counts(width).repeat(2),  # for real and imaginary parts
            )
        )
        self._bins = torch.tensor(float(self._grey.numel()), device=device)

    def gains(self, curves: Tensor) -> Gains:
        """Return the gains for some views. `curves`: (N, 4), a `Curve` for each.

        The band rises within the octave around the high pass as a raised cosine, and falls with the
        fourth power from the low pass on: hard edges would ring."""
        exponent, chroma, high, low = curves[..., None, None, None].unbind(1)
        grey = torch.exp(self._grey * -exponent)  # 1 at the lowest frequency
        # By a tensor: a division by a number is a multiplication on CUDA, and not exact.
        top = self._bins / grey.sum((1, 2, 3), keepdim=True)
        colour = torch.exp(self._colour * -chroma) * top
        rise = 0.5 - 0.5 * torch.cos(math.pi * (self._octaves - high + 0.5).clamp_(0, 1))
        return Gains(grey * top, colour, rise / (1 + torch.exp2(4 * (self._octaves - low))))

    def shape(self, gradient: Tensor, gains: Gains, normalised: float | Tensor) -> Tensor:
        """Smooth, normalise and band-limit gradients: float32 (N, 3, H, W), each by itself.

        `normalised`: 1 to divide by the RMS, or 0. The RMS is that before the band: measured after
        it, it would lift grain and the dot grid of strided convolutions."""
        # With norm="forward" sums over a spectrum are means over the picture.
        spectrum = torch.fft.rfft2(gradient, norm="forward")
        # By slices, and below by a product with a vector: sums over some of the axes are slow.
        grey = spectrum[:, :1] + spectrum[:, 1:2] + spectrum[:, 2:]
        spectrum.mul_(gains.colour).add_(grey * ((gains.grey - gains.colour) / 3))
        power = torch.view_as_real(spectrum).square().flatten(3) @ self._counts  # (N, 3, H)
        rms = (power.sum((1, 2)) / 3).sqrt() + RMS_FLOOR
        share = (rms**-normalised).view(-1, 1, 1, 1)
        return torch.fft.irfft2(spectrum.mul_(gains.band * share), s=self._size, norm="forward")


def _counts(width: int) -> np.ndarray:
    """Return how often each column of a real FFT counts in the picture's mean square.

    All but the first, and the last of an even width, stand for two columns of the full FFT."""
    counts = np.full(width // 2 + 1, 2.0)
    counts[0] = 1
    if width % 2 == 0:
        counts[-1] = 1
    return counts


@lru_cache(maxsize=8)
def _frequencies(height: int, width: int, device: torch.device) -> Frequencies:
    return Frequencies(height, width, device)


@lru_cache(maxsize=16)
def _gains(height: int, width: int, curve: Curve, device: torch.device) -> Gains:
    return _frequencies(height, width, device).gains(torch.tensor([curve], device=device))


def shape(gradient: Tensor, curve: Curve, normalised: bool) -> Tensor:
    """Do as `Frequencies.shape` with the gradient of one view."""
    if curve == NEUTRAL:
        return normalise(gradient) if normalised else gradient
    height, width = gradient.shape[-2:]
    gains = _gains(height, width, curve, gradient.device)
    return _frequencies(height, width, gradient.device).shape(gradient, gains, float(normalised))


def condition(gradient: Tensor, step: ViewStep, ascent: Ascent) -> Tensor:
    """Return the gradient of one view, conditioned in all but `limit`."""
    gradient = decorrelate(gradient, ascent.decorrelation)
    return shape(gradient, curve(step, ascent, gradient.shape[-2]), ascent.normalise)


def limit(direction: Tensor, largest: float = MAX_DIRECTION) -> Tensor:
    """Limit values softly, so that none exceeds `largest`; small ones stay as they are."""
    return torch.tanh(direction / largest) * largest
