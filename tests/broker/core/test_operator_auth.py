"""Each check at CONNECT, and that accounts never meet."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from broker.core.operator_auth import OperatorAuthenticator
from broker.identity.claims import TimeRange, UserClaims
from broker.identity.nkeys import KeyPair
from tests.broker.operator_mode import NONCE, World

REFUSED = b"-ERR 'Authorization Violation'\r\n"


@pytest.fixture
def world() -> World:
    return World()


Change = Callable[[World, UserClaims], object]
CHANGES: dict[str, Change] = {
    "expired": lambda w, u: setattr(u, "expires_at", int(w.clock.now)),
    "not valid yet": lambda w, u: setattr(u, "not_before", int(w.clock.now) + 1),
    "not known or not trusted": lambda w, u: setattr(
        u.body, "issuer_account", KeyPair.generate("account").public
    ),
    "WEBSOCKET": lambda w, u: None,
    "cannot have spaces": lambda w, u: u.body.pub.allow.append("a b"),
    "Outside connect times": lambda w, u: u.body.times.append(_window(w, 60, 120)),
    "Source address": lambda w, u: u.body.src.append("10.0.0.0/8"),
    "Proxy": lambda w, u: setattr(u.body, "proxy_required", True),
    "revoked": lambda w, u: (w.claims.body.revocations.update({u.subject: u.issued_at}), w.push()),
    "bearer": lambda w, u: (
        setattr(u.body, "bearer_token", True),
        setattr(w.claims.body.limits, "disallow_bearer", True),
        w.push(),
    ),
    "not allowed": lambda w, u: u.body.allowed_connection_types.append("WEBSOCKET"),
    "issuer is not known": lambda w, u: (w.claims.body.signing_keys.clear(), w.push()),
}
del CHANGES["WEBSOCKET"]


def _window(world: World, start_s: int, end_s: int) -> TimeRange:
    def text(offset_s: int) -> str:
        return datetime.fromtimestamp(world.clock.now + offset_s, UTC).strftime("%H:%M:%S")

    return TimeRange(text(start_s), text(end_s))


@pytest.mark.parametrize("reason", CHANGES)
def test_refusals_look_alike_and_say_why_inside(world: World, reason: str) -> None:
    key = KeyPair.generate("user")
    claims = world.user(key)
    claims.body.times_location = "UTC"
    CHANGES[reason](world, claims)
    client, wire = world.come(claims, key)
    assert wire.sent == REFUSED and wire.ended
    assert reason in world.reasons[0]
    assert client.reason == "Authentication Failure"


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "é", base64.b64encode(bytes(64)).decode()])
def test_without_the_nonce_signed_nobody_comes_in(world: World, signature: str) -> None:
    key = KeyPair.generate("user")
    assert world.come(world.user(key), key, signature=signature)[1].sent == REFUSED
    assert "Signature" in world.reasons[0]


def test_somebody_elses_key_does_not_open_a_users_token(world: World) -> None:
    key, thief = KeyPair.generate("user"), KeyPair.generate("user")
    assert world.come(world.user(key), thief)[1].sent == REFUSED


def test_the_standard_base64_form_is_taken_too(world: World) -> None:
    key = KeyPair.generate("user")
    standard = base64.b64encode(key.sign(NONCE)).decode()
    assert world.come(world.user(key), key, signature=standard)[1].sent.startswith(b"PONG")


def test_bearers_need_no_signature(world: World) -> None:
    key = KeyPair.generate("user")
    _, wire = world.come(world.user(key, bearer_token=True), key, signature="")
    assert wire.sent.startswith(b"PONG")


def test_the_accounts_own_key_signs_too(world: World) -> None:
    key = KeyPair.generate("user")
    claims = world.user(key)
    claims.body.issuer_account = ""
    assert world.come(claims, key, signer=world.account)[1].sent.startswith(b"PONG")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_tokens_that_are_none(world: World, token: str) -> None:
    assert world.come(token, KeyPair.generate("user"))[1].sent == REFUSED


@pytest.mark.parametrize("ip", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_source_networks(world: World, ip: str) -> None:
    key = KeyPair.generate("user")
    claims = world.user(key, src=["10.0.0.0/8"])
    assert world.come(claims, key, ip=ip)[1].sent.startswith(b"PONG")
    assert world.come(claims, key, ip="11.0.0.1")[1].sent == REFUSED
    assert world.come(claims, key, ip="")[1].sent == REFUSED


def test_connection_types(world: World) -> None:
    key = KeyPair.generate("user")
    claims = world.user(key, allowed_connection_types=["websocket", "other"])
    assert world.come(claims, key, connection_type="WEBSOCKET")[1].sent.startswith(b"PONG")
    assert world.come(claims, key)[1].sent == REFUSED
    claims.body.allowed_connection_types = ["other"]
    assert world.come(claims, key)[1].sent == REFUSED


def test_a_window_that_closes_ends_the_connection(world: World) -> None:
    client, wire = world.bob(times=[_window(world, -60, 60)], times_location="UTC")
    world.clock.now += 61
    world.server.tick()
    assert wire.sent.endswith(b"-ERR 'User Authentication Expired'\r\n")
    assert client.reason == "Authentication Expired"


def test_a_window_over_midnight(world: World) -> None:
    world.clock.now = datetime(2026, 1, 2, 2, 0, tzinfo=UTC).timestamp()
    world.bob(times=[TimeRange("22:00:00", "06:00:00")], times_location="UTC")
    key = KeyPair.generate("user")
    noon = world.user(key, times=[TimeRange("10:00:00", "12:00:00")], times_location="UTC")
    assert world.come(noon, key)[1].sent == REFUSED


def test_a_token_that_expires_ends_the_connection(world: World) -> None:
    key = KeyPair.generate("user")
    claims = world.user(key)
    claims.expires_at = int(world.clock.now) + 5
    _, wire = world.come(claims, key)
    world.clock.now += 6
    world.server.tick()
    assert wire.sent.endswith(b"-ERR 'User Authentication Expired'\r\n")


def test_the_accounts_connections_are_limited(world: World) -> None:
    world.claims.body.limits.conn = 1
    world.push()
    world.bob()
    key = KeyPair.generate("user")
    _, wire = world.come(world.user(key), key)
    assert wire.sent == b"-ERR 'maximum account active connections exceeded'\r\n"


def test_refusals_name_the_account_once_its_key_was_seen(world: World) -> None:
    named: list[tuple[str, str]] = []
    world.server.on_auth_refused.append(lambda _, r: named.append((r.account, r.user)))
    key = KeyPair.generate("user")
    expired = world.user(key)
    expired.expires_at = 1
    world.come(expired, key)
    world.come(world.user(key), key, signer=KeyPair.generate("account"))
    assert named == [(world.account.public, key.public), ("", "")]


def test_default_permissions_hold_where_the_user_has_none(world: World) -> None:
    world.claims.body.default_permissions.pub.allow = ["ok"]
    world.push()
    client, _ = world.bob()
    assert client.may_publish(b"ok") and not client.may_publish(b"no")
    key = KeyPair.generate("user")
    claims = world.user(key)
    claims.body.pub.allow = ["own"]
    own, _ = world.come(claims, key)
    assert own.may_publish(b"own") and not own.may_publish(b"ok")


def test_accounts_never_meet(world: World) -> None:
    other = World(world.clock, world.operator)
    world.store.put({other.account.public: other.token()})
    alice, heard = world.bob()
    key = KeyPair.generate("user")
    stranger, overheard = world.come(other.user(key), key, signer=other.signing)
    assert overheard.sent.startswith(b"PONG"), world.reasons
    for client in (alice, stranger):
        client.receive(b"SUB > 1\r\nSUB _INBOX.secret 2\r\nSUB $SYS.> 3\r\n")
    alice.receive(b"PUB a.b _INBOX.secret 2\r\nhi\r\nPUB _INBOX.secret 2\r\nhi\r\n")
    world.server.flush()
    assert heard.sent.count(b"MSG ") == 3
    assert b"MSG" not in overheard.sent


def test_pinned_accounts_are_the_only_ones_beside_the_system_account() -> None:
    world = World()
    key, other = KeyPair.generate("user"), KeyPair.generate("account").public
    for pinned, refused in ((other, True), (world.account.public, False)):
        world.server.authenticator = OperatorAuthenticator(world.accounts, frozenset((pinned,)))
        _, wire = world.come(world.user(key), key)
        assert (b"Authorization Violation" in wire.sent) is refused
    assert world.reasons == ["Account is not among resolver_pinned_accounts"]
