"""Tokens: what is accepted, and that nothing malformed is more than a JwtError."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.identity import jwt
from broker.identity.jwt import JwtError, decode, decode_unverified, encode
from broker.identity.nkeys import KeyPair

OPERATOR = KeyPair.generate("operator")
ACCOUNT = KeyPair.generate("account")
USER = KeyPair.generate("user")
CLAIMS: dict[str, Any] = {
    "sub": ACCOUNT.public, "name": "orders",
    "nats": {"type": "account", "version": 2, "limits": {"conn": -1}},
}  # fmt: skip


def chunk(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hand_signed(claims: Any, signer: KeyPair, header: Any = None, *, v1: bool = False) -> str:
    """A token of any content with a signature that holds."""
    head = chunk(header if header is not None else {"typ": "JWT", "alg": "ed25519-nkey"})
    body = chunk(claims)
    signed = body if v1 else f"{head}.{body}"
    return f"{head}.{body}.{chunk(signer.sign(signed.encode()))}"


def test_a_token_comes_back_as_it_was() -> None:
    token = encode(CLAIMS | {"exp": 20, "nbf": 10, "aud": "x"}, OPERATOR, now_s=7.9)
    decoded = decode(token)
    assert (decoded.issuer, decoded.subject) == (OPERATOR.public, ACCOUNT.public)
    assert (decoded.type, decoded.version, decoded.name) == ("account", 2, "orders")
    assert (decoded.issued_at, decoded.expires_at, decoded.not_before) == (7, 20, 10)
    assert decoded.body["limits"] == {"conn": -1}
    assert len(decoded.jti) == 52
    assert not decoded.expired(19.9) and decoded.expired(20)
    assert decoded.not_yet_valid(9.9) and not decoded.not_yet_valid(10)


def test_iat_is_kept_and_jti_tells_contents_apart() -> None:
    first = decode(encode(CLAIMS | {"iat": 5}, OPERATOR))
    second = decode(encode(CLAIMS | {"iat": 5, "name": "other"}, OPERATOR))
    again = decode(encode(CLAIMS | {"iat": 5, "jti": "old"}, OPERATOR))
    assert first.issued_at == 5
    assert first.jti == again.jti != second.jti


def test_version_1_signs_the_claims_alone() -> None:
    claims = {"iss": OPERATOR.public, "sub": ACCOUNT.public, "type": "account", "nats": {}}
    header = {"typ": "jwt", "alg": "ed25519"}
    decoded = decode(hand_signed(claims, OPERATOR, header, v1=True))
    assert (decoded.version, decoded.type) == (1, "account")
    with pytest.raises(JwtError, match="verify"):
        decode(hand_signed(claims, OPERATOR, header))


def test_a_version_1_header_around_version_2_claims_is_refused() -> None:
    claims = CLAIMS | {"iss": OPERATOR.public}
    with pytest.raises(JwtError, match="version 1"):
        decode(hand_signed(claims, OPERATOR, {"typ": "JWT", "alg": "ed25519"}))


@pytest.mark.parametrize(
    ("kind", "signer"),
    [("account", USER), ("operator", ACCOUNT), ("user", OPERATOR), ("user", USER)],
)
def test_a_key_of_the_wrong_kind_signs_nothing(kind: str, signer: KeyPair) -> None:
    claims = {"sub": "x", "nats": {"type": kind, "version": 2}}
    with pytest.raises(JwtError, match="iss"):
        decode(encode(claims, signer))


def test_a_stranger_in_place_of_the_signer_is_found() -> None:
    header, claims, _ = encode(CLAIMS, OPERATOR).split(".")
    forged = KeyPair.generate("operator").sign(f"{header}.{claims}".encode())
    with pytest.raises(JwtError, match="verify"):
        decode(f"{header}.{claims}.{chunk(forged)}")
    assert decode_unverified(f"{header}.{claims}.{chunk(forged)}").subject == ACCOUNT.public


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iat": "1"}, "iat"), ({"iat": 1.5}, "iat"), ({"iat": True}, "iat"),
        ({"exp": 2**63}, "exp"), ({"sub": 5}, "sub"), ({"sub": ""}, "sub"),
        ({"name": []}, "name"), ({"nats": 5}, "nats"), ({"nats": []}, "nats"),
        ({"iss": "x"}, "iss"), ({"iss": 5}, "iss"), ({"nats": {"type": 5}}, "nats.type"),
        ({"nats": {"version": "2"}}, "nats.version"), ({"nats": {"version": 3}}, "newer"),
    ],
)  # fmt: skip
def test_wrong_types_are_named(changed: dict[str, Any], reason: str) -> None:
    claims = CLAIMS | {"iss": OPERATOR.public} | changed
    with pytest.raises(JwtError, match=reason):
        decode(hand_signed(claims, OPERATOR))


@pytest.mark.parametrize(
    "claims",
    [b"", b"null", b"[]", b"5", b'"x"', b"{", b"\xff\xfe", b'{"a":NaN}', b'{"name":"\\ud800"}',
     b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_claims_that_are_no_json_object(claims: bytes) -> None:
    with pytest.raises(JwtError, match="claims"):
        decode(hand_signed(claims, OPERATOR))


@pytest.mark.parametrize(
    "header", [{}, [], None, {"typ": "JWT"}, {"typ": "x", "alg": "ed25519-nkey"},
               {"typ": "JWT", "alg": "none"}, {"typ": 5, "alg": 5}],
)  # fmt: skip
def test_headers_that_are_none_of_ours(header: Any) -> None:
    with pytest.raises(JwtError, match=r"header|typ|alg"):
        decode(hand_signed(CLAIMS, OPERATOR, header if header is not None else b"null"))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "a" * (jwt.TOKEN_MAX + 1)]
)
def test_texts_that_are_no_token(token: str) -> None:
    with pytest.raises(JwtError):
        decode(token)


def test_a_token_beyond_the_limit_is_not_made() -> None:
    with pytest.raises(JwtError, match="longer"):
        encode(CLAIMS | {"name": "x" * jwt.TOKEN_MAX}, OPERATOR)


@given(st.data())
@settings(max_examples=100)
def test_any_change_of_one_letter_is_found(data: st.DataObject) -> None:
    token = TOKEN
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda c: c != token[at]))
    changed = token[:at] + letter + token[at + 1 :]
    try:
        decoded = decode(changed)
    except JwtError:
        return
    assert decoded.claims == decode(token).claims  # the last letter of a chunk has spare bits


TOKEN = encode(CLAIMS, OPERATOR)
