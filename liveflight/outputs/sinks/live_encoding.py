"""Build the ffmpeg command that encodes a show while it is played, on a GPU where one can."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from liveflight.core.contracts import LiveflightError, Size
from liveflight.outputs.sinks import video_encoding
from liveflight.outputs.sinks.video_encoding import COLOURS
from liveflight.system import ffmpeg

NICENESS = 5
"""Niceness of an encoder: the show comes first where cores are few."""

_MANY_CORES = 8
"""Cores from which an encoder may take more of them."""

_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2"
"""A filter that drops a last odd row or column: 4:2:0 has none."""


@dataclass(frozen=True, slots=True)
class H264Encoder:
    """One of ffmpeg's H.264 encoders, with its options for low delay."""

    name: str
    options: tuple[str, ...]
    quality: tuple[str, ...]
    """Options of a constant high quality, without a bound on the bit rate."""


_GPU_ENCODERS = (
    H264Encoder("h264_nvenc", ("-preset", "p4", "-tune", "ll"), ("-rc", "vbr", "-cq", "17")),
    H264Encoder("h264_qsv", ("-preset", "veryfast"), ("-global_quality", "17")),
    H264Encoder("h264_amf", ("-usage", "lowlatency"), ("-rc", "cqp", "-qp_i", "17", "-qp_p", "17")),
    H264Encoder("h264_videotoolbox", ("-realtime", "1"), ("-q:v", "75")),
)


def find_ffmpeg(purpose: str) -> str:
    """Return ffmpeg's path. Raises LiveflightError where there is none."""
    found = ffmpeg.find()
    if found is None:
        raise LiveflightError(f"no ffmpeg to {purpose}: pip install imageio-ffmpeg")
    return found


def picture_input(size: Size, fps: float) -> list[str]:
    """Return ffmpeg's options for the pictures of a live sink on its standard input."""
    return [
        *("-f", "rawvideo", "-pixel_format", "rgb0", "-video_size", f"{size[0]}x{size[1]}"),
        *("-framerate", str(ffmpeg.rate(fps)), "-i", "pipe:0"),
    ]


def encoding(
    program: str, fps: float, keyframe_s: float, megabits: float | None = None
) -> list[str]:
    """Return ffmpeg's options for H.264 with a keyframe every so many seconds.

    `megabits`: per second, at most; None for a high quality at any rate.

    Raises LiveflightError where ffmpeg does not start or hangs. The first call tries encoders: call
    it beside the frame loop."""
    encoder = choose(program)
    quality = list(encoder.quality)
    if megabits is not None:
        rate = f"{1000 * megabits:.0f}k"
        bound = ["-crf", "18"] if encoder.name == "libx264" else ["-b:v", rate]
        quality = [*bound, "-maxrate", rate, "-bufsize", rate]
    keyframes = ["-g", str(max(1, round(keyframe_s * fps))), "-bf", "0"]
    return [
        *("-vf", f"{_EVEN},{COLOURS}", "-c:v", encoder.name),
        *(*encoder.options, *quality, *keyframes),
    ]


@cache
def choose(program: str) -> H264Encoder:
    """Return the first encoder that encodes here: a GPU's, else x264."""
    for encoder in _candidates():
        trial = [
            *(program, "-loglevel", "quiet", "-f", "lavfi", "-i", "color=s=640x360:r=30:d=0.1"),
            *("-pix_fmt", "yuv420p", "-c:v", encoder.name, *encoder.options, "-f", "null", "-"),
        ]
        if video_encoding.run(trial).returncode == 0:
            return encoder
    preset = "veryfast" if (os.cpu_count() or 1) >= _MANY_CORES else "ultrafast"
    return H264Encoder("libx264", ("-preset", preset, "-tune", "zerolatency"), ("-crf", "16"))


def _candidates() -> Sequence[H264Encoder]:
    """Return the GPU encoders that this machine may have; a trial of each takes a moment."""
    present = {
        "h264_nvenc": sys.platform == "win32" or os.path.exists("/dev/nvidiactl"),
        "h264_qsv": sys.platform == "win32" or os.path.exists("/dev/dri/renderD128"),
        "h264_amf": sys.platform == "win32",
        "h264_videotoolbox": sys.platform == "darwin",
    }
    return [encoder for encoder in _GPU_ENCODERS if present[encoder.name]]
