"""Everything that the clients of one server share: options, accounts, totals, timers, the record of the gone.

Whoever wants to know what happens appends a callable to one of the ``on_…`` lists; it is called in the middle of that
event, must be quick and must not raise.
"""

import sys
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Final

from broker import NATS_VERSION
from broker.core import handshake
from broker.core.account import GLOBAL_ACCOUNT, Account
from broker.core.auth import Answer, Authenticator, Checking, ConnectionType, Grant, Peer, Refusal
from broker.core.client import Client, Wire
from broker.core.clock import Clock, SystemClock, system_random
from broker.core.closed import ClosedClient, closed_client
from broker.core.exchange import Exchange
from broker.core.message_trace import MessageTrace
from broker.core.options import ServerOptions
from broker.core.outbound import Outbound
from broker.core.stats import ServerStats
from broker.core.timers import Timer, Timers
from broker.protocol import encoder, errors
from broker.protocol.errors import Reason

#: What INFO says instead of the version of Go.
RUNTIME: Final = "python{}.{}.{}".format(*sys.version_info)
#: A connection that never CONNECTs is pinged after an interval like any other; RTT is measured again this often.
_RTT_INTERVAL_S: Final = 3600.0
#: Above this many reminders they are made anew; a client can have up to four that count.
_REMINDERS_PER_CLIENT: Final = 8
_REMINDERS_SPARE: Final = 1024


class Server:
    """``server_id`` is an nkey of kind server; INFO and monitoring show it. All state lives in one thread.

    ``wake`` is called when the first client since the last turn has something to be written: the network end then
    calls ``flush``. ``rearm`` is called when the earliest timer changed.
    """

    #: JetStream's API level, as INFO has it.
    API_LEVEL = 5

    def __init__(
        self,
        options: ServerOptions,
        server_id: str,
        *,
        authenticator: Authenticator | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.options = options
        self.server_id = server_id
        self.authenticator = authenticator
        self.clock: Clock = clock or SystemClock()
        self.random = (random or system_random()).random
        self.stats = ServerStats()
        self.start_s = self.clock.wall_s()
        self.wake: Callable[[], None] = _nothing
        self.rearm: Callable[[float], None] = _ignore
        self.timers = Timers()
        self.accounts: dict[str, Account] = {}
        self.exchange = Exchange(
            self.accounts.get, self.clock.monotonic_s, self.clock.wall_s, self.after
        )
        self.global_account = self.add_account(GLOBAL_ACCOUNT)
        #: None where no system account is configured.
        self.system_account: Account | None = None
        self.clients: dict[int, Client] = {}
        self.closed_clients: deque[ClosedClient] = deque(maxlen=options.max_closed_clients or None)
        self.lame_duck = False
        #: True once it ends.
        self.stopping = False
        #: Calls back after so many seconds.
        self.later: Callable[[float, Callable[[], None]], object] = _never
        #: Runs the first in another thread, then the second with its answer in this one.
        self.work: Callable[[Callable[[], bool], Callable[[bool], None]], None] = _at_once
        self.on_connect: list[Callable[[Client], None]] = []
        self.on_disconnect: list[Callable[[Client], None]] = []
        self.on_auth_refused: list[Callable[[Client, Refusal], None]] = []
        self.on_slow_consumer: list[Callable[[Client], None]] = []
        #: A client did what it must not, by mistake or without permission; the text is the log's.
        self.on_fault: list[Callable[[Client, str], None]] = []
        #: Changed permissions took one away; the text, which is the log's, says which.
        self.on_removed_subscription: list[Callable[[Client, str], None]] = []
        #: A limit turned the client away or closed it; the text is the -ERR.
        self.on_limit: list[Callable[[Client, str], None]] = []
        #: What became of a traced publish.
        self.on_trace: list[Callable[[MessageTrace], None]] = []
        #: An account is there now, or its limits changed.
        self.on_account: list[Callable[[Account], None]] = []
        #: The account of that name is gone; True when it was deleted for good and nothing of it may stay.
        self.on_account_gone: list[Callable[[str, bool], None]] = []
        self._dirty: list[Outbound] = []
        self._last_cid = 0

    # Accounts ---------------------------------------------------------------------------------------

    def add_account(self, name: str, is_system: bool = False) -> Account:
        """The account of that name; made when there is none."""
        account = self.accounts.get(name)
        if account is None:
            account = Account(
                name, self.random, self.exchange, self.options.match_cache_max, is_system
            )
            account.server_name = self.options.server_name or self.server_id
            self.accounts[name] = account
            if is_system:
                self.system_account = account
        return account

    def account_changed(self, account: Account) -> None:
        """Its limits are set, for the first time or anew."""
        for hook in self.on_account:
            hook(account)

    def remove_account(
        self, name: str, reason: str = Reason.MISSING_ACCOUNT, *, deleted: bool = False
    ) -> int:
        """Closes its clients; how many there were. Unknown names are ignored. ``deleted``: for good."""
        account = self.accounts.pop(name, None)
        if account is None:
            return 0
        clients = tuple(account.clients.values())
        for client in clients:
            self.close_client(client, reason)
        self.account_gone(name, deleted=deleted)
        self.exchange.forget(account)
        return len(clients)

    def account_gone(self, name: str, *, deleted: bool) -> None:
        """Also of one that nobody has used since the start."""
        for hook in self.on_account_gone:
            hook(name, deleted)

    def enforce_connection_limit(self, account: Account) -> int:
        """After ``account.limits`` changed: closes the newest connections that are too many; how many."""
        surplus = account.over_limit()
        for client in surplus:
            self._limit(client, Reason.MAX_ACCOUNT_CONNECTIONS, errors.MAX_ACCOUNT_CONNECTIONS)
        return len(surplus)

    def keep_within_connections(self) -> int:
        """After ``max_connections`` changed: closes the newest that are too many; how many."""
        limit = self.options.max_connections
        surplus = tuple(self.clients.values())[max(limit, 0) :] if limit else ()
        for client in surplus:
            self._limit(client, Reason.MAX_CONNECTIONS, errors.MAX_CONNECTIONS)
        return len(surplus)

    # Clients come -----------------------------------------------------------------------------------

    @property
    def auth_required(self) -> bool:
        return self.authenticator is not None and self.authenticator.auth_required

    def next_cid(self) -> int:
        self._last_cid += 1
        return self._last_cid

    def accept(self, peer: Peer, wire: Wire, *, greet: bool = True) -> Client:
        """A new connection; with ``greet`` it is sent INFO. Ask ``keeps_connection_limit`` once its wire knows it.

        ``peer.nonce`` must be set where the authenticator wants one. Without ``greet`` (TLS first) call
        ``greet_client`` once the peer can read.
        """
        client = Client(self, self.next_cid(), peer, wire, self.global_account)
        self.stats.total_connections += 1
        self.clients[client.cid] = client
        self.global_account.clients[client.cid] = client
        if greet:
            self.greet_client(client)
        return client

    def keeps_connection_limit(self, client: Client) -> bool:
        """False when ``client``, the newest, was one too many; then it was told so and is closed."""
        if 0 < self.options.max_connections < len(self.clients):
            self._limit(client, Reason.MAX_CONNECTIONS, errors.MAX_CONNECTIONS)
            return False
        return True

    def greet_client(self, client: Client) -> None:
        """Sends INFO and starts the clocks of authentication and pings."""
        handshake.greet(client)
        now_s = self.clock.monotonic_s()
        if client.awaits_connect and not client.connected:
            client.auth_due_s = now_s + self.options.auth_timeout_s
            self._remind(client, client.auth_due_s)
        client.ping_due_s = now_s + self.options.ping_interval_s
        self._remind(client, client.ping_due_s)

    def start_pings(self, client: Client) -> None:
        """CONNECT came: the first PING follows soon, for the round-trip time."""
        client.auth_due_s = 0.0
        wait_s = min(self.options.ping_interval_s, handshake.FIRST_PING_S)
        wait_s += self.random() * wait_s * handshake.FIRST_PING_SPREAD
        client.ping_due_s = self.clock.monotonic_s() + wait_s
        self._remind(client, client.ping_due_s)

    def register(self, client: Client, grant: Grant) -> bool:
        """The client becomes what ``grant`` says; False when the account takes no more connections."""
        account = grant.account
        if client.cid not in account.clients and account.full:
            self._limit(client, Reason.MAX_ACCOUNT_CONNECTIONS, errors.MAX_ACCOUNT_CONNECTIONS)
            return False
        if account is not client.account:
            client.drop_subscriptions()
            client.account.clients.pop(client.cid, None)
            client.account = account
            account.clients[client.cid] = client
        if client.grant is None or client.grant.account is not account:
            account.total_connections += 1
        client.grant = grant
        client.awaits_connect = False
        client.set_limits(grant.subs, grant.payload)
        client.set_permissions(grant.permissions)
        client.drop_forbidden()
        if not self.keeps_subscription_limit(client):
            return False
        for sub in client.subs.values():
            account.refresh(sub)
        if grant.expires_at is not None:
            self._expire_at(client, grant.expires_at)
        return True

    def keeps_subscription_limit(self, client: Client) -> bool:
        """After its limits changed: False when it had to go for having as many subscriptions as it may, or more."""
        if client.at_subscription_limit:
            self._limit(client, Reason.MAX_SUBSCRIPTIONS, errors.MAX_SUBSCRIPTIONS)
        return not client.closed

    def resolve(
        self, client: Client, answer: Answer | Checking, then: Callable[[Answer], None]
    ) -> None:
        """``then`` with the answer; where that takes work, nothing else of the client is done until it is there."""
        if not isinstance(answer, Checking):
            then(answer)
            return
        client.suspend()

        def checked(right: bool) -> None:
            if not client.closed:
                then(answer.answer(right))
                client.resume()

        self.work(lambda: not client.closed and answer.work(), checked)

    def refuse(self, client: Client, refusal: Refusal) -> None:
        self.stats.auth_refused += 1
        for hook in self.on_auth_refused:
            hook(client, refusal)
        self.close_client(client, Reason.AUTHENTICATION_FAILURE, refusal.error)

    def connected(self, client: Client) -> None:
        for hook in self.on_connect:
            hook(client)

    # Clients go -------------------------------------------------------------------------------------

    def close_client(
        self, client: Client, reason: str, error: str = "", *, flush: bool = True
    ) -> None:
        """Record, unsubscribe, say why, end the connection. ``flush`` False loses what is pending. Idempotent."""
        if client.closed:
            return
        if error:
            client.send_error(error)
        client.reason = reason
        client.stop_s = self.clock.wall_s()
        self.closed_clients.append(closed_client(client))
        client.closed = True
        client.tail = b""
        client.drop_subscriptions()
        client.account.clients.pop(client.cid, None)
        self.clients.pop(client.cid, None)
        if flush:
            client.wire.finish()
        else:
            client.outbound.drop()
            client.wire.abort()
        if client.outbound.gate is not None:
            client.outbound.gate.drained()
        for hook in self.on_disconnect:
            hook(client)

    def _limit(self, client: Client, reason: str, error: str) -> None:
        for hook in self.on_limit:
            hook(client, error)
        self.close_client(client, reason, error)

    def over(self, outbound: Outbound, publisher: Client | None) -> None:
        """A receiver is behind: over max_pending it is closed, below its publisher waits."""
        receiver = outbound.client
        if receiver.closed:
            return
        if outbound.pending_bytes > outbound.limit:
            self.slow_consumer(receiver, Reason.SLOW_CONSUMER_PENDING)
        elif publisher is not None and (
            publisher is receiver or not self.options.no_fast_producer_stall
        ):
            outbound.hold(publisher)

    def slow_consumer(self, client: Client, reason: str) -> None:
        """Closed without an -ERR, as it wouldn't read it."""
        self.stats.slow_consumers += 1
        client.account.stats.slow_consumers += 1
        for hook in self.on_slow_consumer:
            hook(client)
        self.close_client(client, reason, flush=False)

    # Writing ----------------------------------------------------------------------------------------

    def mark(self, outbound: Outbound) -> None:
        """``outbound`` has something to write at the end of this turn."""
        outbound.dirty = True
        if not self._dirty:
            self.wake()
        self._dirty.append(outbound)

    def flush(self) -> None:
        """Every marked client writes; what they are told meanwhile waits for the next turn."""
        dirty, self._dirty = self._dirty, []
        for outbound in dirty:
            outbound.dirty = False
            outbound.client.wire.flush()

    # Time -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Whatever is due by now."""
        now_s = self.clock.monotonic_s()
        for cid in self.timers.take_due(now_s):
            client = self.clients.get(cid)
            if client is not None:
                self._due(client, now_s)

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """``callback`` once, so much later, unless the timer is cancelled."""
        timer = Timer(callback)
        self.later(seconds, timer.run)
        return timer

    def blocked(self, client: Client) -> None:
        """The client's transport takes nothing more; write_deadline runs."""
        now_s = self.clock.monotonic_s()
        reminded = client.write_due_s > now_s
        client.write_due_s = now_s + self.options.write_deadline_s
        if not reminded:
            self._remind(client, client.write_due_s)

    def _due(self, client: Client, now_s: float) -> None:
        if 0 < client.auth_due_s <= now_s:
            self.close_client(client, Reason.AUTHENTICATION_TIMEOUT, errors.AUTHENTICATION_TIMEOUT)
        elif client.outbound.blocked and client.write_due_s <= now_s:
            self.slow_consumer(client, Reason.SLOW_CONSUMER_DEADLINE)
        elif 0 < client.expiry_due_s <= now_s:
            self._expire(client, now_s)
        elif 0 < client.ping_due_s <= now_s:
            self._ping(client, now_s)
        elif client.outbound.blocked:
            self._remind(client, client.write_due_s)

    def expire_client_at(self, client: Client, wall_s: float | None) -> None:
        """The end of its grant was moved; None = it has none any more."""
        if wall_s is None:
            client.expiry_due_s = 0.0
        else:
            self._expire_at(client, wall_s)

    def _expire_at(self, client: Client, wall_s: float) -> None:
        client.expiry_due_s = self.clock.monotonic_s() + max(0.0, wall_s - self.clock.wall_s())
        self._remind(client, client.expiry_due_s)

    def _expire(self, client: Client, now_s: float) -> None:
        """Timers don't hear of a clock that was set, so the wall decides."""
        grant = client.grant
        client.expiry_due_s = 0.0
        if grant is None or grant.expires_at is None:
            return
        if grant.expires_at > self.clock.wall_s():
            self._expire_at(client, grant.expires_at)
            return
        self.close_client(client, Reason.AUTHENTICATION_EXPIRED, grant.expiry_error)

    def _ping(self, client: Client, now_s: float) -> None:
        options = self.options
        quiet_s = self.clock.wall_s() - client.last_activity_s
        measured = client.ping_sent_s > 0 and now_s - client.ping_sent_s <= _RTT_INTERVAL_S
        if quiet_s >= options.ping_interval_s or not measured:
            if client.pings_out + 1 > options.ping_max:
                self.stats.stale_connections += 1
                self.close_client(client, Reason.STALE, errors.STALE_CONNECTION)
                return
            client.pings_out += 1
            client.ping_sent_s = now_s
            client.send(encoder.PING)
        client.ping_due_s = now_s + options.ping_interval_s
        self._remind(client, client.ping_due_s)

    def _remind(self, client: Client, due_s: float) -> None:
        earliest = self.timers.next_s()
        self.timers.add(due_s, client.cid)
        if len(self.timers) > _REMINDERS_PER_CLIENT * len(self.clients) + _REMINDERS_SPARE:
            self._remake_reminders()
        if earliest is None or due_s < earliest:
            self.rearm(due_s)

    def _remake_reminders(self) -> None:
        """Without those of clients that have gone, and of what is due at another time by now."""
        self.timers.replace(
            (due_s, client.cid)
            for client in self.clients.values()
            for due_s in (
                client.auth_due_s,
                client.expiry_due_s,
                client.ping_due_s,
                client.write_due_s,
            )
            if due_s > 0
        )

    # What it says of itself -------------------------------------------------------------------------

    def info_fields(self, connection_type: ConnectionType = "STANDARD") -> dict[str, Any]:
        """INFO without the client's own fields, in nats-server's order; absent when false."""
        o = self.options
        fields: dict[str, Any] = {
            "server_id": self.server_id, "server_name": o.server_name or self.server_id,
            "version": NATS_VERSION, "proto": 1, "git_commit": "", "go": RUNTIME, "host": o.host, "port": o.port,
            "headers": not o.no_header_support, "auth_required": self.auth_required and not o.no_auth_user,
            "tls_required": o.tls_required, "tls_verify": o.tls_verify, "tls_available": o.tls_available,
            "max_payload": o.max_payload, "jetstream": o.jetstream, "ldm": self.lame_duck,
        }  # fmt: skip
        urls = o.connect_urls if connection_type == "STANDARD" else o.ws_connect_urls
        if urls:
            fields["connect_urls"] = list(urls)
        kept = ("headers", "max_payload")
        return {k: v for k, v in fields.items() if v or k in kept}

    def begin_lame_duck(self) -> None:
        """INFO with ldm to everyone; the application then closes clients over the lame duck duration."""
        self.lame_duck = True
        for client in tuple(self.clients.values()):
            handshake.announce(client)

    def close_all(self, reason: str = Reason.SERVER_SHUTDOWN) -> None:
        self.stopping = True
        for client in tuple(self.clients.values()):
            self.close_client(client, reason)


def _nothing() -> None:
    """Stands in until a network end is there."""


def _ignore(_due_s: float) -> None:
    """Stands in until a network end is there."""


def _never(_seconds: float, _callback: Callable[[], None]) -> None:
    """Stands in until a network end is there."""


def _at_once(job: Callable[[], bool], done: Callable[[bool], None]) -> None:
    done(job())
