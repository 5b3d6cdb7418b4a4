"""Account claims through the system account: pushed, listed, looked up, packed and deleted as with nats-server."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from broker.identity import jwt
from broker.identity.claims import AccountClaims, OperatorClaims, UserBody, UserClaims
from broker.identity.creds import format_creds
from broker.identity.nkeys import KeyPair
from tests.support.servers import CONTENDERS, Contender, running

OPERATOR, SYSTEM = KeyPair.generate("operator"), KeyPair.generate("account")
CONFIG = """
operator: {operator}
system_account: {system}
resolver {{ type: full, dir: "{directory}", allow_delete: true }}
resolver_preload {{ {system}: {token} }}
"""


def account(key: KeyPair, issued_at: int = 1_700_000_000, **limits: int) -> str:
    claims = AccountClaims(subject=key.public, name="acme", issued_at=issued_at)
    for name, value in limits.items():
        setattr(claims.body.limits, name, value)
    return claims.encode(OPERATOR)


class World:
    """A server in operator mode and a client in its system account."""

    def __init__(self, url: str, client: Client, directory: Path) -> None:
        self.url = url
        self.client = client
        self.directory = directory

    async def ask(self, subject: str, body: str = "") -> Any:
        answer = (await self.client.request(subject, body.encode(), timeout=10)).data
        if not answer.startswith(b"{"):
            return answer.decode()
        data = json.loads(answer)
        data.pop("server")
        return data

    async def push(self, token: str, subject: str = "$SYS.REQ.CLAIMS.UPDATE") -> Any:
        return await self.ask(subject, token)

    async def connect(self, account_: KeyPair) -> Client:
        return await nats.connect(
            self.url, user_credentials=str(self.creds(account_)), allow_reconnect=False,
            error_cb=_quiet, connect_timeout=5,
        )  # fmt: skip

    def creds(self, account_: KeyPair) -> Path:
        user = KeyPair.generate("user")
        claims = UserClaims(subject=user.public, name="u", body=UserBody())
        path = self.directory / "u.creds"
        path.write_text(format_creds(claims.encode(account_), user.seed))
        return path


async def _quiet(_error: Exception) -> None:
    """Refusals are expected."""


@pytest_asyncio.fixture(params=CONTENDERS, ids=lambda contender: contender.name)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    chosen: Contender = request.param
    if not chosen.available():
        pytest.skip(f"{chosen.command[0]} is not installed")
    operator = OperatorClaims(subject=OPERATOR.public, name="O").encode(OPERATOR)
    system = AccountClaims(subject=SYSTEM.public, name="SYS").encode(OPERATOR)
    config = CONFIG.format(
        operator=operator, system=SYSTEM.public, token=system, directory=tmp_path / "jwt"
    )
    with running(chosen, config) as server:
        own = World(server.url, None, tmp_path)  # type: ignore[arg-type]
        own.client = await own.connect(SYSTEM)
        yield own
        await own.client.close()


async def test_what_is_pushed_holds_at_once(world: World) -> None:
    key = KeyPair.generate("account")
    with pytest.raises(nats.errors.Error):
        await world.connect(key)
    answer = await world.push(account(key))
    assert answer == {"data": {"account": key.public, "code": 200, "message": "jwt updated"}}
    client = await world.connect(key)
    await client.flush()
    limited = account(key, 1_700_000_001, conn=0)
    answer = await world.push(limited, f"$SYS.REQ.ACCOUNT.{key.public}.CLAIMS.UPDATE")
    assert answer["data"]["code"] == 200
    assert await world.ask(f"$SYS.REQ.ACCOUNT.{key.public}.CLAIMS.LOOKUP") == limited
    with pytest.raises(nats.errors.Error):
        await world.connect(key)
    await client.close()


async def test_twice_within_a_second(world: World) -> None:
    key = KeyPair.generate("account")
    for subscriptions in (5, 6, 7):
        token = account(key, subs=subscriptions)
        assert (await world.push(token))["data"]["code"] == 200
        assert await world.ask(f"$SYS.REQ.ACCOUNT.{key.public}.CLAIMS.LOOKUP") == token


async def test_what_is_no_claim_is_refused_in_words(world: World) -> None:
    key = KeyPair.generate("account")
    for subject in ("$SYS.REQ.CLAIMS.UPDATE", f"$SYS.REQ.ACCOUNT.{key.public}.CLAIMS.UPDATE"):
        error = (await world.push("nonsense", subject))["error"]
        assert error == {
            "account": "n/a",
            "code": 500,
            "description": "jwt update resulted in error - expected 3 chunks",
        }
    wrong = f"$SYS.REQ.ACCOUNT.{SYSTEM.public}.CLAIMS.UPDATE"
    assert (await world.push(account(key), wrong))["error"] == {
        "account": SYSTEM.public,
        "code": 500,
        "description": "jwt update resulted in error - subject does not match jwt content",
    }


async def test_list_lookup_and_pack(world: World) -> None:
    keys = [KeyPair.generate("account") for _ in range(3)]
    tokens = {key.public: account(key) for key in keys}
    for token in tokens.values():
        await world.push(token)
    listed = (await world.ask("$SYS.REQ.CLAIMS.LIST"))["data"]
    assert sorted(listed) == sorted([*tokens, SYSTEM.public])
    unknown = KeyPair.generate("account").public
    assert await world.ask(f"$SYS.REQ.ACCOUNT.{unknown}.CLAIMS.LOOKUP") == ""
    inbox = world.client.new_inbox()
    packed = await world.client.subscribe(inbox)
    await world.client.publish("$SYS.REQ.CLAIMS.PACK", b"", reply=inbox)
    seen = {}
    while data := (await packed.next_msg(10)).data:
        name, _, token = data.decode().partition("|")
        seen[name] = token
    assert {k: seen[k] for k in tokens} == tokens


async def test_operators_delete_accounts(world: World) -> None:
    key = KeyPair.generate("account")
    await world.push(account(key))
    client = await world.connect(key)
    await client.flush()

    def deletion(signer: KeyPair, *accounts: str) -> str:
        body = {"type": "generic", "version": 2, "accounts": list(accounts)}
        return jwt.encode({"sub": signer.public, "nats": body}, signer)

    stranger = KeyPair.generate("operator")
    refused = await world.ask("$SYS.REQ.CLAIMS.DELETE", deletion(stranger, key.public))
    failed = f"delete accounts request by {stranger.public} failed"
    assert refused["error"]["description"] == f"{failed} - not trusted"
    refused = await world.ask("$SYS.REQ.CLAIMS.DELETE", deletion(OPERATOR, SYSTEM.public))
    assert "not allowed to delete system account" in refused["error"]["description"]
    done = await world.ask("$SYS.REQ.CLAIMS.DELETE", deletion(OPERATOR, key.public))
    assert done["data"]["message"] == "deleted 1 accounts"
    assert await world.ask(f"$SYS.REQ.ACCOUNT.{key.public}.CLAIMS.LOOKUP") == ""
    with pytest.raises(nats.errors.Error):
        await world.connect(key)
    await client.close()


async def test_claims_are_in_account_info(world: World) -> None:
    info = (await world.ask(f"$SYS.REQ.ACCOUNT.{SYSTEM.public}.INFO"))["data"]
    assert (info["name_tag"], info["issuer_key"]) == ("SYS", OPERATOR.public)
    assert info["is_system"] and info["complete"] and not info["expired"]
    assert info["decoded_jwt"]["sub"] == SYSTEM.public
    assert info["jwt"].count(".") == 2


async def test_expiry_and_names_are_in_user_info(world: World) -> None:
    info = (await world.ask("$SYS.REQ.USER.INFO"))["data"]
    assert info["account"] == SYSTEM.public
    assert (info["account_name"], info["user_name"]) == ("SYS", "u")
    assert base64.b32decode(info["user"])
