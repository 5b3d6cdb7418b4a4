"""Which Host headers are ours, and which pages may open our sockets.

Django's list of names can't say "any address literal", which is what a server bound to every interface needs. A literal
is safe where a name isn't: DNS rebinding works by making somebody's *name* point at this machine.
"""

import ipaddress
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """``names`` are accepted as they stand; ``any_address``: every address literal too."""

    names: frozenset[str]
    any_address: bool
    #: ``https://console.example.com`` when the console is reached through a proxy; else empty.
    public_origin: str = ""
    _own: frozenset[str] = field(init=False, default=LOOPBACK_NAMES, repr=False)

    def allows(self, host: str) -> bool:
        """``host`` as in a Host header, with or without port."""
        name = _name(host)
        if name in self.names or name in self._own:
            return True
        return self.any_address and _is_address(name)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may open a socket that was asked for at ``host``: only our own page may."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        if self.public_origin and origin.lower() == self.public_origin:
            return True
        return parts.netloc.lower() == host.lower() and self.allows(host)


def policy(*, bind: str, public_url: str, more: tuple[str, ...]) -> HostPolicy:
    """``bind`` is the address served on; a wildcard or outer address admits address literals and our host name."""
    names = {name.lower() for name in more}
    origin = ""
    if public_url:
        parts = urlsplit(public_url)
        names.add((parts.hostname or "").lower())
        origin = f"{parts.scheme}://{parts.netloc}".lower()
    outer = bind not in LOOPBACK_NAMES
    if outer:
        names.update((bind.lower(), socket.gethostname().lower()))
    return HostPolicy(frozenset(names), outer, origin)


def _name(host: str) -> str:
    try:
        return (urlsplit("//" + host).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
