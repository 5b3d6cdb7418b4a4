"""JetStream as tenants of the console have it: on by default, within limits, gone with the namespace."""

import asyncio
from pathlib import Path

import pytest
from nats.js.errors import APIError

from tests.stack.conftest import Tenant, new_tenant
from tests.support.clients import connect
from tests.support.stack import Stack
from tests.support.wait import wait_until


async def test_streams_live_in_a_namespace_and_go_with_it(own_stack: Stack, tmp_path: Path) -> None:
    tenant = new_tenant(own_stack, "streams", tmp_path)
    (tmp_path / "others").mkdir()
    other = new_tenant(own_stack, "others", tmp_path / "others")
    client, stranger = [await connect(own_stack.nats_url, t.creds) for t in (tenant, other)]
    js = client.jetstream()
    await js.add_stream(name="ORDERS", subjects=["orders.>"])
    assert (await js.publish("orders.1", b"kept")).seq == 1
    bucket = await js.create_key_value(bucket="settings")
    await bucket.put("colour", b"blue")
    assert not await stranger.jetstream().streams_info()

    with pytest.raises(APIError):
        await js.add_stream(name="HUGE", max_bytes=2**60)

    directory = own_stack.data_dir / "broker" / "jetstream" / tenant.namespace
    assert directory.is_dir()
    await restart(own_stack)
    js = client.jetstream()
    assert (await js.stream_info("ORDERS")).state.messages == 1
    entry = await (await js.key_value("settings")).get("colour")
    assert entry.value == b"blue"
    await asyncio.gather(client.close(), stranger.close())

    await delete(tenant, "streams")
    await asyncio.to_thread(wait_until, lambda: not directory.exists(), "the streams' end")


async def test_streams_of_a_namespace_that_was_deleted_meanwhile_go_at_the_start(
    own_stack: Stack, tmp_path: Path
) -> None:
    tenant = new_tenant(own_stack, "meanwhile", tmp_path)
    client = await connect(own_stack.nats_url, tenant.creds)
    await client.jetstream().add_stream(name="S")
    await client.close()
    directory = own_stack.data_dir / "broker" / "jetstream" / tenant.namespace
    (own_stack.data_dir / "aside").mkdir()
    kept = directory.rename(own_stack.data_dir / "aside" / "streams")
    await delete(tenant, "meanwhile")
    await asyncio.to_thread(own_stack.stop)
    kept.rename(directory)
    await asyncio.to_thread(own_stack.start)
    await asyncio.to_thread(wait_until, lambda: not directory.exists(), "the streams' end")


async def restart(stack: Stack) -> None:
    await asyncio.to_thread(stack.stop)
    await asyncio.to_thread(stack.start)


async def delete(tenant: Tenant, name: str) -> None:
    await asyncio.to_thread(
        tenant.console.delete, f"/api/namespaces/{tenant.namespace}", {"name": name}
    )
