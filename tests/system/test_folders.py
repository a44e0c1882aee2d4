"""Test which of the user's folders are trusted, and the messages where there are none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveflight.controllers.midi import bindings
from liveflight.core.contracts import LiveflightError
from liveflight.networks import weights
from liveflight.storage import favourite_presets, presets
from liveflight.storage.presets import Preset
from liveflight.system import folders

posix = pytest.mark.skipif(os.name != "posix", reason="these are POSIX's modes")


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# What is ours alone


@posix
def test_folders_and_files_are_made_for_this_user_alone(tmp_path: Path, no_umask: None) -> None:
    folder = folders.private(tmp_path / "cache" / "liveflight" / "kernels")
    folders.write(folder / "k.so", b"code")
    for made in (folder, *folder.parents[:2]):
        assert mode(made) == 0o700
    assert mode(folder / "k.so") == 0o600
    assert folders.read(folder / "k.so", 4) == b"code"
    assert [path.name for path in folder.iterdir()] == ["k.so"]


@posix
@pytest.mark.parametrize("bits", [0o777, 0o775, 0o702])
def test_what_lies_below_a_folder_of_others_is_not_used(
    bits: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(bits)
    for _ in range(2):
        with pytest.raises(PermissionError, match="others can write to"):
            folders.private(tmp_path / "shared" / "liveflight")
    (record,) = caplog.records
    assert "chmod go-w" in record.message and "XDG_CACHE_HOME" in record.message


@posix
def test_where_only_owners_may_rename_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    assert folders.private(tmp_path / "tmp" / "liveflight").is_dir()


@posix
def test_a_link_leads_to_what_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "theirs")
    assert folders.private(tmp_path / "cache" / "x") == tmp_path.resolve() / "theirs" / "x"
    (tmp_path / "theirs").chmod(0o777)
    with pytest.raises(PermissionError, match="theirs"):
        folders.private(tmp_path / "cache" / "x")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="takes root to give away")
def test_another_users_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    os.chown(tmp_path / "cache", 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        folders.private(tmp_path / "cache" / "liveflight")


@posix
def test_a_folder_of_our_own_is_closed_and_what_others_could_write_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "caches", lambda: tmp_path / "liveflight")
    folder = tmp_path / "liveflight" / "graphs"
    folder.mkdir(parents=True)
    (folder / "open").write_bytes(b"planted")
    (folder / "open").chmod(0o666)
    (folder / "link").symlink_to(folder / "own")
    os.mkfifo(folder / "pipe", 0o600)
    folder.chmod(0o777)
    folder.parent.chmod(0o775)
    assert folders.private(folder) == folder.resolve()
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o700)
    folders.write(folder / "own", b"ours")
    assert folders.read(folder / "own", 4) == b"ours"
    for name in ("open", "pipe", "link"):
        with pytest.raises(OSError):
            folders.read(folder / name, 100)
    with pytest.raises(PermissionError):
        folders.read(folder / "own", 3)


@posix
@pytest.mark.parametrize("place", ["home/.cache/liveflight", "liveflight"])
def test_a_teams_folder_that_is_called_as_we_are_stays_open(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder may be a checkout, or a user's home."""
    team = tmp_path / "liveflight"
    caches = team / place
    monkeypatch.setattr(folders, "caches", lambda: caches)
    (caches / "graphs").mkdir(parents=True)
    team.chmod(0o775)
    with pytest.raises(PermissionError, match=f"others can write to {team.resolve()}"):
        folders.private(caches / "graphs")
    assert mode(team) == 0o775


@posix
def test_temporary_files_are_ours_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    with folders.temporary() as folder:
        assert mode(folder) == 0o700
    assert not folder.exists()
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="TMPDIR"), folders.temporary():
        pass


# Where nothing can be kept


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as for a user without HOME and without an entry in the system's list."""

    def unknown(*given: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    for name in ("user_config_path", "user_pictures_path", "user_videos_path", "user_cache_dir"):
        monkeypatch.setattr(folders.platformdirs, name, unknown)
    monkeypatch.setenv("XDG_CONFIG_HOME", "another key of the cache of paths")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_there_are_the_shipped_presets_and_nothing_is_kept(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "reef" in presets.names()
    assert favourite_presets.read() == ()
    assert list(bindings.read(bindings.default_path())) == []
    for keep in (
        lambda: presets.write(Preset("mine", {})),
        lambda: favourite_presets.toggle("reef"),
        lambda: bindings.write("", bindings.default_path()),
    ):
        with pytest.raises(LiveflightError, match="there is no home folder: set HOME"):
            keep()
    assert len(list(folders.warnings())) == 4
    assert not weights.hub_file("https://x/a.pth").exists()
    with pytest.raises(LiveflightError, match="there is no home folder: set HOME"):
        weights.cached_or_downloaded("vgg16", "https://x/a.pth", None)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_kept_is_said_with_the_folder_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(folders.platformdirs, "user_pictures_path", lambda: tmp_path / "pictures")
    monkeypatch.setattr(folders.platformdirs, "user_videos_path", lambda: tmp_path / "videos")
    if sys.platform == "linux":
        (line,) = folders.warnings()
        assert line == f"measurements, kernels cannot be saved: {tmp_path / 'file'} is not a folder"
    monkeypatch.setattr(os, "access", lambda path, how: False)
    assert folders.unwritable(tmp_path / "a" / "b") == f"{tmp_path} cannot be written to"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


ALONE = """
import pwd, sys
def unknown(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = unknown
from liveflight.__main__ import program
sys.argv[1:] = ["presets"]
program()
"""


@posix
def test_a_user_without_an_entry_and_a_home_is_served(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", ALONE]
    ended = subprocess.run(
        command, env=bare, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "reef" in ended.stdout and "but there is no home folder: set HOME" in ended.stdout
    assert list(tmp_path.iterdir()) == []
