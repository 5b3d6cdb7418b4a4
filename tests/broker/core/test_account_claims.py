"""What new claims do to live connections, and which claims are believed at all."""

import pytest

from broker.core.account_claims import OperatorAccounts
from broker.identity.claims import (
    ALL,
    AccountClaims,
    Export,
    Import,
    Permission,
    Permissions,
    SigningScope,
    Tombstone,
)
from broker.identity.jwt import JwtError
from broker.identity.nkeys import KeyPair
from tests.broker.operator_mode import World


@pytest.fixture
def world() -> World:
    return World()


def test_overflow_closes_the_newest(world: World) -> None:
    clients = [world.bob() for _ in range(4)]
    world.claims.body.limits.conn = 2
    assert world.push() == 2
    assert [wire.ended for _, wire in clients] == [False, False, True, True]
    assert clients[3][1].sent.endswith(b"-ERR 'maximum account active connections exceeded'\r\n")
    assert clients[3][0].reason == "Maximum Account Connections Exceeded"


def test_a_sync_interval_is_a_term_of_jetstream(world: World) -> None:
    account = world.accounts.find(world.account.public, world.clock.now).account  # type: ignore[union-attr]
    world.claims.body.limits.disk_storage = -1
    for told, kept in ((0, None), (2_500_000_000, 2.5), (-1, 0.0)):
        world.claims.body.limits.sync_interval = told
        world.push()
        assert account.jetstream is not None
        assert account.jetstream[""].sync_interval_s == kept


def test_a_revoked_user_is_closed_and_stays_out(world: World) -> None:
    key = KeyPair.generate("user")
    client, wire = world.come(world.user(key), key)
    _, other = world.bob()
    world.claims.body.revocations = {key.public: int(world.clock.now)}
    assert world.push() == 1
    assert wire.sent.endswith(b"-ERR 'User Authentication Revoked'\r\n")
    assert client.reason == "Credentials Revoked"
    assert not other.ended
    _, again = world.come(world.user(key), key)
    assert again.sent == b"-ERR 'Authorization Violation'\r\n"
    assert world.reasons == ["User authentication revoked"]


def test_a_revocation_holds_for_a_server_that_starts_from_the_store(world: World) -> None:
    key = KeyPair.generate("user")
    world.claims.body.revocations = {key.public: int(world.clock.now)}
    world.push()
    fresh = World(world.clock, world.operator, world.account, world.signing)
    fresh.store.put({world.account.public: world.token()})
    fresh.accounts = OperatorAccounts(fresh.server, fresh.trust, fresh.store)
    held = fresh.accounts.find(world.account.public, world.clock.now)
    assert held is not None and held.claims.body.revoked(key.public, int(world.clock.now))


def test_revoking_everybody(world: World) -> None:
    clients = [world.bob() for _ in range(3)]
    world.claims.body.revocations = {ALL: int(world.clock.now)}
    assert world.push() == 3
    assert all(wire.ended for _, wire in clients)


def test_bearers_go_when_they_are_disallowed(world: World) -> None:
    _, bearer = world.bob(bearer_token=True)
    _, other = world.bob()
    world.claims.body.limits.disallow_bearer = True
    assert world.push() == 1
    assert bearer.sent.endswith(b"-ERR 'Authorization Violation'\r\n")
    assert not other.ended


def test_a_signing_key_that_is_gone_closes_its_users_without_a_word(world: World) -> None:
    client, wire = world.bob()
    before = wire.sent
    world.claims.body.signing_keys = {}
    assert world.push() == 1
    assert wire.ended and wire.sent == before
    assert client.reason == "Authentication Failure"


def test_a_changed_scope_closes_its_users(world: World) -> None:
    scoped = KeyPair.generate("account")
    scope = SigningScope(scoped.public)
    world.claims.body.signing_keys[scoped.public] = scope
    world.push()
    key = KeyPair.generate("user")
    claims = world.user(key)
    claims.body.unset()
    claims.body.issuer_account = world.account.public
    _, wire = world.come(claims, key, signer=scoped)
    assert wire.sent.startswith(b"PONG"), world.reasons
    assert world.push() == 0
    world.claims.body.signing_keys[scoped.public] = SigningScope(scoped.public, "other role")
    assert world.push() == 1
    assert wire.ended


def test_limits_hold_from_now_on(world: World) -> None:
    client, wire = world.bob(payload=500)
    assert client.max_payload == 500
    world.claims.body.limits.payload = 100
    world.claims.body.limits.subs = 1
    world.push()
    assert (client.max_payload, client.max_subs) == (100, 1)
    world.claims.body.limits.payload = -1
    world.push()
    assert client.max_payload == 500
    assert not wire.ended


def test_default_permissions_change_under_those_who_have_no_others(world: World) -> None:
    alice, told = world.bob()
    own, _ = world.bob(sub=Permission(allow=["a.>"]))
    for client in (alice, own):
        client.receive(b"SUB a.b 1\r\n")
    world.claims.body.default_permissions = Permissions(sub=Permission(allow=["c"]))
    world.push()
    world.server.flush()
    assert b'-ERR \'Permissions Violation for Subscription to "a.b" (sid "1")\'' in told.sent
    assert not alice.subs and len(own.subs) == 1
    alice.receive(b"SUB c 2\r\n")
    world.claims.body.default_permissions = Permissions()
    world.push()
    alice.receive(b"SUB d 3\r\n")
    assert len(alice.subs) == 2


def test_whoever_has_as_many_subscriptions_as_the_new_limit_is_closed(world: World) -> None:
    client, told = world.bob()
    client.receive(b"SUB a 1\r\nSUB b 2\r\n")
    world.claims.body.limits.subs = 2
    assert world.push() == 1
    assert told.sent.endswith(b"-ERR 'maximum subscriptions exceeded'\r\n") and told.ended


def test_users_that_only_a_callout_may_admit_stay_out(world: World) -> None:
    world.claims.body.authorization.auth_users = [KeyPair.generate("user").public]
    world.push()
    key = KeyPair.generate("user")
    _, wire = world.come(world.user(key), key)
    assert wire.ended and "callout" in world.reasons[-1]


def test_imports_follow_the_claims_of_both_sides(world: World) -> None:
    """The exporter is loaded when an importer needs it, and may come after it."""
    exporter = KeyPair.generate("account")
    world.claims.body.imports = [
        Import.from_dict({"type": "stream", "subject": "s.>", "account": exporter.public})
    ]
    world.push()
    bob, told = world.bob()
    bob.receive(b"SUB s.x 1\r\n")
    assert len(bob.account.imports) == 0
    claims = AccountClaims(subject=exporter.public, name="exporter", issued_at=1)
    claims.body.exports = [Export.from_dict({"type": "stream", "subject": "s.>"})]
    for deleted in (False, True):
        world.take(claims.encode(world.operator), exporter.public)
        source = world.accounts.account(exporter.public, world.clock.now)
        assert source is not None
        source.publish(b"s.x", b"seen" if not deleted else b"unseen")
        world.server.flush()
        claims.body.exports = []
        claims.issued_at += 1
    assert told.sent.count(b"MSG s.x 1") == 1
    assert len(bob.account.imports) == 0


def test_an_account_that_expires_takes_its_clients_along(world: World) -> None:
    client, wire = world.bob()
    world.claims.expires_at = int(world.clock.now) + 10
    world.push()
    world.clock.now += 11
    world.server.tick()
    assert wire.sent.endswith(b"-ERR 'Account Authentication Expired'\r\n")
    assert client.reason == "Authentication Expired"


def test_an_account_that_is_renewed_keeps_its_clients(world: World) -> None:
    world.claims.expires_at = int(world.clock.now) + 10
    world.push()
    _, wire = world.bob()
    world.claims.expires_at = 0
    world.push()
    world.clock.now += 11
    world.server.tick()
    assert not wire.ended


def test_deletion_closes_all_and_refuses_from_then_on(world: World) -> None:
    _, wire = world.bob()
    assert world.delete() == 1
    assert wire.sent.endswith(b"-ERR 'Account Authentication Expired'\r\n")
    assert world.account.public not in world.server.accounts
    key = KeyPair.generate("user")
    assert world.come(world.user(key), key)[1].ended
    world.claims.issued_at += 1
    assert world.take(world.token())[0].status == "applied"
    world.bob()


# What isn't believed ------------------------------------------------------------------------------------


def test_strangers_sign_nothing(world: World) -> None:
    _, wire = world.bob()
    stranger = KeyPair.generate("operator")
    world.claims.issued_at += 10
    tombstone = Tombstone.of(world.account.public, issued_at=world.claims.issued_at)
    for token in (world.token(stranger), world.token(world.account), tombstone.encode(stranger)):
        with pytest.raises(JwtError, match="trusted"):
            world.take(token)
    assert not wire.ended


def test_claims_do_not_go_back(world: World) -> None:
    old = world.token()
    world.claims.body.limits.conn = 7
    world.push()
    assert world.take(old)[0].status == "stale"
    world.claims.body.limits.conn = 8
    assert world.take(world.token())[0].status == "stale"  # of the same second
    older = Tombstone.of(world.account.public, issued_at=world.claims.issued_at - 1)
    assert world.take(older.encode(world.operator))[0].status == "stale"
    held = world.accounts.find(world.account.public, world.clock.now)
    assert held is not None and held.account.limits.conn == 7


def test_a_deleted_account_does_not_come_back_with_its_old_token(world: World) -> None:
    old = world.token()
    world.delete()
    assert world.take(old)[0].status == "stale"
    assert world.accounts.find(world.account.public, world.clock.now) is None


def test_the_same_again_changes_nothing(world: World) -> None:
    assert world.take(world.token())[0].status == "unchanged"


def test_a_token_under_another_account_is_refused(world: World) -> None:
    other = AccountClaims(
        subject=KeyPair.generate("account").public, issued_at=int(world.clock.now)
    )
    with pytest.raises(JwtError, match="stored under"):
        world.take(other.encode(world.operator), world.account.public)


def test_expired_and_future_claims_are_refused(world: World) -> None:
    world.claims.issued_at += 5
    world.claims.expires_at = int(world.clock.now)
    with pytest.raises(JwtError, match="expired"):
        world.take(world.token())
    world.claims.expires_at, world.claims.not_before = 0, int(world.clock.now) + 60
    with pytest.raises(JwtError, match="not valid yet"):
        world.take(world.token())


def test_a_store_that_was_tampered_with_is_not_believed(world: World) -> None:
    stranger = KeyPair.generate("operator")
    fresh = OperatorAccounts(world.server, world.trust, world.store)
    for token in (world.token(stranger), "x", world.token()[:-4] + "AAAA"):
        world.store.put({world.account.public: token})
        assert fresh.find(world.account.public, world.clock.now) is None
    world.claims.issued_at = 1
    assert fresh.judge(world.token(), world.account.public, world.clock.now).status == "applied"


def test_the_system_account_is_known_as_such(world: World) -> None:
    world.accounts.system_account = world.account.public
    client, _ = world.bob()
    assert client.account.is_system
    assert world.server.system_account is client.account
