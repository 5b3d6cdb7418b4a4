"""Publishing and requesting over NATS itself, with nats-py, as users that web mints.

Connections are kept for a while, one for each account and role; they live on the gateway's own event loop. At most
POOL_MAX are open; the one unused for longest makes room.
"""

import asyncio
import contextlib
import time
from base64 import b64encode
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker.identity.nkeys import KeyPair
from console.gateway import loop
from console.gateway.errors import BrokerRefused, BrokerUnavailable

T = TypeVar("T")

POOL_MAX = 32
#: Younger than the token's lifetime: the broker ends a connection when its token expires.
AGE_MAX_S = 300.0
CONNECT_TIMEOUT_S = 2.0
FLUSH_TIMEOUT_S = 2.0
#: Each request of ``several``.
REQUEST_TIMEOUT_S = 5.0
#: Requests to one namespace that wait at the same time; the next one is refused.
WAITING_MAX = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom: ``mint`` makes a token and its seed when a connection must be opened; called in the caller's thread."""

    account: str
    role: str
    mint: Callable[[], tuple[str, str]] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Message:
    """``headers`` name → values; ``status`` of a reply (``Status`` of its header block), else empty."""

    subject: str
    reply: str
    headers: dict[str, list[str]]
    payload: bytes
    status: str = ""


#: One request of ``several``. Raises NoReply, NoResponders, BrokerRefused.
Ask = Callable[[Message], Awaitable[Message]]


class NoReply(Exception):
    """Nobody answered a request in time."""


class NoResponders(Exception):
    """Nobody subscribes to the subject of a request."""


def publish(identity: Identity, message: Message) -> None:
    """Returns once the broker has taken the message. Raises BrokerUnavailable, BrokerRefused."""
    _run(identity, lambda link: _publish(link, message), 2 * FLUSH_TIMEOUT_S)


def request(identity: Identity, message: Message, timeout_s: float) -> Message:
    """The first reply. Raises NoReply, NoResponders, BrokerUnavailable, BrokerRefused."""
    return _run(identity, lambda link: _request(link, message, timeout_s), timeout_s)


def several(identity: Identity, job: "Callable[[Ask], Awaitable[T]]", timeout_s: float) -> T:
    """What ``job`` returns; it makes one request after the other over one connection. Raises as ``request`` does."""

    async def work(link: _Link) -> T:
        async def ask(message: Message) -> Message:
            return await _request(link, message, REQUEST_TIMEOUT_S)

        return await job(ask)

    return _run(identity, work, timeout_s)


# One connection -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Link:
    """An open connection; ``errors``: the -ERR texts since the last look (NATS ties them to no request)."""

    client: Client
    opened_s: float
    errors: list[str] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        return bool(self.client.is_connected) and time.monotonic() - self.opened_s < AGE_MAX_S


class _Headers:
    """What nats-py takes for a dict of headers, with as many values for a name as there are."""

    def __init__(self, headers: dict[str, list[str]]) -> None:
        self._headers = headers

    def items(self) -> Iterator[tuple[str, str]]:
        return ((name, value) for name, values in self._headers.items() for value in values)


async def _publish(link: _Link, message: Message) -> None:
    await link.client.publish(
        message.subject, message.payload, message.reply, headers=_headers(message)
    )
    # The answer to our PING stands behind whatever the broker has to say about the message. Twice, because nats-py
    # writes a PING at once and what was published before it a turn later.
    for _ in range(2):
        await link.client.flush(FLUSH_TIMEOUT_S)  # type: ignore[arg-type]
    if link.errors:
        raise BrokerRefused(link.errors.pop())


async def _request(link: _Link, message: Message, timeout_s: float) -> Message:
    try:
        reply = await link.client.request(
            message.subject, message.payload, timeout_s, headers=_headers(message)
        )
    except errors.NoRespondersError:
        raise NoResponders from None
    except errors.TimeoutError:
        if link.errors:
            raise BrokerRefused(link.errors.pop()) from None
        raise NoReply from None
    return _message(reply)


def _headers(message: Message) -> Any:
    return _Headers(message.headers) if message.headers else None


def _message(reply: Msg) -> Message:
    found = dict(reply.headers or {})
    status = str(found.pop("Status", ""))
    headers = {str(name): [str(value)] for name, value in found.items()}
    return Message(reply.subject, reply.reply, headers, reply.data, status)


# The pool: only touched on the gateway's loop ----------------------------------------------------------------

_links: "OrderedDict[tuple[str, str], _Link]" = OrderedDict()
_waiting: Counter[str] = Counter()


def _run(identity: Identity, work: Callable[[_Link], Awaitable[T]], timeout_s: float) -> T:
    # Minted here, in the caller's thread: it reads the database. Cheap beside what follows.
    minted = None if loop.call(_has_link(identity), CONNECT_TIMEOUT_S) else identity.mint()
    allowed_s = CONNECT_TIMEOUT_S + timeout_s + FLUSH_TIMEOUT_S
    try:
        return loop.call(_work(identity, minted, work), allowed_s)
    except errors.MaxPayloadError:
        raise BrokerRefused("The message is larger than the broker's max_payload.") from None
    except (errors.Error, OSError, TimeoutError) as error:
        raise BrokerUnavailable("The broker doesn't answer over NATS.") from error


async def _has_link(identity: Identity) -> bool:
    link = _links.get((identity.account, identity.role))
    return link is not None and link.usable


async def _work(
    identity: Identity, minted: tuple[str, str] | None, work: Callable[[_Link], Awaitable[T]]
) -> T:
    if _waiting[identity.account] >= WAITING_MAX:
        raise BrokerUnavailable("Too many requests of this namespace are waiting already.")
    _waiting[identity.account] += 1
    try:
        link = await _link(identity, minted)
        return await work(link)
    finally:
        _waiting[identity.account] -= 1
        if not _waiting[identity.account]:
            del _waiting[identity.account]


async def _link(identity: Identity, minted: tuple[str, str] | None) -> _Link:
    key = (identity.account, identity.role)
    found = _links.get(key)
    if found is not None and found.usable:
        _links.move_to_end(key)
        return found
    if minted is None:  # it was closed between the look and now
        raise BrokerUnavailable("The connection to the broker was just lost: try again.")
    link = await _connect(identity, *minted)
    stale = [_links.pop(key)] if key in _links else []
    _links[key] = link
    while len(_links) > POOL_MAX:
        stale.append(_links.popitem(last=False)[1])
    for old in stale:
        asyncio.get_running_loop().create_task(_close(old))
    return link


async def _connect(identity: Identity, token: str, seed: str) -> _Link:
    link = _Link(Client(), time.monotonic())
    key = KeyPair.from_seed(seed)

    async def note(error: Exception) -> None:
        link.errors.append(str(error).removeprefix("nats: "))
        del link.errors[:-8]

    await asyncio.wait_for(
        link.client.connect(
            settings.BROKER_URL,
            name=f"wireroom console ({identity.role})",
            allow_reconnect=False,
            # nats-py tries for ever with 0, and waits two seconds between two attempts.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=CONNECT_TIMEOUT_S,  # type: ignore[arg-type]
            user_jwt_cb=lambda: bytearray(token.encode()),
            signature_cb=lambda nonce: b64encode(key.sign(nonce.encode())),
            error_cb=note,
        ),
        CONNECT_TIMEOUT_S,
    )
    return link


async def _close(link: _Link) -> None:
    with contextlib.suppress(errors.Error, OSError):
        await link.client.close()
