"""A revoked credential: closed within a second, refused afterwards, also by a broker restarted without Redis."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import nats.errors
import pytest

from tests.stack.conftest import Tenant, new_tenant
from tests.support.clients import connect
from tests.support.stack import ROOT, Stack
from tests.support.wait import wait_until

CLOSED_WITHIN_S = 1.0


async def revoke(tenant: Tenant) -> dict[str, object]:
    path = f"/api/namespaces/{tenant.namespace}/credentials/{tenant.credential}"
    return dict(await asyncio.to_thread(tenant.console.delete, path))


async def test_its_connections_close_within_a_second_and_it_stays_out(
    stack: Stack, tenant: Tenant
) -> None:
    _, kept = tenant.console.create_credential(tenant.namespace, "kept", tenant.creds.parent)
    closed = asyncio.Event()

    async def on_disconnect() -> None:
        closed.set()

    client = await connect(
        stack.nats_url, tenant.creds, disconnected_cb=on_disconnect, allow_reconnect=False
    )
    other = await connect(stack.nats_url, kept)
    began = time.monotonic()
    answer = await revoke(tenant)
    await asyncio.wait_for(closed.wait(), 5)
    assert time.monotonic() - began < CLOSED_WITHIN_S
    assert answer["closed_connections"] == 1
    with pytest.raises(nats.errors.Error):
        await connect(stack.nats_url, tenant.creds, allow_reconnect=False)
    await other.flush()
    await asyncio.gather(client.close(), other.close())


async def test_a_broker_restarted_without_redis_refuses_it_too(
    own_stack: Stack, tmp_path: Path
) -> None:
    tenant = new_tenant(own_stack, "revoked", tmp_path)
    _, kept = tenant.console.create_credential(tenant.namespace, "kept", tmp_path)
    await (await connect(own_stack.nats_url, tenant.creds)).close()
    await revoke(tenant)
    await asyncio.to_thread(own_stack.stop)
    with broker_alone(own_stack, tmp_path) as process:
        with pytest.raises(nats.errors.Error):
            await connect(own_stack.nats_url, tenant.creds, allow_reconnect=False)
        client = await connect(own_stack.nats_url, kept, allow_reconnect=False)
        await client.flush()
        await client.close()
        process.terminate()
    await asyncio.to_thread(own_stack.start)


def broker_alone(stack: Stack, directory: Path) -> "subprocess.Popen[bytes]":
    """The broker as production starts it, with a Redis that isn't there."""
    environment = os.environ | {"REDIS_URL": f"unix://{directory}/nothing-here"}
    config = stack.data_dir / "broker" / "server.conf"
    with (directory / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker", "-c", str(config)],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    wait_until(lambda: b"Server is ready" in (directory / "broker.log").read_bytes(), "the broker")
    return process
