"""Suggest what was meant by a command or option that does not exist."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from liveflight import networks
from liveflight.core.contracts import closest
from liveflight.storage import cue_lists, named_files, presets


def advice(word: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    """Return the error about an unknown word on the command line.

    `command` is the command given, empty for none; `options` are the options of each command."""
    if word[:1] in "-\u2013\u2014":  # word processors make two hyphens into a dash
        return _option(word.partition("=")[0], command or "fly", options)
    if word in options:
        return f"{word!r} is a command and comes first: liveflight {word} ..."
    known = {} if command else {name: f"liveflight {name}" for name in options}
    known |= _flights("liveflight render" if command == "render" else "liveflight", word)
    line = known.get(closest(word, known))
    meant = f"; did you mean `{line}`?" if line else ""
    if not command:
        return f"there is no command {word[:60]!r}{meant}; `liveflight --help` lists them"
    return f"`liveflight {command}` takes no {word[:60]!r}{meant}"


def _option(name: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    problem = f"`liveflight {command}` has no option {name[:60]!r}"
    other = next((each for each, known in options.items() if name in known), "")
    if other:
        return f"{problem}: it is one of `liveflight {other}`"
    close = closest(name, options[command])
    meant = f"; did you mean {close!r}?" if close else ""
    return f"{problem}{meant}; `liveflight {command} --help` lists them"


def _flights(begun: str, word: str) -> dict[str, str]:
    """Return the command that flies each network, cue list and preset, by its name."""
    kinds = {
        "--network": networks.names(),
        "--cues": cue_lists.names(),
        "--preset": presets.names(),
    }
    if named_files.as_path(word):
        kinds["--preset"] = (word,)
    return {
        name: f"{begun} {option} {shlex.quote(name)}"
        for option, names in kinds.items()
        for name in names
    }
