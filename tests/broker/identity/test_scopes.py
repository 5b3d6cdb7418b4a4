"""Templates of scoped signing keys."""

import pytest

from broker.identity.claims import AccountClaims, SigningScope, UserClaims
from broker.identity.nkeys import KeyPair
from broker.identity.scopes import EXPANSIONS_MAX, ScopeError, scoped_limits

ACCOUNT = AccountClaims(subject=KeyPair.generate("account").public, name="acme")
ACCOUNT.body.tags = ["region:eu", "region:us"]
KEY = KeyPair.generate("account").public


def user(*tags: str, name: str = "bob") -> UserClaims:
    claims = UserClaims(subject=KeyPair.generate("user").public, name=name, issuer=KEY)
    claims.body.unset()
    claims.body.tags = list(tags)
    return claims


def scope(*allow: str, deny: tuple[str, ...] = ()) -> SigningScope:
    made = SigningScope(key=KEY)
    made.template.pub.allow, made.template.pub.deny = list(allow), list(deny)
    return made


def allowed(made: SigningScope, who: UserClaims) -> list[str]:
    return scoped_limits(made, who, ACCOUNT).pub.allow


def test_names_and_subjects() -> None:
    bob = user()
    made = scope(
        "u.{{name()}}", "{{ Subject() }}.x", "{{account-name()}}.{{account-subject()}}", "plain"
    )
    assert allowed(made, bob) == ["u.bob", f"{bob.subject}.x", f"acme.{ACCOUNT.subject}", "plain"]
    assert made.template.pub.allow[0] == "u.{{name()}}"


def test_tags_multiply() -> None:
    made = scope("{{account-tag(region)}}.{{tag(team)}}")
    assert allowed(made, user("team:a", "team:b", "other:c")) == ["eu.a", "eu.b", "us.a", "us.b"]


def test_an_allow_that_cannot_be_filled_is_dropped_and_nothing_left_denies_all() -> None:
    assert allowed(scope("a", "{{tag(team)}}.b"), user()) == ["a"]
    limits = scoped_limits(scope("{{tag(team)}}.b"), user(), ACCOUNT)
    assert (limits.pub.allow, limits.pub.deny) == ([], [">"])


@pytest.mark.parametrize("name", ["", "a b", "a.", ">.x"])
def test_values_that_make_no_subject_are_dropped(name: str) -> None:
    assert allowed(scope("a", "{{name()}}.b"), user(name=name)) == ["a"]


@pytest.mark.parametrize("deny", ["{{tag(team)}}.b", "{{name()}}..x", "{{unknown()}}", "{{tag(}}"])
def test_a_deny_that_cannot_be_filled_refuses(deny: str) -> None:
    with pytest.raises(ScopeError):
        scoped_limits(scope(deny=(deny,)), user(), ACCOUNT)


def test_an_unknown_operation_refuses() -> None:
    with pytest.raises(ScopeError, match="not defined"):
        allowed(scope("{{password()}}"), user())


def test_expansions_are_bounded() -> None:
    tags = [f"t:{i}" for i in range(65)]
    with pytest.raises(ScopeError, match=str(EXPANSIONS_MAX)):
        allowed(scope("{{tag(t)}}.{{tag(t)}}"), user(*tags))


def test_a_user_with_permissions_of_its_own_is_refused() -> None:
    bob = user()
    bob.body.subs = -1
    with pytest.raises(ScopeError, match="no permissions"):
        allowed(scope("a"), bob)


def test_a_user_of_another_key_is_refused() -> None:
    bob = user()
    bob.issuer = ACCOUNT.subject
    with pytest.raises(ScopeError, match="scoped signer"):
        allowed(scope("a"), bob)
