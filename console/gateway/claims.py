"""Claims on their way to the broker: stored in Redis, then announced, then confirmed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from broker.contract import channels
from console.gateway import broker
from console.gateway.errors import BrokerRefused, BrokerUnavailable
from console.gateway.redis import asking

Status = Literal["applied", "unchanged", "deleted", "stale", "refused", "pending"]
#: What means that the broker now holds these very claims.
IN_FORCE = frozenset(("applied", "unchanged", "deleted"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """``pending``: no broker has confirmed in time; the keeper goes on trying. ``closed``: connections it closed."""

    status: Status
    closed: int = 0
    detail: str = ""

    @property
    def in_force(self) -> bool:
        return self.status in IN_FORCE


def push(account: str, token: str) -> Outcome:
    """Stores the claims and waits until the broker has applied them. Never raises for an absent broker or Redis."""
    try:
        with asking() as redis:
            redis.hset(channels.CLAIMS, account, token)
        return apply(account)
    except BrokerUnavailable as error:
        return Outcome("pending", detail=str(error))


def apply(account: str) -> Outcome:
    """Makes the broker read what is stored. Raises BrokerUnavailable."""
    try:
        data = broker.ask("apply_claims", account=account)
    except BrokerRefused as error:
        return Outcome("refused", detail=str(error))
    status = data.get("status")
    closed = data.get("closed")
    if status not in ("applied", "unchanged", "deleted", "stale"):
        return Outcome("refused", detail=f"The broker answered {status!r}.")
    return Outcome(status, closed if isinstance(closed, int) else 0)


# For the keeper -----------------------------------------------------------------------------------------


def complete() -> bool:
    """Whether Redis still has what was stored: the mark goes when Redis loses its data."""
    with asking() as redis:
        return bool(redis.exists(channels.CLAIMS_COMPLETE))


def mark_complete(text: str) -> None:
    with asking() as redis:
        redis.set(channels.CLAIMS_COMPLETE, text)


def stored_accounts() -> set[str]:
    with asking() as redis:
        names: Any = redis.hkeys(channels.CLAIMS)
    return {name.decode("ascii", "replace") for name in names}


def differing(claims: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Of these accounts the ones whose stored claims are other ones; with what is stored there (None = nothing)."""
    if not claims:
        return
    with asking() as redis:
        stored: Any = redis.hmget(channels.CLAIMS, list(claims))
    for (account, token), found in zip(claims.items(), stored, strict=True):
        if found != token.encode():
            yield account, None if found is None else found.decode("ascii", "replace")


def store(claims: dict[str, str]) -> None:
    mapping: Any = claims
    with asking() as redis:
        redis.hset(channels.CLAIMS, mapping=mapping)


def forget(accounts: Iterable[str]) -> None:
    """Removes entries that no namespace stands behind. The broker keeps what it has: absence deletes nothing."""
    if names := list(accounts):
        with asking() as redis:
            redis.hdel(channels.CLAIMS, *names)
