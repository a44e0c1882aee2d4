"""The command by which ffmpeg makes a video of raw pictures and a sound."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from liveflight.core.contracts import LiveflightError
from liveflight.system import ffmpeg


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """The sound of a file, from its beginning, cut or followed by silence."""

    path: Path
    frames: int
    """How many pictures there are meant to be; where they end early, so does the sound, within
    about a second."""


def command(
    program: str, path: Path, size: tuple[int, int], fps: float, sound: Soundtrack | None
) -> list[str]:
    rate = ffmpeg.rate(fps)
    # ffmpeg's default for RGB is the BT.601 matrix; players expect BT.709.
    colours = (
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p,"
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=iec61966-2-1:range=tv"
    )
    # The network needs the cores. veryfast takes 20 ms of one for a picture of 1280x720 and medium
    # 47, for 0.7 dB at the same file size. A keyframe every 2 s bounds what a crash can cost.
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16"]
    keyframes = ["-g", str(max(1, round(2 * fps)))]
    # "file:" keeps a name like "http:x.mp4" or "-y.mp4" a name.
    heard, track = [], []
    if sound:
        heard = ["-i", f"file:{sound.path.absolute()}"]
        # -shortest drops the last picture where the sound is shorter by a part of a sample, and
        # lets the sound run on where pictures come slowly: it has to end just after them.
        end = float(sound.frames / rate) + 1e-3
        filters = f"{_mixed(program, sound.path)}apad,atrim=end={end:.6f}"
        track = ["-map", "1:a:0", "-af", filters, "-shortest", "-c:a", "aac", "-b:a", "192k"]
    return [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{size[0]}x{size[1]}"),
        *("-framerate", str(rate), "-i", "pipe:0", *heard, "-map", "0:v:0"),
        *("-vf", colours, *encoder, *keyframes, *track),
        *("-movflags", _crash_proof(program), "-f", "mp4", f"file:{path.absolute()}"),
    ]


def _mixed(program: str, path: Path) -> str:
    """The filters that make of a sound what AAC can carry, found by trying: its own channels,
    ffmpeg's stereo, or the mean of all channels. As whole numbers first: AAC refuses samples that
    are not finite."""
    for layout in ("", "aformat=channel_layouts=stereo,", f"{ffmpeg.MEAN_OF_CHANNELS},"):
        mixed = f"aformat=sample_fmts=s32,{layout}"
        trial = [
            *(program, "-loglevel", "quiet", "-i", f"file:{path.absolute()}", "-map", "0:a:0"),
            *("-af", f"{mixed}anull", "-t", "0.1", "-c:a", "aac", "-f", "null", "-"),
        ]
        if _run(trial).returncode == 0:
            return mixed
    return ""  # ffmpeg says what is wrong with it


def _crash_proof(program: str) -> str:
    """Hybrid fragments where this ffmpeg knows them: readable while it grows, plain at the end."""
    known = _run([program, "-hide_banner", "-h", "muxer=mp4"])
    # delay_moov: without it there is no edit list, and players see the first picture two late.
    hybrid = b"hybrid_fragmented" in known.stdout
    return "+hybrid_fragmented+delay_moov" if hybrid else "+faststart"


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Raises LiveflightError where it hangs."""
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
