"""``$SYS.REQ.USER.INFO``: what a client may know of itself.

Source   nats-server ``events.go`` (userInfoReq), ``client.go`` (publicPermissions)
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.core.client import Client
from broker.core.permissions import Permissions
from broker.monitor.forms import present, text

_NS: Final = 1_000_000_000


def user_info(client: Client | None, now_s: float) -> dict[str, Any]:
    """``expires`` in ns, cut to seconds; absent when it never does."""
    if client is None:
        return {"user": "", "account": ""}
    grant = client.grant
    ends_s = grant.expires_at if grant is not None else None
    return {
        "user": client.user,
        "account": client.account.name,
        "account_name": client.account.label,
        **present({"user_name": grant.name if grant is not None else ""}),
        **_permissions(client.permissions),
        **present({"expires": int(ends_s - now_s) * _NS if ends_s is not None else 0}),
    }


def _permissions(permissions: Permissions | None) -> dict[str, Any]:
    if permissions is None:
        return {}
    shown: dict[str, Any] = {
        "publish": _lists(permissions.publish_allow, permissions.publish_deny),
        "subscribe": _lists(permissions.subscribe_allow, permissions.subscribe_deny),
    }
    responses = permissions.responses
    if responses is not None:
        shown["responses"] = {"max": responses.max, "ttl": int(responses.ttl_s * _NS)}
    return {"permissions": shown}


def _lists(allow: Iterable[bytes] | None, deny: Iterable[bytes]) -> dict[str, list[str]]:
    return present({"allow": list(map(text, allow or ())), "deny": list(map(text, deny))})
