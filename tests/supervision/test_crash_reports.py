from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from liveflight import __version__
from liveflight.__main__ import main
from liveflight.supervision import crash_reports, last_crash
from liveflight.supervision.show_log import ShowLog

NOW = datetime(2026, 11, 30, 14, 2, 5)
BEAT = {"frames": 1234, "network": "vgg16", "memory_mib": 812.5, "uptime_seconds": 11520}


def crash(folder: Path, how: str = "killed by SIGSEGV", ago: float = 60.0) -> Path:
    at = NOW - timedelta(seconds=ago)
    log = ["one", "Fatal Python error: Segmentation fault", "  File 'x.py', line 3 in f"]
    path = crash_reports.write(folder / "crashes", how, BEAT, log, lambda: at)
    assert path
    return path


def test_a_report_reads_back(tmp_path: Path) -> None:
    path = crash(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    report = crash_reports.read(path)
    assert report
    assert report.time == (NOW - timedelta(seconds=60)).astimezone()
    assert report.how == "killed by SIGSEGV"
    assert report.fields["uptime"] == "3 h 12 min"
    assert report.fields["liveflight"] == __version__
    assert report.fields["frames"] == "1234"
    assert report.lines[-1] == "  File 'x.py', line 3 in f"


def test_the_newest_are_kept(tmp_path: Path) -> None:
    made = [crash(tmp_path, ago=1000 - number // 2) for number in range(60)]
    kept = crash_reports.paths(tmp_path / "crashes")
    assert kept == made[:-51:-1], "two in a second are in order too"


def test_of_the_log_the_last_two_hundred_lines(tmp_path: Path) -> None:
    path = crash_reports.write(tmp_path, "ended with code 1", {}, [f"{n}" for n in range(500)])
    assert path
    report = crash_reports.read(path)
    assert report and report.lines == tuple(str(number) for number in range(300, 500))


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "crashes").write_text("a file")
    assert crash_reports.write(tmp_path / "crashes", "x", {}, []) is None


@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"time: never\nended: x\n", b"time: "])
def test_a_damaged_report_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    crash(tmp_path, "ended with code 1", ago=100)
    crash(tmp_path).write_bytes(damage)
    assert "ended with code 1" in "\n".join(last_crash.lines(tmp_path, NOW.astimezone()))


def test_the_last_crash_is_read_aloud(tmp_path: Path) -> None:
    log = ShowLog(tmp_path / "log")
    log.write("info", "back in 1 s")
    for ago in (100_000, 7200, 3600):
        crash(tmp_path, ago=ago)
    said = "\n".join(last_crash.lines(tmp_path, NOW.astimezone()))
    assert "Monday, 30 November 2026 at 13:02:05, 1 h ago: killed by SIGSEGV" in said
    assert "the show had run for 3 h 12 min" in said
    assert "2 crashes in the last 24 hours" in said
    assert "try another --engine" in said
    assert "  File 'x.py', line 3 in f" in said
    assert "back in 1 s" in said


def test_lines_from_before_the_crash_are_not_read_twice(tmp_path: Path) -> None:
    log = ShowLog(tmp_path / "log")
    log.child_line("x" * 3000)
    status = {"network": None, "preset": "reef"}
    assert crash_reports.write(tmp_path / "crashes", "killed by SIGKILL", status, log.tail(9))
    said = "\n".join(last_crash.lines(tmp_path, datetime.now().astimezone()))
    assert said.count("xxx...") == 1 and "the log since" not in said
    assert "preset: reef" in said and "network" not in said


@pytest.mark.parametrize(
    ("how", "tail", "said"),
    [
        ("killed by SIGKILL", [], "out of memory"),
        ("no frame for 15 seconds", [], "stood still"),
        ("the GPU is lost", [], "update the driver"),
        ("the picture grew no more", [], "Every step"),
        ("ended with code 1", ["OSError: No space left on device"], "disk is full"),
        ("ended with code 1", ["RuntimeError: CUDA error: x"], "update the driver"),
        ("ended with code 1", [], "liveflight doctor"),
    ],
)
def test_what_to_try(tmp_path: Path, how: str, tail: list[str], said: str) -> None:
    path = crash_reports.write(tmp_path, how, {}, tail)
    report = path and crash_reports.read(path)
    assert report and said in last_crash.advice(report)


def test_doctor_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["doctor", "--last"]) == 0
    assert capsys.readouterr().out == "no crash is known\n"
    crash(tmp_path / "liveflight" / "hall", "no frame for 15 seconds")
    assert main(["doctor", "--last", "--name", "hall"]) == 0
    assert "no frame for 15 seconds" in capsys.readouterr().out
    assert main(["doctor", "--last", "--name", "../hall"]) == 2
    assert "show name '../hall'" in capsys.readouterr().err
