"""Say in plain words how a show crashed last, and what to try: `liveflight doctor --last`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from liveflight.supervision import crash_reports, show_log
from liveflight.supervision.crash_reports import CrashReport
from liveflight.supervision.status_lines import in_words

_SHOWN_LINES = 30
_DAY = timedelta(days=1)
_TOLD = ("network", "engine", "preset", "frames", "memory_mib", "gpu_temperature", "last_error")
"""Fields of the last heartbeat that are read aloud."""

_ADVICE = (
    (
        ("no space left", "disk quota"),
        "The disk is full: make room, or leave --record out.",
    ),
    (
        ("gpu is lost", "cuda error", "device-side", "gl context"),
        "The GPU or its driver failed: update the driver, and look at the GPU's temperature and"
        " power supply. --device cpu does without it.",
    ),
    (
        ("out of memory", "sigkill", "memoryerror", "bad_alloc"),
        "The machine ran out of memory, or somebody killed the show: look into the system's"
        " journal (journalctl -k | grep -i oom), try a smaller --canvas or --view, and see that"
        " memory does not grow in the lines of the log.",
    ),
    (
        ("no frame for", "hang"),
        "The show stood still: the stacks below say where. A driver or a device that does not"
        " answer is the usual reason; leave out --camera, --sound or --midi in turn.",
    ),
    (
        ("grew no more", "every step has failed"),
        "Every step of the network failed, and the picture stood still: the lines below name the"
        " reason. Try another --engine or --device, or a smaller --view.",
    ),
    (
        ("sigsegv", "sigabrt", "sigbus", "sigill", "sigfpe", "access violation"),
        "Native code failed; the stacks below name the part. Update the graphics driver, and try"
        " another --engine: liveflight doctor lists those that work.",
    ),
    (
        ("no display", "cannot open display"),
        "The desktop was not there: start the show after it, and switch off its log-out.",
    ),
)
"""Advice by words of the report; the first that fits counts."""
_ELSE = "Run liveflight doctor; the last lines below may name the reason."


def lines(folder: Path, now: datetime) -> list[str]:
    """Return what is known of the last crash of the show with that folder."""
    paths = crash_reports.paths(folder / "crashes")
    reports = [report for path in paths if (report := crash_reports.read(path))]
    log = show_log.last_lines(folder / "log", _SHOWN_LINES)
    if not reports:
        return ["no crash is known", *_section("the last lines of its log:", log)]
    last = reports[0]
    recent = sum(now - report.time <= _DAY for report in reports)
    return [*_story(last, recent, now), "", advice(last), *_last_lines(last, log)]


def advice(report: CrashReport) -> str:
    """Return what to try after a crash, from how it ended, else from what the log says."""
    for text in (report.how, "\n".join((report.fields.get("last_error", ""), *report.lines))):
        for words, said in _ADVICE:
            if any(word in text.lower() for word in words):
                return said
    return _ELSE


def _story(last: CrashReport, recent: int, now: datetime) -> Iterator[str]:
    ago = in_words((now - last.time).total_seconds())
    yield f"the last crash was on {last.time:%A, %d %B %Y at %H:%M:%S}, {ago} ago: {last.how}"
    if uptime := last.fields.get("uptime"):
        yield f"the show had run for {uptime}"
    often = f"{recent} crashes" if recent != 1 else "1 crash"
    if recent >= crash_reports.MOST:
        often = f"at least {often}"
    yield f"{often} in the last 24 hours"
    yield from (
        f"{key}: {last.fields[key]}" for key in _TOLD if last.fields.get(key, "None") != "None"
    )
    yield f"the whole report: {last.path}"


def _last_lines(last: CrashReport, log: Sequence[str]) -> list[str]:
    crashed = _section("the last lines before the crash:", last.lines[-_SHOWN_LINES:])
    since = [line for line in log if line not in set(last.lines)]
    return crashed + _section("the log since:", since)


def _section(title: str, found: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in found)] if found else []
