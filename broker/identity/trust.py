"""Which operators' keys are trusted to sign accounts, and whether an account's token is theirs."""

from collections.abc import Iterable
from typing import Self

from broker.identity import nkeys
from broker.identity.claims import AccountClaims, OperatorClaims, Tombstone, account_entry
from broker.identity.jwt import JwtError
from broker.identity.rules import account_problems


class Trust:
    """Immutable. A ``strict`` operator signs with its signing keys only, and so must its accounts."""

    def __init__(self, operators: Iterable[OperatorClaims] = (), keys: Iterable[str] = ()) -> None:
        """``keys`` are operator public keys trusted as they stand (``trusted_keys``). Raises JwtError."""
        self.operators = tuple(operators)
        self._strict: dict[str, bool] = dict.fromkeys(keys, False)
        for operator in self.operators:
            strict = operator.body.strict_signing_key_usage
            if not strict:
                self._strict[operator.subject] = False
            self._strict.update(dict.fromkeys(operator.body.signing_keys, strict))
        for key in self._strict:
            if not nkeys.is_public(key, "operator"):
                raise JwtError(f"operator: {key!r} is not an operator public key")

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Self:
        """Each text is an operator's token, bare or in a decorated file. Raises JwtError."""
        return cls(read_operator(text) for text in texts)

    @property
    def system_account(self) -> str:
        """As the first operator that names one has it; "" when none does."""
        return next((o.body.system_account for o in self.operators if o.body.system_account), "")

    def trusts(self, issuer: str) -> bool:
        return issuer in self._strict

    def strict(self, issuer: str) -> bool:
        """Whether accounts by this issuer may sign users with their signing keys only."""
        return self._strict.get(issuer, False)

    def only_signing_keys(self, issuer: str) -> bool:
        """Whether this is the identity key of an operator that signs with its signing keys only."""
        return any(o.subject == issuer and o.body.strict_signing_key_usage for o in self.operators)

    def read(self, token: str) -> AccountClaims | Tombstone:
        """An account's token or tombstone, fit for use but for its times. Raises JwtError."""
        entry = account_entry(token)
        if not self.trusts(entry.issuer):
            raise JwtError("iss: not a trusted operator's key")
        if isinstance(entry, AccountClaims) and (problems := account_problems(entry)):
            raise JwtError("; ".join(problems[:5]))
        return entry


def bare_token(text: str) -> str:
    """The token that stands bare or between ``-----BEGIN NATS OPERATOR JWT-----`` lines. Raises JwtError."""
    lines = [line.strip() for line in text.splitlines()]
    bare = [line for line in lines if line and not line.startswith("---")]
    if not bare:
        raise JwtError("operator: no token in the text")
    return bare[0]


def read_operator(text: str) -> OperatorClaims:
    """An operator's token, bare or decorated. Raises JwtError."""
    claims = OperatorClaims.decode(bare_token(text))
    if claims.issuer != claims.subject and claims.issuer not in claims.body.signing_keys:
        raise JwtError("operator: not signed by itself")
    return claims
