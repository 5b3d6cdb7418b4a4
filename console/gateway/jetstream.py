"""JetStream's API, asked over NATS as a user that web mints: JSON in, JSON out, in NATS's own names.

Messages are read by sequence with ``STREAM.MSG.GET``, never through a consumer: so a work queue or an interest stream
can be looked at without taking anything from it.
"""

import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from console.gateway import nats
from console.gateway.errors import BrokerUnavailable, JetStreamRefused
from console.gateway.nats import Ask, Identity, Message

T = TypeVar("T")
Json = dict[str, Any]

API = "$JS.API."
TIMEOUT_S = 10.0
#: Streams or consumers that a list shows; JetStream answers in pages of 256.
LISTED_MAX = 1024
#: Requests that reading one page of messages may take.
READS_MAX = 1000
#: Payload bytes of a page, more or less one message.
PAGE_BYTES = 4 * 1024 * 1024
NOT_ENABLED = 10039
NO_MESSAGE = 10037
WRONG_LAST_SEQUENCE = frozenset((10071, 10164))


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a stream; ``time`` as JetStream has it, ``header`` the raw NATS/1.0 block."""

    seq: int
    subject: str
    time: str
    header: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in the order of their sequences. ``complete`` is False where READS_MAX ended the search."""

    messages: list[Stored]
    complete: bool


def call(identity: Identity, operation: str, body: Json | None = None) -> Json:
    """One request: ``call(identity, "STREAM.INFO.ORDERS")``.

    Raises, as all here do, JetStreamRefused, BrokerUnavailable, BrokerRefused.
    """
    return _run(identity, lambda ask: _call(ask, operation, body))


def listed(identity: Identity, operation: str, field: str, body: Json | None = None) -> list[Json]:
    """Every entry of a paged list, LISTED_MAX at most: ``listed(identity, "STREAM.LIST", "streams")``."""

    async def job(ask: Ask) -> list[Json]:
        found: list[Json] = []
        while True:
            page = await _call(ask, operation, {**(body or {}), "offset": len(found)})
            entries = page.get(field) or []
            found += entries
            if not entries or len(found) >= min(int(page.get("total", 0)), LISTED_MAX):
                return found[:LISTED_MAX]

    return _run(identity, job)


def message(identity: Identity, stream: str, **which: Any) -> Stored:
    """``which``: ``seq=…`` or ``last_by_subj=…``. Raises JetStreamRefused with NO_MESSAGE."""
    return _run(identity, lambda ask: _get(ask, stream, which))


def store(identity: Identity, wanted: Message) -> int:
    """Publishes into whichever stream has the subject; its sequence there, once it is stored."""

    async def job(ask: Ask) -> int:
        return int(_answer(await ask(wanted))["seq"])

    return _run(identity, job)


def subjects(identity: Identity, stream: str, filter_: str) -> dict[str, int]:
    """Subject → how many messages it has; JetStream tells of 100,000 at most."""
    info = call(identity, f"STREAM.INFO.{stream}", {"subjects_filter": filter_})
    return dict(info["state"].get("subjects") or {})


def last_of_each(identity: Identity, stream: str, subjects: list[str]) -> dict[str, Stored]:
    """Subject → its newest message; those without any are left out."""

    async def job(ask: Ask) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for subject in subjects:
            newest = await _maybe(ask, stream, {"last_by_subj": subject})
            if newest is not None:
                found[subject] = newest
        return found

    return _run(identity, job)


def forward(identity: Identity, stream: str, subject: str, seq: int, limit: int) -> Page:
    """Up to ``limit`` messages that match ``subject``, from sequence ``seq`` on; fewer when they are large."""

    async def job(ask: Ask) -> Page:
        found, size = [], 0
        async for one in _each(ask, stream, subject, seq, 2**63):
            found.append(one)
            size += len(one.payload)
            if len(found) == limit or size > PAGE_BYTES:
                break
        return Page(found, True)

    return _run(identity, job)


def backward(
    identity: Identity, stream: str, subject: str, bounds: tuple[int, int], limit: int
) -> Page:
    """Up to ``limit`` of the newest messages that match ``subject``, within first and last sequence of ``bounds``.

    JetStream can only search forward; so this looks at a window before the end, and at ever larger ones before that.
    """
    first, last = bounds

    async def job(ask: Ask) -> Page:
        found: list[Stored] = []
        end, width, left = last + 1, limit, READS_MAX
        while end > first and len(found) < limit:
            start = max(first, end - width)
            window, reads = await _newest(
                ask, stream, subject, (start, end), limit - len(found), left
            )
            if window is None:
                return Page(found, False)
            found = window + found
            left -= reads
            if reads > len(window):  # full, or the page has as many bytes as it may have
                break
            end, width = start, width * 4
        return Page(found, True)

    return _run(identity, job)


async def _newest(
    ask: Ask, stream: str, subject: str, bounds: tuple[int, int], limit: int, reads_max: int
) -> tuple[list[Stored] | None, int]:
    """The newest of those within ``bounds``, and how many were read for it; None when ``reads_max`` don't suffice."""
    kept: deque[Stored] = deque()
    size = reads = 0
    async for one in _each(ask, stream, subject, *bounds):
        reads += 1
        if reads > reads_max:
            return None, reads
        kept.append(one)
        size += len(one.payload)
        while len(kept) > limit or (size > PAGE_BYTES and len(kept) > 1):
            size -= len(kept.popleft().payload)
    return list(kept), reads


# One request ----------------------------------------------------------------------------------------------


def _run(identity: Identity, job: Callable[[Ask], Awaitable[T]]) -> T:
    try:
        return nats.several(identity, job, TIMEOUT_S)
    except nats.NoResponders:
        raise JetStreamRefused(
            503, NOT_ENABLED, "JetStream isn't enabled for this namespace"
        ) from None
    except nats.NoReply:
        raise BrokerUnavailable("JetStream doesn't answer.") from None


async def _call(ask: Ask, operation: str, body: Json | None) -> Json:
    payload = b"" if body is None else json.dumps(body).encode()
    return _answer(await ask(Message(API + operation, "", {}, payload)))


def _answer(reply: Message) -> Json:
    try:
        answer: Json = json.loads(reply.payload)
    except ValueError:
        raise BrokerUnavailable("JetStream's answer can't be read.") from None
    if error := answer.get("error"):
        code, err_code = int(error.get("code", 500)), int(error.get("err_code", 0))
        raise JetStreamRefused(code, err_code, str(error.get("description", "refused")))
    return answer


async def _get(ask: Ask, stream: str, which: Json) -> Stored:
    found = (await _call(ask, f"STREAM.MSG.GET.{stream}", which))["message"]
    header, payload = (base64.b64decode(found.get(name) or "") for name in ("hdrs", "data"))
    return Stored(int(found["seq"]), str(found["subject"]), str(found["time"]), header, payload)


async def _maybe(ask: Ask, stream: str, which: Json) -> Stored | None:
    try:
        return await _get(ask, stream, which)
    except JetStreamRefused as refused:
        if refused.err_code == NO_MESSAGE:
            return None
        raise


async def _each(ask: Ask, stream: str, subject: str, start: int, end: int) -> AsyncIterator[Stored]:
    """The matching messages from sequence ``start`` on and before ``end``, one request each."""
    while start < end:
        one = await _maybe(ask, stream, {"seq": start, "next_by_subj": subject})
        if one is None or one.seq >= end:
            return
        yield one
        start = one.seq + 1
