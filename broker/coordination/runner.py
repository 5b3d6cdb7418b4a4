"""Everything between this server and Redis, running beside the message path and never in it.

``run`` ends only with its task. Losing Redis stops what is here and nothing else; when it comes back, claims and
taps are read anew, presence and usage are written again with their next turn.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from broker.contract import channels
from broker.contract.reports import Event, EventKind
from broker.coordination.bus import Bus, BusError, Connected, Lost, Published
from broker.coordination.claims_sync import ClaimsSync, Store
from broker.coordination.commands import (
    CommandError,
    Commands,
    integer_argument,
    text_argument,
)
from broker.coordination.events import Events
from broker.coordination.reporting import Facts, UsageReports, connection, presence
from broker.coordination.taps import Taps
from broker.coordination.together import together
from broker.core.account import Account
from broker.core.account_claims import OperatorAccounts
from broker.core.auth import Refusal
from broker.core.client import Client
from broker.core.server import Server
from broker.protocol.errors import Reason

LEASE_CHECK_S = 1.0
CONNECTIONS_MAX = 10_000
_TEXT_MAX = 256

log = logging.getLogger(__name__)


async def run(
    server: Server,
    bus: Bus,
    *,
    accounts: OperatorAccounts | None = None,
    store: Store | None = None,
    facts: Facts | None = None,
    changing: asyncio.Lock | None = None,
) -> None:
    """``accounts`` and ``store`` in operator mode; without them claims are nobody's business here."""
    coordination = Coordination(server, bus, accounts, store, facts or Facts(), changing)
    try:
        await coordination.run()
    finally:
        coordination.detach()
        await bus.close()


class Coordination:
    def __init__(
        self,
        server: Server,
        bus: Bus,
        accounts: OperatorAccounts | None,
        store: Store | None,
        facts: Facts,
        changing: asyncio.Lock | None = None,
    ) -> None:
        self._server = server
        self._bus = bus
        self._accounts = accounts
        self._facts = facts
        self._lost = ""
        self.sync: ClaimsSync | None = None
        if accounts is not None and store is not None:
            self.sync = ClaimsSync(bus, accounts, store, server.clock, changing)
        self.taps = Taps(bus, self._find_account, server.clock, time.time_ns)
        self.events = Events(bus)
        self.commands = Commands(bus, server.server_id, self._handlers())
        self._taps_changed = asyncio.Event()
        self._resync = asyncio.Event()
        self._attach()

    async def run(self) -> None:
        usage = UsageReports(self._bus, self._server)
        await together(
            self._listen(),
            self._sync_claims(),
            self._keep_taps(),
            self.taps.run_ticks(),
            self.events.run(),
            self.commands.run(),
            _every(channels.PRESENCE_INTERVAL_S, self._present),
            _every(channels.USAGE_INTERVAL_S, usage.report),
        )

    # From Redis -------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for heard in self._bus.listen([channels.COMMANDS, channels.TAPS_CHANGED]):
            match heard:
                case Published(channels.COMMANDS, data):
                    self.commands.receive(data)
                case Published():
                    self._taps_changed.set()
                case Connected():
                    self._found()
                case Lost(reason):
                    self._lose(reason)

    def _found(self) -> None:
        log.info("Coordination: connected to Redis")
        self._lost = ""
        self._resync.set()
        self._taps_changed.set()

    def _lose(self, reason: str) -> None:
        if reason != self._lost:
            log.warning("Coordination: %s; messages go on, the console waits", reason)
            self._lost = reason

    async def _sync_claims(self) -> None:
        while True:
            await self._resync.wait()
            self._resync.clear()
            if self.sync is None:
                continue
            try:
                changed = await self.sync.resync()
                log.info("Coordination: claims are in step, %d accounts changed", changed)
            except BusError as error:
                log.warning("Coordination: claims not in step: %s", error)
                await asyncio.sleep(1)
                self._resync.set()

    async def _keep_taps(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):  # then a lease may have ended
                    async with asyncio.timeout(LEASE_CHECK_S):
                        await self._taps_changed.wait()
                self._taps_changed.clear()
                await self.taps.sync()
        finally:
            self.taps.close()

    # To Redis ---------------------------------------------------------------------------------------

    async def _present(self) -> None:
        server_id = self._server.server_id
        report = presence(self._server, self._facts, len(self.taps))
        await self._bus.set(
            channels.presence(server_id), report.to_json(), ttl_s=channels.PRESENCE_TTL_S
        )
        await self._bus.set_add(channels.SERVERS, server_id)

    def _attach(self) -> None:
        server = self._server
        server.on_connect.append(self._on_connect)
        server.on_disconnect.append(self._on_disconnect)
        server.on_auth_refused.append(self._on_auth_refused)
        server.on_slow_consumer.append(self._on_slow_consumer)
        server.on_limit.append(self._on_limit)

    def detach(self) -> None:
        """The server's events go nowhere from now on."""
        server = self._server
        server.on_connect.remove(self._on_connect)
        server.on_disconnect.remove(self._on_disconnect)
        server.on_auth_refused.remove(self._on_auth_refused)
        server.on_slow_consumer.remove(self._on_slow_consumer)
        server.on_limit.remove(self._on_limit)

    def _on_connect(self, client: Client) -> None:
        self._tell("connect", client)

    def _on_disconnect(self, client: Client) -> None:
        if client.grant is not None:  # who was never let in is told of by auth_refused
            self._tell("disconnect", client, client.reason)

    def _on_auth_refused(self, client: Client, refusal: Refusal) -> None:
        self._tell("auth_refused", client, refusal.reason, refusal)

    def _on_slow_consumer(self, client: Client) -> None:
        self._tell("slow_consumer", client)

    def _on_limit(self, client: Client, error: str) -> None:
        self._tell("limit", client, error)

    def _tell(
        self, kind: EventKind, client: Client, reason: str = "", refusal: Refusal | None = None
    ) -> None:
        known = client.grant is not None
        account = client.account.name if known else ""
        user = client.grant.user if client.grant is not None else ""
        if refusal is not None:
            account, user = refusal.account, refusal.user
        options = client.options
        self.events.put(
            Event(
                kind,
                self._server.clock.wall_s(),
                self._server.server_id,
                account,
                user,
                client.cid,
                client.peer.ip,
                options.name[:_TEXT_MAX],
                options.lang[:_TEXT_MAX],
                options.version[:_TEXT_MAX],
                reason[:_TEXT_MAX],
            )
        )

    # Commands ---------------------------------------------------------------------------------------

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]:
        return {
            "apply_claims": self._apply_claims,
            "connections": self._connections,
            "kick": self._kick,
            "ping": self._ping,
        }

    async def _apply_claims(self, args: dict[str, Any]) -> dict[str, Any]:
        if self.sync is None:
            raise CommandError("this server trusts no operator, so it has no claims")
        return await self.sync.apply_claims(args)

    async def _connections(self, args: dict[str, Any]) -> dict[str, Any]:
        account = self._account(args)
        limit = integer_argument(args, "limit", CONNECTIONS_MAX, CONNECTIONS_MAX)
        clients = list(account.clients.values())
        shown = [asdict(connection(client)) for client in clients[:limit]]
        return {"total": len(clients), "connections": shown}

    async def _kick(self, args: dict[str, Any]) -> dict[str, Any]:
        account = self._account(args)
        client = account.clients.get(integer_argument(args, "cid", 0, 2**63))
        if client is None:
            return {"closed": 0}
        client.close(Reason.KICKED)
        return {"closed": 1}

    async def _ping(self, _args: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _account(self, args: dict[str, Any]) -> Account:
        account = self._find_account(text_argument(args, "account"))
        if account is None:
            raise CommandError("account: not known to this server")
        return account

    def _find_account(self, name: str) -> Account | None:
        if self._accounts is not None:
            return self._accounts.account(name, self._server.clock.wall_s())
        return self._server.accounts.get(name)


async def _every(seconds: float, report: Callable[[], Awaitable[None]]) -> None:
    """Again and again; a bus that is lost is tried with the next turn."""
    while True:
        with contextlib.suppress(BusError):  # ``listen`` says that Redis is gone
            await report()
        await asyncio.sleep(seconds)
