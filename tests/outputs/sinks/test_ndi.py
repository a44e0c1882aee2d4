"""NDI, sent and received on this machine alone."""

from __future__ import annotations

import os
import sys
from contextlib import closing

import numpy as np
import pytest
from jack_box import until
from moving_pictures import SIZE, number_of, picture, similarity
from received import show_until

from liveflight.media import ndi_source
from liveflight.media.ndi_source import NdiSource
from liveflight.outputs.sinks.ndi import NdiSender
from liveflight.system import ndi

HAS_NDI = not ndi.load()
needs_ndi = pytest.mark.skipif(not HAS_NDI, reason='needs pip install "liveflight[ndi]" (60 MB)')


@needs_ndi
def test_what_is_received_is_what_was_shown(
    loopback: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ndi_source, "_LOST_S", 0.5)
    name = f"liveflight-test-{os.getpid()}"
    found: list[np.ndarray] = []

    def received() -> bool:
        if (frame := source.newest(0.0)) is not None:
            found.append(frame)
        return len(found) >= 3

    with closing(NdiSource(name)) as source:
        with closing(NdiSender(name, 30)) as sender:
            show_until(sender, received)
        assert sender.sent and not sender.trouble
        assert found[0].shape == (SIZE[1], SIZE[0], 3)
        for frame in found:
            shown = picture(number_of(frame))
            assert similarity(frame, shown) > 0.97, "half the colours are left, as NDI codes them"
            assert similarity(frame, shown, luma=True) > 0.99
        until(lambda: "no picture for 0.5 s" in caplog.text)
        found.clear()
        with closing(NdiSender(name, 30)) as again:
            show_until(again, received)
        assert "it is back" in caplog.text


@needs_ndi
def test_a_source_that_is_not_there_is_named_with_those_that_are(
    loopback: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ndi_source, "_SEARCH_S", 0.2)
    with closing(NdiSource("nobody-of-that-name")):
        until(lambda: "camera ndi:nobody-of-that-name: there is no such source" in caplog.text)


def test_the_notice_says_where_it_listens_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NDI_CONFIG_DIR", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ndi, "_SOCKETS", {"dbus": "/nowhere/a", "avahi-daemon": "/nowhere/b"})
    with closing(NdiSender("stage", 30)) as sender:
        assert sender.notice == (
            "NDI 'stage' is offered on all networks of this machine; NDI finds nothing without "
            "dbus and avahi-daemon: apt-get install avahi-daemon, and start it, or set "
            "NDI_CONFIG_DIR"
        )
    monkeypatch.setenv("NDI_CONFIG_DIR", "/etc")
    assert ndi.discovery_trouble() == ""


def test_without_the_package_it_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib", None)
    with closing(NdiSender("stage", 30)) as sender:
        show_until(sender, lambda: bool(sender.trouble))
    assert sender.trouble == 'NDI needs the package cyndilib: pip install "liveflight[ndi]"'
