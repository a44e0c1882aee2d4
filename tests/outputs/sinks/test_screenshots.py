from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from jack_box import until
from PIL import Image

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import screenshots
from liveflight.outputs.sinks.screenshots import Screenshots

PICTURE = np.arange(4 * 7 * 3, dtype=np.uint8).reshape(4, 7, 3)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path)
    return tmp_path / "liveflight"


def test_a_picture_is_saved_and_told_of_once(pictures: Path) -> None:
    album = Screenshots(background=False)
    assert album.saved() == ""
    album.write(PICTURE)
    (path,) = pictures.iterdir()
    assert album.saved() == f"saved {path}"
    assert album.saved() == ""
    np.testing.assert_array_equal(np.asarray(Image.open(path)), PICTURE)


def test_pictures_of_one_second_are_all_kept_whatever_the_clock_does(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshots.time, "strftime", lambda form: "2026-10-25 02.30.00.png")
    album = Screenshots(background=False)
    for number, name in enumerate(("2026-10-25 02.30.00.png", "2026-10-25 02.30.00_2.png")):
        album.write(PICTURE + np.uint8(number))
        assert album.saved() == f"saved {pictures / name}"
        np.testing.assert_array_equal(np.asarray(Image.open(pictures / name)), PICTURE + number)


def test_it_is_saved_beside_the_show_one_at_a_time(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(screenshots, "save_png", lambda *_: gate.wait(60))
    album = Screenshots(background=True)
    album.write(PICTURE)
    assert album.saved() == ""
    with pytest.raises(LiveflightError, match="still being saved: try again"):
        album.write(PICTURE)
    gate.set()
    said: list[str] = []
    until(lambda: said.append(album.saved()) or bool(said[-1]))
    assert said[-1].startswith("saved ")
    album.close()


def test_what_cannot_be_saved_is_told_instead(pictures: Path) -> None:
    pictures.write_text("in the way")
    album = Screenshots(background=False)
    album.write(PICTURE)
    with pytest.raises(LiveflightError, match="cannot be made"):
        album.saved()
    assert album.saved() == ""
