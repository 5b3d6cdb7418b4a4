"""Each rule, and that good claims break none."""

from collections.abc import Callable

import pytest

from broker.identity.claims import (
    AccountClaims,
    Export,
    Import,
    JetStreamLimits,
    TimeRange,
    UserClaims,
    WeightedMapping,
)
from broker.identity.nkeys import KeyPair
from broker.identity.rules import account_problems, parse_time, user_problems

ACCOUNT = KeyPair.generate("account").public
OTHER = KeyPair.generate("account").public
USER = KeyPair.generate("user").public


def good_user() -> UserClaims:
    claims = UserClaims(subject=USER)
    body = claims.body
    body.pub.allow, body.sub.allow, body.sub.deny = ["a.*", "b.>"], ["a q", "c.>"], ["d"]
    body.src = ["10.0.0.1/8", "::1/128"]
    body.times, body.times_location = [TimeRange("22:00:00", "06:00:00")], "Europe/Paris"
    body.issuer_account = ACCOUNT
    return claims


def good_account() -> AccountClaims:
    claims = AccountClaims(subject=ACCOUNT)
    body = claims.body
    body.signing_keys = {OTHER: None}
    body.mappings = {"x": [WeightedMapping("y", 20), WeightedMapping("z", 80)]}
    body.imports = [Import(subject="a", type="stream", account=OTHER)]
    body.exports = [Export(subject="a.*", type="service", account_token_position=2)]
    return claims


def test_good_claims_have_no_problems() -> None:
    assert user_problems(good_user()) == []
    assert account_problems(good_account()) == []


USER_CHANGES: dict[str, Callable[[UserClaims], object]] = {
    "user public key": lambda c: setattr(c, "subject", ACCOUNT),
    "issuer_account": lambda c: setattr(c.body, "issuer_account", USER),
    "cannot be empty": lambda c: c.body.pub.allow.append(""),
    "cannot have spaces": lambda c: c.body.pub.deny.append("a q"),
    "empty token": lambda c: c.body.sub.allow.append("a..b"),
    "too many spaces": lambda c: c.body.sub.deny.append("a b c"),
    "invalid cidr": lambda c: c.body.src.append("10.0.0.1"),
    "time range": lambda c: c.body.times.append(TimeRange("24:00:00", "1:2:3")),
    "times_location": lambda c: setattr(c.body, "times_location", "../etc/passwd"),
}
ACCOUNT_CHANGES: dict[str, Callable[[AccountClaims], object]] = {
    "sub is not": lambda c: setattr(c, "subject", USER),
    "is not an account public key": lambda c: c.body.signing_keys.update({USER: None}),
    "cannot be empty": lambda c: c.body.default_permissions.sub.deny.append(""),
    "blank": lambda c: c.body.limits.tiered_limits.update({"": JetStreamLimits()}),
    "mutually exclusive": lambda c: (
        c.body.limits.tiered_limits.update({"R1": JetStreamLimits()}),
        setattr(c.body.limits, "streams", 1),
    ),
    "more imports": lambda c: setattr(c.body.limits, "imports", 0),
    "more exports": lambda c: setattr(c.body.limits, "exports", 0),
    "wildcard exports": lambda c: (
        setattr(c.body.limits, "exports", 5),
        setattr(c.body.limits, "wildcards", False),
    ),
    "exceeds 100%": lambda c: c.body.mappings["x"].append(WeightedMapping("w", 1)),
    "not 0 to 100": lambda c: c.body.mappings["x"].append(WeightedMapping("w", -1)),
    "import type": lambda c: setattr(c.body.imports[0], "type", ""),
    "account to import from": lambda c: setattr(c.body.imports[0], "account", ""),
    "local_subject": lambda c: (
        setattr(c.body.imports[0], "to", "x"),
        setattr(c.body.imports[0], "local_subject", "x"),
    ),
    "export type": lambda c: setattr(c.body.exports[0], "type", "x"),
    "token_position": lambda c: setattr(c.body.exports[0], "account_token_position", 1),
}


@pytest.mark.parametrize("problem", USER_CHANGES)
def test_user_rules(problem: str) -> None:
    claims = good_user()
    USER_CHANGES[problem](claims)
    assert any(problem in text for text in user_problems(claims))


@pytest.mark.parametrize("problem", ACCOUNT_CHANGES)
def test_account_rules(problem: str) -> None:
    claims = good_account()
    ACCOUNT_CHANGES[problem](claims)
    assert any(problem in text for text in account_problems(claims))


@pytest.mark.parametrize("text", ["", "1:00:00", "00-00-00", "00:00:60", "aa:00:00", "00:00:000"])
def test_times(text: str) -> None:
    assert parse_time("23:59:59").second == 59
    with pytest.raises(ValueError):
        parse_time(text)
