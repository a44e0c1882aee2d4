"""Stream a show as H.264 over RTMP, SRT or UDP, or as files for HLS, through ffmpeg."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks import live_encoding
from liveflight.outputs.sinks.encoded_sink import EncodedSink
from liveflight.storage import named_files, new_files

DEFAULT_MEGABITS = 12.0
"""Megabits per second that a stream takes at most."""

_KEYFRAME_S = 2.0
"""Seconds between keyframes, where a new receiver can begin."""

_SCHEMES = ("rtmp", "rtmps", "srt", "udp")

_COUNTED = re.compile(r"%\d*d")
"""Stands for a number in the names of ffmpeg's files, and in those of their folders."""

_TS = ("-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts")
_HLS = (
    *("-f", "hls", "-hls_time", "2", "-hls_list_size", "8"),
    # Segments get numbers that no earlier run has used, and join its list.
    *("-hls_start_number_source", "epoch"),
    *("-hls_flags", "delete_segments+independent_segments+append_list+discont_start+temp_file"),
)


def check(text: str) -> str:
    """Return the address of a stream. Raises LiveflightError naming what is allowed.

    A file may exist: see `check_new`."""
    url = _split(text)
    if url.scheme in _SCHEMES and url.hostname:
        return text
    if "://" not in text and text.lower().endswith(".m3u8"):
        if not Path(text).absolute().parent.is_dir():
            raise LiveflightError(f"--stream {text!r}: there is no such folder")
        if found := _COUNTED.search(str(Path(text).absolute())):
            raise LiveflightError(
                f"--stream {text!r}: ffmpeg would put a number for {found[0]}: choose another name"
            )
        return text
    raise LiveflightError(
        f"--stream {shown(text)!r}: allowed are rtmp://, rtmps://, srt:// and udp:// with a host, "
        "and a file that ends in .m3u8"
    )


def check_new(text: str) -> None:
    """Raise LiveflightError where the stream is a file that exists.

    A list that an earlier stream of this name has left is continued: after a night, or a loss of
    power, an installation has to start."""
    if "://" not in text and not _is_left(Path(text)):
        new_files.check("--stream", Path(text))


def shown(text: str) -> str:
    """Return an address without what may be secret: user, password, stream key and passphrase."""
    url = _split(text)
    if "://" not in text or not url.hostname:
        return text.partition("?")[0].partition("@")[0] if "://" in text else text
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    _, _, port = url.netloc.rpartition(":")
    return f"{url.scheme}://{host}:{port}" if port.isdecimal() else f"{url.scheme}://{host}"


class Stream(EncodedSink):
    """Stream to one address; it connects again where the receiver goes away."""

    def __init__(
        self,
        url: str,
        fps: float,
        megabits: float = DEFAULT_MEGABITS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Stream `fps` frames per second, up to `megabits` per second, to an address."""
        self._url, self._megabits = check(url), megabits
        super().__init__(f"the stream to {shown(url)}", fps, clock)

    def command(self, size: Size) -> list[str]:
        program = live_encoding.find_ffmpeg("stream")
        return [
            *(program, "-hide_banner", "-loglevel", "error"),
            *live_encoding.picture_input(size, self.fps),
            *live_encoding.encoding(program, self.fps, _KEYFRAME_S, self._megabits),
            *_target(self._url),
        ]

    def explained(self, reason: str) -> str:
        """Return the reason without what is secret in the address."""
        url = _split(self._url)
        secrets = (self._url, url.path.lstrip("/"), url.query, url.username, url.password)
        for secret in filter(None, secrets):
            reason = reason.replace(secret, "..." if secret != self._url else shown(self._url))
        return reason


def _target(url: str) -> list[str]:
    """Return ffmpeg's options for the address."""
    scheme = _split(url).scheme
    if scheme.startswith("rtmp"):
        return ["-flvflags", "no_duration_filesize", "-f", "flv", url]
    if scheme == "srt":
        return [*_TS, url]
    if scheme == "udp":
        size = "" if "pkt_size=" in url else ("&" if "?" in url else "?") + "pkt_size=1316"
        return [*_TS, url + size]
    path = Path(url).absolute()
    segments = path.with_name(f"{path.stem}_%d.ts")
    # Without "file:", with which ffmpeg finds no old segment to delete. A path with a root is none
    # of ffmpeg's protocols.
    return [*_HLS, "-hls_segment_filename", str(segments), str(path)]


def _is_left(path: Path) -> bool:
    """Return whether a file is the list of an earlier stream of this name."""
    try:
        head, *lines = named_files.read(path).decode().splitlines() or [""]
    except (OSError, ValueError, LiveflightError):
        return False
    segment = re.compile(re.escape(path.stem) + r"_\d+\.ts")
    named = [line for line in lines if line and not line.startswith("#")]
    return head == "#EXTM3U" and bool(named) and all(map(segment.fullmatch, named))


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # a bracket that is not closed
        return urlsplit("")
