"""Look up presets for a flight, or repeat the answers of a recorded one.

A flight reads presets through a navigator alone. A log of its answers is enough to fly the same
again where the files differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from liveflight.core.contracts import LiveflightError
from liveflight.storage import favourite_presets, presets
from liveflight.storage.cue_lists import CueList
from liveflight.storage.presets import Preset

T = TypeVar("T")


class RefusedBeforeError(LiveflightError):
    """Say that the recorded flight refused this preset, too, and reported it then."""


class PresetNavigator:
    """Find presets; every method raises LiveflightError where a preset is missing or broken."""

    def __init__(self) -> None:
        self.on_answer: Callable[[str, Preset], None] = lambda question, preset: None
        """Called with each question and its answer."""
        self.on_fault: Callable[[object], None] = lambda fault: None
        """Called with the error of each broken file that is skipped."""

    def find(self, text: str) -> Preset:
        """Return the preset of that name or slot number."""
        return self._answer(text, lambda: presets.find(text))

    def beside(self, name: str, step: int) -> Preset:
        """Return the preset `step` after `name`, wrapping round, without broken ones.

        Goes through the favourites, or through all where there are not two."""

        def look() -> Preset:
            names = self._candidates()
            here = names.index(name) if name in names else (-1 if step > 0 else 0)
            further = [names[(here + n * step) % len(names)] for n in range(1, len(names))]
            return self._first([*further, names[here]])

        return self._answer(f"{step:+d}", look)

    def another(self, name: str, chance: float) -> Preset:
        """Return another preset than `name`, chosen by `chance` in 0..1, without broken ones.

        Chooses among the favourites, or among all where there are not two."""

        def look() -> Preset:
            names = [other for other in self._candidates() if other != name] or [name]
            chosen = int(chance * len(names))
            return self._first([*names[chosen:], *names[:chosen]])

        return self._answer("?", look)

    def _first(self, names: Sequence[str]) -> Preset:
        """Return the first that is not broken. Raises LiveflightError where all are."""
        for name in names[:-1]:
            try:
                return presets.find(name)
            except LiveflightError as error:
                self.on_fault(error)
        return presets.find(names[-1])

    def _candidates(self) -> Sequence[str]:
        """Return the favourites; all presets where there are not two, or they cannot be read."""
        liked: Sequence[str] = ()
        try:
            liked = favourite_presets.read()
        except LiveflightError as error:
            self.on_fault(error)
        names = liked if len(liked) > 1 else presets.names()
        if not names:
            raise LiveflightError("there are no presets")
        return names

    def _answer(self, question: str, look: Callable[[], Preset]) -> Preset:
        preset = look()
        self.on_answer(question, preset)
        return preset


class RecordedPresetNavigator(PresetNavigator):
    """Repeat the answers of a recorded flight; reads no files.

    Each question has its own order: at another frame rate, questions asked within a frame or two
    may come in another order."""

    def __init__(self, answers: Iterable[tuple[str, Preset]]) -> None:
        super().__init__()
        self._answers: dict[str, deque[Preset]] = {}
        for question, preset in answers:
            self._answers.setdefault(question, deque()).append(preset)

    def _answer(self, question: str, look: Callable[[], Preset]) -> Preset:
        preset = _next(self._answers, question)
        self.on_answer(question, preset)
        return preset


class RecordedCueLists:
    """Repeat which cue lists a recorded flight found; reads no files."""

    def __init__(self, lists: Iterable[CueList]) -> None:
        self._lists: dict[str, deque[CueList]] = {}
        for each in lists:
            self._lists.setdefault(each.name, deque()).append(each)

    def find(self, name: str) -> CueList:
        """Return the list of that name. Raises RefusedBeforeError where there was none."""
        return _next(self._lists, name)


def _next(answers: Mapping[str, deque[T]], question: str) -> T:
    """Return the next answer; the last one stays."""
    found = answers.get(question)
    if not found:
        raise RefusedBeforeError(f"the log has no answer to {question[:60]!r}")
    return found.popleft() if len(found) > 1 else found[0]
