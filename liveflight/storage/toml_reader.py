"""Read text and TOML as editors leave it, write TOML, and explain mistakes in plain words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any

import rtoml

from liveflight.core.contracts import LiveflightError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
"""The first bytes of the `._name` that macOS puts beside `name` on foreign disks."""
_DEEP = re.compile(r"""^(?:[^="'#\n.]*\.){16}""", re.MULTILINE)
"""A dotted key of 16 parts or more: parsing time grows with the square of their number."""
_PLACE = re.compile(r" at line (\d+) column \d+$")
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")
_MAX_LINE = 200
"""Characters of a line that are searched for a mistake."""

_MISTAKES = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"^\s*<", "it is a web page, not TOML: download the file itself"),
        (r"^\s*\{", "it is JSON, not TOML: write name = value, one a line"),
        (r"^\s*(?://|;|--|/\*|%)", "a comment begins with #"),
        (r"[\u2018-\u201f\u00ab\u00bb\uff02]", 'write plain quotation marks: "'),
        (r"[\u00a0\u2000-\u200f\u202f\u3000\ufeff]", "it holds a special space: type plain ones"),
        (r"[\u2212\u2013\u2014]\s*\.?\d", "write a plain minus: -"),
        (r"==", "write one ="),
        (r"^[^={]*=[^={\[]*\s[\w.-]+\s*=", "each name = value has a line of its own"),
        (r"=\s*([-+]?\d+),(\d+)", r"a fraction has a point, not a comma: \1.\2"),
        (r"=\s*([-+]?)0+(\d+)", r"a number begins with no 0: \1\2"),
        (r"=\s*([-+]?)\.(\d+)", r"a number begins with a digit: \g<1>0.\2"),
        (r"=\s*([-+]?\d+)\.(?!\d)", r"a number ends with a digit: \1.0"),
        (r"=\s*([-+]?\d[\d_.]*)\s*[^\s\d_.,#\]}]", r"write the number alone: \1"),
        (r"=\s*(?!(?-i:true|false)\b)(?:true|false)\b", "true and false have no capitals"),
        (r"=\s*(yes|no|on|off)\b", r'a switch is true or false; a choice is in quotes: "\1"'),
        (r"=\s*([a-z][\w -]*\w)", r'text is written in quotation marks: "\1"'),
        (r"=\s*$", "there is no value after ="),
        (r"^\s*([\w.-]+)\s*:", r"write an equals sign: \1 ="),
        (r"^\s*\[+\s*([\w.-]+)[^\]]*$", r"a table's name stands in brackets: [\1]"),
        (r"^\s*([\w.-]+)\]", r"a table's name stands in brackets: [\1]"),
        (r"[\"']", "a quotation mark is missing: text begins and ends with one"),
        (r"^\s*([\w.-]+)(?:\s+[-+.\d\0]|\s*$)", r"an equals sign is missing: \1 = ..."),
    )
)
"""Patterns of lines with a mistake, and what to write; the first that fits counts.

They are applied to a line without its texts and its comment."""
_PARSER_MESSAGES = {
    "duplicate key": "it is there twice: leave one out",
    "missing comma": "a comma is missing between two entries of a list, or the ] of the one before",
    "missing escaped": r"a backslash is written twice: \\",
    "unclosed array": "the ] at the end of a list is missing",
    "integer number overflowed": "the number is too large",
}
"""Beginnings of the parser's messages, and what to do."""


def encoding(head: bytes) -> str:
    """Return the codec of a text by its first four bytes.

    Found by the byte order mark, or by a zero byte on one side of the first letter; else UTF-8."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    match [byte > 0 for byte in head[:2]]:
        case [True, False]:
            return "utf-16-le"
        case [False, True]:
            return "utf-16-be"
    return "utf-8"


def decode(data: bytes) -> str:
    """Return the text of a file, its lines ended by `\\n`.

    Decodes UTF-8, UTF-16 and UTF-32, and anything else as Windows-1252. Raises LiveflightError for
    what is no text."""
    if data.startswith(_APPLE_DOUBLE):
        raise LiveflightError("it is only macOS's note on a file: take the one without ._")
    codec = encoding(data[:4])
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        if codec != "utf-8":
            name = codec.upper()[:6]
            raise LiveflightError(f"it is damaged {name} text: save it as UTF-8") from error
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise LiveflightError(f"line {line}: it holds a zero byte, and is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises LiveflightError naming the line, what is wrong in it and what to write, RecursionError
    for deep nesting. Uses rtoml, which takes a tenth of tomllib's time."""
    if _DEEP.search(text):
        raise RecursionError
    try:
        return rtoml.loads(text)
    except rtoml.TomlParsingError as error:
        if "recurs" in str(error):
            raise RecursionError from error
        raise LiveflightError(_explained(text, str(error))) from error


def dump(data: Mapping[str, Any]) -> str:
    """Return the TOML text of a table; values come before the tables in it."""
    return rtoml.dumps(data)


def _explained(text: str, message: str) -> str:
    """Return the parser's message in plain words, if the mistake is a usual one."""
    place = _PLACE.search(message)
    if not place:
        return message
    number = int(place[1])
    line = text.split("\n", number)[number - 1][:_MAX_LINE]
    where = f"line {number}, {line.strip()[:40]!r}"
    for beginning, advice in _PARSER_MESSAGES.items():
        if message.startswith(beginning):
            return f"{where}: {advice}"
    bare = _TEXT.sub("\0", line).partition("#")[0]
    for pattern, advice in _MISTAKES:
        if found := pattern.search(bare):
            return f"{where}: {found.expand(advice)}"
    return f"{where}: {message[: place.start()]}"
