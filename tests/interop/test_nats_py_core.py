"""nats-py, unmodified: what a program does with core NATS."""

from __future__ import annotations

import asyncio
from collections import Counter

import nats.errors
import nats.micro
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from tests.interop.conftest import Connect
from tests.support.servers import Server
from tests.support.wait import until

DEADLINE_S = 30


async def _take(subscription: Subscription, count: int) -> list[Msg]:
    return [await subscription.next_msg(timeout=DEADLINE_S) for _ in range(count)]


async def test_message_reaches_its_subscriber(server: Server, connect: Connect) -> None:
    alice, bob = await connect(server), await connect(server)
    subscription = await bob.subscribe("plain.subject")
    await bob.flush()
    await alice.publish("plain.subject", b"\x00\r\nMSG not a frame\r\n\xff", reply="answer.here")
    (message,) = await _take(subscription, 1)
    assert (message.subject, message.reply) == ("plain.subject", "answer.here")
    assert message.data == b"\x00\r\nMSG not a frame\r\n\xff"


@pytest.mark.parametrize(
    ("name", "matching", "others"),
    [
        ("wild.*", ["wild.a"], ["wild", "wild.a.b"]),
        ("wild.*.c", ["wild.a.c", "wild.b.c"], ["wild.a.d", "wild.c"]),
        ("wild.>", ["wild.a", "wild.a.b.c"], ["wild", "wilder.a"]),
        ("wild.a", ["wild.a"], ["wild.A", "wild.a.a"]),
    ],
)
async def test_wildcards(
    server: Server, connect: Connect, name: str, matching: list[str], others: list[str]
) -> None:
    client = await connect(server)
    subscription = await client.subscribe(name)
    for subject in [*others, *matching]:
        await client.publish(subject, subject.encode())
    assert [message.subject for message in await _take(subscription, len(matching))] == matching
    await client.flush()
    assert subscription.pending_msgs == 0


async def test_queue_group_shares_and_plain_subscribers_all_receive(
    server: Server, connect: Connect
) -> None:
    publisher, got = await connect(server), Counter[str]()

    def counter(name: str):  # type: ignore[no-untyped-def]
        async def count(_: Msg) -> None:
            got[name] += 1

        return count

    for name in ("one", "two", "three"):
        member = await connect(server)
        await member.subscribe("jobs", queue="workers", cb=counter(name))
        await member.flush()
    watcher = await connect(server)
    await watcher.subscribe("jobs", cb=counter("watcher"))
    await watcher.flush()
    for _ in range(600):
        await publisher.publish("jobs", b"work")
    await until(lambda: _is(sum(got.values()) == 1200), "all deliveries")
    assert got["watcher"] == 600
    assert min(got[name] for name in ("one", "two", "three")) > 100


async def _is(condition: bool) -> bool:
    return condition


async def test_request_and_reply_many_at_once(server: Server, connect: Connect) -> None:
    service, client = await connect(server), await connect(server)

    async def answer(message: Msg) -> None:
        await message.respond(message.data[::-1])

    await service.subscribe("service.reverse", cb=answer)
    await service.flush()
    requests = [
        client.request("service.reverse", b"%05d" % n, timeout=DEADLINE_S) for n in range(500)
    ]
    answers = await asyncio.gather(*requests)
    assert [message.data for message in answers] == [(b"%05d" % n)[::-1] for n in range(500)]


@pytest.mark.parametrize("old_style", [False, True])
async def test_request_without_responder_fails_at_once(
    server: Server, connect: Connect, old_style: bool
) -> None:
    client = await connect(server)
    with pytest.raises(nats.errors.NoRespondersError):
        await client.request("nobody.there", b"", timeout=DEADLINE_S, old_style=old_style)


async def test_headers_arrive_as_sent(server: Server, connect: Connect) -> None:
    client = await connect(server)
    subscription = await client.subscribe("headed")
    headers = {"Nats-Msg-Id": "42", "X-Empty": "", "x-Case": "kept", "X-Spaced": "a b  c"}
    await client.publish("headed", b"payload", headers=headers)
    await client.publish("headed", b"", headers={"only": "header"})
    await client.publish("headed", b"none")
    first, second, third = await _take(subscription, 3)
    assert (dict(first.headers or {}), first.data) == (headers, b"payload")
    assert (dict(second.headers or {}), second.data) == ({"only": "header"}, b"")
    assert (third.headers, third.data) == (None, b"none")


async def test_unsubscribe_after_a_number_of_messages(server: Server, connect: Connect) -> None:
    client, publisher = await connect(server), await connect(server)
    got: list[bytes] = []

    async def keep(message: Msg) -> None:
        got.append(message.data)

    subscription = await client.subscribe("limited", cb=keep)
    await subscription.unsubscribe(limit=3)
    await client.flush()
    for number in range(10):
        await publisher.publish("limited", b"%d" % number)
    await publisher.flush()
    await client.flush()
    await until(lambda: _is(len(got) >= 3), "three messages")
    assert got == [b"0", b"1", b"2"]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65535, 65536, 1024 * 1024])
async def test_payload_sizes(server: Server, connect: Connect, size: int) -> None:
    client = await connect(server)
    subscription = await client.subscribe(f"sized.{size}")
    payload = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    await client.publish(f"sized.{size}", payload)
    (message,) = await _take(subscription, 1)
    assert message.data == payload


async def test_payload_over_the_limit_is_refused_by_the_limit_in_info(
    server: Server, connect: Connect
) -> None:
    client = await connect(server)
    assert client.max_payload == 1024 * 1024
    with pytest.raises(nats.errors.MaxPayloadError):
        await client.publish("too.large", b"x" * (client.max_payload + 1))


async def test_order_is_kept_for_each_publisher(server: Server, connect: Connect) -> None:
    publishers = [await connect(server) for _ in range(3)]
    receiver = await connect(server)
    subscription = await receiver.subscribe("ordered.*")
    await receiver.flush()

    async def send(number: int, client: Client) -> None:
        for count in range(1000):
            await client.publish(f"ordered.{number}", b"%d" % count)
            if count % 100 == 0:
                await client.flush()

    await asyncio.gather(*(send(number, client) for number, client in enumerate(publishers)))
    seen: dict[str, list[int]] = {}
    for message in await _take(subscription, 3000):
        seen.setdefault(message.subject, []).append(int(message.data))
    assert all(counts == list(range(1000)) for counts in seen.values())
    assert len(seen) == 3


async def test_drain_delivers_what_was_already_sent(server: Server, connect: Connect) -> None:
    client, publisher = await connect(server), await connect(server)
    got: list[bytes] = []

    async def keep(message: Msg) -> None:
        await asyncio.sleep(0)
        got.append(message.data)

    await client.subscribe("drained", cb=keep)
    await client.flush()
    for number in range(1000):
        await publisher.publish("drained", b"%d" % number)
    await publisher.flush()
    await client.flush()
    await client.drain()
    assert len(got) == 1000
    assert client.is_closed


async def test_no_echo_hides_only_ones_own_messages(server: Server, connect: Connect) -> None:
    quiet, other = await connect(server, no_echo=True), await connect(server)
    subscription = await quiet.subscribe("echo")
    await quiet.publish("echo", b"own")
    await quiet.flush()
    await other.publish("echo", b"other")
    (message,) = await _take(subscription, 1)
    assert message.data == b"other"


async def test_verbose_and_pedantic(server: Server, connect: Connect) -> None:
    client = await connect(server, verbose=True, pedantic=True)
    subscription = await client.subscribe("verbose.>")
    for number in range(100):
        await client.publish(f"verbose.{number}", b"x")
    assert len(await _take(subscription, 100)) == 100
    await client.flush()


async def test_round_trip_and_server_facts(server: Server, connect: Connect) -> None:
    client = await connect(server)
    await client.flush()
    assert client.connected_server_version.major == 2
    assert client.connected_url is not None and client.connected_url.port == server.port
    assert client.client_id > 0
    assert (await client.rtt()) >= 0


async def test_micro_service_answers_ping_info_and_stats(server: Server, connect: Connect) -> None:
    worker, client = await connect(server), await connect(server)
    service = await nats.micro.add_service(worker, name="echo", version="1.0.0")

    async def echo(request: nats.micro.Request) -> None:
        await request.respond(request.data)

    await service.add_endpoint(name="say", handler=echo)
    await worker.flush()
    assert (await client.request("say", b"hello", timeout=DEADLINE_S)).data == b"hello"
    for verb in ("PING", "INFO", "STATS"):
        answer = await client.request(f"$SRV.{verb}.echo", b"", timeout=DEADLINE_S)
        assert b'"name": "echo"' in answer.data or b'"name":"echo"' in answer.data
    await service.stop()
