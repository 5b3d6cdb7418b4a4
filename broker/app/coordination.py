"""Starts what stands between this server and the console's Redis."""

import asyncio
from importlib import import_module

from broker.app.operator import Operation
from broker.config.options import Config
from broker.coordination import runner
from broker.coordination.reporting import Facts
from broker.core.server import Server


async def run(server: Server, operation: Operation | None, config: Config) -> None:
    """Ends with its task. Raises BusError when ``coordination.url`` is none that Redis has."""
    # The Redis client takes long to import; meanwhile the loop goes on serving.
    redis_bus = await asyncio.to_thread(import_module, "broker.coordination.redis_bus")
    bus = redis_bus.RedisBus(config.coordination.url)
    facts = Facts(
        nats_url=_url("nats", server.options.host, server.options.port),
        sync_interval_s=config.jetstream.sync_interval,
    )
    if operation is None:
        await runner.run(server, bus, facts=facts)
        return
    await runner.run(
        server,
        bus,
        accounts=operation.accounts,
        store=operation.claims,
        facts=facts,
        changing=operation.changing,
    )


def _url(scheme: str, host: str, port: int) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}:{port}"
