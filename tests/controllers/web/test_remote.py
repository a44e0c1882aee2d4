"""The web remote's protocol, without a browser."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jack_box import until
from PIL import Image
from web_show import HTML, START, Socket, WebShow, heard, preview

from liveflight.controllers.osc.echo_suppressor import HOLD_S
from liveflight.controllers.oscquery.service import OscQuery
from liveflight.controllers.web import (
    access,
    commands,
    file_edits,
    library,
    page_files,
    preset_pictures,
    site,
)
from liveflight.controllers.web.client import MAX_UNSEEN
from liveflight.controllers.web.remote import WebRemote
from liveflight.core.controls import ROWS
from liveflight.core.mailbox import Mailbox, Message, Nudge, Set, Trigger
from liveflight.storage import cue_lists, presets


@pytest.fixture(scope="module")
def served() -> Iterator[WebShow]:
    show = WebShow()
    yield show
    show.close()


@pytest.fixture
def show(served: WebShow) -> WebShow:
    served.until(lambda: not served.remote.watched)
    served.mailbox.drain()
    served.publish(**{key.replace(".", "__"): value for key, value in START.items()})
    return served


@pytest.fixture
def afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every connection for one from the network."""
    monkeypatch.setattr(access, "is_loopback", lambda host: False)


# Pages


def test_a_browser_gets_the_page_and_other_clients_the_tree(show: WebShow) -> None:
    status, body, headers = show.get("/", **HTML)
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert b"/remote/main.js" in body
    assert "/liveflight" in json.loads(show.get("/")[1])["CONTENTS"]["liveflight"]["FULL_PATH"]
    assert json.loads(show.get("/?HOST_INFO", **HTML)[1])["NAME"]


def test_the_files_of_the_page_are_served_and_name_nothing_outside(show: WebShow) -> None:
    for name, file in page_files.load().items():
        status, body, headers = show.get(f"/remote/{name}")
        assert (status, body) == (200, file.content)
        assert headers["X-Frame-Options"] == "DENY" and "default-src 'self'" in str(headers)
        for word in (b"http://", b"https://", b"//cdn"):
            assert word not in body.replace(b"http://www.w3.org/2000/svg", b""), name


@pytest.mark.parametrize(
    "path",
    [
        "/remote/", "/remote/../../../etc/passwd", "/remote/%2e%2e/site.py", "/remote//etc/passwd",
        "/remote/presets/..%2f..%2fetc%2fpasswd", "/remote/presets/%00", "/remote/presets/nobody",
        "/remote/atlas/../../etc", "/remote/atlas/nowhere", "/remote/atlas/vgg16/..%2fatlas.json",
        "/remote/atlas/vgg16/nowhere", "/remote/socket", "/remote/index.html/x",
    ],
)  # fmt: skip
def test_no_path_leads_elsewhere(path: str, show: WebShow) -> None:
    assert show.get(path)[0] == 404


def test_pictures_of_presets_and_sheets_of_atlases(show: WebShow) -> None:
    status, body, headers = show.get("/remote/presets/reef")
    assert (status, headers.get_content_type()) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(body)).size == (240, 135)
    assert "vgg16" in json.loads(show.get("/remote/atlas")[1])["networks"]
    atlas = json.loads(show.get("/remote/atlas/vgg16")[1])
    first = atlas["layers"][0]
    status, body, headers = show.get(f"/remote/atlas/vgg16/{first['name']}")
    assert (status, headers.get_content_type()) == (200, "image/webp")
    width = Image.open(io.BytesIO(body)).width
    assert width == atlas["columns"] * atlas["tile"]
    assert atlas["shown"]["relu5_1"] == "conv5_1" and "called" not in first
    (classes,) = json.loads(show.get("/remote/atlas")[1])["named"]
    layers = json.loads(show.get(f"/remote/atlas/{classes['network']}")[1])["layers"]
    named = next(each for each in layers if each["name"] == classes["layer"])
    assert dict(zip(named["filters"], named["called"], strict=True))[107] == "jellyfish"


# Who may come in


def test_the_link_is_announced_for_this_machine(show: WebShow) -> None:
    assert show.links[0] == f"http://localhost:{show.query.port}/?token={show.token}"
    assert len(show.token) == 16


@pytest.mark.usefixtures("afar")
def test_from_the_network_nothing_is_seen_without_the_token(show: WebShow) -> None:
    for path in ("/", "/remote/main.js", "/remote/presets/reef", "/remote/atlas", "/remote/socket"):
        for asked in ("", "?token=", "?token=wrong", f"?token={show.token[:-1]}"):
            status, body, _ = show.get(path + asked, **HTML)
            assert status == 403 and show.token.encode() not in body
    status, _, headers = show.get(f"/?token={show.token}", **HTML)
    cookie = headers["Set-Cookie"]
    assert status == 200 and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert "Max-Age=34560000" in cookie, "an exhibition's tablet comes back after months"
    kept = cookie.partition(";")[0]
    noise = f"{kept.partition('=')[0]}=\xff\xfe"
    assert show.get("/remote/main.js", Cookie=noise)[0] == 403
    assert show.get("/remote/presets/reef", Cookie=kept)[0] == 200
    assert show.get("/remote/presets/reef", Cookie=kept[:-1])[0] == 403


@pytest.mark.usefixtures("afar")
def test_a_websocket_from_the_network_needs_the_token(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        assert (await heard(page, "controls"))[0]["key"] == ROWS[0].key

    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        show.talk(talked, token=False)
    show.talk(talked)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Host": "evil.example"},
        {"Host": "evil.example:9000", "Origin": "http://evil.example:9000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_can_do_nothing(headers: dict[str, str], show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        raise AssertionError("it came in")

    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        show.talk(talked, **headers)
    assert show.get("/remote/presets/reef", **headers)[0] == 403
    assert show.get("/remote/main.js", **headers)[0] == 403


def test_a_link_that_is_asked_for_early_is_shown_once_the_server_runs() -> None:
    links: list[str] = []
    remote = WebRemote(announce=lambda link, asked: links.append(link))
    remote.open(Mailbox())
    remote.publish(1.0, START, [Trigger("show.remote")])
    assert "not served yet" in remote.status_lines()[0]
    query = OscQuery(port=0, site=remote, site_host="localhost")
    query.open(Mailbox())
    try:
        until(lambda: remote._link)
        for _ in range(2):
            remote.publish(2.0, START, [])
        assert links == [remote._link] and remote.status_lines() == []
    finally:
        query.close()


def test_the_page_is_served_where_it_was_asked_for_and_oscquery_where_it_was() -> None:
    own = _own_address()
    show = WebShow("0.0.0.0")
    try:
        assert show.links[0].startswith(f"http://{own}:")
        assert show.get("/", own, **HTML)[0] == 403
        assert show.get(f"/?token={show.token}", own, **HTML)[0] == 200
        assert show.get("/", own)[0] == 404  # OSCQuery stays on loopback
        assert show.get("/")[0] == 200
        assert show.get("/", **HTML)[0] == 200
    finally:
        show.close()


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


# Values and messages of a page


def test_a_page_is_told_every_control_and_where_it_stands(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        said = json.loads((await page.receive()).data)
        assert [row["key"] for row in said["controls"]] == [row.key for row in ROWS]
        zoom = next(row for row in said["controls"] if row["key"] == "camera.zoom")
        assert (zoom["minimum"], zoom["maximum"], zoom["unit"]) == (0.2, 5.0, "x/s")
        assert said["trusted"] and said["saves"] and "F2" in [key[0] for key in said["keys"]]
        assert "reef" in [each["name"] for each in said["presets"]]
        assert "exhibition" in [each["name"] for each in said["cue_lists"]]
        values = await heard(page, "values")
        assert set(values) == {row.key for row in ROWS if row.kind != "trigger"}
        show.publish(camera__zoom=2.0, show__late=3.00004)
        assert await heard(page, "values") == {"camera.zoom": 2.0, "show.late": 3.0}

    show.talk(talked)


def test_what_a_page_sets_is_not_sent_back_while_its_finger_moves(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        await heard(page, "values")
        await page.send_json({"do": "set", "key": "camera.zoom", "value": 3.0})
        (message,) = await _drained(show, 1)
        show.publish(message, camera__zoom=3.0)  # known to this page
        show.publish(camera__zoom=2.5, camera__pan_x=0.1)
        assert await heard(page, "values") == {"camera.pan_x": 0.1}
        show.now += HOLD_S
        show.publish()
        assert await heard(page, "values") == {"camera.zoom": 2.5}

    show.talk(talked)


def test_other_pages_are_told_at_once(show: WebShow) -> None:
    async def whole() -> None:
        async with (
            aiohttp.ClientSession() as session,
            show.page(session) as one,
            show.page(session) as other,
        ):
            await heard(other, "values")
            await one.send_json({"do": "move", "key": "camera.pan_x", "position": 0.75})
            (message,) = await _drained(show, 1)
            show.publish(message, camera__pan_x=0.5)
            assert await heard(other, "values") == {"camera.pan_x": 0.5}

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_messages_and_errors_come_with_their_time(show: WebShow) -> None:
    values = dict(show.values)
    for number in range(60):
        show.remote._note({**values, "show.message": f"saved {number}"})
    show.remote._note({**values, "show.trouble": "no camera"})

    async def talked(page: Socket) -> None:
        kept = await heard(page, "messages")
        assert len(kept) == 50
        assert [kept[-1][name] for name in ("kind", "text")] == ["error", "no camera"]
        assert kept[-2]["text"] == "saved 59" and kept[-1]["time"] > 1e9
        show.remote._note({**values, "show.message": "new"})
        while (news := await heard(page, "news"))[-1]["text"] != "new":
            pass
        assert news[-1]["kind"] == "message"

    show.talk(talked)


# What a page says


async def _drained(show: WebShow, count: int) -> list[Message]:
    found: list[Message] = []
    while len(found) < count:
        found += show.mailbox.drain()
        await asyncio.sleep(0.005)
    return found


def test_messages_reach_the_show_with_their_origin(show: WebShow) -> None:
    said: list[tuple[dict[str, Any], Message]] = [
        ({"do": "set", "key": "camera.zoom", "value": 99}, Set("camera.zoom", 5.0)),
        ({"do": "set", "key": "warp.mirror", "value": "Both"}, Set("warp.mirror", "both")),
        ({"do": "set", "key": "show.freeze", "value": True}, Set("show.freeze", True)),
        ({"do": "set", "key": "ascent.steps", "value": 3.4}, Set("ascent.steps", 3)),
        ({"do": "set", "key": "mix.target", "value": "a:b:1"}, Set("mix.target", "a:b:1")),
        ({"do": "move", "key": "camera.rotation", "position": 0.75}, Set("camera.rotation", 90.0)),
        ({"do": "nudge", "key": "camera.zoom", "by": -0.1}, Nudge("camera.zoom", -0.1)),
        ({"do": "fire", "key": "show.panic"}, Trigger("show.panic")),
        ({"do": "fire", "key": "show.quit"}, Trigger("show.quit")),
    ]

    async def talked(page: Socket) -> None:
        for command, message in said:
            await page.send_json(command)
            (found,) = await _drained(show, 1)
            assert found == message
            assert found.origin.startswith("page:127.0.0.1:")  # type: ignore[union-attr]

    show.talk(talked)


LOCAL = [row.key for row in ROWS if not row.remote]


def test_without_the_token_a_page_counts_as_the_network(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        said = json.loads((await page.receive()).data)
        assert not said["trusted"] and not said["saves"]
        for key in LOCAL:
            await page.send_json({"do": "fire", "key": key, "value": "x"})
            assert "for this machine only" in await heard(page, "error")
        given = {"do": "edit", "action": "slot of preset", "name": "reef", "slot": 4}
        await page.send_json(given)
        assert "--allow-remote-save" in await heard(page, "error")
        await page.send_json({"do": "fire", "key": "show.snapshot"})
        (found,) = await _drained(show, 1)
        assert found.origin.startswith("web:127.0.0.1:")  # type: ignore[union-attr]

    show.talk(talked, token=False)


BAD = [
    "", "{", "[]", "7", "null", '"x"', "{}", '{"do": 1}', '{"do": "set"}', "[" * 9000,
    '{"do": "set", "key": "camera.zoom"}', '{"do": "set", "key": "camera.zoom", "value": NaN}',
    '{"do": "set", "key": "camera.zoom", "value": Infinity}',
    '{"do": "set", "key": "camera.zoom", "value": 1e999}',
    '{"do": "set", "key": "camera.zoom", "value": true}',
    '{"do": "set", "key": "camera.zoom", "value": "2"}',
    '{"do": "set", "key": "camera.zoom", "value": null}',
    '{"do": "set", "key": "camera.zoom", "value": {"a": []}}',
    '{"do": "set", "key": "show.late", "value": 3}',
    '{"do": "set", "key": "show.panic", "value": 1}',
    '{"do": "set", "key": "warp.mirror", "value": "sideways"}',
    '{"do": "set", "key": "nothing.here", "value": 1}', '{"do": "set", "key": ["a"], "value": 1}',
    '{"do": "set", "key": "mix.target", "value": "a\\nb"}',
    '{"do": "set", "key": "mix.target", "value": "' + "x" * 201 + '"}',
    '{"do": "move", "key": "camera.zoom", "position": true}',
    '{"do": "move", "key": "camera.zoom", "position": -1e999}',
    '{"do": "move", "key": "mix.target", "position": 0.5}',
    '{"do": "move", "key": "show.panic", "position": 0.5}',
    '{"do": "nudge", "key": "camera.zoom", "by": "1"}', '{"do": "nudge", "key": "pad.a", "by": 1}',
    '{"do": "nudge", "key": "show.late", "by": 1}', '{"do": "fire", "key": "camera.zoom"}',
    '{"do": "fly", "key": "camera.zoom"}', '{"do": "seen", "count": "3"}',
    '{"do": "edit"}', '{"do": "edit", "action": "remove", "name": "reef"}',
    '{"do": "edit", "action": "rename preset", "name": "reef", "to": "../x"}',
    '{"do": "edit", "action": "rename preset", "name": "../../etc/passwd", "to": "x"}',
    '{"do": "edit", "action": "slot of preset", "name": "reef", "slot": 5}',
    '{"do": "edit", "action": "save cues", "name": "a/b",'
    ' "cues": [{"preset": "reef", "hold": true}]}',
    '{"do": "edit", "action": "save cues", "name": "x", "cues": []}',
    '{"do": "edit", "action": "save cues", "name": "x",'
    ' "cues": [{"preset": "reef", "seconds": "1"}]}',
    '{"do": "edit", "action": "save cues", "name": "exhibition", "replace": true,'
    ' "cues": [{"preset": "reef", "hold": true}]}',
]  # fmt: skip


def test_what_is_wrong_is_answered_and_changes_nothing(
    show: WebShow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "PAGE_COMMANDS_PER_S", 10**6)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    refused = _site(show).refused

    async def talked(page: Socket) -> None:
        await heard(page, "values")
        for text in BAD:
            _site(show)._limit._spent = 0
            await page.send_str(text)
            assert await heard(page, "error"), text
        await page.send_bytes(b"\x00\xff")
        assert "text" in await heard(page, "error")

    show.talk(talked)
    assert show.mailbox.drain() == []
    assert _site(show).refused == refused + len(BAD) + 1
    assert "refused" in show.remote.status_lines()[0]
    assert not list(tmp_path.rglob("*.toml"))


def _site(show: WebShow) -> site.RemoteSite:
    assert show.remote._site
    return show.remote._site


@pytest.mark.parametrize("depth", (400, 900, 920, 940, 960, 980, 1000))
def test_no_depth_of_nesting_ends_a_page(depth: int, show: WebShow) -> None:
    value = "[" * depth + "]" * depth

    async def talked(page: Socket) -> None:
        _site(show)._limit._spent = 0
        for text in (
            f'{{"do": "set", "key": "camera.zoom", "value": {value}}}',
            f'{{"do": "move", "key": "camera.zoom", "position": {value}}}',
            f'{{"do": "edit", "action": "save cues", "name": "x", "cues": [{value}]}}',
        ):
            await page.send_str(text)
            assert await heard(page, "error")

    show.talk(talked)


def test_a_huge_text_ends_only_its_own_page(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        await page.send_str("x" * (commands.MAX_TEXT + 1))
        while not page.closed:
            await page.receive()

    show.talk(talked)
    assert show.get("/", **HTML)[0] == 200


def test_a_flood_is_cut_off_and_costs_others_nothing(show: WebShow) -> None:
    async def whole() -> None:
        async with (
            aiohttp.ClientSession() as session,
            show.page(session) as flooding,
            show.page(session) as other,
        ):
            await heard(other, "values")
            for number in range(3000):
                text = {"do": "nudge", "key": "camera.zoom", "by": 0.001 * (number % 2)}
                await flooding.send_json(text)
            await other.send_json({"do": "fire", "key": "show.panic"})
            found: list[Message] = []
            while Trigger("show.panic") not in found:
                found += await _drained(show, 1)

    asyncio.run(asyncio.wait_for(whole(), 20))
    assert len(show.mailbox.drain()) <= 1  # nudges of one control add up
    show.until(lambda: not show.remote.watched)
    _site(show)._limit._spent = 0


# Previews


def test_a_preview_goes_to_every_page_that_has_shown_the_last(show: WebShow) -> None:
    async def whole() -> None:
        async with (
            aiohttp.ClientSession() as session,
            show.page(session) as quick,
            show.page(session) as slow,
        ):
            await heard(slow, "values")
            for number in range(1, MAX_UNSEEN + 4):
                while not show.draw(40 * number):
                    await asyncio.sleep(0.005)
                picture = Image.open(io.BytesIO(await preview(quick)))
                assert picture.size == (32, 18)
                assert abs(picture.getpixel((9, 9))[0] - 40 * number) < 3  # type: ignore[index]
                await quick.send_json({"do": "seen", "count": number})
            client = next(each for each in _site(show).clients if not each.wants_preview)
            assert client._sent == MAX_UNSEEN
            await slow.send_json({"do": "seen", "count": 10**9})  # it cannot have seen so many
            while not client.wants_preview:
                await asyncio.sleep(0.005)
            assert client._seen == client._sent == MAX_UNSEEN

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_a_hidden_page_takes_no_previews_and_nobody_sees_it(show: WebShow) -> None:
    async def talked(page: Socket) -> None:
        await heard(page, "values")
        while not show.draw():
            await asyncio.sleep(0.005)
        await page.send_json({"do": "watch", "wanted": False})
        (client,) = _site(show).clients
        while client.wants_preview:
            await asyncio.sleep(0.005)
        show.remote.begin()
        await asyncio.sleep(0.2)
        assert not show.remote.wanted and not show.remote.watched
        await page.send_json({"do": "watch", "wanted": True})
        while not show.remote.watched:
            await asyncio.sleep(0.005)

    show.talk(talked)


def test_twenty_pages_cost_the_frame_loop_no_more_than_one(show: WebShow) -> None:
    """Every call of a frame only hands over: nothing in it depends on how many pages there are."""

    async def whole() -> None:
        async with aiohttp.ClientSession() as session:
            pages = [await show.page(session) for _ in range(20)]
            for page in pages:
                await heard(page, "values")
            assert show.remote.watched
            calls: list[tuple[Any, ...]] = []
            hand_over = show.remote._call
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(show.remote, "_call", lambda *given: calls.append(given))
                show.publish(camera__zoom=2.0)
            assert len(calls) == 1
            hand_over(*calls[0])
            while not show.draw():
                await asyncio.sleep(0.005)
            for page in pages:  # the 20th never reads before this
                assert (await preview(page)).startswith(b"\xff\xd8")
            show.publish(Set("camera.pan_x", 0.3, "key"), camera__pan_x=0.3)
            for page in pages:
                while "camera.pan_x" not in await heard(page, "values"):
                    pass
            for page in pages:
                await page.close()

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_no_more_pages_than_allowed(show: WebShow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MAX_PAGES", 1)

    async def whole() -> None:
        async with aiohttp.ClientSession() as session, show.page(session) as page:
            await heard(page, "values")
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await show.page(session)

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_pages_of_the_network_do_not_lock_the_performer_out(
    show: WebShow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MAX_PAGES", 1)

    async def whole() -> None:
        async with aiohttp.ClientSession() as session, show.page(session, token=False) as afar:
            await heard(afar, "values")
            _site(show)._network_limit._spent = 10**6
            async with show.page(session) as own:
                await own.send_json({"do": "fire", "key": "show.panic"})
                assert await _drained(show, 1) == [Trigger("show.panic")]

    asyncio.run(asyncio.wait_for(whole(), 20))
    _site(show)._network_limit._spent = 0


def test_a_preset_gets_a_picture_unless_no_address_can_have_its_name() -> None:
    for name, wanted in (("mine", "mine"), ("n\udcff", ""), ("reef", "")):
        taker = preset_pictures.PictureTaker()
        taker.due(0.0, {"show.preset": name})
        assert taker.due(preset_pictures.SETTLED_S + 1.0, {"show.preset": name}) == wanted


# Files


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where presets and cue lists of the user go."""
    monkeypatch.setattr(presets, "user_folder", lambda: tmp_path / "presets")
    monkeypatch.setattr(cue_lists, "user_folder", lambda: tmp_path / "cues")
    (tmp_path / "presets").mkdir()
    return tmp_path


async def until_done(page: Socket) -> dict[str, Any]:
    """Return the latest of all that was said until a change was done; the new lists come first."""
    found: dict[str, Any] = {}
    while "done" not in found:
        found |= json.loads((await page.receive()).data)
    return found


def test_presets_are_renamed_and_numbered(show: WebShow, own: Path) -> None:
    file = own / "presets" / "mine.toml"
    file.write_text('# a note\nversion = 1\ntargets = ["vgg16:conv5_1:7"]\n[camera]\nzoom = 2.0\n')
    _site(show)._limit._spent = 0

    async def talked(page: Socket) -> None:
        edit = {"do": "edit", "action": "slot of preset", "name": "mine", "slot": 7}
        await page.send_json(edit)
        said = await until_done(page)
        assert said["done"] == "mine is number 7"
        found = {each["name"]: each for each in said["presets"]}
        assert found["mine"]["slot"] == 7 and found["mine"]["own"] and not found["reef"]["own"]
        edit = {"do": "edit", "action": "rename preset", "name": "mine", "to": "blue hour"}
        await page.send_json(edit)
        assert await heard(page, "done") == "mine is called blue hour now"
        edit = {"do": "edit", "action": "rename preset", "name": "blue hour", "to": "reef"}
        await page.send_json(edit)
        assert "already" in await heard(page, "error")

    show.talk(talked)
    show.publish()
    assert show.renamed == [("mine", "blue hour")], "it may be the one that is flown"
    text = (own / "presets" / "blue hour.toml").read_text()
    assert text.startswith("# a note\nversion = 1\nslot = 7\n") and not file.exists()


def test_a_cue_list_is_saved_under_a_new_name(show: WebShow, own: Path) -> None:
    cues = [{"preset": "reef", "seconds": 30, "transition": 4}, {"preset": "ink", "hold": True}]
    edit = {"do": "edit", "action": "save cues", "name": "tonight", "cues": cues}
    _site(show)._limit._spent = 0

    async def talked(page: Socket) -> None:
        await page.send_json(edit)
        said = await until_done(page)
        assert said["done"] == "cue list tonight is saved"
        lists = {each["name"]: each for each in said["cue_lists"]}
        assert lists["tonight"]["own"] and lists["tonight"]["cue"] == cues
        await page.send_json(edit)
        assert "already" in await heard(page, "error")
        await page.send_json({**edit, "cues": cues[:1], "replace": True})
        assert await heard(page, "done")

    show.talk(talked)
    (cue,) = cue_lists.find("tonight").cues
    assert (cue.preset, cue.seconds, cue.transition) == ("reef", 30, 4)


def test_a_slow_disk_does_not_keep_a_page_from_a_panic(
    show: WebShow, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def edit(action: str, given: Mapping[str, Any]) -> str:
        go.wait(20)
        return action

    monkeypatch.setattr(library, "edit", edit)
    _site(show)._limit._spent = 0

    async def talked(page: Socket) -> None:
        for number in range(file_edits.MAX_EDITS):
            await page.send_json({"do": "edit", "action": str(number)})
        await page.send_json({"do": "edit", "action": "one more"})
        assert "the disk does not answer" in await heard(page, "error")
        await page.send_json({"do": "fire", "key": "show.panic"})
        assert await _drained(show, 1) == [Trigger("show.panic")]
        go.set()
        for number in range(file_edits.MAX_EDITS):
            assert await heard(page, "done") == str(number)

    show.talk(talked)


def test_a_bug_in_a_change_is_answered(show: WebShow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "edit", lambda action, given: [][1])
    _site(show)._limit._spent = 0

    async def talked(page: Socket) -> None:
        await page.send_json({"do": "edit", "action": "x"})
        assert "please report it: IndexError" in await heard(page, "error")

    show.talk(talked)


def test_the_network_saves_a_number_of_cue_lists(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_edits, "MAX_NETWORK_LISTS", 1)
    show = WebShow(save=True)
    edit = {"do": "edit", "action": "save cues", "cues": [{"preset": "reef", "hold": True}]}

    async def talked(page: Socket) -> None:
        await page.send_json({**edit, "name": "one"})
        assert await heard(page, "done")
        await page.send_json({**edit, "name": "two"})
        assert "1 new ones are allowed" in await heard(page, "error")
        await page.send_json({**edit, "name": "one", "replace": True})
        assert await heard(page, "done")

    show.talk(talked, token=False)
    show.close()
    assert cue_lists.names().count("two") == 0
