"""Listening sockets: one for every interface, as nats-server binds them."""

import errno
import os
import socket

BACKLOG = 1024
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 — names to recognise, nothing is bound here


class ListenError(Exception):
    """An address that can't be bound; the sentence is nats-server's and names it."""


def open_listener(host: str, port: int) -> socket.socket:
    """Bound and listening; ``port`` -1 = any free one. A wildcard host takes IPv6 and IPv4 at once."""
    number = max(port, 0)
    try:
        if host in _WILDCARDS:
            return _every_interface(number)
        return _one(host, number)
    except OSError as error:
        reason = _reason(error)
        raise ListenError(
            f'{show(host, number)}, "listen tcp {show(host, number)}: {reason}"'
        ) from error


def _every_interface(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise
    return socket.create_server(("", port), backlog=BACKLOG)


def _one(host: str, port: int) -> socket.socket:
    # As bytes, so that Python doesn't load its tables for international names.
    name = host.encode("ascii") if host.isascii() else host
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"lookup: {error.strerror}"
    return f"bind: {os.strerror(error.errno).lower() if error.errno else error}"


def show(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peer_address(name: object) -> tuple[str, int]:
    """Address and port of a transport's ``peername``; a socket for both families gives IPv4 as ``::ffff:1.2.3.4``."""
    if not isinstance(name, tuple):
        return "", 0
    return str(name[0]).removeprefix("::ffff:"), int(name[1])


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def interface_addresses() -> list[str]:
    """Addresses of this machine's interfaces without the loopback's, as far as they can be told."""
    found: dict[str, None] = {}
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((probe, 9))  # sends nothing; the kernel picks the source address
                found[str(sock.getsockname()[0])] = None
        except OSError:
            continue
    return [a for a in found if not a.startswith("127.") and a != "::1"]


def urls(scheme: str, host: str, port: int) -> list[str]:
    """How the listener can be reached, loopback first."""
    if host not in _WILDCARDS:
        return [f"{scheme}://{show(host, port)}"]
    hosts = ["127.0.0.1", "::1", *interface_addresses()]
    return [f"{scheme}://{show(name, port)}" for name in hosts]
