"""What the log says of single clients: who came, why they went, who was refused; in nats-server's words.

Source   nats-server ``client.go`` (String, authViolation, closeConnection, handleWriteTimeout)
"""

import logging

from broker.core.auth import Refusal
from broker.core.client import Client
from broker.core.server import Server
from broker.protocol.errors import quote

log = logging.getLogger("broker")


def attach(server: Server) -> None:
    """From now on; ``created`` is for the listeners."""
    server.on_auth_refused.append(_refused)
    server.on_disconnect.append(_closed)
    server.on_slow_consumer.append(_slow)


def label(client: Client) -> str:
    """``127.0.0.1:44618 - cid:6 - "v1.2:python:me" - "A/user:a"``, as far as it is known."""
    peer, options = client.peer, client.options
    host = f"[{peer.ip}]" if ":" in peer.ip else peer.ip
    kind = "wid" if peer.connection_type == "WEBSOCKET" else "cid"
    parts = [f"{host}:{peer.port}", f"{kind}:{client.cid}"]
    if client.grant is None:
        return " - ".join(parts)
    version = f"v{options.version}" if options.version else ""
    software = ":".join(filter(None, (version, options.lang, options.name)))
    who = "/".join(filter(None, (_account(client), _user(client))))
    return " - ".join([*parts, *(quote(text.encode()) for text in (software, who) if text)])


def _account(client: Client) -> str:
    account = client.account
    return f"{account.name}/{account.display_name}" if account.display_name else account.name


def _user(client: Client) -> str:
    options, user = client.options, client.user
    if options.nkey:
        return f"nkey:{user}"
    if options.jwt:
        return f"jwt:{user}"
    if options.auth_token:
        return "token"
    return f"user:{user}" if user else ""


def created(client: Client) -> None:
    if log.isEnabledFor(logging.DEBUG):
        kind = "Websocket " if client.peer.connection_type == "WEBSOCKET" else ""
        log.debug("%s - %sClient connection created", label(client), kind)


def _closed(client: Client) -> None:
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s - Client connection closed: %s", label(client), client.reason)


def _refused(client: Client, refusal: Refusal) -> None:
    options = client.options
    if options.nkey:
        who = f" - Nkey {quote(options.nkey.encode())}"
    elif options.user:
        who = f" - User {quote(options.user.encode())}"
    elif options.jwt:
        who = f" - JWT User {quote(refusal.user.encode())}"
    elif options.auth_token:
        who = ' - Token "[REDACTED]"'
    else:
        who = ""
    log.error("%s - authentication error%s", label(client), who)
    if refusal.reason:
        log.debug("%s - %s", label(client), refusal.reason)


def _slow(client: Client) -> None:
    options = client.server.options
    if client.outbound.pending_bytes > client.outbound.limit:
        what = f"MaxPending of {client.outbound.limit} Exceeded"
    else:
        pending = client.outbound.pending_bytes
        what = (
            f"WriteDeadline of {options.write_deadline_s:g}s exceeded with {pending} total bytes."
        )
    log.info("%s - Slow Consumer Detected: %s", label(client), what)
