from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.supervision.show_lock import ShowLock

HOLDER = """
import sys; from pathlib import Path
from liveflight.supervision.show_lock import ShowLock
lock = ShowLock(Path(sys.argv[1]), "show"); print(lock.left_running, flush=True); input()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_a_second_supervisor_of_a_name_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "show"
    with hold(folder) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "False\n"
        with pytest.raises(LiveflightError, match=r"'show' is running already.*--name"):
            ShowLock(folder, "show")
        other_name = ShowLock(tmp_path / "state" / "other", "other")
        other_name.end()
        other.kill()
    lock = ShowLock(folder, "show")
    assert lock.left_running  # it did not end in order
    lock.end()
    lock = ShowLock(folder, "show")
    assert not lock.left_running
    lock.end()


def test_it_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    lock = ShowLock(folder, "show")
    assert (folder.stat().st_mode & 0o777, (folder / "lock").stat().st_mode & 0o777) == (
        *(0o700, 0o600),
    )
    lock.end()
    lock.end()


def test_a_machine_that_can_keep_nothing_runs_a_show(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lock = ShowLock(tmp_path / "file" / "show", "show")
    assert not lock.left_running
    lock.end()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_does_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.mkdir()
    (folder / "lock").symlink_to("/dev/full")
    lock = ShowLock(folder, "show")
    lock.end()


def test_a_supervisor_killed_on_a_full_disk_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(file: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        killed = ShowLock(tmp_path, "show")
        os.close(killed._file)
    lock = ShowLock(tmp_path, "show")
    assert lock.left_running
    lock.end()
