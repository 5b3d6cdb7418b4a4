"""Who is trusted to sign accounts."""

import pytest

from broker.identity.claims import (
    AccountClaims,
    OperatorBody,
    OperatorClaims,
    Tombstone,
    UserClaims,
)
from broker.identity.jwt import JwtError
from broker.identity.nkeys import KeyPair
from broker.identity.trust import Trust, read_operator

OPERATOR = KeyPair.generate("operator")
SIGNING = KeyPair.generate("operator")
STRANGER = KeyPair.generate("operator")
ACCOUNT = KeyPair.generate("account")


def operator_token(*, strict: bool = False, signer: KeyPair = OPERATOR) -> str:
    body = OperatorBody(
        signing_keys=[SIGNING.public],
        strict_signing_key_usage=strict,
        system_account=ACCOUNT.public,
    )
    return OperatorClaims(OPERATOR.public, body=body).encode(signer)


def account_token(signer: KeyPair) -> str:
    return AccountClaims(subject=ACCOUNT.public).encode(signer)


def test_the_operator_and_its_signing_keys_are_trusted() -> None:
    trust = Trust.from_texts([operator_token()])
    assert trust.system_account == ACCOUNT.public
    for signer in (OPERATOR, SIGNING):
        assert trust.read(account_token(signer)).subject == ACCOUNT.public
        assert isinstance(trust.read(Tombstone.of(ACCOUNT.public).encode(signer)), Tombstone)
        assert not trust.strict(signer.public)


@pytest.mark.parametrize("signer", [STRANGER, ACCOUNT])
def test_strangers_and_the_account_itself_are_not(signer: KeyPair) -> None:
    trust = Trust.from_texts([operator_token()])
    for token in (account_token(signer), Tombstone.of(ACCOUNT.public).encode(signer)):
        with pytest.raises(JwtError, match="trusted"):
            trust.read(token)


def test_a_strict_operator_signs_with_its_signing_keys_alone() -> None:
    trust = Trust.from_texts([operator_token(strict=True)])
    assert trust.strict(SIGNING.public)
    assert trust.read(account_token(SIGNING))
    with pytest.raises(JwtError, match="trusted"):
        trust.read(account_token(OPERATOR))


def test_bare_trusted_keys() -> None:
    trust = Trust(keys=[STRANGER.public])
    assert trust.read(account_token(STRANGER))
    assert trust.system_account == ""
    with pytest.raises(JwtError):
        Trust(keys=[ACCOUNT.public])


def test_unusable_accounts_and_other_tokens_are_refused() -> None:
    trust = Trust.from_texts([operator_token()])
    claims = AccountClaims(subject=ACCOUNT.public)
    claims.body.signing_keys = {"x": None}
    with pytest.raises(JwtError, match="account public key"):
        trust.read(claims.encode(OPERATOR))
    with pytest.raises(JwtError):
        trust.read(UserClaims(subject=KeyPair.generate("user").public).encode(ACCOUNT))


@pytest.mark.parametrize(
    "text", ["{}", "-----BEGIN NATS OPERATOR JWT-----\n{}\n------END NATS OPERATOR JWT------\n"]
)
def test_operators_bare_and_decorated(text: str) -> None:
    assert read_operator(text.format(operator_token())).subject == OPERATOR.public


def test_operators_signed_by_others_are_refused() -> None:
    assert read_operator(operator_token(signer=SIGNING))
    for text in ("", "---\n---", "x", operator_token(signer=STRANGER)):
        with pytest.raises(JwtError):
            read_operator(text)
