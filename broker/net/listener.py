"""Where clients connect."""

import asyncio
from collections.abc import Callable

from broker.core.server import Server
from broker.net.connection import Connection

#: Connections that wait to be accepted; clients of a restarted server come back all at once.
BACKLOG = 1024

#: Makes the protocol of one accepted connection; TLS and WebSocket listeners bring their own.
Factory = Callable[[], asyncio.BaseProtocol]


async def listen(
    server: Server, host: str | None, port: int, factory: Factory | None = None
) -> asyncio.Server:
    """Accept NATS clients; OSError when the address can't be bound. Port 0 = any free one, see ``port_of``.

    ``server`` must be driven by a ``flusher.Flusher`` on the running loop.
    """
    loop = asyncio.get_running_loop()
    make = factory or (lambda: Connection(server, loop))
    return await loop.create_server(make, host or None, port, backlog=BACKLOG, reuse_address=True)


def port_of(listener: asyncio.Server) -> int:
    """The port that was bound."""
    return int(listener.sockets[0].getsockname()[1])
