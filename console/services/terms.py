"""What a credential allows, and where and how long: its terms, checked field by field."""

import ipaddress
import time
from dataclasses import dataclass
from typing import Any

from console.lib.subjects import problem_of_filter
from console.services.errors import InvalidArgument

LIFETIME_MIN_S = 60
LIFETIME_MAX_S = 100 * 366 * 24 * 3600
RULES_MAX = 100
NETWORKS_MAX = 100
#: The listeners there are, by NATS's names.
CONNECTION_TYPES = ("STANDARD", "WEBSOCKET")


@dataclass(frozen=True, slots=True)
class Terms:
    """As the user JWT states them. Empty lists and None stand for no restriction.

    ``permissions``: ``{"publish": {"allow", "deny"}, "subscribe": {…}}``; ``expires_at`` in Unix seconds.
    """

    permissions: dict[str, Any] | None = None
    connection_types: tuple[str, ...] = ()
    source_networks: tuple[str, ...] = ()
    expires_at: int | None = None


def check(
    *,
    expires_in_s: int | None = None,
    permissions: dict[str, Any] | None = None,
    connection_types: list[str] | None = None,
    source_networks: list[str] | None = None,
) -> Terms:
    """Raises InvalidArgument, which names the field."""
    return Terms(
        _permissions(permissions),
        _connection_types(connection_types or []),
        _networks(source_networks or []),
        expiry(expires_in_s),
    )


def expiry(expires_in_s: int | None) -> int | None:
    """Unix seconds."""
    if expires_in_s is None:
        return None
    if not LIFETIME_MIN_S <= expires_in_s <= LIFETIME_MAX_S:
        raise InvalidArgument(
            "expires_in_s",
            f"A lifetime is {LIFETIME_MIN_S} seconds to 100 years, or null for no end.",
        )
    return int(time.time()) + expires_in_s


def _permissions(permissions: dict[str, Any] | None) -> dict[str, Any] | None:
    """None when it allows everything."""
    if permissions is None:
        return None
    rules: dict[str, Any] = {}
    for direction in ("publish", "subscribe"):
        rules[direction] = {
            side: _rules(direction, side, (permissions.get(direction) or {}).get(side) or [])
            for side in ("allow", "deny")
        }
    return rules if any(any(sides.values()) for sides in rules.values()) else None


def _rules(direction: str, side: str, subjects: list[str]) -> list[str]:
    argument = f"permissions.{direction}.{side}"
    if len(subjects) > RULES_MAX:
        raise InvalidArgument(argument, f"There can be at most {RULES_MAX} subjects in each list.")
    for entry in subjects:
        words = entry.split(" ")
        # "subject queue" is NATS's form for permission to join a queue group.
        if len(words) > (2 if direction == "subscribe" else 1):
            raise InvalidArgument(argument, "A subject must not have blanks.", "format")
        for word in words:
            if problem := problem_of_filter(word):
                raise InvalidArgument(argument, f"A subject {problem}.", "format")
    return list(dict.fromkeys(subjects))


def _connection_types(names: list[str]) -> tuple[str, ...]:
    """All of them together are no restriction."""
    for name in names:
        if name not in CONNECTION_TYPES:
            allowed = " and ".join(CONNECTION_TYPES)
            raise InvalidArgument("connection_types", f"The connection types are {allowed}.")
    chosen = tuple(name for name in CONNECTION_TYPES if name in names)
    return () if chosen == CONNECTION_TYPES else chosen


def _networks(entries: list[str]) -> tuple[str, ...]:
    """CIDR form; a single address is its own network."""
    if len(entries) > NETWORKS_MAX:
        raise InvalidArgument("source_networks", f"There can be at most {NETWORKS_MAX} networks.")
    networks = []
    for entry in entries:
        try:
            networks.append(str(ipaddress.ip_network(entry.strip(), strict=False)))
        except ValueError:
            text = f"{entry[:64]!r} is no address or network like 10.0.0.0/8."
            raise InvalidArgument("source_networks", text, "format") from None
    return tuple(dict.fromkeys(networks))
