"""kill -9 of each program during traffic: what need not stop doesn't, the rest comes back, nothing stays behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats.errors
import pytest

from tests.stack.conftest import Tenant, new_tenant
from tests.support.clients import connect
from tests.support.processes import children, is_alive
from tests.support.stack import Stack
from tests.support.tail import Tail
from tests.support.wait import until, wait_until

RECOVERY_S = 30.0


class Traffic:
    """Numbered messages from one client to another, without end."""

    def __init__(self) -> None:
        self.got = -1
        self.lost: list[int] = []
        self.disconnects = 0

    async def moves_on(self, count: int = 50) -> None:
        """Until ``count`` more messages have arrived."""
        target = self.got + count

        async def there() -> bool:
            return self.got >= target

        await until(there, f"message {target}", RECOVERY_S)

    async def take(self, message: nats.aio.client.Msg) -> None:
        number = int(message.data)
        self.lost += range(self.got + 1, number)
        self.got = number

    async def disconnected(self) -> None:
        self.disconnects += 1


@asynccontextmanager
async def traffic(stack: Stack, tenant: Tenant) -> AsyncIterator[Traffic]:
    flow = Traffic()
    receiver = await connect(stack.nats_url, tenant.creds, disconnected_cb=flow.disconnected)
    sender = await connect(stack.nats_url, tenant.creds)
    await receiver.subscribe("traffic", cb=flow.take)
    await receiver.flush()

    async def send() -> None:
        number = 0
        while True:
            with suppress(nats.errors.Error):
                await sender.publish("traffic", b"%d" % number)
                number += 1
            await asyncio.sleep(0.002)

    sending = asyncio.create_task(send())
    try:
        await flow.moves_on()
        yield flow
    finally:
        sending.cancel()
        await asyncio.gather(receiver.close(), sender.close())


@pytest.fixture(scope="module")
def owner(own_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    return new_tenant(own_stack, "kills", tmp_path_factory.mktemp("kills"))


async def killed(stack: Stack, name: str) -> None:
    """kill -9, and wait until the supervisor has said that the next one is ready."""
    before = stack.text.count(f"{name}: ready again")
    os.kill(stack.child(name), signal.SIGKILL)

    async def back() -> bool:
        return stack.text.count(f"{name}: ready again") > before

    await until(back, f"{name} started again", RECOVERY_S)
    assert f"{name}: was killed by SIGKILL; starting it again" in stack.text


async def shows_new(tail: Tail) -> None:
    """Messages published from now on come into the tail."""
    count = len(tail.records)

    async def more() -> bool:
        return len(tail.records) > count

    await until(more, "new messages in the tail", RECOVERY_S)


async def test_the_broker(own_stack: Stack, owner: Tenant) -> None:
    async with (
        traffic(own_stack, owner) as flow,
        Tail(owner.console, owner.namespace, ["traffic"]) as tail,
    ):
        await shows_new(tail)
        await killed(own_stack, "broker")
        await flow.moves_on()
        await shows_new(tail)
        assert flow.disconnects == 1


@pytest.mark.parametrize("name", ["web", "valkey"])
async def test_what_is_not_in_the_message_path(own_stack: Stack, owner: Tenant, name: str) -> None:
    async with (
        traffic(own_stack, owner) as flow,
        Tail(owner.console, owner.namespace, ["traffic"]) as tail,
    ):
        await shows_new(tail)
        flow.lost.clear()
        await killed(own_stack, name)
        await flow.moves_on()
        await shows_new(tail)
        assert flow.lost == [] and flow.disconnects == 0, "not one message waits for the console"


async def test_after_all_that_credentials_can_still_be_made_and_used(
    own_stack: Stack, owner: Tenant, tmp_path: Path
) -> None:
    _, creds = owner.console.create_credential(owner.namespace, "later", tmp_path)
    client = await connect(own_stack.nats_url, creds, allow_reconnect=False)
    await client.flush()
    await client.close()


async def test_the_supervisor(own_stack: Stack, owner: Tenant) -> None:
    pids = list(children(own_stack.pid))
    assert len(pids) >= 3
    async with traffic(own_stack, owner) as flow:
        own_stack.kill()
        wait_until(lambda: not any(map(is_alive, pids)), "the end of every child", 5)
        await asyncio.to_thread(own_stack.start)
        await flow.moves_on()
