"""Which controls an OSC address means, wildcards included.

Every remote control answers at its address and its alias, in any case, with or without
`/liveflight`; `/raw` or `/add` may follow. Slashes at the end and doubled ones do not count.
Wildcards are those of OSC 1.0: `*`, `?`, `[a-z]`, `[!a-z]`, `{one,other}`, none of which crosses a
`/`. The matcher keeps the set of places where the pattern so far can end: its time is the pattern's
length times the address's, whatever the pattern, where a backtracking one can take for ever.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Literal

from liveflight.core.contracts import LiveflightError, nearest
from liveflight.core.control import Control
from liveflight.core.controls import ROWS

Form = Literal["plain", "raw", "add"]

LONGEST = 256
"""Bytes of an address."""
MOST_WILDCARDS = 8
"""`*`, `?`, `[]` and `{}` of an address, and the commas in `{}`."""

_PREFIX = "/liveflight"
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_TOKEN = re.compile(r"[*?]|\[[^\[\]]+\]|\{[^{}]*\}|[^*?\[\]{}]+")

Token = tuple[str, ...] | frozenset[str] | None
"""One of these words, one of these characters, or (None) anything."""


def _book() -> dict[str, Control]:
    remote = [row for row in ROWS if row.remote]
    full = {row.address: row for row in remote} | {row.alias: row for row in remote if row.alias}
    return full | {address.removeprefix(_PREFIX): row for address, row in full.items()}


BOOK = _book()
"""Every address and the control it means."""
_PATHS = {tuple(address.split("/")): row for address, row in BOOK.items()}
_ROOTS = {path[1] for path in _PATHS}
"""How addresses begin."""


class UnknownAddressError(LiveflightError):
    """Made from the address; the nearest one is looked up only when the text is read."""

    @property
    def foreign(self) -> bool:
        """Whether it lies outside `/liveflight`, and so may be another program's."""
        return not f"{plainly(str(self.args[0]))}/".startswith(f"{_PREFIX}/")

    def __str__(self) -> str:
        address = str(self.args[0])
        prefixed = address.startswith(_PREFIX)
        known = [entry for entry in BOOK if entry.startswith(_PREFIX) == prefixed]
        return (
            f"{address[:80]!r} is no address{nearest(address, known)}; "
            "`liveflight controls` lists them all"
        )


def plainly(address: str) -> str:
    """Return the address in lower case, without doubled slashes and those at its end."""
    if address.endswith("/") or "//" in address:
        address = "/" + "/".join(filter(None, address.split("/")))
    return address.lower()


def is_pattern(address: str) -> bool:
    return any(sign in address for sign in "*?[]{}")


def resolve(address: str) -> tuple[list[Control], Form]:
    """The controls an address means, at least one, and in which form it speaks of them.

    Raises LiveflightError, of the kind UnknownAddressError where it means none."""
    name, form = _split(plainly(address))
    root = name[1:].partition("/")[0]
    if root not in _ROOTS and not is_pattern(root):
        raise UnknownAddressError(address)
    if len(address.encode(errors="replace")) > LONGEST:
        raise LiveflightError(f"an address has at most {LONGEST} bytes")
    if name in BOOK:
        return [BOOK[name]], form
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
    if sum(pattern.count(sign) for sign in "*?[{,") > MOST_WILDCARDS:
        raise LiveflightError(f"an address has at most {MOST_WILDCARDS} wildcards and alternatives")
    parts = [_tokens(part) for part in pattern.split("/")]
    covers = cache(lambda place, name: _covers(parts[place], name))  # most begin alike
    found = {
        row.key: row
        for names, row in _PATHS.items()
        if len(parts) == len(names) and all(map(covers, range(len(names)), names))
    }
    return tuple(found.values())


def _tokens(part: str) -> list[Token]:
    signs = _TOKEN.findall(part)
    if sum(map(len, signs)) != len(part):
        raise LiveflightError(f"{part[:80]!r} has a bracket that is empty or lacks its other half")
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
    """The characters that `a-z_` or `!a-z` stands for."""
    wanted = ranges.removeprefix("!")
    pairs = re.findall(r"(.)(?:-(.))?", wanted, re.DOTALL)
    members = {sign for low, high in pairs for sign in _ALPHABET if low <= sign <= (high or low)}
    return _ALPHABET - members if wanted != ranges else frozenset(members)


def _covers(tokens: list[Token], name: str) -> bool:
    """Whether `tokens` make up the whole name."""
    ends = {0}
    for token in tokens:
        ends = _ends(token, name, ends)
        if not ends:
            return False
    return len(name) in ends


def _ends(token: Token, name: str, starts: set[int]) -> set[int]:
    """Where `token` can end in `name` if it begins at one of `starts`, at least one."""
    match token:
        case None:
            return set(range(min(starts), len(name) + 1))
        case frozenset():
            return {start + 1 for start in starts if name[start : start + 1] in token}
        case words:
            return {start + len(w) for w in words for start in starts if name.startswith(w, start)}
