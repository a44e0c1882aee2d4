from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.storage import new_files
from liveflight.storage.new_files import Draft, IfTaken


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`clip.mp4` in the current folder, by its bare name."""
    monkeypatch.chdir(tmp_path)
    path = Path("clip.mp4")
    path.write_bytes(b"mine")
    return path


def names(clip: Path) -> dict[str, Path]:
    """Other names of the same file."""
    Path("folder").mkdir()
    Path("hard.mp4").hardlink_to(clip)
    Path("soft.mp4").symlink_to(clip)
    Path("again.mp4").symlink_to("soft.mp4")
    Path("way").symlink_to(".", target_is_directory=True)
    return {
        "itself": clip,
        "absolute": clip.absolute(),
        "relative": Path("folder", "..", "clip.mp4"),
        "hard link": Path("hard.mp4"),
        "link": Path("soft.mp4"),
        "link to a link": Path("again.mp4"),
        "linked folder": Path("way", "clip.mp4"),
    }


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_is_no_input_by_any_name(clip: Path, overwrite: bool) -> None:
    for how, name in names(clip).items():
        for given, read in ((clip, name), (name, clip)):
            with pytest.raises(LiveflightError, match="is the file that --camera names"):
                new_files.check("--out", given, [("--camera", read)], overwrite=overwrite)
            assert clip.read_bytes() == b"mine", how


def test_names_that_a_system_takes_for_the_same_are_the_same(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "normcase", lambda path: str(path).lower())  # as on Windows
    assert new_files.same(Path("New.mp4"), Path("folder", "..", "new.MP4"))
    assert not new_files.same(Path("New.mp4"), clip)


def test_a_file_that_is_there_needs_a_word(clip: Path) -> None:
    others = [("--sound", Path("other.wav"))]
    with pytest.raises(LiveflightError) as said:
        new_files.check("--out", clip, others)
    assert str(said.value) == (
        "--out 'clip.mp4' is there already: choose another name, such as clip_2.mp4, or --overwrite"
    )
    new_files.check("--out", clip, others, overwrite=True)
    new_files.check("--out", Path("new.mp4"), others)
    Path("nowhere.mp4").symlink_to("nothing")
    with pytest.raises(LiveflightError, match="is there already"):
        new_files.check("--out", Path("nowhere.mp4"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name here")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(LiveflightError, match="is no file but a device or a pipe"):
        new_files.check("--out", tmp_path / "pipe.mp4", overwrite=True)


def test_free_names_pass_over_whatever_is_there(clip: Path) -> None:
    Path("clip_2.mp4").mkdir()
    Path("clip_3.mp4").symlink_to("nothing")
    assert new_files.free(clip) == Path("clip_4.mp4")
    assert new_files.free(Path("a.tar.gz")) == Path("a.tar.gz")
    assert new_files.create(clip) == Path("clip_4.mp4")
    assert new_files.create(clip) == Path("clip_5.mp4")


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize(
    ("if_taken", "name", "left"),
    [("next", "clip_2.mp4", b"mine"), ("replace", "clip.mp4", b"new")],
)
def test_a_file_is_written_whole_under_its_name_or_the_next(
    clip: Path,
    links: bool,
    if_taken: IfTaken,
    name: str,
    left: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", unlinked)
    assert new_files.write(b"new", clip, if_taken) == Path(name)
    assert (Path(name).read_bytes(), clip.read_bytes()) == (b"new", left)
    with pytest.raises(FileExistsError):
        new_files.write(b"newer", clip, "refuse")
    assert sorted(path.name for path in Path().iterdir()) == sorted({"clip.mp4", name})


def unlinked(*given: object) -> None:
    """What FAT says, on which hard links cannot be made."""
    raise OSError(errno.EPERM, "operation not permitted")


def test_what_is_left_of_a_draft_does_not_hinder_the_next(clip: Path) -> None:
    for number in ("", "_2", "_3"):
        draft = Draft(clip, "{stem}.unfinished{suffix}")
        assert draft.path == Path(f"clip.unfinished{number}.mp4")
    draft.path.write_bytes(b"whole")
    assert draft.finish() == draft.path == Path("clip_2.mp4")
    draft.drop()
    assert Path("clip_2.mp4").read_bytes() == b"whole"
    assert not Path("clip.unfinished_3.mp4").exists()
