"""Claims that were just committed go to the broker; what it confirmed is noted.

A crash before, within or after this leaves rows whose ``applied_iat`` differs: the keeper delivers those.
"""

from collections import defaultdict
from collections.abc import Sequence

from console.gateway import claims
from console.gateway.claims import Outcome
from console.models import Namespace, Tombstone


def deliver(row: Namespace | Tombstone) -> Outcome:
    """Call it outside a transaction: it waits for the broker, up to ``gateway.broker.TIMEOUT_S``."""
    outcome = claims.push(row.id, row.claims)
    if outcome.in_force:
        confirm(row)
    return outcome


def deliver_many(rows: Sequence[Namespace] | Sequence[Tombstone]) -> dict[str, Outcome]:
    """The same for up to ``APPLY_MAX`` rows of one kind, with one command and one wait."""
    outcomes = claims.push_many({row.id: row.claims for row in rows})
    confirm(*(row for row in rows if outcomes[row.id].in_force))
    return outcomes


def confirm(*rows: Namespace | Tombstone) -> None:
    """Of one kind. Only those that still have these claims: a change that came meanwhile isn't confirmed by this."""
    alike: defaultdict[int, list[Namespace | Tombstone]] = defaultdict(list)
    for row in rows:
        alike[row.claims_iat].append(row)
    for iat, found in alike.items():
        manager = type(found[0])._default_manager
        manager.filter(id__in=[row.id for row in found], claims_iat=iat).update(applied_iat=iat)
        for row in found:
            row.applied_iat = iat
