"""``Config`` → what monitoring shows of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from broker.config.options import Config, PeerConfig, WebsocketConfig
from broker.core.clock import Clock
from broker.monitor.facts import Facts
from broker.monitor.forms import number, present, timestamp

if TYPE_CHECKING:
    from broker.core.account_claims import OperatorAccounts
    from broker.identity.claims import OperatorClaims

_DEFAULT_TIMEOUT_S = 2.0
#: Kind of peer → its block of varz, and the name of the host there.
_PEER_BLOCKS = {
    "cluster": ("cluster", "addr", "cluster_port"),
    "gateway": ("gateway", "host", "port"),
    "leafnodes": ("leaf", "host", "port"),
    "mqtt": ("mqtt", "host", "port"),
}


def fill(facts: Facts, config: Config, loaded_s: float) -> None:
    """At the start and after each reload; ``loaded_s`` is when ``config`` was read, Unix seconds."""
    facts.http_host = config.http_host or config.host
    facts.http_port = config.http_port
    facts.https_port = config.https_port
    facts.http_base_path = config.http_base_path
    facts.tls_timeout_s = (config.tls.timeout if config.tls else 0.0) or _DEFAULT_TIMEOUT_S
    facts.write_timeout = config.write_timeout
    facts.config_load_s = loaded_s
    facts.config_digest = config.config_digest
    facts.tags = config.server_tags
    facts.metadata = config.server_metadata
    facts.feature_flags = config.feature_flags
    facts.domain = config.jetstream.domain
    facts.blocks = _blocks(config)


def fill_operators(
    facts: Facts, tokens: tuple[str, ...], claims: tuple["OperatorClaims", ...]
) -> None:
    facts.operator_tokens = tokens
    facts.operator_claims = tuple(claim.to_dict() for claim in claims)


def account_facts(accounts: "OperatorAccounts", clock: Clock) -> Callable[[str], dict[str, Any]]:
    """What an account's claims say, for /accountz."""

    def facts_of(name: str) -> dict[str, Any]:
        now_s = clock.wall_s()
        held = accounts.find(name, now_s)
        if held is None:
            return {}
        claims, revocations = held.claims, held.claims.body.revocations
        return present(
            {
                "expired": 0 < claims.expires_at <= now_s,
                "jwt": held.token,
                "issuer_key": claims.issuer,
                "tags": claims.body.tags,
                "decoded_jwt": claims.to_dict(),
                "revoked_user": {user: timestamp(at_s) for user, at_s in revocations.items()},
            }
        )

    return facts_of


def _blocks(config: Config) -> dict[str, dict[str, Any]]:
    blocks = {}
    for kind, peer in config.peers.items():
        name, host, port = _PEER_BLOCKS[kind]
        blocks[name] = _peer(peer, host, port)
    if config.websocket.port:
        blocks["websocket"] = _websocket(config.websocket)
    return blocks


def _peer(peer: PeerConfig, host: str, port: str) -> dict[str, Any]:
    named = {"name": peer.name} if peer.kind in ("cluster", "gateway") else {}
    return present({**named, **({host: peer.host, port: peer.port} if peer.port else {})})


def _websocket(config: WebsocketConfig) -> dict[str, Any]:
    return present(
        {
            "host": config.host,
            "port": config.port,
            "advertise": config.advertise,
            "no_auth_user": config.no_auth_user,
            "jwt_cookie": config.jwt_cookie,
            "handshake_timeout": int(config.handshake_timeout * 1e9)
            if config.handshake_timeout != WebsocketConfig().handshake_timeout
            else 0,
            "auth_timeout": number(config.authorization.timeout),
            "no_tls": config.no_tls,
            "same_origin": config.same_origin,
            "allowed_origins": list(config.allowed_origins),
            "compression": config.compression,
        }
    )
