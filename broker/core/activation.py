"""Activations: the tokens with which an account lets another one import what it exports to those with a token only.

Source   github.com/nats-io/jwt v2: activation_claims.go, imports.go (Import.Validate)
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.identity.claims import Import


@dataclass(frozen=True, slots=True)
class Activation:
    """What a token that fits its import says. Times are Unix seconds, 0 = never."""

    importer: str
    issuer: str
    issuer_account: str
    issued_at: int
    expires_at: int
    not_before: int = 0

    def in_time(self, now_s: float) -> bool:
        return self.not_before <= now_s and (not self.expires_at or now_s < self.expires_at)


def read_activation(entry: "Import", importer: str) -> Activation | None:
    """The activation in an import of ``importer``, whose claims are judged; None when there is none.

    Whether its issuer may sign for the exporting account, and whether it is revoked or in time, is not judged here.
    """
    if not entry.token:
        return None
    from broker.identity.claims import ActivationClaims
    from broker.identity.jwt import JwtError

    try:
        claims = ActivationClaims.decode(entry.token)
    except JwtError:
        return None
    return Activation(
        importer, claims.issuer, claims.body.issuer_account, claims.issued_at, claims.expires_at, claims.not_before
    )  # fmt: skip
