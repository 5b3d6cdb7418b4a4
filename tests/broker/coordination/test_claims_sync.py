"""Claims from a Redis that nobody trusts."""

from typing import Any

import pytest

from broker.contract import channels
from broker.coordination.bus import BusError
from broker.coordination.claims_sync import BATCH, ClaimsSync
from broker.coordination.commands import CommandError
from broker.coordination.memory_bus import MemoryBus
from broker.core.account_claims import OperatorAccounts
from broker.identity.claims import AccountClaims, Tombstone
from broker.identity.jwt import TOKEN_MAX
from broker.identity.nkeys import KeyPair
from tests.broker.operator_mode import World


class Redis:
    """The world's server, kept in step with a memory bus that a test writes into."""

    def __init__(self) -> None:
        self.world = World()
        self.bus = MemoryBus()
        self.sync = ClaimsSync(self.bus, self.world.accounts, self.world.store, self.world.clock)

    async def write(self, token: str | bytes, name: str = "") -> None:
        raw = token.encode() if isinstance(token, str) else token
        await self.bus.hash_update(
            channels.CLAIMS, {name or self.world.account.public: raw}, ttl_s=1e6
        )

    async def newer(self, **limits: int) -> None:
        self.world.claims.issued_at += 1
        for name, value in limits.items():
            setattr(self.world.claims.body.limits, name, value)
        await self.write(self.world.token())

    async def apply(self, account: str = "") -> dict[str, Any]:
        name = account or self.world.account.public
        answer = await self.sync.apply_claims({"accounts": [name]})
        assert answer.keys() == {"outcomes"} and answer["outcomes"].keys() == {name}
        return dict(answer["outcomes"][name])

    @property
    def conn(self) -> int:
        held = self.world.accounts.find(self.world.account.public, self.world.clock.now)
        assert held is not None
        return held.account.limits.conn


@pytest.fixture
def redis() -> Redis:
    return Redis()


async def test_what_is_new_is_saved_and_holds(redis: Redis) -> None:
    await redis.newer(conn=5)
    assert await redis.sync.resync() == 1
    assert redis.conn == 5
    assert redis.world.store.get(redis.world.account.public) == redis.world.token()
    assert await redis.sync.resync() == 0


async def test_an_empty_redis_deletes_nothing(redis: Redis) -> None:
    _, wire = redis.world.bob()
    assert await redis.sync.resync() == 0
    assert not wire.ended
    assert "no claims" in (await redis.apply())["error"]
    redis.world.bob()


async def test_what_cannot_be_trusted_changes_nothing(redis: Redis) -> None:
    world = redis.world
    kept, (_, wire) = world.token(), world.bob()
    stranger = KeyPair.generate("operator")
    world.claims.issued_at += 10
    forged = world.token(stranger)
    tombstone = Tombstone.of(world.account.public, issued_at=world.claims.issued_at)
    other = AccountClaims(subject=KeyPair.generate("account").public).encode(world.operator)
    entries = [forged, tombstone.encode(stranger), other, "x", "é", b"\xff", "a" * (TOKEN_MAX + 1)]
    for count, entry in enumerate(entries, 1):
        await redis.write(entry)
        assert await redis.sync.resync() == 0
        assert redis.sync.refused == count
        assert (await redis.apply())["status"] == "refused"
        redis.sync.refused = count
    assert world.store.get(world.account.public) == kept
    assert not wire.ended


async def test_a_rolled_back_entry_is_stale(redis: Redis) -> None:
    old = redis.world.token()
    await redis.newer(conn=5)
    await redis.sync.resync()
    await redis.write(old)
    assert await redis.sync.resync() == 0
    assert await redis.apply() == {"status": "stale", "closed": 0, "error": ""}
    assert redis.conn == 5


async def test_a_tombstone_deletes(redis: Redis) -> None:
    world = redis.world
    _, wire = world.bob()
    tombstone = Tombstone.of(world.account.public, issued_at=world.claims.issued_at)
    await redis.write(tombstone.encode(world.operator))
    assert await redis.apply() == {"status": "deleted", "closed": 1, "error": ""}
    assert wire.ended
    assert OperatorAccounts(world.server, world.trust, world.store).find(
        world.account.public, world.clock.now
    ) is None  # fmt: skip


async def test_the_command_tells_what_it_did(redis: Redis) -> None:
    redis.world.bob()
    await redis.newer(conn=0)
    assert await redis.apply() == {"status": "applied", "closed": 1, "error": ""}
    assert await redis.apply() == {"status": "unchanged", "closed": 0, "error": ""}


async def test_each_of_many_has_its_own_outcome(redis: Redis) -> None:
    keys = [KeyPair.generate("account").public for _ in range(4)]
    for key in keys[:2]:
        await redis.write(AccountClaims(subject=key).encode(redis.world.operator), key)
    await redis.write(AccountClaims(subject=keys[2]).encode(KeyPair.generate("operator")), keys[2])
    answer = await redis.sync.apply_claims({"accounts": [*keys, keys[0]]})
    found = [answer["outcomes"][key]["status"] for key in keys]
    assert found == ["applied", "applied", "refused", "refused"]
    assert all(redis.world.store.get(key) for key in keys[:2])


WRONG = [None, "", 5, "x", KeyPair.generate("user").public]


@pytest.mark.parametrize(
    "accounts", [*WRONG, [], *([one] for one in WRONG), ["A"] * 101], ids=range(2 * len(WRONG) + 2)
)
async def test_arguments_that_name_no_account(redis: Redis, accounts: object) -> None:
    with pytest.raises(CommandError, match="account"):
        await redis.sync.apply_claims({"accounts": accounts})


async def test_many_accounts_come_in_batches(redis: Redis) -> None:
    keys = [KeyPair.generate("account").public for _ in range(BATCH * 2 + 1)]
    for key in keys:
        await redis.write(AccountClaims(subject=key).encode(redis.world.operator), key)
    await redis.write("x", "no account")
    assert await redis.sync.resync() == len(keys)
    assert all(redis.world.store.get(key) for key in keys)


async def test_a_lost_redis_is_an_error_for_the_caller(redis: Redis) -> None:
    redis.bus.store.lose()
    with pytest.raises(BusError):
        await redis.sync.resync()


class FullDisk:
    """A store whose disk takes nothing."""

    def __init__(self) -> None:
        self.unsaved: dict[str, str] = {}
        self.full = True
        self.saved: dict[str, str] = {}

    def get(self, account: str) -> str | None:
        return self.unsaved.get(account) or self.saved.get(account)

    def put(self, tokens: dict[str, str]) -> None:
        self.unsaved.update(tokens)
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.update(self.unsaved)
        self.unsaved.clear()


async def test_a_full_disk_holds_no_revocation_up_and_is_tried_again(redis: Redis) -> None:
    world, disk = redis.world, FullDisk()
    disk.saved[world.account.public] = world.token()
    _, wire = world.bob()
    redis.sync = ClaimsSync(redis.bus, world.accounts, disk, world.clock)  # type: ignore[arg-type]
    world.claims.body.revocations = {"*": int(world.clock.now)}
    await redis.newer()
    assert "not saved: No space" in (await redis.apply())["error"]
    assert wire.ended
    disk.full = False
    assert (await redis.apply())["status"] == "unchanged"
    assert disk.saved[world.account.public] == world.token()
