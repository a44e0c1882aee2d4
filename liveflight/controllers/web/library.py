"""List the presets and cue lists for the page, and change the performer's own.

Everything goes by names that are looked up in a listing. What comes with the installation is never
changed, and nothing is replaced that was not named for it. Files are read and written here, so all
calls belong on a thread beside the frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from liveflight.controllers.web import preset_pictures
from liveflight.core.contracts import LiveflightError
from liveflight.storage import cue_lists, favourite_presets, preset_editing, presets


def listed() -> dict[str, Any]:
    """Return all presets and cue lists, as the page shows them."""
    return {"presets": _presets(), "cue_lists": _cue_lists()}


def edit(action: str, given: Mapping[str, Any]) -> str:
    """Do what the page asks for, and return a line that says what was done.

    Raises LiveflightError naming what is wrong, and what is allowed."""
    match action, given:
        case "rename preset", {"name": str(name), "to": str(new)}:
            preset_editing.rename(name, new.strip())
            return f"{name} is called {new.strip()} now"
        case "slot of preset", {"name": str(name), "slot": int() | None as slot} if not isinstance(
            slot, bool
        ):
            preset_editing.assign_slot(name, slot)
            return f"{name} has no number" if slot is None else f"{name} is number {slot}"
        case "save cues", {"name": str(name), "cues": list(cues)}:
            table = {"version": cue_lists.VERSION, "title": given.get("title", ""), "cue": cues}
            saved = cue_lists.parse(name.strip(), table)
            cue_lists.write(saved, replace=given.get("replace") is True)
            return f"cue list {saved.name} is saved"
    raise LiveflightError(
        f"{action[:40]!r}: allowed are 'rename preset', 'slot of preset' and 'save cues', "
        "with their names"
    )


def _presets() -> list[dict[str, Any]]:
    liked: tuple[str, ...] = ()
    with suppress(LiveflightError):  # reported when a favourite is set
        liked = favourite_presets.read()
    own, pictured = presets.own(), preset_pictures.known()
    found = []
    for name in presets.names():
        entry: dict[str, Any] = {"name": name, "own": name in own, "favourite": name in liked}
        entry["pictured"] = name.isprintable() and pictured(name)  # else no address can name it
        try:
            preset = presets.find(name)
        except LiveflightError as error:
            entry |= {"title": name, "about": str(error), "slot": None, "broken": True}
        else:
            title = preset.title or name
            entry |= {"title": title, "about": preset.about, "slot": preset.slot, "broken": False}
        found.append(entry)
    return found


def _cue_lists() -> list[dict[str, Any]]:
    found = []
    for name in cue_lists.names():
        with suppress(LiveflightError):
            cues = cue_lists.find(name)
            found.append({**cue_lists.table(cues), "name": name, "own": cue_lists.is_own(name)})
    return found
