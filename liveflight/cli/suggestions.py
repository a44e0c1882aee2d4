"""Say what somebody may have meant who typed a command or an option that there is not."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from liveflight import networks
from liveflight.core.contracts import closest
from liveflight.storage import cue_lists, library, presets


def advice(word: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    """Return an error about a word that was not understood. `command` is what was given, empty for
    none; `options` are each command's."""
    if word[:1] in "-\u2013\u2014":  # word processors make two hyphens into a dash
        return _option(word.partition("=")[0], command or "fly", options)
    if word in options:
        return f"{word!r} is a command and comes first: liveflight {word} ..."
    ways = {} if command else {name: f"liveflight {name}" for name in options}
    ways |= _flights("liveflight render" if command == "render" else "liveflight", word)
    way = ways.get(closest(word, ways))
    meant = f"; did you mean `{way}`?" if way else ""
    if not command:
        return f"there is no command {word[:60]!r}{meant}; `liveflight --help` lists them"
    return f"`liveflight {command}` takes no {word[:60]!r}{meant}"


def _option(name: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    said = f"`liveflight {command}` has no option {name[:60]!r}"
    other = next((each for each, known in options.items() if name in known), "")
    if other:
        return f"{said}: it is one of `liveflight {other}`"
    close = closest(name, options[command])
    meant = f"; did you mean {close!r}?" if close else ""
    return f"{said}{meant}; `liveflight {command} --help` lists them"


def _flights(begun: str, word: str) -> dict[str, str]:
    """Return what can be flown by name, and by which command."""
    kinds = {
        "--network": networks.names(),
        "--cues": cue_lists.names(),
        "--preset": presets.names(),
    }
    if library.as_path(word):
        kinds["--preset"] = (word,)
    return {
        name: f"{begun} {option} {shlex.quote(name)}"
        for option, names in kinds.items()
        for name in names
    }
