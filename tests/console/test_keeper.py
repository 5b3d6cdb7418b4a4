"""Claims and events through crashes: the database is the truth, and the keeper makes the rest agree with it."""

from typing import Any

import pytest
import redis as redis_package

from broker.contract import channels
from broker.identity import jwt
from broker.identity.claims import account_entry
from broker.identity.nkeys import KeyPair
from console.gateway import claims as gateway_claims
from console.gateway.errors import BrokerUnavailable
from console.gateway.events import EventLog
from console.live.keeper import TURN_S, Keeper
from console.models import Credential, Namespace, Operator
from console.services import credentials, happenings, namespaces, reconciliation, terms
from tests.console.conftest import Cast
from tests.console.fake_broker import FakeBroker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.gateway.claims.TIMEOUT_S", 0.2)
    monkeypatch.setattr("console.gateway.claims.MANY_TIMEOUT_S", 0.2)


def stored(redis: "redis_package.Redis") -> dict[str, str]:
    found: Any = redis.hgetall(channels.CLAIMS)
    return {account.decode(): token.decode() for account, token in found.items()}


def wanted() -> dict[str, str]:
    operator = Operator.objects.get()
    rows = dict(Namespace.objects.values_list("pk", "claims"))
    return rows | {operator.system_account: operator.system_account_jwt}


def test_a_redis_that_lost_everything_is_filled_again(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    cast.namespace("one")
    cast.namespace("two")
    redis.flushall()
    assert not reconciliation.is_complete()
    assert reconciliation.reconcile() == 3
    assert reconciliation.is_complete()
    assert stored(redis) == wanted()
    assert reconciliation.reconcile() == 0


def test_tampered_and_foreign_entries_are_put_right(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    namespace = cast.namespace()
    redis.hset(channels.CLAIMS, namespace.id, "nonsense")
    redis.hset(channels.CLAIMS, KeyPair.generate("account").public, "left behind")
    reconciliation.reconcile()
    assert stored(redis) == wanted()


def test_a_crash_between_database_and_redis_is_made_good(
    cast: Cast, redis: "redis_package.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer never came, and nothing was pushed: the next turn of any keeper does it."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    namespace = cast.namespace()
    issued = credentials.issue(actor=cast.actor, namespace=namespace, name="app")
    with monkeypatch.context() as patched:
        patched.setattr(gateway_claims, "push", crash)
        with pytest.raises(KeyboardInterrupt):
            credentials.revoke(actor=cast.actor, credential=issued.credential)
    assert not Namespace.objects.get(pk=namespace.pk).applied
    with FakeBroker(redis) as broker:
        assert reconciliation.deliver_pending() == 1
        body = jwt.decode(broker.applied[namespace.id]).body
        assert issued.credential.public_key in body["revocations"]
    assert Namespace.objects.get(pk=namespace.pk).applied
    assert reconciliation.deliver_pending() == 0


def test_a_broker_that_doesnt_answer_leaves_it_pending(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    fake_broker.answers = False
    namespace, outcome = namespaces.create(actor=cast.actor, project=cast.project, name="late")
    assert (outcome.status, namespace.applied) == ("pending", False)
    assert reconciliation.deliver_pending() == 0
    fake_broker.answers = True
    assert reconciliation.deliver_pending() == 1


def test_many_claims_go_out_in_few_commands_and_events_in_between(
    cast: Cast,
    redis: "redis_package.Redis",
    fake_broker: FakeBroker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [namespaces._new(cast.project, f"n{number}") for number in range(7)]
    Namespace.objects.bulk_create(rows)
    monkeypatch.setattr(reconciliation, "APPLY_MAX", 2)
    monkeypatch.setattr(reconciliation, "PENDING_MAX", 4)
    waits: list[float] = []
    monkeypatch.setattr(EventLog, "read", lambda _log, wait_s: waits.append(wait_s) or [])
    keeper = Keeper()
    redis.set(channels.CLAIMS_COMPLETE, "a full comparison isn't due")
    keeper._next_full_s = float("inf")
    keeper.turn()
    sizes = [len(command.args["accounts"]) for command in fake_broker.commands]
    assert sizes == [2, 2]
    keeper.turn()
    assert waits == [0, TURN_S], "with more to deliver it doesn't wait for events"
    assert fake_broker.applied == {row.id: row.claims for row in rows}
    assert reconciliation.deliver_pending() == 0


def test_one_refused_among_many_holds_up_none(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    rows = [namespaces._new(cast.project, f"n{number}") for number in range(3)]
    Namespace.objects.bulk_create(rows)
    apply = fake_broker._apply
    refused = {"status": "refused", "closed": 0, "error": "not to my taste"}
    monkeypatch.setattr(
        fake_broker, "_apply", lambda name: refused if name == rows[1].id else apply(name)
    )
    assert reconciliation.deliver_pending() == 2
    assert "not to my taste" in caplog.text
    assert set(fake_broker.applied) == {rows[0].id, rows[2].id}


def test_a_broker_ahead_of_a_restored_database_is_overtaken(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    namespace = cast.namespace("before")
    old = Namespace.objects.get(pk=namespace.pk)
    renamed, _ = namespaces.rename(actor=cast.actor, namespace=namespace, name="after")
    old.save()  # as a restored copy would have it
    reconciliation.reconcile()
    entry = account_entry(stored(redis)[namespace.id])
    assert entry.name == "before"
    assert entry.issued_at > renamed.claims_iat
    reconciliation.deliver_pending()
    assert account_entry(fake_broker.applied[namespace.id]).name == "before"
    assert Namespace.objects.get(pk=namespace.pk).applied


def test_changes_within_a_second_have_growing_times(cast: Cast, fake_broker: FakeBroker) -> None:
    namespace = cast.namespace("n0")
    times = [namespace.claims_iat]
    for number in range(1, 5):
        namespace, outcome = namespaces.rename(
            actor=cast.actor, namespace=namespace, name=f"n{number}"
        )
        assert outcome.status == "applied"
        times.append(namespace.claims_iat)
    assert times == sorted(set(times))


def test_a_deleted_namespace_stays_deleted_after_redis_lost_its_data(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    namespace = cast.namespace()
    namespaces.delete(actor=cast.actor, namespace=namespace)
    redis.flushall()
    reconciliation.reconcile()
    assert jwt.decode(stored(redis)[namespace.id]).type == "generic"


def test_revocations_end_with_their_credential(cast: Cast, fake_broker: FakeBroker) -> None:
    namespace = cast.namespace()
    short, long = [
        credentials.issue(
            actor=cast.actor, namespace=namespace, name=name, terms=terms.check(expires_in_s=60 * n)
        )
        for n, name in ((1, "short"), (100, "long"))
    ]
    credentials.revoke(actor=cast.actor, credential=short.credential)
    Credential.objects.filter(pk=short.credential.pk).update(expires_at="2020-01-01T00:00:00Z")
    credentials.revoke(actor=cast.actor, credential=long.credential)
    body = jwt.decode(fake_broker.applied[namespace.id]).body
    assert set(body["revocations"]) == {long.credential.public_key}


def test_the_keeper_outlives_redis_and_says_so_once(
    cast: Cast, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "unix:///nowhere/at/all"
    keeper = Keeper()
    with caplog.at_level("WARNING", "console.live.keeper"):
        assert not keeper.turn_safely()
        assert not keeper.turn_safely()
    assert len(caplog.records) == 1
    with pytest.raises(BrokerUnavailable):
        keeper.turn()


# Events ---------------------------------------------------------------------------------------------------


def event(namespace: Namespace, user: str, at: float, **more: Any) -> dict[str, Any]:
    fields = {
        "kind": "connect", "at": at, "server_id": "S", "account": namespace.id, "user": user,
        "cid": 1, "ip": "10.0.0.9", "name": "n", "lang": "go", "version": "1.2",
    }  # fmt: skip
    return fields | more


def test_events_are_handled_once_and_note_use(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    namespace = cast.namespace()
    row = credentials.issue(actor=cast.actor, namespace=namespace, name="app").credential
    listener = redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("wireroom:notices")
    listener.get_message(timeout=5)
    one, other = EventLog("one"), EventLog("other")
    assert one.read(0.01) == []  # makes the group
    for at in (50.0, 10.0, 90.0):
        fake_broker.event(**event(namespace, row.public_key, at))
    redis.xadd(channels.EVENTS, {"e": "no event"})
    entries = one.read(0.1)
    assert len(entries) == 4
    assert other.read(0.01) == []
    happenings.handle([found for _, found in entries if found])
    one.acknowledge(entries)
    row.refresh_from_db()
    assert row.first_used_at is not None
    assert row.last_used_at is not None
    assert (row.first_used_at.timestamp(), row.last_used_at.timestamp()) == (10.0, 90.0)
    assert (row.last_used_from, row.last_client) == ("10.0.0.9", "go 1.2")
    notice: Any = listener.get_message(timeout=5)
    assert b'"credential_name": "app"' in notice["data"]
    listener.close()
    assert redis.xpending(channels.EVENTS, channels.EVENTS_GROUP)["pending"] == 0  # type: ignore[index]


def test_events_of_a_dead_reader_are_taken_over(
    cast: Cast,
    redis: "redis_package.Redis",
    fake_broker: FakeBroker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    namespace = cast.namespace()
    dead, alive = EventLog("dead"), EventLog("alive")
    dead.read(0.01)
    fake_broker.event(**event(namespace, "U", 1.0))
    assert len(dead.read(0.1)) == 1
    assert alive.abandoned() == []
    monkeypatch.setattr("console.gateway.events.ABANDONED_MS", 0)
    assert len(alive.abandoned()) == 1


def test_a_user_of_another_account_doesnt_name_our_credential(
    cast: Cast, redis: "redis_package.Redis", fake_broker: FakeBroker
) -> None:
    mine, theirs = cast.namespace("mine"), cast.namespace("theirs")
    row = credentials.issue(actor=cast.actor, namespace=mine, name="app").credential
    found = happenings._for_page(happenings.Event(**event(theirs, row.public_key, 1.0)), row)
    assert "credential_name" not in found
