"""Streams, received by another ffmpeg."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from moving_pictures import HEIGHT, WIDTH
from received import FPS, Clock, decoded, described, free_port, receiving, show, show_until

from liveflight.core.contracts import LiveflightError
from liveflight.outputs.sinks import live_sink
from liveflight.outputs.sinks.stream import Stream, _target, check, check_new, shown
from liveflight.system import ffmpeg

ENOUGH = 4
"""Pictures that have to arrive and are compared."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connect again at once: a receiver takes a while to listen."""
    monkeypatch.setattr(live_sink, "RETRY_S", (0.1, 0.1))
    monkeypatch.setattr(live_sink, "WORKING_S", 0.1)
    yield


@pytest.mark.parametrize("scheme", ["rtmp", "udp", "srt"])
def test_what_is_received_is_what_was_shown(scheme: str) -> None:
    if scheme == "rtmp":
        url = f"rtmp://127.0.0.1:{free_port()}/live/key"
        source = ["-listen", "1", "-i", url]
    else:
        url = f"{scheme}://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
        source = ["-i", f"{url}?mode=listener&latency=20000" if scheme == "srt" else url]
    with receiving(*source) as receiver, closing(Stream(url, FPS)) as stream:
        # A receiver of datagrams may miss some where the machine is busy.
        show_until(stream, lambda: sum(each > 0.95 for each in receiver.similarities) >= ENOUGH)
        if scheme != "udp":
            assert min(receiver.similarities) > 0.95
        assert len(set(receiver.numbers)) > 1


def test_hls_files_hold_what_was_shown(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Stream(str(tmp_path / "sh %w.m3u8"), FPS, clock=clock)) as stream:
        show(stream, clock, range(65))
    found = decoded(tmp_path / "sh %w.m3u8")
    assert found.numbers == list(range(65))
    assert min(found.similarities) > 0.95
    assert len(list(tmp_path.glob("sh %w_*.ts"))) == 2
    check_new(str(tmp_path / "sh %w.m3u8"))  # the next show goes on with it
    told = described(tmp_path / "sh %w.m3u8")
    assert "yuvj420p(pc, bt709/bt709/iec61966-2-1), 320x180, 30 fps" in told


def test_old_segments_are_deleted_beside_any_name(tmp_path: Path) -> None:
    for name in ("show.m3u8", "a:b %w.m3u8"):
        made = ["-f", "lavfi", "-i", "color=size=16x16:rate=5:duration=60", "-g", "5"]
        command = [
            str(ffmpeg.find()),
            "-loglevel",
            "warning",
            *made,
            *_target(str(tmp_path / name)),
        ]
        ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert 8 <= len(list(tmp_path.glob(f"{name[:-5]}_*.ts"))) <= 12  # of 30


def test_a_receiver_that_stalls_dies_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "stall_s", 1.5)
    url = f"rtmp://127.0.0.1:{free_port()}/live/key"
    noise = np.random.default_rng(1)  # fills the buffers between the two soon
    with closing(Stream(url, 200, megabits=300)) as stream:
        with receiving("-listen", "1", "-i", url) as first:
            show_until(stream, lambda: len(first.similarities) >= ENOUGH)
            os.kill(first.process.pid, signal.SIGSTOP)
            end = time.monotonic() + 60
            while not stream.trouble:
                assert time.monotonic() < end
                stream.write(noise.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8))
                time.sleep(0.005)
        assert stream.dropped
        assert stream.trouble == "it took nothing for 1.5 s"
        with receiving("-listen", "1", "-i", url) as second:
            show_until(stream, lambda: len(second.similarities) >= ENOUGH and not stream.trouble)
            assert max(second.similarities) > 0.95


def test_secrets_of_an_address_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    url = f"rtmp://ann:pass-word@127.0.0.1:{port}/live/stream-key?token=tok-en"
    with closing(Stream(url, FPS)) as stream:
        show_until(stream, lambda: bool(stream.trouble))
        said = stream.name + stream.trouble + "".join(stream.status_lines()) + caplog.text
    assert f"rtmp://127.0.0.1:{port}" in said
    assert not any(secret in said for secret in ("ann", "pass-word", "stream-key", "tok-en"))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("rtmp://a.example/app/key", "rtmp://a.example"),
        ("srt://me:secret@[::1]:9000?passphrase=x", "srt://[::1]:9000"),
        ("udp://239.0.0.1:1234?ttl=2", "udp://239.0.0.1:1234"),
        ("/tmp/show.m3u8", "/tmp/show.m3u8"),
        ("rtmp://[bad", "rtmp://[bad"),
    ],
)
def test_an_address_is_shown_by_its_host(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    "text", ["http://a/b", "file:///a.m3u8", "rtmp://", "pipe:1", "show.mp4", "rtmp://[bad", ""]
)
def test_other_addresses_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(LiveflightError, match=r"allowed are rtmp://.*srt:// and udp:// .*\.m3u8"):
        check(text)


def test_files_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "show.m3u8").touch()
    with pytest.raises(LiveflightError, match=r"is there already: .*show_2\.m3u8"):
        check_new(str(tmp_path / "show.m3u8"))
    check_new(str(tmp_path / "other.m3u8"))
    for foreign in ("#EXTM3U\n", "#EXTM3U\nsong.mp3\n", "#EXTM3U\nshow_1.ts\nother_2.ts\n"):
        (tmp_path / "show.m3u8").write_text(foreign)
        with pytest.raises(LiveflightError, match="is there already"):
            check_new(str(tmp_path / "show.m3u8"))
    with pytest.raises(LiveflightError, match="there is no such folder"):
        check(str(tmp_path / "nowhere" / "show.m3u8"))


def test_without_ffmpeg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveflight.system.ffmpeg.find", lambda: None)
    with closing(Stream("udp://127.0.0.1:9", FPS)) as stream:
        show_until(stream, lambda: bool(stream.trouble))
    assert stream.trouble == "no ffmpeg to stream: pip install imageio-ffmpeg"
