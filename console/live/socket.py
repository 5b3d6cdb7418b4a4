"""What both kinds of socket share: who is there, whether they still may be, and an outbox that is bounded."""

import asyncio
import json
import time
from collections import deque
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from console.gateway import notices
from console.gateway.watch import Notice
from console.live import auth, process
from console.live.auth import Visitor

CHECK_INTERVAL_S = 1.0
#: Session and role are looked at this often, besides whenever a notice says so.
ACCESS_INTERVAL_S = 60.0
#: Messages that wait to be sent; tail frames among them are bounded by their credit window.
OUTBOX_MAX = 256
TEXT_MAX = 32 * 1024
#: Faulty messages that one socket may send.
FAULTS_MAX = 20


class Gone(Exception):
    """The socket must close with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Fault(Exception):
    """A message that can't be followed; said to the page with ``field``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class LiveSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser's socket. Notices reach it through the process' switchboard, not through a channel layer:
    a layer that loses Redis would take the socket with it, and a tail must outlive that.
    """

    channel_layer_alias = "none"

    visitor: Visitor

    async def connect(self) -> None:
        # Accepted first, for only then does the browser's page learn the code.
        await self.accept()
        self._outbox: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._recheck = asyncio.Event()
        self._faults = 0
        self._closing: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._places: process.Places | None = None
        self.now = time.monotonic
        try:
            await self._enter()
        except Gone as gone:
            await self.close(code=gone.code)

    async def _enter(self) -> None:
        visitor = await auth.visitor(self.scope)
        if visitor is None:
            raise Gone(auth.NOT_SIGNED_IN)
        self.visitor = visitor
        groups = await database_sync_to_async(self.admit)()
        places = self.places()
        if not places.take(str(visitor.user.pk)):
            raise Gone(auth.TOO_MANY)
        self._places = places
        self._listen(groups)
        await self.entered()
        self._tasks = [
            asyncio.create_task(self._send_all()),
            asyncio.create_task(self._check_all()),
        ]

    async def disconnect(self, code: int) -> None:
        process.current().switchboard.leave(self.notice)
        for task in getattr(self, "_tasks", ()):
            task.cancel()
        if self._places is not None:
            self._places.free(str(self.visitor.user.pk))
            self._places = None
            self.left()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._places is None:
            return
        try:
            await self.take(_message(text_data))
        except Fault as fault:
            self._faults += 1
            self.put({"op": "error", "field": fault.field, "message": str(fault)})
            if self._faults > FAULTS_MAX:
                self.end(1008)

    # For the kinds ----------------------------------------------------------------------------------------

    def admit(self) -> set[str]:
        """Checks what ``self.visitor`` may do, in a thread with the database; the groups to listen to. Raises Gone."""
        raise NotImplementedError

    def places(self) -> process.Places:
        """Where sockets of this kind are counted, for each user."""
        raise NotImplementedError

    async def entered(self) -> None:
        """Once admitted, and before anything is received."""

    def left(self) -> None:
        """Once, after ``entered``."""

    async def take(self, message: dict[str, Any]) -> None:
        """One message from the page. Raises Fault."""
        raise NotImplementedError

    def look(self) -> None:
        """Each second."""

    def heard(self, notice: Notice) -> None:
        """A notice that isn't about access."""

    # Sending ----------------------------------------------------------------------------------------------

    def put(self, message: dict[str, Any] | bytes) -> None:
        """Queues a message, at once; a page that doesn't take any is closed, never waited for."""
        if len(self._outbox) >= OUTBOX_MAX:
            self.end(auth.NO_ACK)
            return
        if isinstance(message, bytes):
            self._outbox.append(message)
        else:
            self._outbox.append(json.dumps(message, separators=(",", ":")))
        self._wake.set()

    def end(self, code: int) -> None:
        """Closes soon, from wherever it is called."""
        if self._closing is None:
            self._closing = code
            self._wake.set()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox and self._closing is None:
                item = self._outbox.popleft()
                if isinstance(item, bytes):
                    await self.send(bytes_data=item)
                else:
                    await self.send(text_data=item)
            if self._closing is not None:
                await self._say_last(self._closing)
                await self.close(code=self._closing)
                return

    async def _say_last(self, code: int) -> None:
        """Before closing."""

    # Whether they still may be here -------------------------------------------------------------------------

    def notice(self, notice: Notice | None) -> None:
        if notice is None or notice["kind"] == "access":
            self._recheck.set()
        elif notice["kind"] == "signed_out":
            self.end(auth.NOT_SIGNED_IN)
        else:
            self.heard(notice)

    async def _check_all(self) -> None:
        next_s = self.now() + ACCESS_INTERVAL_S
        while True:
            try:
                await asyncio.wait_for(self._recheck.wait(), CHECK_INTERVAL_S)
            except TimeoutError:
                self.look()
            if self._recheck.is_set() or self.now() >= next_s:
                self._recheck.clear()
                next_s = self.now() + ACCESS_INTERVAL_S
                await self._check_access()

    async def _check_access(self) -> None:
        try:
            visitor = await auth.visitor(self.scope)
            if visitor is None:
                raise Gone(auth.NOT_SIGNED_IN)
            self.visitor = visitor
            self._listen(await database_sync_to_async(self.admit)())
        except Gone as gone:
            self.end(gone.code)

    def _listen(self, groups: set[str]) -> None:
        own = {
            notices.user_group(self.visitor.user.pk),
            notices.session_group(self.visitor.session_key),
        }
        process.current().switchboard.join(self.notice, groups | own)


def _message(text: str | None) -> dict[str, Any]:
    if text is None or len(text) > TEXT_MAX:
        raise Fault("op", f"A message is JSON text of at most {TEXT_MAX} characters.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Fault("op", "A message is JSON text.") from None
    if not isinstance(message, dict) or not isinstance(message.get("op"), str):
        raise Fault("op", "A message is a JSON object with op.")
    return message
