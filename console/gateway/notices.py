"""Short notices to open sockets, over one Redis channel that every web process hears. Rare ones only: no tail data.

They hasten what would happen anyway: a socket looks at session and role again every minute, so a notice that
is lost (Redis away) is late, not lost for ever.

Wire     PUBLISH wireroom:notices {"group": "project.<id>" | "user.<id>" | "session.<hash>" | "namespace.<account>",
         "kind": "changed" | "access" | "gone" | "signed_out" | "events", …}
"""

import hashlib
import json
import logging
from typing import Any, Literal

from broker.contract.channels import PREFIX
from console.gateway.errors import BrokerUnavailable
from console.gateway.redis import asking

log = logging.getLogger(__name__)

CHANNEL = PREFIX + "notices"

What = Literal["namespaces", "credentials", "members", "sharing"]


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
    _send(project_group(project_id), "changed", what=what, namespace_id=namespace_id)


def access_changed(user_id: object) -> None:
    """The sockets of this user look at what it may do again, now."""
    _send(user_group(user_id), "access")


def namespace_gone(account: str) -> None:
    _send(namespace_group(account), "gone")


def signed_out(session_key: str) -> None:
    _send(session_group(session_key), "signed_out")


def events(project_id: object, batch: list[dict[str, Any]]) -> None:
    """What happened at the broker, for the pages of this project."""
    _send(project_group(project_id), "events", events=batch)


def _send(group: str, kind: str, **more: Any) -> None:
    try:
        with asking() as redis:
            redis.publish(CHANNEL, json.dumps({"group": group, "kind": kind, **more}))
    except BrokerUnavailable:
        # Rarely news: management commands run without Redis, and the keeper says when Redis is away.
        log.debug("A notice to open pages was not sent")
