"""Short notices to open sockets, through the channel layer. Rare ones only: tail data never goes this way.

They hasten what would happen anyway: a socket looks at session and role again every minute, so a notice that
is lost (Redis away) is late, not lost for ever.
"""

import hashlib
import logging
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Literal

from channels.layers import get_channel_layer

from console.gateway import loop

log = logging.getLogger(__name__)

What = Literal["namespaces", "credentials", "members"]


def project_group(project_id: object) -> str:
    return f"project.{project_id}"


def user_group(user_id: object) -> str:
    return f"user.{user_id}"


def namespace_group(account: str) -> str:
    return f"namespace.{account}"


def session_group(session_key: str) -> str:
    """By hash: the key itself signs people in and belongs into no other store."""
    return "session." + hashlib.sha256(session_key.encode()).hexdigest()[:40]


def changed(project_id: object, what: What, namespace_id: str = "") -> None:
    """Pages that show this project fetch ``what`` again."""
    message = {"type": "changed", "what": what, "namespace_id": namespace_id}
    _send(project_group(project_id), message)


def access_changed(user_id: object) -> None:
    """The sockets of this user look at what it may do again, now."""
    _send(user_group(user_id), {"type": "access.changed"})


def namespace_gone(account: str) -> None:
    _send(namespace_group(account), {"type": "namespace.gone"})


def signed_out(session_key: str) -> None:
    _send(session_group(session_key), {"type": "signed.out"})


def events(project_id: object, batch: list[dict[str, Any]]) -> None:
    """What happened at the broker, for the pages of this project."""
    _send(project_group(project_id), {"type": "broker.events", "events": batch})


def _send(group: str, message: dict[str, Any]) -> None:
    sending = loop.submit(_group_send(group, message))
    sending.add_done_callback(_done)


def _group_send(group: str, message: dict[str, Any]) -> Coroutine[Any, Any, None]:
    layer = get_channel_layer()
    assert layer is not None, "settings.CHANNEL_LAYERS names a default layer"
    return layer.group_send(group, message)  # type: ignore[no-any-return]


def _done(sending: "Future[None]") -> None:
    if (error := sending.exception()) is not None:
        # Rarely news: management commands run without Redis, and the keeper says when Redis is away.
        log.debug("A notice to open pages was not sent: %s", type(error).__name__)
