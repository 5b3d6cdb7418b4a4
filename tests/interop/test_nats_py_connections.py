"""nats-py, unmodified: signing in, being refused, TLS, and coming back after a server died."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
from pathlib import Path

import nats.errors
import nkeys
import pytest

from tests.benchmarks import certificate
from tests.interop.conftest import Connect
from tests.support.servers import OURS, Contender, running
from tests.support.wait import until

USERS = """
authorization {
  users = [
    { user: alice, password: "s3cr3t" }
    { user: bob, password: "$2a$04$T6t.9IKvZMZg1pIZ/0WzOeJkPC/f7eJbRYUiyCSNNP5sZYXmomvEa"
      permissions: { publish: { allow: ["open.>"] }, subscribe: { deny: "closed.>" } } }
  ]
}
"""

REFUSED = r"(?i)authorization violation"


async def test_password(contender: Contender, connect: Connect) -> None:
    with running(contender, USERS) as server:
        client = await connect(server, user="alice", password="s3cr3t")
        await client.flush()
        for wrong in (
            {"user": "alice", "password": "other"},
            {"user": "nobody", "password": "s3cr3t"},
            {},
        ):
            with pytest.raises(nats.errors.Error, match=REFUSED):
                await connect(server, **wrong)


async def test_token(contender: Contender, connect: Connect) -> None:
    with running(contender, 'authorization { token: "t0ken" }') as server:
        client = await connect(server, token="t0ken")
        await client.flush()
        with pytest.raises(nats.errors.Error, match=REFUSED):
            await connect(server, token="t0ke")


async def test_nkey(contender: Contender, connect: Connect) -> None:
    seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    with running(contender, f"authorization {{ users = [ {{ nkey: {public} }} ] }}") as server:
        client = await connect(server, nkeys_seed_str=seed.decode())
        await client.flush()
        stranger = nkeys.encode_seed(bytes(range(1, 33)), nkeys.PREFIX_BYTE_USER).decode()
        with pytest.raises(nats.errors.Error, match=REFUSED):
            await connect(server, nkeys_seed_str=stranger)


async def test_permissions_are_told_and_held(contender: Contender, connect: Connect) -> None:
    errors: list[str] = []

    async def note(error: Exception) -> None:
        errors.append(str(error).lower())

    with running(contender, USERS) as server:
        alice = await connect(server, user="alice", password="s3cr3t")
        bob = await connect(server, user="bob", password="foo", error_cb=note)
        seen = await alice.subscribe(">")
        await alice.flush()
        await bob.publish("shut.a", b"refused")
        await bob.subscribe("closed.a")
        await bob.publish("open.a", b"taken")
        assert (await seen.next_msg(timeout=5)).subject == "open.a"
        await until(lambda: _is(len(errors) == 2), "both refusals")
    assert 'permissions violation for publish to "shut.a"' in errors[0]
    assert 'permissions violation for subscription to "closed.a"' in errors[1]


async def test_accounts_do_not_hear_one_another(contender: Contender, connect: Connect) -> None:
    config = """
    accounts {
      RED { users = [ { user: red, password: r } ] }
      BLUE { users = [ { user: blue, password: b } ] }
    }
    """
    with running(contender, config) as server:
        red = await connect(server, user="red", password="r")
        blue = await connect(server, user="blue", password="b")
        all_of_red, all_of_blue = await red.subscribe(">"), await blue.subscribe(">")
        for client in (red, blue):
            await client.flush()
        await red.publish("colour", b"red")
        await red.flush()
        await blue.publish("colour", b"blue")
        await blue.flush()
        await red.flush()
        assert (await all_of_red.next_msg(timeout=5)).data == b"red"
        assert (await all_of_blue.next_msg(timeout=5)).data == b"blue"
        assert all_of_red.pending_msgs == all_of_blue.pending_msgs == 0


async def test_tls(contender: Contender, connect: Connect, tmp_path: Path) -> None:
    if contender is OURS and not _has_tls():
        pytest.skip("this broker has no TLS listener")
    with running(contender, certificate.configuration(tmp_path)) as server:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        client = await connect(server, tls=context, tls_hostname="localhost")
        subscription = await client.subscribe("secret")
        await client.publish("secret", b"x" * 500_000)
        assert len((await subscription.next_msg(timeout=10)).data) == 500_000
        with pytest.raises(ssl.SSLError):
            await connect(server, tls=ssl.create_default_context())


async def test_max_payload_of_the_configuration(contender: Contender, connect: Connect) -> None:
    with running(contender, "max_payload: 1024") as server:
        client = await connect(server)
        assert client.max_payload == 1024
        with pytest.raises(nats.errors.MaxPayloadError):
            await client.publish("a", b"x" * 1025)


async def test_client_comes_back_after_kill(contender: Contender, connect: Connect) -> None:
    back = asyncio.Event()

    async def reconnected() -> None:
        back.set()

    with running(contender) as server:
        client = await connect(
            server, allow_reconnect=True, reconnect_time_wait=0.05, reconnected_cb=reconnected
        )
        subscription = await client.subscribe("survivor")
        await client.flush()
        server.kill()
        server.start()
        await asyncio.wait_for(back.wait(), 10)
        await client.publish("survivor", b"still here")
        assert (await subscription.next_msg(timeout=5)).data == b"still here"


async def _is(condition: bool) -> bool:
    return condition


def _has_tls() -> bool:
    return importlib.util.find_spec("broker.net.tls") is not None
