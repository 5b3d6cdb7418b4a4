"""An unmodified client with a downloaded ``.creds`` file, and what another namespace can see of it: nothing."""

import asyncio

import nats.errors
import pytest

from tests.stack.conftest import Tenant, new_tenant
from tests.support.clients import connect
from tests.support.processes import resident_bytes
from tests.support.stack import Stack
from tests.support.tail import Tail
from tests.support.wait import until
from tests.support.websocket import open_socket, receive_json


async def test_publish_subscribe_and_request(stack: Stack, tenant: Tenant) -> None:
    one = await connect(stack.nats_url, tenant.creds)
    other = await connect(stack.nats_url, tenant.creds)

    async def answer(message: nats.aio.client.Msg) -> None:
        await message.respond(message.data.upper())

    await other.subscribe("echo", cb=answer)
    await other.flush()
    assert (await one.request("echo", b"hello", timeout=5)).data == b"HELLO"
    with pytest.raises(nats.errors.NoRespondersError):
        await one.request("nobody", b"", timeout=5)
    await one.close()
    await other.close()


async def test_messages_arrive_in_the_live_tail(stack: Stack, tenant: Tenant) -> None:
    async with Tail(tenant.console, tenant.namespace, [">"]) as tail:
        client = await connect(stack.nats_url, tenant.creds)
        for number in range(100):
            await client.publish("orders.new", b"%d" % number, headers={"n": str(number)})
        await client.flush()

        async def all_shown() -> bool:
            return len(tail.records) >= 100

        await until(all_shown, "a hundred messages in the tail")
        await client.close()
    assert tail.payloads == [b"%d" % n for n in range(100)]
    assert {r.subject for r in tail.records} == {b"orders.new"}
    assert tail.counters["seen"] == tail.counters["shown"] == 100


async def test_a_stalled_tab_costs_the_web_program_its_window_and_no_more(
    stack: Stack, tenant: Tenant
) -> None:
    """A page that reads nothing while 100 MB pass: daphne, which would buffer without end, is given eight frames."""
    socket = await open_socket(tenant.console, f"/ws/namespaces/{tenant.namespace}/tail")
    await socket.send('{"op": "open"}')
    assert (await receive_json(socket))["op"] == "opened"
    client = await connect(stack.nats_url, tenant.creds)
    async with Tail(tenant.console, tenant.namespace, [">"]) as reader:
        web = stack.child("web")
        before = resident_bytes(web)
        for number in range(100):
            for _ in range(100):
                await client.publish("flood", bytes(10_000))
            await client.flush()
            reader.records.clear()

            async def counted(seen: int = (number + 1) * 100) -> bool:
                return reader.counters["seen"] >= seen

            await until(counted, "every message on its way through the web program")
        assert resident_bytes(web) - before < 24 * 1024 * 1024
    await asyncio.gather(client.close(), socket.close())


async def test_another_namespace_sees_nothing(
    stack: Stack, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not with a full wildcard, not with the very inbox in use, not in its tail; and its answers reach nobody."""
    stranger = new_tenant(stack, "stranger", tmp_path_factory.mktemp("stranger"))
    inbox = "_INBOX.guessed.1"
    async with Tail(stranger.console, stranger.namespace, [">"]) as tail:
        inside, outside = (
            await connect(stack.nats_url, tenant.creds),
            await connect(stack.nats_url, stranger.creds),
        )
        heard = [
            await outside.subscribe(subject) for subject in (">", "secret.*", inbox, "_INBOX.>")
        ]
        replies = await inside.subscribe(inbox)
        secrets = await inside.subscribe("secret.*")
        await inside.flush()
        await outside.flush()
        await inside.publish("secret.one", b"x", reply=inbox)
        await outside.publish(inbox, b"forged")
        await outside.flush()
        assert (await secrets.next_msg(timeout=5)).data == b"x"
        await outside.publish("done", b"")
        assert (await heard[0].next_msg(timeout=5)).data == b"forged", (
            "its own message, nothing before it"
        )
        assert (await heard[0].next_msg(timeout=5)).subject == "done"
        await inside.flush()
        assert replies.pending_msgs == 0 and [s.pending_msgs for s in heard[:2]] == [0, 0]

        async def tailed() -> bool:
            return len(tail.records) >= 2

        await until(tailed, "the stranger's own messages in its tail")
        assert {r.subject for r in tail.records} == {inbox.encode(), b"done"}
        await asyncio.gather(inside.close(), outside.close())


async def test_a_stranger_is_refused(
    stack: Stack, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without credentials, and with a file whose key does not belong to its JWT."""
    with pytest.raises(nats.errors.Error):
        await nats.connect(stack.nats_url, allow_reconnect=False, connect_timeout=5)
    other = new_tenant(stack, "other", tmp_path_factory.mktemp("other"))
    jwt = tenant.creds.read_text().split("-----BEGIN USER NKEY SEED-----")[0]
    seed = other.creds.read_text().split("-----BEGIN USER NKEY SEED-----")[1]
    mixed = tmp_path_factory.mktemp("mixed") / "mixed.creds"
    mixed.write_text(f"{jwt}-----BEGIN USER NKEY SEED-----{seed}")
    with pytest.raises(nats.errors.Error):
        await connect(stack.nats_url, mixed, allow_reconnect=False)
