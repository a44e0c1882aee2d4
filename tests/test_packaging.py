"""Test the wheel's content, and that it runs without the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def uv(*arguments: str | Path, cwd: Path) -> str:
    # Everything needed is installed already, and there may be no network.
    return run(sys.executable, "-m", "uv", "--offline", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--wheel", "--no-build-isolation", "--python", sys.executable]
    uv("build", *options, "--out-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("liveflight-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--python", sys.executable, "--target", str(target)]
    uv("pip", "install", *options, wheel, cwd=target)
    return target


@pytest.mark.parametrize("folder", ["shaders", "presets", "cues", "weights", "atlas"])
def test_wheel_carries_data(wheel: Path, folder: str) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert files
    assert {f"liveflight/data/{path.relative_to(ROOT).as_posix()}" for path in files} <= names


def test_wheel_carries_the_web_remotes_page(wheel: Path) -> None:
    page = ROOT / "liveflight" / "controllers" / "web" / "page"
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in page.iterdir() if path.is_file()]
    assert files
    assert {f"liveflight/controllers/web/page/{path.name}" for path in files} <= names


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"liveflight"}


def test_runs_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    def python(*arguments: str) -> str:
        return run(sys.executable, *arguments, cwd=tmp_path, PYTHONPATH=str(installed))

    where = python("-c", "import liveflight; print(liveflight.__file__)")
    assert Path(where.strip()).is_relative_to(installed)
    assert "ai-flight" in python("-m", "liveflight", "presets")
    assert re.search(r"vgg16 .*with the installation", python("-m", "liveflight", "networks"))
    assert "/liveflight/camera/zoom" in python("-m", "liveflight", "controls")
