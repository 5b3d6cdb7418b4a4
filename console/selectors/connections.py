"""Live connections, as the broker lists them when asked."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from broker.contract.reports import Connection
from console.gateway import broker
from console.gateway.errors import BrokerRefused, BrokerUnavailable

LISTED_MAX = 1000
#: A page that shows counts beside credentials doesn't wait long for them.
COUNT_TIMEOUT_S = 1.0


def listed(account: str) -> tuple[list[dict[str, Any]], int]:
    """At most LISTED_MAX connections as JSON, and how many there are. Raises BrokerUnavailable, BrokerRefused."""
    data = broker.ask("connections", account=account, limit=LISTED_MAX)
    return [asdict(found) for found in _read(data)], int(data.get("total", 0))


def by_user(account: str) -> Counter[str] | None:
    """User → number of its connections; None when that can't be told (no broker, or too many to list)."""
    try:
        data = broker.ask(
            "connections", account=account, limit=LISTED_MAX, timeout_s=COUNT_TIMEOUT_S
        )
    except (BrokerUnavailable, BrokerRefused):
        return None
    found = _read(data)
    return Counter(entry.user for entry in found) if data.get("total") == len(found) else None


def _read(data: dict[str, Any]) -> list[Connection]:
    entries = data.get("connections")
    try:
        return [Connection.from_dict(entry) for entry in entries or []]
    except ValueError:
        raise BrokerUnavailable("The broker's answer couldn't be read.") from None
