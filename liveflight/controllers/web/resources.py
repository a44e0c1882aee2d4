"""Answer requests for files of the page, pictures of presets, and atlases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from liveflight.controllers.osc.packets import PacketError
from liveflight.controllers.osc.rate_limiter import RateLimiter
from liveflight.controllers.web import atlas_pages, page_files, preset_pictures
from liveflight.controllers.web.access import HEADERS

COST = 2
"""Commands that a request counts for."""


async def find(name: str, limit: RateLimiter) -> web.Response:
    """Return what the page knows by this name; `limit` counts what is read from the disk.

    Raises HTTPNotFound and HTTPTooManyRequests."""
    if found := page_files.load().get(name):
        return web.Response(
            body=found.content, content_type=found.kind, charset="utf-8", headers=HEADERS
        )
    try:
        limit.consume(COST, "")
    except PacketError:
        raise web.HTTPTooManyRequests(text="try again in a second", headers=HEADERS) from None
    match tuple(name.split("/")):
        case ("presets", preset):
            return _picture(await asyncio.to_thread(preset_pictures.read, preset), "image/jpeg")
        case ("atlas",):
            return _json(await asyncio.to_thread(atlas_pages.listed))
        case ("atlas", network):
            return _json(await asyncio.to_thread(atlas_pages.layers, network))
        case ("atlas", network, layer):
            sheet = await asyncio.to_thread(atlas_pages.sheet, network, layer)
            return _picture(sheet, "image/webp")
    raise missing()


def missing() -> web.HTTPNotFound:
    """Return the answer to a name that means nothing."""
    return web.HTTPNotFound(text="there is nothing here", headers=HEADERS)


def _json(found: Mapping[str, Any] | None) -> web.Response:
    if found is None:
        raise missing()
    return web.json_response(dict(found), headers=HEADERS)


def _picture(found: bytes | None, kind: str) -> web.Response:
    if found is None:
        raise missing()
    # The page asks by another address when a picture has changed.
    headers = {**HEADERS, "Cache-Control": "private, max-age=3600"}
    return web.Response(body=found, content_type=kind, headers=headers)
