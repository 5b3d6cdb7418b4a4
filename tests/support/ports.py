"""Free TCP ports on loopback, for programs that must be told one."""

import os
import socket
from itertools import cycle

#: Below what systems give to whoever asks for any port: nobody else's connection takes one in between.
_FIRST = 20_000
#: Each process of a parallel run has its own.
_COUNT = 1_500


def _worker() -> int:
    """Which process of a parallel run this is; 0 when there is only one."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _own_ports() -> list[int]:
    """From a place on that differs from run to run, for whoever runs two at a time."""
    first = _FIRST + _worker() % 8 * _COUNT
    begin = os.getpid() * 41 % _COUNT
    return [first + (begin + n) % _COUNT for n in range(_COUNT)]


_next = cycle(_own_ports())


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listened on a moment ago."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            try:
                held.append(socket.create_server(("127.0.0.1", next(_next))))
            except OSError:
                continue  # taken
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
