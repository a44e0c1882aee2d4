from __future__ import annotations

import re
from pathlib import Path

import moderngl
import pytest

from liveflight.core.contracts import LiveflightError
from liveflight.render import passes
from liveflight.render.passes import Pass, RenderTarget
from liveflight.system.package_data import folder

pytestmark = pytest.mark.gl

SHADERS = sorted(path for path in folder("shaders").rglob("*") if path.is_file())
FLAT = "#version 330 core\nout vec4 o;\nvoid main() {\n    o = vec4(1.0);\n}\n"


@pytest.fixture
def own_shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of shaders that contains only the vertex shader."""
    vertex = folder("shaders") / "fullscreen.vert"
    (tmp_path / vertex.name).write_text(vertex.read_text())
    monkeypatch.setattr(passes, "folder", lambda name: tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", SHADERS, ids=lambda path: path.name)
def test_header_says_what_a_shader_is_and_documents_every_uniform(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = re.match(r"(//.*\n)+", text)
    assert header is not None
    assert header[0].startswith(f"// {path.name}: ")
    assert "// Reads:  " in header[0] and "// Writes: " in header[0]
    declared = re.findall(r"^uniform \w+ (\w+)", text, re.MULTILINE)
    documented = re.findall(r"^//   (\w+) +\[[^\]]+\] \S", header[0], re.MULTILINE)
    assert documented == declared
    if path.suffix != ".glsl":
        assert text[header.end() :].startswith("#version 330 core\n")


def test_draws_nothing_outside_the_viewport(ctx: moderngl.Context, own_shaders: Path) -> None:
    (own_shaders / "flat.frag").write_text(FLAT)
    flat, target, nothing = (
        Pass(ctx, "flat.frag"),
        RenderTarget(ctx, (7, 5)),
        ctx.texture((1, 1), 4),
    )
    target.framebuffer.clear()
    flat.draw(target.framebuffer, (2, 1, 3, 2), nothing, {})
    lit = [i for i, byte in enumerate(target.framebuffer.read(components=1)) if byte]
    assert lit == [7 + 2, 7 + 3, 7 + 4, 14 + 2, 14 + 3, 14 + 4]
    flat.release()
    target.release()
    nothing.release()


def test_a_surface_may_be_released_while_bound(ctx: moderngl.Context) -> None:
    first, second = RenderTarget(ctx, (7, 5)), RenderTarget(ctx, (7, 5))
    second.framebuffer.clear(1, 1, 1)
    first.framebuffer.use()
    first.release()
    assert set(second.framebuffer.read()) == {255}
    assert ctx.error == "GL_NO_ERROR"
    second.release()


def test_macros_choose_and_includes_are_put_in(ctx: moderngl.Context, own_shaders: Path) -> None:
    (own_shaders / "part.glsl").write_text(
        "#ifdef BLUE\n#define LIGHT 0.0\n#else\n#define LIGHT 1.0\n#endif\n"
    )
    (own_shaders / "whole.frag").write_text(
        FLAT.replace("out vec4", '#include "part.glsl"\nout vec4').replace("1.0", "LIGHT, 0, 1, 1")
    )
    target, nothing = RenderTarget(ctx, (1, 1)), ctx.texture((1, 1), 4)
    seen = []
    for macros in ([], ["BLUE"]):
        drawn = Pass(ctx, "whole.frag", *macros)
        drawn.draw(target.framebuffer, (0, 0, 1, 1), nothing, {})
        seen.append(tuple(target.framebuffer.read(components=3)))
        drawn.release()
    assert seen == [(255, 0, 255), (0, 0, 255)]
    target.release()
    nothing.release()


def test_a_broken_shader_is_one_line_with_file_and_complaint(
    ctx: moderngl.Context, own_shaders: Path
) -> None:
    (own_shaders / "broken.frag").write_text(FLAT.replace("1.0", "lamp"))
    with pytest.raises(LiveflightError, match=r"^shader broken\.frag: .*lamp.*$") as raised:
        Pass(ctx, "broken.frag", "MACRO")
    assert "\n" not in str(raised.value)
    # Line 4 of the file, whatever was put in before it.
    assert re.search(r"\b4\b", str(raised.value))


def test_a_missing_shader_or_part_is_named(ctx: moderngl.Context, own_shaders: Path) -> None:
    with pytest.raises(LiveflightError, match=r"^shader none\.frag: cannot be read"):
        Pass(ctx, "none.frag")
    (own_shaders / "half.frag").write_text(FLAT + '#include "gone.glsl"\n')
    with pytest.raises(LiveflightError, match=r"^shader gone\.glsl: cannot be read"):
        Pass(ctx, "half.frag")
    (own_shaders / "noise.frag").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LiveflightError, match=r"^shader noise\.frag: cannot be read"):
        Pass(ctx, "noise.frag")
