"""Test that kernels are compiled once, by a real compiler, and kept whole or not at all."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from liveflight import engines
from liveflight.core.contracts import LiveflightError
from liveflight.core.noise import pink
from liveflight.engines import autotuning
from liveflight.engines.native import kernels
from liveflight.engines.native.kernels import Kernels


@pytest.fixture(autouse=True)
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile without optimisation: how kernels are kept does not depend on their speed."""
    monkeypatch.setenv("CC", str(compiler(tmp_path, 'exec cc "$@" -O0', "hasty-cc")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kernels"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the files that compilers were called to make, each once."""
    made: list[str] = []
    run = subprocess.run

    def watched(call: list[str], **options: object) -> object:
        if "-march=native" in call:
            made.append(call[-1])
        return run(call, **options)

    monkeypatch.setattr(subprocess, "run", watched)
    return made


def compiler(folder: Path, script: str, name: str = "strange-cc") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def test_kernels_are_compiled_once_and_kept(folder, compilations, caplog):
    first = Kernels(kernels.load(folder))
    assert first.lanes in (4, 8, 16)
    (path,) = folder.iterdir()
    assert Kernels(kernels.load(folder)).lanes == first.lanes
    assert list(folder.iterdir()) == [path]
    assert len(compilations) == 1
    assert not caplog.records


@pytest.mark.parametrize(
    "harm",
    [lambda content: b"", lambda content: content[: len(content) // 2], lambda content: b"no ELF"],
    ids=["empty", "cut", "foreign"],
)
def test_a_damaged_library_is_compiled_anew_with_one_line(folder, compilations, caplog, harm):
    kernels.load(folder)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.unlink()  # this process has it mapped
    path.write_bytes(harm(whole))
    assert Kernels(kernels.load(folder)).lanes
    (record,) = caplog.records
    assert str(folder) in record.message and "compiled anew" in record.message
    assert len(compilations) == 2
    (path,) = folder.iterdir()
    assert path.stem.endswith(digest(path.read_bytes()))


@pytest.mark.parametrize("change", ["source", "processor", "compiler"])
def test_other_kernels_are_compiled_anew_silently_and_outlive_the_old(
    folder, tmp_path, monkeypatch, compilations, caplog, change
):
    kernels.load(folder)
    (before,) = folder.iterdir()
    if change == "source":
        for part in Path(kernels.__file__).parent.glob("kernels*.[ch]"):
            copy = tmp_path / part.name
            copy.write_bytes(part.read_bytes() + b"\n")
        monkeypatch.setattr(kernels, "_SOURCE", tmp_path / "kernels.c")
    elif change == "processor":
        monkeypatch.setattr(autotuning, "machine", lambda: {"processor": "another"})
    else:
        monkeypatch.setenv("CC", str(compiler(tmp_path, 'exec cc "$@" -O0')))
    kernels.load(folder)
    assert len(compilations) == 2
    after = set(folder.iterdir()) - {before}
    assert len(after) == 1 and before.exists()
    assert not caplog.records


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, compilations, caplog):
    occupied = tmp_path / "kernels"
    occupied.write_text("a file", encoding="utf-8")
    assert Kernels(kernels.load(occupied)).lanes
    assert not caplog.records


def test_a_folder_that_nothing_may_be_run_from_is_kept_in_all_the_same(
    folder, monkeypatch, compilations, caplog
):
    opened = ctypes.CDLL

    def refused(path: str) -> ctypes.CDLL:
        if Path(path).parent == folder:
            raise OSError("failed to map segment from shared object")
        return opened(path)

    monkeypatch.setattr(ctypes, "CDLL", refused)
    for _ in range(2):
        assert Kernels(kernels.load(folder)).lanes
    assert len(compilations) == 1
    assert not caplog.records


def test_without_a_compiler_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(LiveflightError, match=r"no C compiler here \(cc, gcc, clang\).*apt-get"):
        kernels.load(folder)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hello; echo 'kernels.c:1: error: it is broken' >&2; exit 1", "it is broken"),
        ("exit 3", "exit 3"),
        ("exec /nowhere/at/all", "exit 12"),
        ("printf 'error: \\351t\\351' >&2; exit 1", "error: "),
    ],
)
def test_a_compiler_that_fails_is_quoted(folder, tmp_path, monkeypatch, script, said):
    monkeypatch.setenv("CC", str(compiler(tmp_path, script)))
    with pytest.raises(LiveflightError) as caught:
        kernels.load(folder)
    assert said in str(caught.value) and "strange-cc" in str(caught.value)
    assert "--engine auto does without" in str(caught.value)
    assert not folder.exists()


@pytest.mark.parametrize("script", ["exit 0", "shift $(($# - 1)); echo rubbish > $1"])
def test_a_compiler_that_makes_no_library_is_told_and_nothing_is_kept(
    folder, tmp_path, monkeypatch, script
):
    monkeypatch.setenv("CC", str(compiler(tmp_path, script)))
    with pytest.raises(LiveflightError, match="cannot be compiled and loaded"):
        kernels.load(folder)
    assert not folder.exists()


def test_what_lies_in_the_librarys_place_is_no_library(folder, compilations, caplog):
    kernels.load(folder)
    (path,) = folder.iterdir()
    path.unlink()
    (folder / f"{path.stem[:-1]}x.so").mkdir()
    (folder / f"{path.stem[:-1]}y.so").symlink_to("/nowhere")
    assert Kernels(kernels.load(folder)).lanes
    assert path.exists()
    assert len(compilations) == 2
    assert caplog.records


def test_a_compiler_that_hangs_is_given_up(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "_COMPILER_TIMEOUT_S", 0.2)
    monkeypatch.setenv("CC", str(compiler(tmp_path, "exec sleep 30")))
    with pytest.raises(LiveflightError, match="timed out"):
        kernels.load(folder)


def test_a_processor_that_the_compiler_names_otherwise_is_compiled_for_too(
    folder, tmp_path, monkeypatch, compilations
):
    script = (
        'case "$*" in *march=native*) echo "error: unknown" >&2; exit 1;; esac\nexec cc "$@" -O0'
    )
    script = script.replace('"$@"', '$(echo "$@" | sed s/-mcpu=native//)')
    monkeypatch.setenv("CC", str(compiler(tmp_path, script)))
    assert Kernels(kernels.load(folder)).lanes
    assert len(compilations) == 1


def test_auto_does_without_a_compiler_and_asks_anew_once_there_is_one(
    tmp_path, monkeypatch, caplog
):
    answers = autotuning.TimingCache(tmp_path / "fastest.json")
    monkeypatch.setattr(autotuning, "timings", lambda: answers)
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nowhere")
        without.delenv("CC", raising=False)
        assert not kernels.find_compiler()
        assert measured() == {"torch", "onnx"}
    assert measured() == {"torch", "onnx", "compiled"}
    assert not caplog.records


def measured() -> set[str]:
    """Return the engines that `auto` measures for the embedded network."""
    engine = engines.load("auto", "cpu")
    engine.prepare("efficientnet_lite0")
    engine.close()
    return set(engines.chosen_by_auto(["efficientnet_lite0"])["efficientnet_lite0"])


def test_it_flies_on_the_processor_also_where_there_is_a_card(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    engine = engines.load("compiled")
    assert engine.device == "cpu"
    engine.close()
    with pytest.raises(LiveflightError, match=r"for the processor, not for cuda: .*--device cpu"):
        engines.load("compiled", "cuda")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are listed in /proc")
def test_no_thread_is_left_behind():
    engine = engines.load("compiled", "cpu")
    engine.prepare("efficientnet_lite0")
    from liveflight.core.contracts import Ascent, Target, ViewStep

    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    target = Target("efficientnet_lite0", "block5", 1)
    before = None
    for _ in range(20):
        engine.directions(pink((96, 64), 1), [ViewStep({target: 1.0})], Ascent())
        before = before or threads()
    assert threads() <= before
    engine.close()


# Only libraries of our own


LANES = """
script=$(mktemp -d)
echo 'int lanes(void) { return 5; } void run(void) {}' > "$script/own.c"
for last; do :; done
cc -shared -fPIC "$script/own.c" -o "$last"
rm -r "$script"
"""


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a compiler that makes a small library of 5 lanes, whatever it is given."""
    monkeypatch.setenv("CC", str(compiler(tmp_path, LANES)))


def planted(folder: Path, tmp_path: Path) -> Path:
    """Put a library of 77 lanes in the place, and under the name, of the one that is kept."""
    (path,) = folder.iterdir()
    source = tmp_path / "planted.c"
    source.write_text("int lanes(void) { return 77; } void run(void) {}")
    made = tmp_path / "planted.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(made)], check=True)
    content = made.read_bytes()
    name = path.stem.partition("-")[0]
    path.unlink()
    there = folder / f"{name}-{digest(content)}.so"
    there.write_bytes(content)
    return there


@pytest.mark.parametrize("how", ["others may write it", "link", "another's"])
def test_a_library_that_others_could_plant_is_not_loaded(
    how, folder, tmp_path, quick, compilations, caplog
):
    assert kernels.load(folder).lanes() == 5
    there = planted(folder, tmp_path)
    if how == "others may write it":
        there.chmod(0o666)
    elif how == "link":
        there.unlink()
        there.symlink_to(tmp_path / "planted.so")
    elif os.geteuid() == 0:
        os.chown(there, 12345, 12345)
    else:
        pytest.skip("takes root to give away")
    folder.chmod(0o777)
    assert kernels.load(folder).lanes() == 5
    assert len(compilations) == 2 and len(caplog.records) == 1
    (path,) = folder.iterdir()
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert kernels.load(folder).lanes() == 5
    assert len(compilations) == 2


def test_below_a_folder_of_others_nothing_is_loaded_or_kept(
    folder, tmp_path, quick, compilations, caplog
):
    shared = tmp_path / "shared"
    kernels.load(folder)
    planted(folder, tmp_path)
    shared.mkdir()
    folder.rename(shared / "kernels")
    before = set((shared / "kernels").iterdir())
    shared.chmod(0o777)
    for _ in range(2):
        assert kernels.load(shared / "kernels").lanes() == 5
    assert len(compilations) == 3 and len(caplog.records) == 1
    assert set((shared / "kernels").iterdir()) == before


def test_the_oldest_libraries_are_dropped(folder, quick, monkeypatch):
    monkeypatch.setattr(kernels, "_MAX_FILES", 2)
    made: list[Path] = []
    for processor in ("one", "two", "three"):
        monkeypatch.setattr(
            autotuning, "machine", lambda processor=processor: {"processor": processor}
        )
        kernels.load(folder)
        made += set(folder.iterdir()) - {*made}
    assert {*folder.iterdir()} == {*made[-2:]} and len(made) == 3


def test_what_is_ours_alone_is_loaded(folder, tmp_path, quick, compilations):
    kernels.load(folder)
    planted(folder, tmp_path).chmod(0o644)
    assert kernels.load(folder).lanes() == 77
    assert len(compilations) == 1


def test_nothing_is_compiled_where_others_could_exchange_it(folder, tmp_path, quick, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "open"))
    with pytest.raises(LiveflightError, match="TMPDIR=FOLDER names another"):
        kernels.load(folder)
