"""Write what rank 0 has the other ranks do as JSON, and read it back. Pure.

A message is a list of commands; each is a name and its arguments: numbers, texts, None, lists, and
the types below. Numbers arrive with every bit. What arrives is data: no name in it is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from liveflight.core.ascent import Upkeep
from liveflight.core.contracts import Ascent, LiveflightError, Target, Warp
from liveflight.core.tone import Tone
from liveflight.core.views import View

Command = tuple[str, list[Any]]
"""A name and arguments."""

_KINDS: dict[str, type] = {
    each.__name__: each for each in (Ascent, Target, Tone, Upkeep, View, Warp)
}
_KIND = "kind"
_MATRIX, _MIX = "matrix", "mix"


def encode(commands: Sequence[tuple[str, Sequence[Any]]]) -> bytes:
    """Return a message with these commands. Raises TypeError for what is none of the types."""
    plain = [[name, *map(_plain, given)] for name, given in commands]
    return json.dumps(plain, separators=(",", ":")).encode()


def decode(message: bytes) -> list[Command]:
    """Return the commands of a message. Raises LiveflightError where it is none."""
    try:
        return [
            (str(name), [_valued(each) for each in given]) for name, *given in json.loads(message)
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise LiveflightError(
            f"a message of rank 0 cannot be read ({error}): start all ranks with one version"
        ) from error


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        return {_KIND: type(value).__name__, **named}
    if isinstance(value, np.ndarray):
        return {_KIND: _MATRIX, "rows": value.tolist()}
    if isinstance(value, Mapping) and any(isinstance(key, Target) for key in value):
        return {_KIND: _MIX, "of": [[_plain(target), weight] for target, weight in value.items()]}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be sent to other ranks")


def _valued(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_valued(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain.pop(_KIND, None)
    if kind is None:
        return {key: _valued(each) for key, each in plain.items()}
    if kind == _MATRIX:
        return np.array(plain["rows"], np.float32)
    if kind == _MIX:
        return {_valued(target): float(weight) for target, weight in plain["of"]}
    return _KINDS[kind](**{key: _valued(each) for key, each in plain.items()})
