"""``Nats-Request-Info``: who asks, in the header of a request that an import brings to another account.

Wire     JSON; ``acc`` and ``rtt`` (ns) always, the rest where the import shares it; ``svc`` the account that the
         request came through, where that is another one
Source   nats-server ``client.go`` (processServiceImport, getClientInfo), ``events.go`` (ClientInfo)

The user's token is shared with the rest unless it is a bearer token: that alone would let its holder in.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from broker.core.clock import timestamp
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.core.message import Message

NAME: Final = b"Nats-Request-Info"
_NS: Final = 1e9


def with_request_info(message: "Message", importer: str, *, share: bool, server: str) -> bytes:
    """The header of ``message`` with what shall be known of its publisher; ``server`` is shown also unshared.

    A request that came through another import already keeps what was said there.
    """
    imported = any(not passage.is_response for passage in message.via)
    said = _said(message.header) if imported else None
    if said is not None:
        said["svc"] = importer
        if server:
            said.setdefault("server", server)
        fields = said
    elif message.publisher is None:
        return message.header
    else:
        fields = _fields(message.publisher, share, server)
    shown = {name: fields[name] for name in _ORDER if fields.get(name)}
    value = json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode()
    return headers.with_field(headers.without(message.header, NAME), NAME, value)


_ORDER: Final = (
    "start", "host", "id", "acc", "svc", "user", "name", "lang", "ver", "rtt", "server", "cluster", "alts", "stop",
    "jwt", "issuer_key", "name_tag", "tags", "kind", "client_type", "client_id", "nonce", "reply",
)  # fmt: skip


def _said(header: bytes) -> dict[str, Any] | None:
    value = headers.get(header, NAME)
    if value is None:
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _fields(client: "Client", share: bool, server: str) -> dict[str, Any]:
    rtt_ns = int((client.rtt_s or 0.0) * _NS)
    fields: dict[str, Any] = {"acc": client.account.name, "rtt": rtt_ns, "server": server}
    if not share:
        return fields
    grant, options = client.grant, client.options
    fields |= {
        "start": timestamp(client.start_s), "host": client.peer.ip, "id": client.cid, "name": options.name,
        "lang": options.lang, "ver": options.version, "kind": "Client",
        "client_type": "websocket" if client.peer.connection_type == "WEBSOCKET" else "nats",
    }  # fmt: skip
    if grant is not None:
        fields |= {"user": grant.user, "name_tag": grant.name, "tags": list(grant.tags)}
        fields["issuer_key"] = grant.issuer
        fields["jwt"] = "" if grant.bearer else options.jwt
    return fields
