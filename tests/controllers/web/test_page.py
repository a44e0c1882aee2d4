"""The web remote in a real browser, on a real app: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import moderngl
import pytest
from fake_engine import FakeEngine
from on_stage import Show, Stage, grey

from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.web.remote import WebRemote
from liveflight.core.controls import CONTROLS, ROWS
from liveflight.loop import open_controllers
from liveflight.show.options import Options
from liveflight.storage import cue_lists, presets

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.gl

PATIENCE_MS = 20_000
"""Only a test that fails takes it."""
REBOUND = "rebound.example"
"""A foreign name that leads to this machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests of this file."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    arguments = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


class Remote:
    """An app with its web remote, and the page in a browser."""

    def __init__(self, browser: Any, show: Show) -> None:
        self.show = show
        links: list[str] = []
        options = Options(remote=True)
        self.web: WebRemote = open_controllers.web_remote(show.flight, options, links.append)
        self.query = OscQuery(port=0, site=self.web, site_host="localhost")
        show.app.presenter.viewer = self.web
        show.app.controllers.open([("the web remote", self.web), ("OSCQuery", self.query)])
        self.until(lambda: links)
        self.link = links[0]
        self.errors: list[str] = []
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(PATIENCE_MS)

    def page(self, link: str = "", width: int = 1280) -> Any:
        """Open a page; return it once it knows the controls."""
        page = self.context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console", lambda said: self.errors.append(said.text) if said.type == "error" else 0
        )
        page.goto(link or self.link)
        self.until(lambda: page.locator("#controls .control").count() == len(ROWS))
        return page

    def _note(self, said: Any) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def until(self, happened: Callable[[], Any]) -> Any:
        """Fly on until something has happened."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while not (found := happened()):
            assert time.monotonic() < end, "never happened"
            self.show.frame()
            time.sleep(0.005)
        return found

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def remote(
    browser: Any, ctx: moderngl.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "presets")
    show = Show(Stage(ctx, (64, 36), bottom_up=True), FakeEngine())
    opened = Remote(browser, show)
    try:
        yield opened
        opened.close()
        assert opened.errors == []
    finally:
        show.app.close()


def control(page: Any, key: str, inside: str = "input") -> Any:
    return page.locator(f'#controls [data-key="{key}"] {inside}').first


def colour(page: Any) -> int:
    """Return the red of the preview's middle, 0 to 255."""
    return page.evaluate(
        "() => { const c = document.getElementById('preview');"
        "return c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[0]; }"
    )


def test_a_fader_of_the_page_changes_the_picture_and_the_preview_shows_it(remote: Remote) -> None:
    show = remote.show
    show.canvas = grey(0.5)
    page = remote.page()
    remote.until(lambda: abs(colour(page) - 128) < 6)
    assert show.stage.shown[-1].mean() == pytest.approx(128, abs=4)
    page.click("#tab-controls")
    fader = control(page, "show.master")
    fader.scroll_into_view_if_needed()
    box = fader.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 15, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    remote.until(lambda: show.flight.controls.setting("show.master") != 1.0)
    page.mouse.up()
    half = remote.until(lambda: 0.4 < float(show.flight.controls.setting("show.master")) < 0.6)
    assert half
    remote.until(lambda: abs(show.stage.shown[-1].mean() - 64) < 12)
    remote.until(lambda: abs(colour(page) - 64) < 14)
    page.click("text=blackout")
    remote.until(lambda: colour(page) < 3 and show.stage.shown[-1].max() == 0)
    show.set("show.hud", True)  # is not on the preview: that shows what the audience sees
    frames = int(page.get_attribute("#preview", "data-frames"))
    remote.until(lambda: int(page.get_attribute("#preview", "data-frames")) > frames + 3)
    assert colour(page) < 3


def test_a_key_of_the_window_moves_the_fader_of_the_page(remote: Remote) -> None:
    page = remote.page()
    before = float(control(page, "camera.zoom").input_value())
    remote.show.press("plus")
    remote.until(lambda: float(control(page, "camera.zoom").input_value()) > before)
    zoom = remote.show.flight.controls.setting("camera.zoom")
    at = CONTROLS["camera.zoom"].to_position(zoom)
    assert float(control(page, "camera.zoom").input_value()) == pytest.approx(at, abs=1e-3)
    remote.show.press("space", "m")
    remote.until(
        lambda: control(page, "show.freeze", "button").get_attribute("aria-checked") == "true"
    )
    mirror = control(page, "warp.mirror", "[aria-pressed=true]")
    remote.until(lambda: mirror.inner_text() == "horizontal")


def test_every_control_of_the_table_is_reachable(remote: Remote) -> None:
    page = remote.page(width=360)
    page.click("#tab-controls")
    assert page.locator("#controls").evaluate(
        "box => [...box.querySelectorAll('[data-key]')].map((each) => each.dataset.key)"
    ) == [row.key for row in ROWS]
    dead = page.evaluate(
        """() => [...document.querySelectorAll('#controls .control')].filter((box) => {
            if (box.matches('.told, .meter')) return !box.querySelector('.value, output');
            const inside = box.querySelector('input, select, button:not(.value)');
            const named = inside?.labels?.length || inside?.getAttribute('aria-label');
            return !named && !box.querySelector('[role=group][aria-label]') || inside.disabled;
        }).map((box) => box.dataset.key)"""
    )
    assert dead == []
    # One of each kind reaches the show.
    control(page, "warp.kaleidoscope").evaluate(
        "fader => { fader.value = 6; fader.dispatchEvent(new Event('input')); }"
    )
    control(page, "ascent.objective", "button:text('neuron')").click()
    control(page, "show.hud", "button").click()
    control(page, "pad.a").fill("efficientnet_lite0:stem:7")
    control(page, "pad.a").press("Enter")
    values = remote.show.flight.controls.setting
    wanted = {
        "warp.kaleidoscope": 6,
        "ascent.objective": "neuron",
        "show.hud": True,
        "pad.a": "efficientnet_lite0:stem:7",
    }
    remote.until(lambda: {key: values(key) for key in wanted} == wanted)
    page.fill("#controls input[type=search]", "mirror")
    assert page.locator("#controls .control:visible").count() >= 1
    assert (
        control(page, "camera.zoom").is_hidden()
        and control(page, "warp.mirror", "button").is_visible()
    )


MISFITS = """() => [...document.querySelectorAll("#tabs button")].flatMap((tab) => {
    if (getComputedStyle(tab).display === "none") return [];
    tab.click();
    const wide = document.documentElement.scrollWidth - innerWidth;
    const small = [...document.querySelectorAll("button, select, input")].filter((each) => {
        const box = each.getBoundingClientRect();
        return box.width && (box.height < 43.5 || box.width < 43.5);
    });
    const found = small.map((each) => each.outerHTML);
    scrollTo(0, 0);
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    const tabs = document.getElementById("tabs").getBoundingClientRect();
    const under = tabs.bottom - panel.getBoundingClientRect().top;
    if (under > 0.5) found.push(`${under} pixels under the tabs`);
    return [...(wide > 0 ? [`${wide} pixels too wide`] : []), ...found]
        .map((what) => `${tab.textContent}: ${what}`);
})"""
"""Returns what is too wide for the window, too small for a finger or hidden, in each panel."""


def test_it_fits_from_360_to_1920_pixels(remote: Remote) -> None:
    page = remote.page(width=360)
    page.click("#tab-atlas")
    page.wait_for_selector("#atlas .tile")
    for width in (360, 820, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(MISFITS) == [], width
    for width, height in ((844, 390), (1366, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        shown = page.locator(".screen").bounding_box()
        assert shown["height"] > 0.5 * shown["width"], "the picture is seen whole"
    page.set_viewport_size({"width": 820, "height": 900})
    page.click("#tab-controls")
    chips = page.locator(".chips")
    assert chips.evaluate("box => box.scrollWidth - box.clientWidth") <= 0, "a mouse reaches all"


def test_looks_are_recalled_saved_and_the_page_follows(remote: Remote) -> None:
    page = remote.page()
    flight = remote.show.flight
    page.click('[data-preset="ink"] button')
    remote.until(lambda: flight.preset_player.preset == "ink")
    pressed = page.locator('[data-preset="ink"] button')
    remote.until(lambda: pressed.get_attribute("aria-pressed") == "true")
    assert page.locator("#now-preset").inner_text() == "ink"
    page.fill("#looks input", "from the phone")
    page.click("text=save look")
    remote.until(lambda: "from the phone" in presets.names())
    remote.until(lambda: page.locator('[data-preset="from the phone"]').count() == 1)


def test_a_class_is_found_by_its_name(remote: Remote) -> None:
    page = remote.page(width=390)
    page.click("#tab-atlas")
    page.wait_for_selector("#atlas .tile")
    page.fill("#atlas input", "jelly")
    tile = page.locator("#atlas .tile:visible")
    remote.until(lambda: tile.count() == 1)
    assert tile.text_content() == "jellyfish"
    tile.click()
    goal = remote.show.flight.target_selector
    remote.until(lambda: str(goal.goal_target) == "efficientnet_lite0:class:107")
    page.fill("#atlas input", "no such class")
    assert tile.count() == 0 and page.locator("text=no class is called so").is_visible()
    page.click("#atlas button:text('here')")
    remote.until(lambda: tile.count() > 1)


def test_a_key_that_would_open_something_in_the_window_is_answered_on_the_page(
    remote: Remote,
) -> None:
    page = remote.page(width=390)
    remote.show.app.overlay.elsewhere = lambda: remote.web.watched
    remote.show.press("c")
    said = "all controls: on the web remote, Controls"
    remote.until(lambda: page.locator("#status").inner_text() == said)
    assert not remote.show.app.keyboard.picker.open


def test_a_cue_list_is_saved_again_with_changes_and_another_is_not_replaced(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cue_lists, "user_folder", lambda: tmp_path / "cues")
    other = cue_lists.CueList("other", (cue_lists.Cue("ink", hold=True),))
    cue_lists.write(other)
    page = remote.page()
    page.click('[data-preset="reef"] button')
    remote.until(lambda: page.locator("#now-preset").inner_text() == "reef")
    page.click("#tab-cues")
    page.fill('#cues input[placeholder="name of the list"]', "tonight")
    for count in (1, 2):
        page.click("text=add this look")
        page.click("text=save list")
        remote.until(
            lambda count=count: (
                cue_lists.is_own("tonight")
                and len(cue_lists.find("tonight").cues) == count
                and page.locator("#status").inner_text() == "cue list tonight is saved"
            )
        )
        page.evaluate("() => { document.getElementById('status').textContent = ''; }")
    page.fill('#cues input[placeholder="name of the list"]', "other")
    page.click("text=save list")
    remote.until(lambda: "already" in page.locator("#status").inner_text())
    assert cue_lists.find("other").cues == other.cues


def test_a_name_that_is_being_typed_stays_while_the_looks_change(remote: Remote) -> None:
    page = remote.page()
    page.fill("#looks input", "dusk")
    page.click("text=save look")
    remote.until(lambda: page.locator('[data-preset="dusk"]').count() == 1)
    page.click('#looks button:text("arrange")')
    field = page.locator('[data-preset="dusk"] input').first
    field.fill("daw")
    remote.show.press("z")
    remote.until(lambda: len(presets.own()) == 2)
    (other,) = presets.own().keys() - {"dusk"}
    remote.show.frame()
    page.wait_for_timeout(50)
    sent = remote.web._site  # type: ignore[union-attr]
    remote.until(lambda: other in {each["name"] for each in sent._library["presets"]})
    remote.until(
        lambda: (
            page.evaluate("() => document.querySelector('#all-presets').options.length")
            == len(presets.names())
        )
    )
    field.press("End")
    field.type("n")
    assert field.input_value() == "dawn"
    page.click('[data-preset="dusk"] button:text("keep")')
    remote.until(lambda: page.locator('[data-preset="dawn"]').count() == 1)
    remote.until(lambda: page.locator(f'[data-preset="{other}"]').count() == 1)
    assert "dawn" in presets.own()


def test_it_comes_back_by_itself(remote: Remote) -> None:
    page = remote.page()
    assert remote.web.watched
    (client,) = remote.web._site.clients  # type: ignore[union-attr]
    loop = remote.web._loop
    assert loop
    loop.call_soon_threadsafe(client.socket._req.transport.abort)  # type: ignore[union-attr]
    clients = remote.web._site.clients  # type: ignore[union-attr]
    remote.until(lambda: clients and client not in clients)
    remote.show.press("plus")
    remote.until(lambda: remote.show.flight.controls.setting("camera.zoom") != 1.0)
    moved = CONTROLS["camera.zoom"].to_position(remote.show.flight.controls.setting("camera.zoom"))
    remote.until(
        lambda: float(control(page, "camera.zoom").input_value()) == pytest.approx(moved, abs=1e-3)
    )


EVIL = """<!doctype html><title>waiting</title><img id=i><iframe id=f></iframe><script>
const at = "ADDRESS", got = [];
const tried = (name, job) => job.then((x) => got.push(name + x), () => {});
const socket = (url) => new Promise((yes, no) => {
    const ws = new WebSocket(url); ws.onmessage = (e) => yes(e.data); ws.onclose = no;
    ws.onopen = () => ws.send('{"do": "set", "key": "show.blackout", "value": true}');
});
const image = () => new Promise((yes, no) => { const i = document.getElementById("i");
    i.onload = yes; i.onerror = no; i.src = `http://${at}/remote/presets/reef`; });
const framed = () => new Promise((yes, no) => { const f = document.getElementById("f");
    f.onload = () => { try { yes(f.contentDocument.title) } catch { no() } };
    f.src = `http://${at}/`; });
Promise.all([tried("page", fetch(`http://${at}/`).then((r) => r.text())),
    tried("plain", fetch(`http://${at}/remote/main.js`, { mode: "no-cors" })),
    tried("socket", socket(`ws://${at}/remote/socket`)), tried("osc", socket(`ws://${at}/`)),
    tried("image", image()), tried("frame", framed()),
]).then(() => { document.title = "done:" + got.join(); });
</script>"""


@pytest.fixture
def foreign(tmp_path: Path, remote: Remote) -> Iterator[str]:
    """Serve a page of another origin that tries to reach the show; return its address."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    text = EVIL.replace("ADDRESS", f"localhost:{remote.query.port}")
    (folder / "index.html").write_text(text)

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Silent, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_can_do_nothing(remote: Remote, foreign: str) -> None:
    ours = remote.page()  # the browser has the token's cookie
    page = remote.context.new_page()
    page.goto(foreign)
    remote.until(lambda: page.title().startswith("done:"))
    assert page.title() == "done:"
    # A name that was made to point here sees nothing, with the cookie's port or without.
    answer = page.goto(f"http://{REBOUND}:{remote.query.port}/")
    assert answer.status == 403 and "refused" in page.inner_text("body")
    remote.show.frame(3)
    assert remote.show.flight.controls.setting("show.blackout") is False
    assert ours.locator("#connection.open").count() == 1
