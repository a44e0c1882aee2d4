"""Build the ffmpeg command that encodes raw pictures and a sound file as a video."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from liveflight.core.contracts import LiveflightError, Size
from liveflight.system import ffmpeg

COLOURS = (
    "scale=out_color_matrix=bt709:out_range=pc:flags=accurate_rnd+full_chroma_int,format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1:range=pc"
)
"""Filters that turn sRGB pictures into the colours of every video and stream.

All 256 levels, the BT.709 matrix (ffmpeg's default for RGB is BT.601's), and the tags that say
so."""


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """The sound of a file from its beginning, cut or padded with silence."""

    path: Path
    frames: int
    """The expected number of pictures.

    Where the pictures end early, the sound ends within about a second of them."""


def command(
    program: str, path: Path, size: Size, fps: float, sound: Soundtrack | None
) -> list[str]:
    """Return the command that reads raw RGB pictures of this width and height from its stdin.

    `program`: ffmpeg's path; `path`: the video to write.

    Raises LiveflightError where ffmpeg does not start or hangs."""
    rate = ffmpeg.rate(fps)
    # The network needs the cores. veryfast takes 20 ms of one for a picture of 1280x720 and medium
    # 47, for 0.7 dB at the same file size. A keyframe every 2 s bounds what a crash can cost.
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16"]
    keyframes = ["-g", str(max(1, round(2 * fps)))]
    # "file:" keeps a name like "http:x.mp4" or "-y.mp4" a name.
    sound_input, track = [], []
    if sound:
        sound_input = ["-i", f"file:{sound.path.absolute()}"]
        # -shortest drops the last picture where the sound is shorter by a part of a sample. Where
        # pictures come slowly it lets the sound run on. So the sound ends just after the pictures.
        end = float(sound.frames / rate) + 1e-3
        filters = f"{_mix_filters(program, sound.path)}apad,atrim=end={end:.6f}"
        track = ["-map", "1:a:0", "-af", filters, "-shortest", "-c:a", "aac", "-b:a", "192k"]
    return [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{size[0]}x{size[1]}"),
        *("-framerate", str(rate), "-i", "pipe:0", *sound_input, "-map", "0:v:0"),
        *("-vf", COLOURS, *encoder, *keyframes, *track),
        *("-movflags", mp4_flags(program), "-f", "mp4", f"file:{path.absolute()}"),
    ]


def _mix_filters(program: str, path: Path) -> str:
    """Return the filters that turn the sound into something AAC can encode, found by trying.

    Tried in order: its own channels, ffmpeg's stereo mix, the mean of all channels. Samples become
    integers first: AAC refuses samples that are not finite."""
    for layout in ("", "aformat=channel_layouts=stereo,", f"{ffmpeg.MEAN_OF_CHANNELS},"):
        mixed = f"aformat=sample_fmts=s32,{layout}"
        trial = [
            *(program, "-loglevel", "quiet", "-i", f"file:{path.absolute()}", "-map", "0:a:0"),
            *("-af", f"{mixed}anull", "-t", "0.1", "-c:a", "aac", "-f", "null", "-"),
        ]
        if run(trial).returncode == 0:
            return mixed
    return ""  # ffmpeg will report what is wrong with the file


def mp4_flags(program: str, otherwise: str = "+faststart") -> str:
    """Return the muxer flags for a file that stays playable after a crash, or `otherwise`.

    Hybrid fragments, where this ffmpeg knows them, are readable while the file grows and become a
    plain MP4 at the end."""
    known = run([program, "-hide_banner", "-h", "muxer=mp4"])
    # Without delay_moov there is no edit list, and players show the first picture two frames late.
    hybrid = b"hybrid_fragmented" in known.stdout
    return "+hybrid_fragmented+delay_moov" if hybrid else otherwise


def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command; raise LiveflightError where it hangs or does not start."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=ffmpeg.STALL_LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise LiveflightError(
            f"ffmpeg {command[0]!r} gave no answer within {ffmpeg.STALL_LIMIT_S:g} s"
        ) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise LiveflightError(f"ffmpeg {command[0]!r} does not start: {why}") from error
