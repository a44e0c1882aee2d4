"""Check the docs against the program: map, paths, links, commands, controls, keys, length."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveflight.cli import parser, wall_options
from liveflight.controllers.dmx import bindings as dmx_bindings
from liveflight.controllers.keyboard import KEYS
from liveflight.controllers.midi import bindings
from liveflight.core.contracts import LiveflightError
from liveflight.core.controls import CONTROLS
from liveflight.storage import cue_lists, presets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "liveflight"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "scripts/README.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]
OURS = [page for page in PAGES if page.name != "controls.md"]
"""Pages written by hand."""
FOR_USERS = [page for page in OURS if page.name not in ("CONTRIBUTING.md", "architecture.md")]

OSC = ("liveflight/camera/", "liveflight/warp/")
"""Addresses as TouchDesigner has them, without the slash in front."""

SOURCES = ("py", "md", "frag", "vert", "glsl", "c", "h", "cu", "sh")
"""Suffixes of files that only this project can mean: a user's `night.log` is no path of ours."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """Return the page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)


def quoted(page: Path) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


# --- the map ---------------------------------------------------------------------------------


def layers() -> list[set[str]]:
    """Read LAYERS of the architecture test, without the package itself."""
    tree = ast.parse(text(ROOT / "tests" / "test_architecture.py"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS":
            return [layer for layer in ast.literal_eval(node.value) if layer != {""}]
    raise AssertionError("tests/test_architecture.py has no LAYERS")


def mapped(block: str) -> list[set[str]]:
    """Read the layers of a map: a line each, those in braces together."""
    found: list[set[str]] = []
    inside = False
    for line in block.splitlines():
        entry = re.match(r"(\{)?\s*(\w+)(/?)(\s\})?", line)
        assert entry, f"no entry of the map: {line!r}"
        opens, part, folder, closes = entry.groups()
        path = PACKAGE / (part if folder else f"{part}.py")
        assert path.is_dir() if folder else path.is_file(), f"the map names {part}{folder}"
        if inside:
            found[-1].add(part)
        else:
            found.append({part})
        inside = (inside or bool(opens)) and not closes
    return found


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_map_is_the_architecture_tests(page: str) -> None:
    maps = [block for block in blocks(ROOT / page, "text") if block.startswith("__main__")]
    assert [mapped(block) for block in maps] == [layers()]


# --- paths and links -------------------------------------------------------------------------


def paths(page: Path) -> Iterator[str]:
    """Yield what is quoted and can only be a path of this project."""
    names = "|".join(path.name for path in (*ROOT.iterdir(), *PACKAGE.iterdir()) if path.is_dir())
    for quote in quoted(page):
        quote = quote.split(" ")[0]
        if re.fullmatch(rf"[\w./-]+\.({'|'.join(SOURCES)})", quote) or re.fullmatch(
            rf"({names})/[\w./-]*", quote
        ):
            yield quote


def exists(path: str, page: Path) -> bool:
    folders = (ROOT, PACKAGE, page.parent, PACKAGE / "engines" / "native")
    return any((folder / path).exists() for folder in folders)


def test_paths_exist() -> None:
    missing = [
        f"{name(page)}: {path}"
        for page in OURS
        for path in paths(page)
        if not exists(path, page) and not path.startswith(OSC)
    ]
    assert not missing


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub and MyST give a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def test_links_lead_somewhere() -> None:
    broken = []
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            target, _, anchor = link.partition("#")
            if re.match(r"https?:", target):
                continue
            path = page.parent / target if target else page
            if not path.exists() or (anchor and anchor not in anchors(path)):
                broken.append(f"{name(page)}: {link}")
    assert not broken


def test_pictures_of_the_docs_are_used() -> None:
    used = " ".join(text(page) for page in PAGES)
    kinds = {".jpg", ".png", ".webp", ".gif", ".svg"}
    pictures = [path.name for path in (ROOT / "docs").iterdir() if path.suffix in kinds]
    assert not [picture for picture in pictures if picture not in used]


# --- commands, options, controls, keys -------------------------------------------------------


def commands(page: Path) -> Iterator[str]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    for line in [*lines, *quoted(page)]:
        if re.match(r"(liveflight|scripts/fly)( |$)", line) and "[arguments]" not in line:
            yield line


def test_commands_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for page in OURS:
        for line in commands(page):
            try:
                parser.parse(shlex.split(line, comments=True)[1:])
            except SystemExit as end:  # --help
                assert end.code == 0, line
            except LiveflightError as error:
                if "no such file" not in str(error):
                    wrong.append(f"{name(page)}: {line}: {error}")
    assert not wrong


def test_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command in parser.COMMANDS:
        with pytest.raises(SystemExit):
            parser.parse([command, "--help"])
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    named = {
        (name(page), option)
        for page in FOR_USERS
        if page.parent != ROOT / "scripts"
        for quote in quoted(page)
        for option in re.findall(r"^--[\w-]+", quote)
    }
    assert not {each for each in named if each[1] not in known}


def test_controls_exist() -> None:
    groups = {row.group for row in CONTROLS.values()}
    unknown = [
        f"{name(page)}: {quote}"
        for page in OURS
        for quote in quoted(page)
        if (match := re.match(r"([a-z]+)\.([a-z_]+)\b", quote.removeprefix("--set ")))
        if match[1] in groups and match[0] not in CONTROLS and match[2] not in ("toml", "py", "md")
    ]
    assert not unknown


def test_addresses_exist() -> None:
    known = {"", "ping", "pong", *(row.group for row in CONTROLS.values())}
    known |= {key.replace(".", "/") for key in CONTROLS}
    known |= {row.alias.removeprefix("/liveflight/") for row in CONTROLS.values()}
    unknown = [
        f"{name(page)}: {quote}"
        for page in OURS
        for quote in quoted(page)
        if (match := re.match(r"/liveflight(?:/([\w/]+?))?(?:/raw|/add)?(?:[ ?]|$)", quote))
        if (match[1] or "") not in known
    ]
    assert not unknown


def test_every_key_has_its_row() -> None:
    section = text(ROOT / "docs" / "performing.md").split("\n## ")[1]
    table = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    labels = {"comma": ",", "period": ".", "Page Up": "PgUp", "Page Down": "PgDn", "Escape": "Esc"}
    rows = {labels.get(key, key) for row in table for key in row.split(", ")}
    keys = {key for row in KEYS for key in re.split(r" (?!to )(?<!to )", row.label)}
    assert not keys - rows


def test_examples_of_files_are_read(tmp_path: Path) -> None:
    kinds = Counter[str]()
    for page in OURS:
        for block in blocks(page, "toml"):
            file = tmp_path / "example.toml"
            head = "" if block.startswith("version") else "version = 1\n"
            file.write_text(head + block, encoding="utf-8")
            kind = next((kind for kind in ("binding", "cue") if f"[[{kind}]]" in block), "preset")
            kind = "wall" if "\nwall = " in block else kind
            kinds[kind] += 1
            match kind:
                case "binding":
                    dmx = page.name == "dmx.md"
                    assert [*(dmx_bindings.read(file) if dmx else bindings.read(file))]
                case "cue":
                    assert cue_lists.read(file).cues
                case "wall":
                    args = parser.parse(["doctor", "--wall", str(file)])
                    assert wall_options.wall(wall_options.installation(args)).tiles
                case _:
                    preset = presets.read(file)
                    assert preset.targets or preset.modulation
    assert kinds == {"binding": 2, "cue": 1, "preset": 3, "wall": 1}


# --- length ----------------------------------------------------------------------------------


def test_readme_is_two_screens() -> None:
    readme = text(ROOT / "README.md")
    assert len(readme.splitlines()) <= 170
    assert len(readme.split()) <= 1500
