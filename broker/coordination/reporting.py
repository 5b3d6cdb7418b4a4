"""What this server says of itself: presence every two seconds, the usage of accounts each second.

Wire     channels.presence(id), channels.SERVERS; channels.usage(id)
An account without a change is written again every FULL_EVERY reports only, which also mends a Redis that lost its data.
"""

import os
from dataclasses import dataclass, replace

from broker import __version__, builds
from broker.contract import channels
from broker.contract.reports import Connection, Presence, Usage
from broker.coordination.bus import Bus
from broker.core.account import Account
from broker.core.client import Client
from broker.core.server import Server

FULL_EVERY = 5
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KINDS = {"STANDARD": "nats", "WEBSOCKET": "websocket", "MQTT": "mqtt", "MQTT_WS": "mqtt"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a presence the core doesn't know; the URLs are those that clients should use, "" = none."""

    nats_url: str = ""
    ws_url: str = ""
    sync_interval_s: float = 0.0


def presence(server: Server, facts: Facts, taps: int) -> Presence:
    stats = server.stats
    return Presence(
        server_id=server.server_id,
        server_name=server.options.server_name or server.server_id,
        version=__version__,
        build=builds.name,
        start=server.start_s,
        at=server.clock.wall_s(),
        nats_url=facts.nats_url,
        ws_url=facts.ws_url,
        connections=len(server.clients),
        subscriptions=sum(len(account.sublist) for account in server.accounts.values()),
        accounts=len(server.accounts),
        taps=taps,
        in_msgs=stats.in_msgs,
        in_bytes=stats.in_bytes,
        out_msgs=stats.out_msgs,
        out_bytes=stats.out_bytes,
        slow_consumers=stats.slow_consumers,
        mem=resident_bytes(),
        sync_interval_s=facts.sync_interval_s,
    )


def usage(account: Account, at: float) -> Usage:
    stats = account.stats
    return Usage(
        at=at,
        connections=account.connections,
        total_connections=account.total_connections,
        subscriptions=len(account.sublist),
        in_msgs=stats.in_msgs,
        in_bytes=stats.in_bytes,
        out_msgs=stats.out_msgs,
        out_bytes=stats.out_bytes,
        slow_consumers=stats.slow_consumers,
    )


def connection(client: Client) -> Connection:
    peer, options = client.peer, client.options
    return Connection(
        cid=client.cid,
        account=client.account.name,
        user=client.grant.user if client.grant is not None else "",
        ip=peer.ip,
        port=peer.port,
        kind=_KINDS.get(peer.connection_type, "nats"),
        name=options.name,
        lang=options.lang,
        version=options.version,
        start=client.start_s,
        last_activity=client.last_activity_s,
        rtt_s=client.rtt_s,
        subscriptions=len(client.subs),
        pending_bytes=client.outbound.pending_bytes,
        in_msgs=client.in_msgs,
        in_bytes=client.in_bytes,
        out_msgs=client.out_msgs,
        out_bytes=client.out_bytes,
    )


def resident_bytes() -> int:
    """The process's resident memory; 0 where the system doesn't say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (read every two seconds)
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


class UsageReports:
    def __init__(self, bus: Bus, server: Server) -> None:
        self._bus = bus
        self._server = server
        self._told: dict[str, Usage] = {}
        self._count = 0

    async def report(self) -> None:
        """One second's report. Raises BusError; what wasn't told then is told next time."""
        full = self._count % FULL_EVERY == 0
        current = self._current()
        changed = current if full else self._changed(current)
        removed = tuple(self._told.keys() - current.keys())
        if not (changed or removed or full):
            self._count += 1
            return
        await self._bus.hash_update(
            channels.usage(self._server.server_id),
            {name: report.to_json() for name, report in changed.items()},
            removed,
            ttl_s=channels.USAGE_TTL_S,
        )
        self._told = current
        self._count += 1

    def _current(self) -> dict[str, Usage]:
        at = self._server.clock.wall_s()
        return {name: usage(account, at) for name, account in self._server.accounts.items()}

    def _changed(self, current: dict[str, Usage]) -> dict[str, Usage]:
        return {
            name: report
            for name, report in current.items()
            if (told := self._told.get(name)) is None or replace(told, at=report.at) != report
        }
