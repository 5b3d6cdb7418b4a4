"""What the log says of single clients: who came, why they went, who was refused; in nats-server's words.

Source   nats-server ``client.go`` (String, authViolation, closeConnection, handleWriteTimeout)
"""

import logging
from collections.abc import Callable
from typing import Final

from broker.core.auth import Refusal
from broker.core.client import Client
from broker.core.server import Server
from broker.protocol.errors import quote

log = logging.getLogger("broker")

#: Lines about clients' errors.
ERRORS_PER_SECOND: Final = 100


def attach(server: Server) -> None:
    """From now on; ``created`` is for the listeners."""
    server.on_auth_refused.append(_refused)
    server.on_disconnect.append(_closed)
    server.on_slow_consumer.append(_slow)
    server.on_client_error.append(Errors(server.clock.monotonic_s))


class Errors:
    """Lines about what clients do wrong: so many a second, the rest is counted, since anybody can make more of them."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._second, self._written, self._left_out = 0, 0, 0

    def __call__(self, client: Client, text: str) -> None:
        second = int(self._now_s())
        if second != self._second:
            if self._left_out:
                log.warning("%d errors of clients aren't in this log", self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= ERRORS_PER_SECOND:
            self._left_out += 1
            return
        self._written += 1
        log.error("%s - %s", label(client), text)


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
