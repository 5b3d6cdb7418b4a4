"""The state of one connection that speaks NATS: who it is, what it subscribed to, how it ends.

Bytes come in through ``receive`` (see ``core.receive``), leave through ``outbound``; the network end is a ``Wire``
that the client only ever tells to go away or to wait. Nothing here raises at what a peer does.
"""

from typing import TYPE_CHECKING, Final, Protocol

from broker.core import handshake, receive
from broker.core.auth import Grant, Peer
from broker.core.message import Message
from broker.core.options import NO_LIMIT
from broker.core.outbound import outbound
from broker.core.permissions import Permissions, Replies
from broker.core.subscription import ClientSubscription
from broker.protocol import encoder, errors, ops, parser
from broker.protocol.errors import Reason, Violation

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.server import Server

#: Subscribing in this queue group is the server's own business.
_SYSTEM_QUEUE: Final = b"_sys_"


class Wire(Protocol):
    """The network end of a client."""

    def finish(self) -> None:
        """Send what ``outbound`` holds, then end the connection."""

    def abort(self) -> None:
        """End the connection now; what is pending is lost."""

    def flush(self) -> None:
        """Hand the chunks of ``outbound`` to the transport, unless that is blocked."""

    def hold(self) -> None:
        """Read nothing until as many ``release`` have come."""

    def release(self) -> None:
        """The counterpart of ``hold``."""


class Client:
    """Counters are cumulative. ``start_s``, ``last_activity_s``, ``stop_s`` are Unix s, ``due`` monotonic ones."""

    __slots__ = (
        "account", "auth_due_s", "awaits_connect", "cid", "closed", "connected", "expiry_due_s",
        "first_pong_sent", "grant", "headers", "hides", "in_bytes", "in_msgs", "last_activity_s",
        "max_payload", "max_subs", "options", "outbound", "peer",
        "permissions", "ping_due_s", "ping_sent_s", "pings_out", "reason", "replies", "rtt_s",
        "server", "stalls", "start_s", "stop_s", "subs", "suspended", "tail", "tail_needs", "takes_direct",
        "takes_shortcut", "wire", "write_due_s",
    )  # fmt: skip

    def __init__(
        self, server: "Server", cid: int, peer: Peer, wire: Wire, account: "Account"
    ) -> None:
        options = server.options
        self.server = server
        self.cid = cid
        self.peer = peer
        self.wire = wire
        self.account = account
        self.outbound = outbound(self, options.max_pending)
        self.options = ops.DEFAULTS
        #: None until an authenticator granted something; without authentication it stays None.
        self.grant: Grant | None = None
        self.permissions: Permissions | None = None
        self.replies: Replies | None = None
        #: True while delivered subjects are held against the user's deny list.
        self.hides = False
        self.headers = False
        self.awaits_connect = server.auth_required
        self.connected = False
        self.first_pong_sent = False
        self.closed = False
        #: Who it is is being looked at; what it sends meanwhile waits in ``tail``.
        self.suspended = False
        self.reason = ""
        self.subs: dict[bytes, ClientSubscription] = {}
        self.max_payload = options.max_payload
        self.max_subs = options.max_subscriptions or NO_LIMIT
        self.tail: bytes | bytearray = b""
        self.tail_needs = 0
        #: True while its publishes may go the quick way of ``core.receive``.
        self.takes_shortcut = False
        self.takes_direct = True
        self.in_msgs = self.in_bytes = self.stalls = 0
        self.start_s = self.last_activity_s = server.clock.wall_s()
        self.stop_s = 0.0
        self.rtt_s: float | None = None
        self.pings_out = 0
        self.ping_sent_s = self.ping_due_s = self.auth_due_s = self.expiry_due_s = (
            self.write_due_s
        ) = 0.0

    def __repr__(self) -> str:
        return f"Client(cid={self.cid}, account={self.account.name!r}, closed={self.closed})"

    @property
    def user(self) -> str:
        """As monitoring shows it: who it is, or before that who it says it is."""
        if self.grant is not None and self.grant.user:
            return self.grant.user
        options = self.options
        return options.nkey or options.user or ("[REDACTED]" if options.auth_token else "")

    @property
    def out_msgs(self) -> int:
        return self.outbound.out_msgs

    @property
    def out_bytes(self) -> int:
        return self.outbound.out_bytes

    # Receiving --------------------------------------------------------------------------------------

    def receive(self, block: memoryview | bytes) -> None:
        """Bytes from the peer; everything that follows from them has been queued when this returns."""
        if self.suspended:
            self.tail = bytes(self.tail) + bytes(block)
        elif not self.closed:
            self.last_activity_s = self.server.clock.wall_s()
            receive.receive(self, block)

    def suspend(self) -> None:
        """Whatever comes waits, until ``resume``."""
        self.suspended = True
        self.wire.hold()

    def resume(self) -> None:
        self.suspended = False
        self.wire.release()
        if self.tail:
            self.receive(b"")

    def operate(self, kind: int, arguments: bytes) -> None:
        """One operation other than a publish."""
        if kind == ops.PING:
            handshake.ping(self)
        elif kind == ops.PONG:
            handshake.pong(self)
        elif kind == ops.SUB:
            self._sub(arguments)
        elif kind == ops.UNSUB:
            self._unsub(arguments)
        elif kind == ops.CONNECT:
            handshake.connect(self, arguments)
        elif kind == ops.ERR:
            self.fault(f"Client Error {arguments.decode('utf-8', 'replace')}")
            self.close(Reason.PARSE_ERROR)
        elif kind == ops.INFO and (problem := ops.info_problem(arguments)):
            self.violate(problem)

    def become_no_auth_user(self) -> bool:
        """For a peer that doesn't begin with CONNECT where credentials are wanted; False when it was refused."""
        return handshake.without_connect(self)

    # Publishing -------------------------------------------------------------------------------------

    def may_publish(self, subject: bytes) -> bool:
        """By its permissions, or as the answer to a message that it received (which uses that up)."""
        permissions = self.permissions
        if permissions is None or permissions.may_publish(subject):
            return True
        return self.replies is not None and self.replies.use(
            subject, self.server.clock.monotonic_s()
        )

    def refuse(self, violation: Violation) -> None:
        self.send_error(violation.error)
        self.fault(violation.logged)

    def publish(self, message: Message) -> None:
        """A publish that passed all checks; answers +OK when verbose, 503 to the reply when nobody listens."""
        self.count_in(message.size)
        if self.options.verbose:
            self.send(encoder.OK)
        if not self.account.deliver(message):
            self.nobody_took(message)

    def count_in(self, size: int) -> None:
        for traffic in (self, self.account.stats, self.server.stats):
            traffic.in_msgs += 1
            traffic.in_bytes += size

    def nobody_took(self, message: Message) -> None:
        """Its publish found no receiver: a requester that wants to know is told."""
        if not message.reply or not self.options.no_responders or self.closed:
            return
        for sub in self.account.sublist.match(message.reply).plain:
            if sub.client is self:
                header = encoder.no_responders(message.subject)
                body = encoder.body(b"", header, b"")
                self.send(b"HMSG %b %b %b" % (message.reply, sub.sid, body))
                return

    # Subscriptions ----------------------------------------------------------------------------------

    def _sub(self, arguments: bytes) -> None:
        """Wire   SUB <subject> [queue] <sid>"""
        words = parser.split(arguments)
        if len(words) not in (2, 3):
            self.violate(f"processSub Parse Error: {errors.quote(arguments)}")
            return
        subject, queue, sid = words[0], words[1] if len(words) == 3 else b"", words[-1]
        violation = self._sub_violation(subject, queue, sid)
        if violation is not None:
            self.refuse(violation)
            return
        if self.at_subscription_limit:
            self.send_error(errors.MAX_SUBSCRIPTIONS)
            self.fault(errors.MAX_SUBSCRIPTIONS)
            return
        if sid not in self.subs:
            sub = ClientSubscription(self, subject, queue, sid)
            if not self.account.insert(sub):
                self.send_error(errors.INVALID_SUBJECT)
                return
            self.subs[sid] = sub
            self._watch_denied(subject, queue)
        if self.options.verbose:
            self.send(encoder.OK)

    def _sub_violation(self, subject: bytes, queue: bytes, sid: bytes) -> Violation | None:
        permissions = self.permissions
        denied = permissions is not None and not permissions.may_subscribe(subject, queue)
        if denied or queue == _SYSTEM_QUEUE:
            return errors.subscription_violation(subject, queue, sid)
        tokens = self.server.options.max_subscription_tokens
        if 0 < tokens < subject.count(b".") + 1:
            return errors.too_many_tokens(subject, sid)
        return None

    @property
    def at_subscription_limit(self) -> bool:
        return 0 <= self.max_subs <= len(self.subs)

    def _watch_denied(self, subject: bytes, queue: bytes) -> None:
        if (
            self.hides
            or self.permissions is None
            or not self.permissions.reaches_denied(subject, queue)
        ):
            return
        self.hides = True
        self.refresh_shortcuts()

    def _unsub(self, arguments: bytes) -> None:
        """Wire   UNSUB <sid> [max]; max counts deliveries since SUB, and is ignored when it is no number."""
        words = parser.split(arguments)
        if len(words) not in (1, 2):
            self.violate(f"processUnsub Parse Error: {errors.quote(arguments)}")
            return
        sub = self.subs.get(words[0])
        if sub is not None:
            limit = parser.size(words[1]) if len(words) == 2 else 0
            if limit > sub.msgs:
                sub.max = limit
                self.account.refresh(sub)
            else:
                self.unsubscribe(sub)
        if self.options.verbose:
            self.send(encoder.OK)

    def unsubscribe(self, sub: ClientSubscription) -> None:
        """Idempotent."""
        if not sub.closed:
            del self.subs[sub.sid]
            self.account.unsubscribe(sub)

    def drop_subscriptions(self) -> None:
        for sub in tuple(self.subs.values()):
            self.unsubscribe(sub)

    # Sending ----------------------------------------------------------------------------------------

    def refuses(self, message: Message, subject: bytes, queue: bytes) -> bool:
        """True for its own messages with echo off, and for a ``subject`` that its permissions hide from the queue."""
        if message.publisher is self and not self.options.echo:
            return True
        return (
            self.hides and self.permissions is not None and self.permissions.hides(subject, queue)
        )

    def send_message(self, sub: ClientSubscription, subject: bytes, message: Message) -> None:
        """``subject`` is the message's; what the client sees of it is the subscription's to say."""
        head = sub.head(subject)
        size = message.size
        if message.header and self.headers:
            head, body = b"H" + head, message.body()
        else:
            body, size = message.plain_body(), len(message.payload)
        if message.reply and self.replies is not None:
            self._grant_reply(message.reply)
        account = self.account if sub.imported is None else sub.imported.source.exporter
        for traffic in (self.outbound, account.stats, self.server.stats):
            traffic.out_msgs += 1
            traffic.out_bytes += size
        self.outbound.put(head)
        self._queue(body, message.publisher)

    def _grant_reply(self, reply: bytes) -> None:
        assert self.replies is not None  # the caller looked
        if self.permissions is None or not self.permissions.may_publish(reply):
            self.replies.grant(reply, self.server.clock.monotonic_s())

    def send(self, data: bytes) -> None:
        """Protocol bytes, in order with the messages."""
        if not self.closed:
            self._queue(data, None)

    def send_error(self, text: str) -> None:
        """Wire   -ERR 'text'; the connection stays."""
        self.send(encoder.error(text))

    def _queue(self, data: bytes, publisher: "Client | None") -> None:
        outbound = self.outbound
        outbound.put(data)
        if not outbound.dirty:
            self.server.mark(outbound)
        if outbound.pending_bytes > outbound.stall_limit:
            self.server.over(outbound, publisher)

    # Ending -----------------------------------------------------------------------------------------

    def fault(self, text: str) -> None:
        """It did what it must not; whoever keeps the log hears of it."""
        for hook in self.server.on_fault:
            hook(self, text)

    def violate(self, logged: str, error: str = "") -> None:
        """What it sent can't be understood."""
        self.fault(logged)
        self.close(Reason.PROTOCOL_VIOLATION, error)

    def close(self, reason: str, error: str = "") -> None:
        """``error`` is sent first when there is one; idempotent."""
        self.server.close_client(self, reason, error)

    # Rights and shortcuts ---------------------------------------------------------------------------

    def set_limits(self, subs: int = -1, payload: int = -1) -> None:
        """The user's and account's own limits, -1 = none; the server's hold beside them."""
        options = self.server.options
        self.max_payload = options.max_payload if payload < 0 else min(payload, options.max_payload)
        bounds = [n for n in (subs, options.max_subscriptions or NO_LIMIT) if n >= 0]
        self.max_subs = min(bounds, default=NO_LIMIT)
        self.refresh_shortcuts()

    def renew_limits(self) -> None:
        """After the server's have changed."""
        grant = self.grant
        if grant is None:
            self.set_limits()
        else:
            self.set_limits(grant.subs, grant.payload)

    def set_permissions(self, permissions: Permissions | None) -> None:
        self.permissions = permissions
        responses = permissions.responses if permissions is not None else None
        self.replies = Replies(responses) if responses is not None else None
        self.hides = permissions is not None and any(
            permissions.reaches_denied(sub.subject, sub.queue) for sub in self.subs.values()
        )
        self.refresh_shortcuts()

    def drop_forbidden(self) -> None:
        """Subscriptions that the permissions, which have changed, allow no more."""
        permissions = self.permissions
        if permissions is None:
            return
        for sub in tuple(self.subs.values()):
            if not permissions.may_subscribe(sub.subject, sub.queue):
                self.unsubscribe(sub)
                violation = errors.subscription_removed(sub.subject, sub.queue, sub.sid)
                self.send_error(violation.error)
                for hook in self.server.on_removed_subscription:
                    hook(self, violation.logged)

    def refresh_shortcuts(self) -> None:
        """Which shortcuts of the data path hold, after anything that they depend on has changed."""
        account, options = self.account, self.options
        self.takes_shortcut = (
            options.echo
            and not options.verbose
            and account.mapping is None
            and not account.trace_destination
            and not self.awaits_connect
        )
        direct = options.echo and not self.hides and self.replies is None
        if direct != self.takes_direct:
            self.takes_direct = direct
            for sub in self.subs.values():
                account.refresh(sub)
