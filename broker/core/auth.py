"""The seam between a client and whoever decides who it is: what is asked, what is answered.

Authenticators (``operator_auth`` for JWTs, ``static_auth`` for users of the config file) implement
``Authenticator``; ``Client`` calls it once per CONNECT and turns the answer into wire and statistics.
Everything here is decided without I/O; what takes long is handed back as ``Checking``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.permissions import Permissions
    from broker.protocol.ops import ConnectOptions

ConnectionType = Literal[
    "STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"
]


@dataclass(frozen=True, slots=True)
class PeerTls:
    """How a connection is secured: ``version`` as ``1.3``, ``cipher`` by its IANA name, ``first`` when the handshake
    came before INFO. ``certificates`` are what monitoring shows of the peer's."""

    version: str
    cipher: str
    first: bool = False
    certificates: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of a connection before it says who it is."""

    ip: str
    port: int
    connection_type: ConnectionType = "STANDARD"
    #: The text sent as ``nonce`` in INFO; empty when none was sent.
    nonce: bytes = b""
    #: Subject and alternative names of a verified client certificate, most telling first; empty without one.
    certificate_names: tuple[str, ...] = ()
    #: Fields of ``ConnectOptions`` that WebSocket cookies give; used where CONNECT says nothing.
    cookies: tuple[tuple[str, str], ...] = ()
    tls: PeerTls | None = None


@dataclass(frozen=True, slots=True)
class UserTerms:
    """What the user's own token fixes, before the account's terms are joined; for applying new claims live."""

    subs: int = -1
    payload: int = -1
    expires_at: float | None = None


@dataclass(slots=True)
class Grant:
    """Who the client is and what it may do, until ``expires_at``.

    ``subs`` and ``payload`` are the user's and account's own limits already joined (-1 = none); the server's
    limits are applied on top by the client.
    """

    account: "Account"
    #: As connz and presence show it: the public key of a JWT or nkey user, else the user name, or "".
    user: str
    #: None = everything is allowed.
    permissions: "Permissions | None" = None
    #: The user has no permissions of its own, so these are its account's default ones, and follow them.
    by_default: bool = False
    #: Unix seconds when the client must go: JWT expiry or the end of a time window. None = never.
    expires_at: float | None = None
    #: The -ERR text at ``expires_at``.
    expiry_error: str = "User Authentication Expired"
    subs: int = -1
    payload: int = -1
    #: For re-checks when claims change: who issued the user, when, and whether it came without a signature.
    issuer: str = ""
    issued_at: int = 0
    bearer: bool = False
    name: str = ""
    tags: tuple[str, ...] = ()
    #: None for users without a token.
    own: UserTerms | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """On the wire every refusal is ``error``; ``reason`` is for events, logs and the console, in full."""

    reason: str
    error: str = "Authorization Violation"
    #: What the client claimed, where it was proven enough to be worth showing to that account's owner.
    account: str = ""
    user: str = ""
    details: dict[str, str] = field(default_factory=dict)


Answer = Grant | Refusal


@dataclass(frozen=True, slots=True)
class Checking:
    """An answer that takes work: ``work`` may run in another thread, ``answer`` of its result may not."""

    work: Callable[[], bool]
    answer: Callable[[bool], Answer]


class Authenticator(Protocol):
    """Decides on CONNECT."""

    #: Whether INFO says auth_required, and whether it carries a nonce.
    auth_required: bool
    nonce_required: bool

    def authenticate(
        self, options: "ConnectOptions", peer: Peer, now_s: float
    ) -> Answer | Checking: ...
