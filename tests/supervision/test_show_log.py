from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from liveflight.supervision import show_log
from liveflight.supervision.show_log import NAME, ShowLog, last_lines


class Times:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def log(tmp_path: Path, times: Times) -> ShowLog:
    return ShowLog(tmp_path / "log", clock=times)


def written(tmp_path: Path) -> list[str]:
    return (tmp_path / "log" / NAME).read_text(encoding="utf-8").splitlines()


def test_each_line_has_time_offset_and_level(
    log: ShowLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write("info", "preset: reef")
    log.child_line("liveflight: no sound\n")
    first, second = written(tmp_path)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d "
    assert re.fullmatch(f"{stamp}info    preset: reef", first)
    assert re.fullmatch(f"{stamp}show    liveflight: no sound", second)
    assert log.tail(1) == [second] and log.tail(9) == [first, second] and log.tail(0) == []
    assert capsys.readouterr().err == "liveflight: no sound\n"  # faults alone


def test_lines_are_of_bounded_length_and_harmless_to_a_terminal(log: ShowLog) -> None:
    log.child_line("\x1b[2J" + "\x00\u202e\udc80\t" + "ä" * 5000)
    (line,) = log.tail(1)
    assert r"\x1b[2J\x00\u202e\udc80" in line and line.endswith("ä...")
    assert len(line) < 1100 and line.isprintable()


def test_an_empty_line_of_the_show_is_left_out(log: ShowLog) -> None:
    log.child_line(" \r\n")
    assert log.tail(5) == []


def test_files_rotate_and_the_oldest_goes(tmp_path: Path) -> None:
    log = ShowLog(tmp_path, file_bytes=300)
    for number in range(100):
        log.write("info", f"line {number}: {'x' * 100}")
    files = sorted(tmp_path.iterdir())
    assert 8 < len(files) <= 10
    assert all(file.stat().st_size < 600 for file in files)
    kept = [int(re.findall(r"line (\d+)", line)[0]) for line in last_lines(tmp_path, 1000)]
    assert kept == list(range(kept[0], 100)) and 15 < len(kept) < 40


def test_the_last_lines_come_from_the_files_after_a_restart(tmp_path: Path) -> None:
    ShowLog(tmp_path).write("info", "before")
    assert ShowLog(tmp_path).tail(1)[0].endswith("before")
    assert last_lines(tmp_path / "nowhere", 5) == []


def test_a_full_disk_is_said_once_and_the_log_goes_on_later(
    log: ShowLog,
    times: Times,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.write("info", "one")
    with monkeypatch.context() as full:
        full.setattr(os, "write", _no_room)
        for number in range(50):
            times.seconds += 1
            log.write("info", f"lost {number}")
    times.seconds += 20
    log.write("info", "two")
    texts = [line.split(" ", 2)[2].strip() for line in written(tmp_path)]
    assert texts == ["one", "two", "the log can be written again: lines are missing before"]
    said = capsys.readouterr().err
    assert said.count("the log cannot be written, the show goes on") == 1
    assert any(line.endswith("lost 49") for line in log.tail(5)), "kept in memory"


def _no_room(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_half_a_line_on_a_full_disk_is_taken_back(
    log: ShowLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Callable[[int, bytes], int] = os.write
    log.write("info", "one")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, data: whole(file, data[:7]))
        log.write("info", "two")
    assert [line[-3:] for line in written(tmp_path)] == ["one"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_device_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_log, "_PLAIN", 0)
    (tmp_path / NAME).symlink_to("/dev/full")
    log = ShowLog(tmp_path)
    log.write("info", "one")
    assert log.tail(1)[0].endswith("one")


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("a file")
    log = ShowLog(tmp_path / "log")
    log.write("error", "one")
    log.write("error", "two")
    assert [line[-3:] for line in log.tail(2)] == ["one", "two"]
    assert "cannot be written" in capsys.readouterr().err


def test_a_flood_fills_one_file_at_most_and_is_counted(
    log: ShowLog, times: Times, tmp_path: Path
) -> None:
    for number in range(4000):
        log.child_line(f"{number} {'x' * 900}")
    assert sum(file.stat().st_size for file in (tmp_path / "log").iterdir()) < 2 * 2**20
    assert log.tail(1)[0].split()[2] == "3999", "the newest stay for a crash report"
    times.seconds += 600
    log.child_line("quiet again")
    *_, told, last = written(tmp_path)
    assert re.search(r"warning \d{4} lines of the show left out", told)
    assert last.endswith("quiet again")
    log.write("info", "the supervisor's own lines are never left out")
    assert "never left out" in written(tmp_path)[-1]


def test_threads_share_it(log: ShowLog, tmp_path: Path) -> None:
    def work(name: str) -> None:
        for number in range(50):
            log.child_line(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written(tmp_path)) == 200
