"""What brokers report of themselves: presence and usage. Asked for, never waited for."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from broker.contract import channels
from broker.contract.reports import Event, Presence, Usage
from console.gateway.redis import asking

#: Entries of the events' log that are looked through for one namespace.
EVENTS_SCANNED = 2000


def servers() -> list[Presence]:
    """The brokers that run now. Raises BrokerUnavailable."""
    with asking() as redis:
        ids = sorted(_texts(redis.smembers(channels.SERVERS)))
        raw: Any = redis.mget([channels.presence(name) for name in ids]) if ids else []
    return [presence for entry in raw if (presence := read_presence(entry))]


def usage(accounts: Sequence[str]) -> dict[str, Usage]:
    """Usage of these accounts, summed over all brokers; absent where nobody reports any. Raises BrokerUnavailable."""
    if not accounts:
        return {}
    with asking() as redis:
        ids = sorted(_texts(redis.smembers(channels.SERVERS)))
        pipeline = redis.pipeline(transaction=False)
        for name in ids:
            pipeline.hmget(channels.usage(name), list(accounts))
        return join_usage(accounts, pipeline.execute())


def join_usage(
    accounts: Sequence[str], answers: Sequence[Sequence[bytes | None]]
) -> dict[str, Usage]:
    """``answers`` has one list for each broker, in the order of ``accounts``."""
    joined: dict[str, Usage] = {}
    for answer in answers:
        for account, raw in zip(accounts, answer, strict=True):
            if (found := read_usage(raw)) is not None:
                joined[account] = _add(joined[account], found) if account in joined else found
    return joined


def events(accounts: set[str], limit: int) -> list[Event]:
    """The newest events of these accounts, newest first. Raises BrokerUnavailable."""
    with asking() as redis:
        entries: Any = redis.xrevrange(channels.EVENTS, count=EVENTS_SCANNED)
    found = (read_event(entry.get(b"e")) for _, entry in entries)
    return [event for event in found if event and event.account in accounts][:limit]


def read_event(raw: bytes | None) -> Event | None:
    try:
        return None if raw is None else Event.from_json(raw)
    except ValueError:
        return None


def read_presence(raw: bytes | None) -> Presence | None:
    try:
        return None if raw is None else Presence.from_json(raw)
    except ValueError:
        return None


def read_usage(raw: bytes | None) -> Usage | None:
    try:
        return None if raw is None else Usage.from_json(raw)
    except ValueError:
        return None


def _add(one: Usage, other: Usage) -> Usage:
    sums = {f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(Usage)}
    return Usage(**sums | {"at": max(one.at, other.at)})


def _texts(members: Any) -> set[str]:
    return {member.decode("ascii", "replace") for member in members}


def as_json(report: Presence | Usage) -> dict[str, Any]:
    return asdict(report)
