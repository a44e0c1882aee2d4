"""Ascend as other programs do, for `bench --peers`.

Each class takes torchvision's VGG, the position of a layer in its `features`, and a filter.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RATE = 0.1
"""Adam's step size in the recipes in circulation."""


class Climber(Protocol):
    """An ascent whose picture can be read between steps."""

    def step(self) -> None:
        """Take one step."""

    def picture(self) -> np.ndarray:
        """Return the picture: float32 (H, W, 3) in 0..1."""
        ...


class CommonRecipe:
    """Ascend as the common forty-line recipe does.

    It runs the whole stack of features with a forward hook on the layer, leaves the gradients of
    the weights on as torchvision does, and applies Adam to the normalised picture, in float32."""

    def __init__(self, features: nn.Module, place: int, number: int, start: np.ndarray) -> None:
        self._features = copy.deepcopy(features).requires_grad_(True)
        self._seen: list[Tensor] = []
        layers = list(self._features.children())
        layers[place].register_forward_hook(lambda module, given, out: self._seen.append(out))
        self._number = number
        self._image = _normalised(start, features).requires_grad_(True)
        self._adam = torch.optim.Adam([self._image], lr=_RATE)

    def step(self) -> None:
        self._seen.clear()
        self._adam.zero_grad()
        self._features(self._image)
        loss = -self._seen[0][0, self._number].mean()
        loss.backward()
        self._adam.step()

    def picture(self) -> np.ndarray:
        return _picture(self._image)


class TruncatedRecipe:
    """Ascend with the recipe's first two improvements, in plain eager autograd and float32.

    Nothing runs past the layer, and weights have no gradients."""

    def __init__(self, features: nn.Module, place: int, number: int, start: np.ndarray) -> None:
        layers = list(copy.deepcopy(features).children())[: place + 1]
        self._features = nn.Sequential(*layers).requires_grad_(False)
        self._number = number
        self._image = _normalised(start, features).requires_grad_(True)
        self._adam = torch.optim.Adam([self._image], lr=_RATE)

    def step(self) -> None:
        loss = -self._features(self._image)[0, self._number].mean()
        (self._image.grad,) = torch.autograd.grad(loss, self._image)
        self._adam.step()

    def picture(self) -> np.ndarray:
        return _picture(self._image)


class Lucent:
    """Ascend with `lucent.optvis.render.render_vis` and its own defaults.

    Those are a Fourier parametrisation with decorrelated colours, the standard transforms, which
    pad the picture by 12 pixels, Adam at 0.05, and the whole model with its classifier. Raises
    ImportError where lucent is not installed."""

    def __init__(self, model: nn.Module, place: int, number: int, side: int) -> None:
        with warnings.catch_warnings(action="ignore"):  # lucent uses deprecated calls
            from lucent.optvis import param, render
        self._param, self._render = param, render
        self._model, self._goal, self._side = model, f"features_{place}:{number}", side

    def start(self, seed: int) -> np.ndarray:
        """Return the picture that a run from this seed starts from."""
        torch.manual_seed(seed)
        _, image = self._param.image(self._side)
        with torch.no_grad():
            return image()[0].permute(1, 2, 0).cpu().numpy()

    def run(
        self, steps: int, seed: int, finish: Callable[[], None]
    ) -> tuple[list[float], np.ndarray]:
        """Take this many steps from the start; return the seconds of each, and the picture."""
        taken: list[float] = []

        class Timed(torch.optim.Adam):
            def step(self, closure: Any = None) -> Any:
                begun = time.perf_counter()
                loss = super().step(closure)
                finish()
                taken.append(time.perf_counter() - begun)
                return loss

        torch.manual_seed(seed)
        np.random.seed(seed)
        with warnings.catch_warnings(action="ignore"):
            pictures = self._render.render_vis(
                self._model,
                self._goal,
                param_f=lambda: self._param.image(self._side),
                optimizer=lambda parameters: Timed(parameters, lr=0.05),
                thresholds=(steps,),
                progress=False,
                show_image=False,
            )
        for module in self._model.modules():  # lucent leaves its hooks behind
            module._forward_hooks.clear()
        return taken, pictures[0][0]


def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, deviation = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, DEVIATION)
    )
    return mean, deviation


def _normalised(picture: np.ndarray, features: nn.Module) -> Tensor:
    device = next(features.parameters()).device
    mean, deviation = _statistics(device)
    rgb = torch.from_numpy(np.ascontiguousarray(picture)).float().to(device)
    return ((rgb.permute(2, 0, 1)[None] - mean) / deviation).contiguous()


def _picture(image: Tensor) -> np.ndarray:
    mean, deviation = _statistics(image.device)
    rgb = (image.detach() * deviation + mean).clamp(0, 1)
    return rgb[0].permute(1, 2, 0).cpu().numpy()


@torch.no_grad()
def activation(features: nn.Module, place: int, number: int, picture: np.ndarray) -> float:
    """Return the filter's mean over the layer before its ReLU, by torchvision's own modules."""
    seen = _normalised(picture, features)
    for layer in list(features.children())[: place + 1]:
        seen = layer(seen)
    return float(seen[0, number].mean())
