"""What the log says of single clients: who came, why they went, who was refused; in nats-server's words.

Source   nats-server ``client.go`` (String, authViolation, closeConnection, handleWriteTimeout)
"""

import logging
from collections.abc import Callable
from typing import Final

from broker.core.auth import Refusal
from broker.core.client import Client
from broker.core.server import Server
from broker.monitor import forms
from broker.protocol import errors
from broker.protocol.errors import Reason, quote

log = logging.getLogger("broker")

LATELY_MAX: Final = 10_000
#: Lines about what clients do wrong.
FAULTS_PER_SECOND: Final = 100
_TOLD_BEFORE: Final = {
    Reason.AUTHENTICATION_TIMEOUT: errors.AUTHENTICATION_TIMEOUT,
    Reason.STALE: "Stale Client Connection - Closing",
}
_TOLD_AFTER: Final = {
    Reason.MAX_CONTROL_LINE: errors.MAX_CONTROL_LINE,
    Reason.BAD_PROTOCOL_VERSION: errors.BAD_PROTOCOL_VERSION,
    Reason.NO_RESPONDERS_NEEDS_HEADERS: errors.NO_RESPONDERS_NEEDS_HEADERS,
}
#: What was told → until when it isn't told again (monotonic seconds).
_lately: dict[str, float] = {}


def attach(server: Server) -> None:
    """From now on; ``created`` is for the listeners."""
    server.on_auth_refused.append(_refused)
    server.on_disconnect.append(_closed)
    server.on_slow_consumer.append(_slow)
    server.on_limit.append(_limited)
    server.on_fault.append(Faults(server.clock.monotonic_s))
    server.on_removed_subscription.append(_removed)


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
    user = _user(client)
    who = f"{_account(client)}/{user}" if user else ""
    return " - ".join([*parts, *map(_quoted, filter(None, (software, who)))])


def _quoted(text: str) -> str:
    """JSON can name halves of characters; they are shown as U+FFFD."""
    return quote(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


def _account(client: Client) -> str:
    account = client.account
    return f"{account.name}/{account.display_name}" if account.display_name else account.name


def _user(client: Client) -> str:
    options = client.options
    if options.nkey:
        return f"nkey:{options.nkey}"
    if options.user:
        return f"user:{options.user}"
    if options.jwt:
        return f"jwt:{client.user}"
    return "token" if options.auth_token else ""


def created(client: Client) -> None:
    if log.isEnabledFor(logging.DEBUG):
        kind = "Websocket " if client.peer.connection_type == "WEBSOCKET" else ""
        log.debug("%s - %sClient connection created", label(client), kind)


def _closed(client: Client) -> None:
    reason = client.reason
    if reason in _TOLD_BEFORE:
        _rarely(logging.DEBUG, client, _TOLD_BEFORE[reason])
    elif reason == Reason.AUTHENTICATION_EXPIRED and client.grant is not None:
        _rarely(logging.DEBUG, client, client.grant.expiry_error)
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s - Client connection closed: %s", label(client), reason)
    if reason in _TOLD_AFTER:
        log.error("%s - %s", label(client), _TOLD_AFTER[reason])


def _limited(client: Client, text: str) -> None:
    _rarely(logging.ERROR, client, text)


class Faults:
    """Lines about what clients do wrong: so many a second, the rest is counted, since anybody can make more of them."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._second, self._written, self._left_out = 0, 0, 0

    def __call__(self, client: Client, text: str) -> None:
        if text == errors.MAX_SUBSCRIPTIONS and _told_lately(client, client.account.name, 2.0):
            return
        second = int(self._now_s())
        if second != self._second:
            if self._left_out:
                log.warning("%d errors of clients aren't in this log", self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= FAULTS_PER_SECOND:
            self._left_out += 1
            return
        self._written += 1
        log.error("%s - %s", label(client), text)


def _removed(client: Client, text: str) -> None:
    log.info("%s for %s - not authorized", text, _who(client) or 'User "N/A"')


def _rarely(level: int, client: Client, text: str) -> None:
    """The same of any client of the account at most once a second."""
    user = _user(client) if client.grant is not None else ""
    if user:
        text = f"{text} - Account:{_account(client)}"
    if log.isEnabledFor(level) and not _told_lately(client, text, 1.0):
        log.log(level, "%s - %s%s", label(client), text, f" - {user}" if user else "")


def _told_lately(client: Client, key: str, seconds: float) -> bool:
    """Notes that it is told now, if it wasn't. Limit   LATELY_MAX keys; beyond that all is told."""
    now_s = client.server.clock.monotonic_s()
    if now_s < _lately.get(key, 0.0):
        return True
    if len(_lately) >= LATELY_MAX:
        for old in [one for one, until_s in _lately.items() if until_s <= now_s]:
            del _lately[old]
    if len(_lately) < LATELY_MAX:
        _lately[key] = now_s + seconds
    return False


def _refused(client: Client, refusal: Refusal) -> None:
    if refusal.reason:
        log.debug("%s - %s", label(client), refusal.reason)
    who = _who(client, refusal.user)
    log.error("%s - authentication error%s", label(client), f" - {who}" if who else "")


def _who(client: Client, key: str = "") -> str:
    """``key`` is the public key of a JWT that didn't let it in; "" when it named nobody."""
    options = client.options
    if options.nkey:
        return f"Nkey {_quoted(options.nkey)}"
    if options.user:
        return f"User {_quoted(options.user)}"
    if options.jwt:
        key = key or (client.user if client.grant is not None else "")
        return f"JWT User {_quoted(key)}" if key else ""
    return 'Token "[REDACTED]"' if options.auth_token else ""


def _slow(client: Client) -> None:
    options = client.server.options
    if client.outbound.pending_bytes > client.outbound.limit:
        what = f"MaxPending of {client.outbound.limit} Exceeded"
    else:
        deadline = forms.duration(round(options.write_deadline_s * 1e9))
        pending = client.outbound.pending_bytes
        what = f"WriteDeadline of {deadline} exceeded with {pending} total bytes."
    log.info("%s - Slow Consumer Detected: %s", label(client), what)
