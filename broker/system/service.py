"""The system account's service: requests answered, events told. Made once the system account is known."""

from collections.abc import Callable

from broker.core.account import Account
from broker.core.server import Server
from broker.monitor.facts import Monitor
from broker.system import imports
from broker.system.events import Events
from broker.system.outbox import Outbox
from broker.system.requests import Requests


class SystemService:
    """``tick`` must be called when its answer says so; ``ending`` before the clients are closed."""

    def __init__(
        self, monitor: Monitor, account: Account, reload: Callable[[], None] | None = None
    ) -> None:
        self.outbox = Outbox(monitor, account)
        self.events = Events(self.outbox)
        self.requests = Requests(self.outbox, self.events, reload)
        self.requests.subscribe()
        imports.offer(monitor.server, account)
        self._hook(monitor.server)

    def _hook(self, server: Server) -> None:
        server.on_trace.append(self.outbox.trace)
        server.on_connect.append(self.events.connected)
        server.on_disconnect.append(self.events.disconnected)
        server.on_auth_refused.append(self.events.refused)

    def tick(self) -> float:
        """Seconds until the next call is due."""
        now_s = self.outbox.monitor.server.clock.monotonic_s()
        return max(0.0, self.events.tick(now_s) - now_s)

    def lame_duck(self) -> None:
        self.events.ending("LAMEDUCK")

    def shutdown(self) -> None:
        self.events.ending("SHUTDOWN")
