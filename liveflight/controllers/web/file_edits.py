"""Change presets and cue lists for pages, beside what else they ask for."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from liveflight.controllers.web import library
from liveflight.controllers.web.client import PageClient
from liveflight.controllers.web.commands import Edit
from liveflight.core.contracts import LiveflightError
from liveflight.storage import cue_lists

log = logging.getLogger(__name__)

MAX_EDITS = 8
"""Changes that may wait for the disk."""
MAX_NETWORK_LISTS = 16
"""New cue lists that the network may save in a show."""


class FileEdits:
    """Do one change after the other. A slow disk does not delay a page's next command: a panic."""

    def __init__(
        self,
        save: bool,
        look_up: Callable[[], Awaitable[None]],
        refuse: Callable[[PageClient, str], None],
    ) -> None:
        """`save`: whether a page that is not the performer's own may change files.

        `look_up` is called after each change, `refuse` with what is wrong."""
        self._save, self._look_up, self._refuse = save, look_up, refuse
        self.lock = asyncio.Lock()
        """Held while a file is changed."""
        self.renamed: deque[tuple[str, str]] = deque()
        """Old and new names of presets that were renamed; the frame loop takes them out."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._network_lists = 0

    def begin(self, edit: Edit, client: PageClient) -> None:
        """Begin a change. Raises LiveflightError where this page may not."""
        if not (client.guest.trusted or self._save):
            raise LiveflightError("saving over the network: start with --allow-remote-save")
        if len(self._tasks) >= MAX_EDITS:
            raise LiveflightError("the disk does not answer: try again later")
        task = asyncio.ensure_future(self._run(edit, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget the changes that wait; one that is being made is finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, edit: Edit, client: PageClient) -> None:
        async with self.lock:
            try:
                done = await self._do(edit, client)
                await self._look_up()
            except LiveflightError as error:
                self._refuse(client, str(error))
            except Exception as error:
                log.warning("the web remote changes no file", exc_info=error)
                self._refuse(client, f"a bug, please report it: {error!r}")
            else:
                client.say(done=done)

    async def _do(self, edit: Edit, client: PageClient) -> str:
        if not client.guest.trusted:
            await self._check_new(edit)
        done = await asyncio.to_thread(library.edit, edit.action, edit.given)
        match edit:
            case Edit("rename preset", {"name": str(name), "to": str(new)}):
                self.renamed.append((name, new.strip()))
        return done

    async def _check_new(self, edit: Edit) -> None:
        """Count a new cue list. Raises LiveflightError where there are too many."""
        if edit.action != "save cues" or edit.given.get("name") in await asyncio.to_thread(
            cue_lists.names
        ):
            return
        if self._network_lists >= MAX_NETWORK_LISTS:
            raise LiveflightError(
                f"cue lists over the network: {MAX_NETWORK_LISTS} new ones are allowed in a show"
            )
        self._network_lists += 1
