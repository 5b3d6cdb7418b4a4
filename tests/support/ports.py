"""Free TCP ports on loopback, for programs that must be told one."""

import socket


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listened on a moment ago."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
