"""Where a request came from, as far as that can be known."""

from collections.abc import Mapping
from typing import Any


def client_address(meta: Mapping[str, Any], trusted_proxies: int) -> str:
    """The peer's address; behind ``trusted_proxies`` proxies the one that the outermost of them saw.

    Entries of X-Forwarded-For left of that are the stranger's own words.
    """
    peer = str(meta.get("REMOTE_ADDR", ""))
    if not trusted_proxies:
        return peer
    hops = [
        hop.strip() for hop in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()
    ]
    return (hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer)[:64]
