"""How a client becomes somebody: INFO, CONNECT, the second INFO, PING and PONG.

Wire     INFO {json} first; CONNECT {json} any time, again to become somebody else; PING and PONG from both sides
Answers  PONG; after the first PONG that follows CONNECT a second INFO, when the client's ``protocol`` is 1
Source   nats-server ``client.go`` (processConnect, processPing), ``server.go`` (createClient, copyInfo)
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from broker.core.auth import Answer, Checking, Grant, Peer, Refusal
from broker.protocol import encoder, errors, ops
from broker.protocol.errors import Reason

if TYPE_CHECKING:
    from broker.core.client import Client

#: A client that CONNECTs is measured this soon, when ping_interval isn't shorter.
FIRST_PING_S: Final = 2.0
#: Share of the first interval that is added at random, so that reconnecting crowds spread.
FIRST_PING_SPREAD: Final = 0.2


def greet(client: "Client") -> None:
    """The first INFO."""
    client.send(encoder.info(_info(client)))


def announce(client: "Client", *, lame_duck: bool = False) -> bool:
    """INFO again, after something in it changed; False for a client that doesn't understand it.

    ``lame_duck`` tells this one client to go elsewhere.
    """
    if client.options.protocol < 1 or not client.first_pong_sent:
        return False
    fields = _info(client)
    client.send(encoder.info({**fields, "ldm": True} if lame_duck else fields))
    return True


def ping(client: "Client") -> None:
    client.send(encoder.PONG)
    if not client.connected or client.first_pong_sent:
        return
    client.first_pong_sent = True
    if client.options.protocol >= 1:
        client.send(encoder.info(_info(client)))


def pong(client: "Client") -> None:
    client.pings_out = 0
    if client.ping_sent_s:
        client.rtt_s = max(client.server.clock.monotonic_s() - client.ping_sent_s, 1e-6)


def connect(client: "Client", raw: bytes) -> None:
    """CONNECT; a second one drops the subscriptions and authenticates anew."""
    try:
        options = ops.decode_connect(raw, client.options)
    except ValueError as problem:
        client.violate(str(problem))
        return
    first = not client.connected
    if not first:
        client.drop_subscriptions()
    client.connected = True
    client.rtt_s = max(client.server.clock.wall_s() - client.start_s, 1e-6)
    client.options = options = _with_cookies(options, client.peer)
    client.headers = options.headers and not client.server.options.no_header_support
    client.server.resolve(client, _ask(client), lambda answer: _admit(client, answer, first))


def _admit(client: "Client", answer: Answer, first: bool) -> None:
    if not _settle(client, answer) or not _agrees(client):
        return
    client.server.start_pings(client)
    if first:
        client.server.connected(client)
    if client.options.verbose:
        client.send(encoder.OK)


def _with_cookies(options: ops.ConnectOptions, peer: Peer) -> ops.ConnectOptions:
    missing: dict[str, Any] = {
        field: value for field, value in peer.cookies if not getattr(options, field)
    }
    return replace(options, **missing) if missing else options


def without_connect(client: "Client") -> bool:
    """The peer begins without CONNECT where it must say who it is; some authenticators know a user for that."""
    answer = _ask(client)
    if isinstance(answer, Checking):  # a password that wasn't given
        answer = answer.answer(False)
    if _settle(client, answer):
        client.connected = True
        client.server.start_pings(client)
        client.server.connected(client)
    return not client.closed


def _ask(client: "Client") -> Answer | Checking:
    server = client.server
    if server.authenticator is None:
        return Grant(server.global_account, "")
    return server.authenticator.authenticate(client.options, client.peer, server.clock.wall_s())


def _settle(client: "Client", answer: Answer) -> bool:
    if isinstance(answer, Refusal):
        client.server.refuse(client, answer)
        return False
    return client.server.register(client, answer)


def _agrees(client: "Client") -> bool:
    """The rest of what CONNECT may get wrong."""
    options = client.options
    if options.account or options.new_account:
        client.fault("authentication error")
        client.close(Reason.AUTHENTICATION_FAILURE, errors.AUTHORIZATION_VIOLATION)
    elif options.protocol not in (0, 1):
        client.close(Reason.BAD_PROTOCOL_VERSION, errors.BAD_PROTOCOL_VERSION)
    elif options.no_responders and not client.headers:
        client.close(Reason.NO_RESPONDERS_NEEDS_HEADERS, errors.NO_RESPONDERS_NEEDS_HEADERS)
    return not client.closed


def _info(client: "Client") -> dict[str, Any]:
    server = client.server
    fields = server.info_fields(client.peer.connection_type)
    fields["max_payload"] = client.max_payload
    fields["client_id"] = client.cid
    fields["client_ip"] = client.peer.ip
    if client.first_pong_sent:
        fields["connect_info"] = True
        fields["remote_account"] = client.account.name
        if client.account.is_system:
            fields["acc_is_sys"] = True
    elif client.peer.nonce:
        fields["nonce"] = client.peer.nonce.decode()
    fields["api_lvl"] = server.API_LEVEL
    return fields
