"""Claims that were just committed go to the broker; what it confirmed is noted.

A crash before, within or after this leaves rows whose ``applied_iat`` differs: the keeper delivers those.
"""

from console.gateway import claims
from console.gateway.claims import Outcome
from console.models import Namespace, Tombstone


def deliver(row: Namespace | Tombstone) -> Outcome:
    """Call it outside a transaction: it waits for the broker, up to ``gateway.broker.TIMEOUT_S``."""
    outcome = claims.push(row.id, row.claims)
    if outcome.in_force:
        confirm(row)
    return outcome


def confirm(row: Namespace | Tombstone) -> None:
    """Only if the row still has these claims: a change that came meanwhile isn't confirmed by this."""
    type(row)._default_manager.filter(id=row.id, claims_iat=row.claims_iat).update(
        applied_iat=row.claims_iat
    )
    row.applied_iat = row.claims_iat
