"""Bodies: read, written, unknown fields kept, wrong types refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.identity.claims import (
    ALL,
    AccountBody,
    AccountClaims,
    Export,
    OperatorBody,
    OperatorClaims,
    SigningScope,
    Tombstone,
    UserBody,
    UserClaims,
    UserPermissionLimits,
    WeightedMapping,
    account_entry,
)
from broker.identity.jwt import JwtError, encode
from broker.identity.nkeys import KeyPair

OPERATOR = KeyPair.generate("operator")
ACCOUNT = KeyPair.generate("account")
SIGNING = KeyPair.generate("account")
USER = KeyPair.generate("user")


def test_a_new_account_is_unlimited_and_has_no_jetstream() -> None:
    claims = AccountClaims.decode(AccountClaims(subject=ACCOUNT.public).encode(OPERATOR))
    limits = claims.body.limits
    assert (limits.conn, limits.subs, limits.payload, limits.wildcards) == (-1, -1, -1, True)
    assert (limits.disk_storage, limits.mem_storage) == (0, 0)


def test_absent_limits_are_none_at_all() -> None:
    token = encode({"sub": ACCOUNT.public, "nats": {"type": "account", "version": 2}}, OPERATOR)
    assert AccountClaims.decode(token).body.limits.conn == 0
    token = encode({"sub": USER.public, "nats": {"type": "user", "version": 2}}, ACCOUNT)
    assert UserClaims.decode(token).body.subs == 0
    assert UserClaims.decode(token).body.is_unset()


def test_an_account_comes_back_whole() -> None:
    scope = SigningScope(SIGNING.public, "sensor", template=UserPermissionLimits(subs=5))
    claims = AccountClaims(subject=ACCOUNT.public, name="orders", expires_at=9, issued_at=5)
    claims.body.signing_keys = {SIGNING.public: scope, USER.public: None}
    claims.body.revocations = {ALL: 7, USER.public: 8}
    claims.body.exports = [Export(subject="a.*", type="service")]
    claims.body.mappings = {"x": [WeightedMapping("y", 20), WeightedMapping("z", 80)]}
    claims.body.tags = ["env:prod"]
    claims.body.limits.disk_storage = -1
    claims.body.default_permissions.pub.allow = ["a"]
    back = AccountClaims.decode(claims.encode(OPERATOR))
    assert back.body == claims.body
    assert (back.name, back.expires_at, back.issued_at) == ("orders", 9, 5)
    assert back.to_dict()["nats"]["signing_keys"][1] == USER.public


def test_unknown_fields_survive_at_every_depth() -> None:
    body = {
        "type": "account", "version": 2, "later": 1, "limits": {"conn": 1, "future": [1]},
        "signing_keys": [{"kind": "user_scope", "key": SIGNING.public, "extra": {},
                          "template": {"x": 1}}],
    }  # fmt: skip
    token = encode({"sub": ACCOUNT.public, "nats": body, "top": {"a": 1}}, OPERATOR)
    written = AccountClaims.decode(token).to_dict()
    assert written["top"] == {"a": 1}
    assert written["nats"]["later"] == 1
    assert written["nats"]["limits"] == {"conn": 1, "future": [1]}
    assert written["nats"]["signing_keys"][0]["extra"] == {}
    assert written["nats"]["signing_keys"][0]["template"] == {"x": 1}


def test_revocations_cover_the_token_of_that_second_and_older() -> None:
    body = AccountBody(revocations={USER.public: 10})
    assert body.revoked(USER.public, 10) and body.revoked(USER.public, 9)
    assert not body.revoked(USER.public, 11)
    assert not body.revoked(ACCOUNT.public, 5)
    assert AccountBody(revocations={ALL: 10, USER.public: 3}).revoked(USER.public, 10)


def test_who_may_sign_users() -> None:
    claims = AccountClaims(subject=ACCOUNT.public)
    claims.body.signing_keys = {SIGNING.public: None}
    assert claims.may_sign_users(SIGNING.public, strict=True)
    assert claims.may_sign_users(ACCOUNT.public)
    assert not claims.may_sign_users(ACCOUNT.public, strict=True)
    assert not claims.may_sign_users(USER.public)


def test_unset_makes_a_user_fit_for_a_scope() -> None:
    claims = UserClaims(subject=USER.public, body=UserBody(bearer_token=True, src=["::/0"]))
    assert not claims.body.is_unset()
    claims.body.unset()
    assert UserClaims.decode(claims.encode(ACCOUNT)).body.is_unset()
    assert set(claims.to_dict()["nats"]) == {"type", "version"}


def test_older_forms_are_read() -> None:
    claims = {"sub": USER.public, "type": "user", "tags": ["a"], "issuer_account": ACCOUNT.public,
              "nats": {"src": "10.0.0.0/8, ::1/128"}}  # fmt: skip
    from tests.broker.identity.test_jwt import hand_signed

    token = hand_signed(
        claims | {"iss": SIGNING.public}, SIGNING, {"typ": "jwt", "alg": "ed25519"}, v1=True
    )
    body = UserClaims.decode(token).body
    assert body.src == ["10.0.0.0/8", "::1/128"]
    assert (body.issuer_account, body.tags, body.subs) == (ACCOUNT.public, ["a"], -1)


def test_operators() -> None:
    body = OperatorBody(signing_keys=[OPERATOR.public], strict_signing_key_usage=True)
    claims = OperatorClaims.decode(OperatorClaims(OPERATOR.public, body=body).encode(OPERATOR))
    assert claims.body == body


def test_entries_of_the_store() -> None:
    account = AccountClaims(subject=ACCOUNT.public).encode(OPERATOR)
    assert isinstance(account_entry(account), AccountClaims)
    tombstone = account_entry(Tombstone.of(ACCOUNT.public).encode(OPERATOR))
    assert isinstance(tombstone, Tombstone)
    assert tombstone.subject == ACCOUNT.public
    for refused in (
        UserClaims(subject=USER.public).encode(ACCOUNT),
        AccountClaims(subject=USER.public).encode(OPERATOR),
        Tombstone(ACCOUNT.public).encode(OPERATOR),
        encode({"sub": ACCOUNT.public, "nats": {"accounts": [ACCOUNT.public]}}, OPERATOR),
    ):
        with pytest.raises(JwtError):
            account_entry(refused)
            account_entry(refused, verified=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limits": 5}, "nats.limits"), ({"limits": {"conn": "1"}}, "nats.limits.conn"),
        ({"limits": {"conn": 1.0}}, "nats.limits.conn"), ({"signing_keys": {}}, "nats.signing_keys"),
        ({"signing_keys": [5]}, "nats.signing_keys"),
        ({"signing_keys": [{"kind": "other"}]}, "scope kind"),
        ({"revocations": []}, "nats.revocations"), ({"revocations": {"*": "x"}}, r"revocations.\*"),
        ({"imports": [5]}, r"imports\[0\]"), ({"mappings": {"a": 1}}, "mappings.a"),
        ({"default_permissions": {"pub": {"allow": "x"}}}, "default_permissions.pub.allow"),
    ],
)  # fmt: skip
def test_wrong_types_are_named(body: dict[str, Any], field: str) -> None:
    claims = {"sub": ACCOUNT.public, "nats": {"type": "account", "version": 2} | body}
    with pytest.raises(JwtError, match=field):
        AccountClaims.decode(encode(claims, OPERATOR))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from([*AccountBody.__dataclass_fields__, *UserBody.__dataclass_fields__])


@given(st.dictionaries(NAMES, VALUES, max_size=6))
@settings(max_examples=100)
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    for cls in (AccountBody, UserBody, OperatorBody):
        try:
            read = cls.from_dict(body)
        except JwtError:
            continue
        assert cls.from_dict(read.to_dict()) == read
