"""Find the controls that an OSC address means, wildcards included.

Every remote control answers at its address and its alias, in any case, with or without
`/liveflight`; `/raw` or `/add` may follow. Trailing and doubled slashes are ignored. Wildcards are
those of OSC 1.0: `*`, `?`, `[a-z]`, `[!a-z]`, `{one,other}`; none crosses a `/`.

The matcher keeps the set of positions where the pattern so far can end. Its time is at most the
pattern's length times the address's, where a backtracking matcher may take exponential time.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Literal

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

Form = Literal["plain", "raw", "add"]

MAX_ADDRESS_BYTES = 256
"""Longest address."""
MAX_WILDCARDS = 8
"""Largest number of `*`, `?`, `[]`, `{}` and commas within `{}` in an address."""

_PREFIX = "/liveflight"
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_TOKEN = re.compile(r"[*?]|\[[^\[\]]+\]|\{[^{}]*\}|[^*?\[\]{}]+")

Token = tuple[str, ...] | frozenset[str] | None
"""One of these words, one of these characters, or (None) any text."""


def _known_addresses() -> dict[str, Control]:
    remote = [row for row in ROWS if row.remote]
    full = {row.address: row for row in remote} | {row.alias: row for row in remote if row.alias}
    return full | {address.removeprefix(_PREFIX): row for address, row in full.items()}


CONTROL_AT = _known_addresses()
"""Every address, and the control it means."""
_PATHS = {tuple(address.split("/")): row for address, row in CONTROL_AT.items()}
_ROOTS = {path[1] for path in _PATHS}
"""First parts of all addresses."""


class UnknownAddressError(LiveflightError):
    """Report an unknown address; the nearest known one is looked up when the text is read."""

    @property
    def foreign(self) -> bool:
        """Return whether it lies outside `/liveflight`, and so may be another program's."""
        return not f"{normalised(str(self.args[0]))}/".startswith(f"{_PREFIX}/")

    def __str__(self) -> str:
        address = str(self.args[0])
        prefixed = address.startswith(_PREFIX)
        known = [entry for entry in CONTROL_AT if entry.startswith(_PREFIX) == prefixed]
        return (
            f"{address[:80]!r} is no address{nearest(address, known)}; "
            "`liveflight controls` lists them all"
        )


def normalised(address: str) -> str:
    """Return the address in lower case, without doubled and trailing slashes."""
    if address.endswith("/") or "//" in address:
        address = "/" + "/".join(filter(None, address.split("/")))
    return address.lower()


def is_pattern(address: str) -> bool:
    """Return whether the address contains wildcards."""
    return any(sign in address for sign in "*?[]{}")


def resolve(address: str) -> tuple[list[Control], Form]:
    """Return the controls that an address means, at least one, and the form of their values.

    Raises LiveflightError; UnknownAddressError where it means none."""
    name, form = _split(normalised(address))
    root = name[1:].partition("/")[0]
    if root not in _ROOTS and not is_pattern(root):
        raise UnknownAddressError(address)
    if len(address.encode(errors="replace")) > MAX_ADDRESS_BYTES:
        raise LiveflightError(f"an address has at most {MAX_ADDRESS_BYTES} bytes")
    if name in CONTROL_AT:
        return [CONTROL_AT[name]], form
    found = _matching(name) if is_pattern(name) else ()
    if not found:
        raise UnknownAddressError(address)
    return list(found), form


def _split(address: str) -> tuple[str, Form]:
    if address.endswith("/raw"):
        return address.removesuffix("/raw"), "raw"
    if address.endswith("/add"):
        return address.removesuffix("/add"), "add"
    return address, "plain"


@lru_cache(maxsize=64)
def _matching(pattern: str) -> tuple[Control, ...]:
    if sum(pattern.count(sign) for sign in "*?[{,") > MAX_WILDCARDS:
        raise LiveflightError(f"an address has at most {MAX_WILDCARDS} wildcards and alternatives")
    parts = [_tokens(part) for part in pattern.split("/")]
    matches = cache(
        lambda place, name: _matches(parts[place], name)
    )  # most addresses share their first parts
    found = {
        row.key: row
        for names, row in _PATHS.items()
        if len(parts) == len(names) and all(map(matches, range(len(names)), names))
    }
    return tuple(found.values())


def _tokens(part: str) -> list[Token]:
    signs = _TOKEN.findall(part)
    if sum(map(len, signs)) != len(part):
        raise LiveflightError(f"{part[:80]!r} has an empty or unpaired bracket")
    return [_token(sign) for sign in signs]


def _token(sign: str) -> Token:
    match sign[0]:
        case "*":
            return None
        case "?":
            return _ALPHABET
        case "[":
            return _members(sign[1:-1])
        case "{":
            return tuple(sign[1:-1].split(","))
        case _:
            return (sign,)


def _members(ranges: str) -> frozenset[str]:
    """Return the characters that `a-z_` or `!a-z` stands for."""
    wanted = ranges.removeprefix("!")
    pairs = re.findall(r"(.)(?:-(.))?", wanted, re.DOTALL)
    members = {sign for low, high in pairs for sign in _ALPHABET if low <= sign <= (high or low)}
    return _ALPHABET - members if wanted != ranges else frozenset(members)


def _matches(tokens: list[Token], name: str) -> bool:
    """Return whether `tokens` match the whole name."""
    ends = {0}
    for token in tokens:
        ends = _ends(token, name, ends)
        if not ends:
            return False
    return len(name) in ends


def _ends(token: Token, name: str, starts: set[int]) -> set[int]:
    """Return where `token` can end in `name` if it begins at one of `starts`, at least one."""
    match token:
        case None:
            return set(range(min(starts), len(name) + 1))
        case frozenset():
            return {start + 1 for start in starts if name[start : start + 1] in token}
        case words:
            return {start + len(w) for w in words for start in starts if name.startswith(w, start)}
