"""Claims on their way to the broker: stored in Redis, then announced, then confirmed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from broker.contract import channels
from broker.contract.commands import APPLY_MAX
from console.gateway import broker
from console.gateway.errors import BrokerRefused, BrokerUnavailable
from console.gateway.redis import asking

Status = Literal["applied", "unchanged", "deleted", "stale", "refused", "pending"]
#: What means that the broker now holds these very claims.
IN_FORCE = frozenset(("applied", "unchanged", "deleted"))
#: For the answer about one: the broker syncs a file before it gives it, which a busy disk may hold up for seconds.
TIMEOUT_S = 5.0
#: About many at a time; each may cost the broker's disk a write of its own.
MANY_TIMEOUT_S = 10.0


_OF_BROKERS = frozenset(get_args(Status)) - {"pending"}


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
    return _push({account: token}, TIMEOUT_S)[account]


def push_many(claims: dict[str, str]) -> dict[str, Outcome]:
    """The same for up to APPLY_MAX accounts with one command."""
    return _push(claims, MANY_TIMEOUT_S)


def _push(claims: dict[str, str], timeout_s: float) -> dict[str, Outcome]:
    try:
        store(claims)
        answer = broker.ask("apply_claims", timeout_s=timeout_s, accounts=list(claims))
    except BrokerUnavailable as error:
        return dict.fromkeys(claims, Outcome("pending", detail=str(error)))
    except BrokerRefused as error:
        return dict.fromkeys(claims, Outcome("refused", detail=str(error)))
    outcomes = answer.get("outcomes")
    found = outcomes if isinstance(outcomes, dict) else {}
    return {account: _outcome(found.get(account)) for account in claims}


def _outcome(found: Any) -> Outcome:
    status: Any = found.get("status") if isinstance(found, dict) else None
    if status not in _OF_BROKERS:
        return Outcome("refused", detail=f"The broker answered {status!r}.")
    closed = found.get("closed")
    return Outcome(status, closed if isinstance(closed, int) else 0, str(found.get("error") or ""))


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


def tell(accounts: list[str]) -> None:
    """Makes the brokers read what is stored for these accounts, without waiting for their word."""
    for start in range(0, len(accounts), APPLY_MAX):
        broker.tell("apply_claims", accounts=accounts[start : start + APPLY_MAX])


def store(claims: dict[str, str]) -> None:
    mapping: Any = claims
    with asking() as redis:
        redis.hset(channels.CLAIMS, mapping=mapping)


def forget(accounts: Iterable[str]) -> None:
    """Removes entries that no namespace stands behind. The broker keeps what it has: absence deletes nothing."""
    if names := list(accounts):
        with asking() as redis:
            redis.hdel(channels.CLAIMS, *names)
