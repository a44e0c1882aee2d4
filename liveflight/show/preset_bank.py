"""The presets within a performer's reach. What a flight reads from the disk while it flies it asks
a shelf for; a log of the answers is enough to fly the same again where the files are others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from liveflight.core.contracts import LiveflightError
from liveflight.storage import favourites, presets
from liveflight.storage.presets import Preset


class RefusedBeforeError(LiveflightError):
    """What is asked for was refused in the recorded flight, and reported there."""


class PresetBank:
    """Every answer raises LiveflightError where there is no such preset, or it is broken."""

    def __init__(self) -> None:
        self.heard: Callable[[str, Preset], None] = lambda question, preset: None
        """Told of each answer."""
        self.passed: Callable[[object], None] = lambda trouble: None
        """Told of what is broken and passed over."""

    def find(self, text: str) -> Preset:
        """The preset of that name or slot number."""
        return self._answer(text, lambda: presets.find(text))

    def beside(self, name: str, step: int) -> Preset:
        """`step` on from `name` among the favourites, or among all, round and round; past those
        that are broken."""

        def look() -> Preset:
            names = self._walked()
            here = names.index(name) if name in names else (-1 if step > 0 else 0)
            further = [names[(here + n * step) % len(names)] for n in range(1, len(names))]
            return self._first([*further, names[here]])

        return self._answer(f"{step:+d}", look)

    def another(self, name: str, luck: float) -> Preset:
        """Another one than `name` among the favourites, or among all; `luck`, in 0..1, says which;
        past those that are broken."""

        def look() -> Preset:
            names = [other for other in self._walked() if other != name] or [name]
            chosen = int(luck * len(names))
            return self._first([*names[chosen:], *names[:chosen]])

        return self._answer("?", look)

    def _first(self, names: Sequence[str]) -> Preset:
        """Return the first that is not broken. Raises LiveflightError where all are."""
        for name in names[:-1]:
            try:
                return presets.find(name)
            except LiveflightError as error:
                self.passed(error)
        return presets.find(names[-1])

    def _walked(self) -> Sequence[str]:
        """Return the favourites; all presets where there are not two, or none can be read."""
        liked: Sequence[str] = ()
        try:
            liked = favourites.read()
        except LiveflightError as error:
            self.passed(error)
        names = liked if len(liked) > 1 else presets.names()
        if not names:
            raise LiveflightError("there are no presets")
        return names

    def _answer(self, question: str, look: Callable[[], Preset]) -> Preset:
        preset = look()
        self.heard(question, preset)
        return preset


class RecordedPresetBank(PresetBank):
    """Answers what was answered before, and reads nothing. Each question has its own order: at
    another rate, what was asked within a frame or two may be asked the other way round."""

    def __init__(self, answers: Iterable[tuple[str, Preset]]) -> None:
        super().__init__()
        self._answers: dict[str, deque[Preset]] = {}
        for question, preset in answers:
            self._answers.setdefault(question, deque()).append(preset)

    def _answer(self, question: str, look: Callable[[], Preset]) -> Preset:
        answers = self._answers.get(question)
        if not answers:
            raise RefusedBeforeError(f"the log has no answer to {question[:60]!r}")
        preset = answers.popleft() if len(answers) > 1 else answers[0]
        self.heard(question, preset)
        return preset
