"""Define the commands of the command line and their options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import NoReturn

from liveflight import __version__, engines
from liveflight.cli import arguments as read
from liveflight.cli import run_options, wall_options
from liveflight.core.contracts import LiveflightError
from liveflight.core.loop_plan import LONGEST_S, SHORTEST_S
from liveflight.storage.named_files import SHOW_NAME

COMMANDS: Mapping[str, str] = {
    "fly": "open the window and fly (the default without a command)",
    "run": "fly for weeks: watch the show and start it again when it ends or hangs",
    "wall": "fly one canvas on many displays: start and watch a process for each",
    "render": "fly offline, into a video file or a folder of PNGs",
    "controls": "list every control with its OSC address",
    "networks": "list the networks, a network's layers, or the names of a layer's filters",
    "find": "list the filters that respond most to a picture",
    "atlas": "make a thumbnail of every filter of a network",
    "presets": "list the presets",
    "cues": "list the cue lists",
    "install-service": "let systemd start the show with the machine",
    "doctor": "show what works on this machine, and how to fix the rest",
    "bench": "measure the speed on this machine: a few minutes, with --all up to ten",
}


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, list[str]]]:
    """Return the parser, and the names of every command's options."""
    parser = _Parser(
        prog="liveflight",
        description="Play a neural network's filters live.",
        epilog="`liveflight COMMAND --help` lists a command's options; fly's need no command.",
    )
    parser.add_argument("--version", action="version", version=f"liveflight {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    adders = {"fly": _add_fly, "render": _add_render, "networks": _add_networks}
    adders |= {"controls": _add_controls, "doctor": _add_doctor, "bench": _add_bench}
    adders |= {"find": _add_find, "atlas": _add_atlas, "run": _add_run}
    adders |= {"install-service": run_options.add_service, "wall": _add_wall}
    options = {}
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in adders:
            adders[name](command)
        options[name] = [each for each in command._option_string_actions if each[1:] != "-help"]
    return parser, options


def _add_fly(command: argparse.ArgumentParser, *, wall: bool = True) -> None:
    _add_flight(command)
    _add_preset(command)
    _add_engine(command)
    add = command.add_argument
    add("--fullscreen", action="store_true")
    add(
        "--display", type=read.whole(0, 99), default=0, metavar="N", help="number of the screen (0)"
    )
    display = "the picture alone, full screen on this display, and your own window on another"
    add("--output-display", type=read.whole(0, 99), metavar="N", help=display)
    _add_kiosk(command)
    fps = "highest frame rate (60; 30 where the processor draws)"
    add("--fps", type=read.rate, help=fps)
    add("--allow-remote-save", action="store_true", help="let the network save presets")
    add("--allow-remote-downloads", action="store_true",
        help="let OSC clients choose presets and targets that need a download")  # fmt: skip
    add(
        "--osc-host",
        default="localhost",
        metavar="HOST",
        help="address for incoming OSC (localhost)",
    )
    _add_port(command)
    midi = "use MIDI: all ports, or those with this word in their names"
    add("--midi", nargs="?", const="", metavar="PORT", help=midi)
    dmx = "follow a universe of Art-Net (0) or sACN (1)"
    add("--dmx", type=read.dmx, metavar="artnet|sacn[:UNIVERSE]", help=dmx)
    add("--dmx-host", default="localhost", metavar="HOST",
        help="address for incoming DMX (localhost); 0.0.0.0 for consoles")  # fmt: skip
    sound = "sound input for modulation"
    add("--sound", type=read.local, default="", metavar="default|DEVICE|FILE", help=sound)
    add("--sound-once", action="store_true", help="play a sound file once, without looping")
    add("--no-render", action="store_true", help="without a display, exit with code 2")
    _add_outputs(command)
    _add_allow_flashing(command)
    add("--link", action="store_true", help="share the beat with an Ableton Link session")
    add("--osc-feedback", type=read.host_and_port, action="append", default=[],
        metavar="HOST:PORT", help="send control values to this address; repeatable")  # fmt: skip
    add("--remote", action="store_true", help="show the web remote's link and QR code (also: F2)")
    add("--remote-host", default="localhost", metavar="HOST",
        help="address of the web remote (localhost); its link has a token")  # fmt: skip
    add("--oscquery-host", default="localhost", metavar="HOST",
        help="address of the OSCQuery server (localhost)")  # fmt: skip
    add("--oscquery-port", type=read.whole(0, 65535), metavar="PORT",
        help="its TCP port (same number as OSC's); 0: no OSCQuery")  # fmt: skip
    run_options.add_fly(command)
    wall_options.add(command, named=wall)
    wall_options.add_test_card(command)


def _add_run(command: argparse.ArgumentParser, *, wall: bool = True) -> None:
    _add_fly(command, wall=wall)
    run_options.add_run(command)


def _add_wall(command: argparse.ArgumentParser) -> None:
    wall = "how the displays stand, such as 2x1, or the file of an installation"
    command.add_argument(
        "wall", type=wall_options.spec, metavar="COLUMNSxROWS|FILE.toml", help=wall
    )
    _add_run(command, wall=False)


def _add_kiosk(command: argparse.ArgumentParser) -> None:
    help = "full screen without a pointer, keys locked (Ctrl+Shift+K), no sleep; Ctrl+Shift+Q quits"
    command.add_argument("--kiosk", action="store_true", help=help)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    stream = "send the picture to rtmp://, srt:// or udp://, or into a new .m3u8 file; repeatable"
    add("--stream", type=read.stream, action="append", default=[], metavar="URL", help=stream)
    rate = "most megabits per second of a stream (12)"
    add("--stream-rate", type=read.number(0.1, 500), default=12.0, metavar="MBIT", help=rate)
    ndi = "offer the picture as an NDI source, on all networks of this machine"
    add("--ndi", nargs="?", const="liveflight", default="", metavar="NAME", help=ndi)
    spout = "share the picture with other programs, on Windows"
    add("--spout", nargs="?", const="liveflight", default="", metavar="NAME", help=spout)
    syphon = "share the picture with other programs, on macOS"
    add("--syphon", nargs="?", const="liveflight", default="", metavar="NAME", help=syphon)
    camera = "show the picture as a camera, on Linux with v4l2loopback"
    device = "/dev/videoN"
    add("--virtual-camera", type=read.video_device, default="", metavar=device, help=camera)


def _add_render(command: argparse.ArgumentParser) -> None:
    _add_flight(command)
    _add_preset(command)
    _add_engine(command)
    wall_options.add(command)
    add = command.add_argument
    tiles = "write each tile of a wall into a file or folder of its own"
    add("--tiles", action="store_true", help=tiles)
    add("--seconds", type=read.number(1e-3, 1e6), help="length (10, or that of --replay)")
    loop = "render a loop of that length: its end grows into its beginning"
    add("--loop", type=read.number(SHORTEST_S, LONGEST_S), metavar="SECONDS", help=loop)
    add("--fps", type=read.rate, help="frame rate (30, or that of --replay); also 30000/1001")
    add("--replay", type=read.file, metavar="LOG", help="render a recorded flight again")
    out = "an .mp4 file, or a folder for PNGs (flight.mp4, or the next free number)"
    add("--out", type=read.file, help=out)
    _add_overwrite(command, "out")
    _add_allow_flashing(command)
    sound = "sound input for modulation, and the video's soundtrack"
    command.add_argument("--sound", type=read.sound, default="", metavar="FILE", help=sound)


def _add_controls(command: argparse.ArgumentParser) -> None:
    form = command.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print the page docs/controls.md")
    form.add_argument(
        "--open-stage-control", action="store_true", help="print a session for Open Stage Control"
    )


def _add_networks(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", default="")
    command.add_argument("layer", nargs="?", default="", help="a layer whose filters have names")
    command.add_argument("--all", action="store_true", help="include torchvision's other networks")


def _add_find(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("picture", type=read.file)
    add("--network", default="vgg16", help="see `liveflight networks` (vgg16)")
    _add_layers(command)
    add("--most", type=read.whole(1, 100), default=5, metavar="N", help="filters per layer (5)")
    add(
        "--fly",
        action="store_true",
        help="fly the strongest filter of the deepest layer, from noise",
    )


def _add_atlas(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NETWORK", help="see `liveflight networks`")
    _add_layers(command)
    out = "a new folder, or an atlas to continue (the user's own atlas folder)"
    command.add_argument("--out", type=read.file, metavar="FOLDER", help=out)
    _add_device(command)
    _add_engine(command)


def _add_layers(command: argparse.ArgumentParser) -> None:
    help = "only these layers (all, except ReLU and pooling layers that repeat others)"
    command.add_argument("--layers", nargs="+", default=[], metavar="LAYER", help=help)


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    _add_port(command)
    add = command.add_argument
    add("--last", action="store_true", help="say how a supervised show crashed last")
    add("--name", default=SHOW_NAME, help="name of that show (show)")
    wall_options.add_check(command)


def _add_bench(command: argparse.ArgumentParser) -> None:
    _add_flight(command, "640x360")
    add = command.add_argument
    add("--quick", action="store_true", help="a rough measurement in about a minute")
    add(
        "--peers",
        action="store_true",
        help="compare with plain autograd and with other programs",
    )
    add(
        "--switches",
        action="store_true",
        help="measure whether changes of target stall the picture",
    )
    add("--latency", action="store_true", help="measure the time from an OSC packet to the picture")
    add("--all", action="store_true", help="--peers, --switches and --latency")
    add("--engine", type=read.choice(engines.NAMES), action="append", default=[], metavar="NAME",
        help="measure this engine, and fly with it; repeatable (all)")  # fmt: skip
    add("--display-fps", type=read.rate, metavar="N",
        help="the frame rate to hold (30 on a CPU, else 60)")  # fmt: skip
    add("--json", type=read.file, metavar="FILE", help="write all figures to this file")
    _add_overwrite(command, "json")
    add("--markdown", action="store_true", help="print the tables in Markdown")


def _add_overwrite(command: argparse.ArgumentParser, name: str) -> None:
    help = f"replace an existing file named by --{name}"
    command.add_argument("--overwrite", action="store_true", help=help)


def _add_flight(command: argparse.ArgumentParser, size: str = "1280x720") -> None:
    add = command.add_argument
    add("--network", default="", help="see `liveflight networks`")
    add("--layer", default="", help="see `liveflight networks NETWORK`")
    add("--filter", default="", metavar="N", help="its number or name, or * for the whole layer")
    weights = "the network's weights: .safetensors, .pth, .h5 or .onnx"
    add("--weights", type=read.file, metavar="FILE", help=weights)
    add(
        "--view",
        type=read.size,
        metavar="WxH",
        help="size at which the network looks at parts of it: what a step costs",
    )
    add(
        "--canvas",
        type=read.size,
        metavar="WxH",
        help="size of the picture being dreamed; the window's by default",
    )
    shown = partial(read.size, example=size)
    add("--size", type=shown, metavar="WxH", help=f"size of the output ({size})")
    add("--steps", type=read.setting("ascent.steps"), metavar="N", help="views per frame")
    add("--set", type=read.assignment, action="append", default=[], metavar="GROUP.NAME=VALUE",
        help="any control, in its unit; repeatable")  # fmt: skip
    add("--seed", type=read.whole(0, 2**31 - 1), default=0, help="seed of the noise at the start")
    _add_device(command)


def _add_allow_flashing(command: argparse.ArgumentParser) -> None:
    help = "let show.flash_limit go off: the picture may then cause seizures"
    command.add_argument("--allow-flashing", action="store_true", help=help)


def _add_preset(command: argparse.ArgumentParser) -> None:
    help = "a preset's name, slot or file"
    add = command.add_argument
    add("--preset", type=read.local, default="", metavar="NAME|FILE.toml", help=help)
    cues = "play a cue list, in a loop"
    add("--cues", type=read.local, default="", metavar="NAME|FILE.toml", help=cues)
    record = "record what is played, for --replay; if FILE exists, as FILE_2 and so on"
    add("--record", type=read.file, metavar="FILE", help=record)
    image = "start from this picture and keep mixing it in: see seed.amount"
    add("--image", type=read.file, metavar="FILE", help=image)
    camera = "mix in a camera (/dev/video0, 0, a name), a video file, ndi:NAME or lavfi:SOURCE"
    add("--camera", type=read.camera, default="", metavar="DEVICE|FILE", help=camera)


def _add_engine(command: argparse.ArgumentParser) -> None:
    help = "engine for the ascent steps (auto: the fastest here)"
    names, metavar = read.choice(engines.NAMES), "|".join(engines.NAMES)
    command.add_argument("--engine", default="auto", type=names, metavar=metavar, help=help)


def _add_port(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--osc-port",
        type=read.whole(0, 65535),
        default=9000,
        metavar="PORT",
        help="UDP port for incoming OSC (9000); 0: no OSC",
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LiveflightError(f"{message}; `{self.prog} --help` lists what is allowed")
