"""The database is the truth about claims; this makes Redis and the brokers agree with it again.

After a crash anywhere between the database, Redis and an answer; after Redis lost its data; after the database was
restored from an older copy.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from broker.contract.commands import APPLY_MAX
from broker.identity import jwt
from console.gateway import claims as gateway
from console.models import Namespace, Operator, Tombstone
from console.services import claims, credentials, handover
from console.services.audit import Actor
from console.services.delivery import confirm, deliver_many
from console.services.namespaces import lock, resign

log = logging.getLogger(__name__)

CHUNK = 500
#: Deliveries of one turn, in commands of APPLY_MAX; with as many the next turn begins at once.
PENDING_MAX = 1000
#: Credentials revoked in one turn because nobody got them.
ABANDONED_MAX = 50
#: No answer takes this long, and clients repeat a failed request well within it.
ABANDONED_AFTER_S = 120


def is_complete() -> bool:
    """Whether Redis still has the mark that all claims are in it. Raises BrokerUnavailable."""
    return gateway.complete()


def reconcile() -> int:
    """Stores what differs, and removes what nothing stands behind; how many it stored. Raises BrokerUnavailable."""
    # Redis first: what it has now was committed before, so the database below knows of it.
    orphans = gateway.stored_accounts()
    repaired = 0
    for chunk in _chunks():
        orphans -= chunk.keys()
        repaired += _repair(chunk)
    gateway.forget(orphans)
    gateway.mark_complete(timezone.now().isoformat())
    if repaired or orphans:
        log.info("Claims repaired: %d stored, %d removed", repaired, len(orphans))
    return repaired


def deliver_pending() -> int:
    """Delivers up to PENDING_MAX claims that no broker has confirmed; how many are in force now."""
    delivered = 0
    for model in (Namespace, Tombstone):
        pending = model._default_manager.filter(~Q(applied_iat=F("claims_iat")))
        columns = pending.only("claims", "claims_iat", "applied_iat")
        rows: list[Any] = list(columns[: PENDING_MAX - delivered])
        for start in range(0, len(rows), APPLY_MAX):
            batch = rows[start : start + APPLY_MAX]
            outcomes = deliver_many(batch)
            delivered += sum(outcome.in_force for outcome in outcomes.values())
            if any(outcome.status == "pending" for outcome in outcomes.values()):
                return delivered  # no broker: the next ones would wait in vain as well
            for row in batch:
                _settle(row, outcomes[row.id])
    return delivered


def _settle(row: Namespace | Tombstone, outcome: gateway.Outcome) -> None:
    if outcome.status == "stale":
        _outdo(row.id, None)
    elif outcome.status == "refused":
        log.error("The broker refuses the claims of %s: %s", row.id, outcome.detail)
        confirm(row)  # not again each second; any later change is delivered anew


def revoke_abandoned() -> int:
    """Revokes credentials whose answer never left, so that nobody has them; how many. One that was used has arrived."""
    old = handover.older_than(ABANDONED_AFTER_S)
    old.filter(credential=None).delete()
    old.exclude(credential__first_used_at=None).delete()
    revoked = 0
    for row in old.select_related("credential").order_by("pk")[:ABANDONED_MAX]:
        assert row.credential is not None
        credentials.withdraw(actor=Actor(label="keeper"), credential=row.credential)
        row.delete()
        revoked += 1
    if revoked:
        log.info("Credentials revoked whose answers never left: %d", revoked)
    return revoked


def _repair(chunk: dict[str, str]) -> int:
    differing = dict(gateway.differing(chunk))
    if not differing:
        return 0
    wanted = {}
    for account, found in differing.items():
        outdone = _outdo(account, found) if found else None
        wanted[account] = outdone or chunk[account]
    gateway.store(wanted)
    gateway.tell(list(wanted))
    return len(wanted)


def _outdo(account: str, found: str | None) -> str | None:
    """New claims, signed later than ``found``, where ours are older: the database is an older copy.

    ``found`` None: the broker has later ones, it is unknown which. Without this it would refuse every change as stale.
    """
    try:
        later = jwt.decode(found).issued_at if found else claims.next_iat()
    except jwt.JwtError:
        return None  # not ours: simply overwritten
    with transaction.atomic():
        namespace = Namespace.objects.filter(pk=account).first()
        if namespace is None or (found and namespace.claims_iat >= later):
            return None
        namespace = lock(account)
        namespace.claims_iat = max(namespace.claims_iat, later)
        resign(namespace)
        return namespace.claims


def _chunks() -> Iterator[dict[str, str]]:
    """Every account's wanted claims: the system account, namespaces, tombstones."""
    yield dict(Operator.objects.values_list("system_account", "system_account_jwt"))
    for model in (Namespace, Tombstone):
        rows = model._default_manager.order_by("pk")
        last = ""
        while found := dict(rows.filter(pk__gt=last).values_list("pk", "claims")[:CHUNK]):
            last = max(found)
            yield found
