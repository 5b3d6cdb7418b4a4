"""Monitoring and the system account of a running server, put together."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from broker.app import facts
from broker.config.options import Config
from broker.core.server import Server
from broker.monitor.facts import Monitor
from broker.system.service import SystemService

if TYPE_CHECKING:
    from broker.app.keeper import Spawn
    from broker.app.operator import Operation


class System:
    """``monitor`` is there from the start; the rest begins with ``start``, when the accounts are known."""

    def __init__(self, server: Server, config: Config) -> None:
        self.monitor = Monitor(server)
        self._server = server
        self._service: SystemService | None = None
        self.configured(config)

    def configured(self, config: Config) -> None:
        """At the start, and after each reload."""
        facts.fill(self.monitor.facts, config, time.time())

    def start(
        self,
        config: Config,
        operation: "Operation | None",
        reload: Callable[[], None],
        spawn: "Spawn",
    ) -> None:
        """``reload`` raises ReloadRefused. Nothing happens where there is no system account."""
        self.configured(config)  # by now the listeners' ports are known
        account = self._server.system_account
        if operation is not None:
            shown = self.monitor.facts
            facts.fill_operators(shown, operation.tokens, operation.trust.operators)
            shown.account_facts = facts.account_facts(operation.accounts, self._server.clock)
        if account is None:
            return
        service = self._service = SystemService(self.monitor, account, reload)
        if operation is not None:
            self._serve_claims(service, config, operation, spawn)
        spawn(_run(service), "system account")

    def _serve_claims(
        self, service: SystemService, config: Config, operation: "Operation", spawn: "Spawn"
    ) -> None:
        from broker.app.keeper import ClaimsKeeper
        from broker.system.claims import ClaimsRequests

        resolver = config.resolver
        keeper = ClaimsKeeper(operation, self._server.clock, spawn)
        ClaimsRequests(
            service.outbox,
            keeper,
            operation.trust,
            lists=resolver is not None and resolver.type != "memory",
            allow_delete=resolver is not None and resolver.allow_delete,
        ).subscribe()

    def lame_duck(self) -> None:
        if self._service is not None:
            self._service.lame_duck()

    def shutdown(self) -> None:
        """Before the clients are closed: they shall hear it."""
        if self._service is not None:
            self._service.shutdown()


async def _run(service: SystemService) -> None:
    while True:  # the clock, not an event, says when
        wait_s = service.tick()
        await asyncio.sleep(wait_s)
