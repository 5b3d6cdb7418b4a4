"""Who may open a socket: our own page, by Origin; somebody who is signed in, by session."""

from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from console.models import User

NOT_SIGNED_IN = 4401
CHANGED_ROLE = 4403
UNKNOWN = 4404
NO_ACK = 4408
TOO_MANY = 4429
AWAY = 4503

Scope = dict[str, Any]


class RightOrigin:
    """Lets only pages of ours through: a cookie is sent with sockets that strangers' pages open, too.

    Clients that are no browser send no Origin; they are refused as well, for they have the HTTP interface.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        if not _right(scope):
            return await Refuse(CHANGED_ROLE)(scope, receive, send)
        return await self._inner(scope, receive, send)


class Refuse:
    """Refuses a socket before it is accepted (an HTTP 403 to the client)."""

    def __init__(self, code: int = UNKNOWN) -> None:
        self._code = code

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close", "code": self._code})


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person and the session that says so."""

    user: User
    session_key: str


async def visitor(scope: Scope) -> Visitor | None:
    """Read anew from the database each time, so that a session that ended meanwhile isn't one any more."""
    found: Visitor | None = await database_sync_to_async(_visitor)(scope)
    return found


def _visitor(scope: Scope) -> Visitor | None:
    session = scope["session"]
    fresh = type(session._wrapped)(session.session_key) if session.session_key else None
    if fresh is None or not fresh.get(SESSION_KEY) or BACKEND_SESSION_KEY not in fresh:
        return None
    user = User.objects.filter(pk=fresh[SESSION_KEY], is_active=True).first()
    if user is None or not _same_password(user, str(fresh.get(HASH_SESSION_KEY, ""))):
        return None
    return Visitor(user, str(session.session_key))


def _same_password(user: User, found: str) -> bool:
    """A changed password ends the sessions that began before it."""
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(found, hashed) for hashed in valid)


def _right(scope: Scope) -> bool:
    headers = dict(scope.get("headers", ()))
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(settings.HOST_POLICY.allows_origin(origin, host))
