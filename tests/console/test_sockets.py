"""The sockets, over a real Redis: who may open one, what it sends, and when it must close."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from redis.asyncio import Redis

from broker.contract import channels
from broker.contract.frames import Counters, TapFrame, encode_record
from broker.contract.reports import Usage
from broker.contract.taps import TapSpec
from console.gateway import notices
from console.live import frames, process, sockets
from console.models import Membership, Namespace, Role, User
from console.routing import sockets as application
from console.services import members, namespaces
from tests.console.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)

HOST = b"127.0.0.1:8000"


class Page:
    """A browser's page with one socket."""

    def __init__(self, path: str, user: User | None, origin: bytes = b"http://" + HOST) -> None:
        headers = [(b"host", HOST), (b"origin", origin)]
        if user is not None:
            self.session_key = sign_in(user)
            name = settings.SESSION_COOKIE_NAME
            headers.append((b"cookie", f"{name}={self.session_key}".encode()))
        self.socket = WebsocketCommunicator(application, path, headers=headers)

    async def open(self) -> bool:
        accepted, _ = await self.socket.connect(5)
        return bool(accepted)

    async def say(self, **message: Any) -> None:
        await self.socket.send_to(text_data=json.dumps(message))

    async def hear(self, timeout_s: float = 5) -> Any:
        """A JSON message, a view frame, or the code with which the socket was closed."""
        output = await self.socket.receive_output(timeout_s)
        if output["type"] == "websocket.close":
            return output["code"]
        if output.get("bytes"):
            return frames.decode(output["bytes"])
        return json.loads(output["text"])

    async def hear_op(self, op: str) -> Any:
        while True:
            found = await self.hear()
            if isinstance(found, dict) and found["op"] == op:
                return found

    async def hear_frame(self) -> Any:
        """The next view frame; a tap that was still for long was said to be away meanwhile."""
        while isinstance(found := await self.hear(), dict) and found["op"] == "broker":
            pass
        return found


def sign_in(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    assert session.session_key is not None
    return session.session_key


class Tap:
    """The broker's end of a tap: publishes frames whose counters go on."""

    def __init__(self, redis: "Redis", spec: TapSpec) -> None:
        self._redis, self.spec = redis, spec
        self.run, self.seq, self.sent, self.filtered = 1, 0, 0, 0

    async def publish(self, count: int, filtered: int = 0, *, lose: bool = False) -> None:
        self.seq += 1
        self.sent += count
        self.filtered += filtered
        records = b"".join(encode_record(1, b"a.b", b"", b"", b"x", 1) for _ in range(count))
        counters = Counters(seen=self.sent + self.filtered, filtered=self.filtered, sent=self.sent)
        frame = TapFrame(self.run, self.seq, 7, counters, count, records)
        if not lose:
            await self._redis.publish(channels.tap_frames(self.spec.id), frame.encode())


@pytest.fixture
async def bus(valkey: Any) -> AsyncIterator["Redis"]:
    client = Redis.from_url(valkey.url)
    yield client
    await process.current().close()
    await client.aclose()


@pytest.fixture
def namespace(cast: Cast) -> Namespace:
    return cast.namespace()


async def tap_of(bus: "Redis") -> Tap:
    """The tap that the console asked for, begun as the broker does: with a frame at once."""
    async with asyncio.timeout(5):
        while True:
            for tap_id in await bus.smembers(channels.TAPS):
                raw = await bus.get(channels.tap(tap_id.decode()))
                if raw:
                    tap = Tap(bus, TapSpec.from_json(raw))
                    await tap.publish(0)
                    return tap
            await asyncio.sleep(0.01)


async def opened(page: Page, bus: "Redis", **wanted: Any) -> Tap:
    """A tail of this page, up to and with its first frame."""
    await page.say(op="open", **wanted)
    tap = await tap_of(bus)
    assert (await page.hear())["op"] == "opened"
    assert (await page.hear_frame())[3] == 0
    return tap


def tail(account: str, user: User | None, **more: Any) -> Page:
    return Page(f"/ws/namespaces/{account}/tail", user, **more)


@pytest.mark.parametrize(
    ("who", "code"),
    [("charlie", 4404), (None, 4401), ("alice", None), ("ed", None), ("vera", None)],
)
async def test_who_may_tail(
    cast: Cast, namespace: Namespace, bus: "Redis", who: str | None, code: int | None
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast[who] if who else None)
    assert await page.open()
    if code is None:
        await opened(page, bus)
    else:
        assert await page.hear() == code


async def test_a_strangers_page_and_an_unknown_path_are_refused(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    for origin in (b"http://evil.example", b"", b"null"):
        page = await sync_to_async(tail)(namespace.id, cast.alice, origin=origin)
        assert not await page.open()
    page = await sync_to_async(Page)("/ws/nothing", cast.alice)
    assert not await page.open()


async def test_frames_arrive_with_exact_counters_and_the_tap_ends_with_the_socket(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    tap = await opened(page, bus, subjects=["a.>"], exclude=["a.c"], mode="one_in", n=3)
    assert (tap.spec.account, tap.spec.subjects, tap.spec.n) == (namespace.id, ("a.>",), 3)
    await tap.publish(3, filtered=4)
    seq, _, counters, count, records = await page.hear()
    assert (seq, count, counters.seen, counters.shown, counters.filtered) == (2, 3, 7, 3, 4)
    assert len(records) > 0
    await tap.publish(5, lose=True)
    await tap.publish(2)
    seq, _, counters, count, _ = await page.hear()
    assert (seq, count, counters.seen, counters.shown, counters.dropped_transit) == (3, 2, 14, 5, 5)
    await page.socket.disconnect()
    async with asyncio.timeout(5):
        while await bus.exists(channels.tap(tap.spec.id)):
            await asyncio.sleep(0.01)
    assert not await bus.smembers(channels.TAPS)


async def test_a_page_that_doesnt_acknowledge_gets_eight_frames_and_the_rest_is_counted(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    tap = await opened(page, bus)
    for _ in range(20):
        await tap.publish(10)
    for expected in range(2, 9):
        assert (await page.hear())[0] == expected
    assert await page.socket.receive_nothing(0.2)
    await page.say(op="ack", seq=8)
    await page.say(op="nothing")
    await page.hear_op("error")
    await tap.publish(1)
    seq, _, counters, count, _ = await page.hear()
    assert (seq, count) == (9, 1)
    assert (counters.seen, counters.shown, counters.dropped_slow_tab) == (201, 71, 130)


async def test_equal_tails_share_one_tap_and_a_hidden_one_gets_counters_only(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    one = await sync_to_async(tail)(namespace.id, cast.vera)
    other = await sync_to_async(tail)(namespace.id, cast.alice)
    for page, subjects in ((one, ["a", "b"]), (other, ["b", "a"])):
        await page.open()
        await page.say(op="open", subjects=subjects)
        await page.say(op="nothing")
        await page.hear_op("error")  # so it has joined before the tap's first frame
    tap = await tap_of(bus)
    for page in (one, other):
        assert (await page.hear_op("opened"))["credit"] == 8
        assert (await page.hear_frame())[3] == 0
    assert len(await bus.smembers(channels.TAPS)) == 1
    await other.say(op="hidden", hidden=True)
    await other.say(op="nothing")
    await other.hear_op("error")
    await tap.publish(4)
    assert (await one.hear_frame())[3] == 4
    async with asyncio.timeout(5):
        while await other.socket.receive_nothing(0.1):
            await tap.publish(0)  # a hidden page is told once a second
    _, _, counters, count, records = await other.hear_frame()
    assert (counters.seen, counters.dropped_hidden, count, records) == (4, 4, 0, b"")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"op": "open", "subjects": ["a..b"]}, "subjects"),
        ({"op": "open", "subjects": "a"}, "subjects"),
        ({"op": "open", "subjects": [">.a"]}, "subjects"),
        ({"op": "open", "subjects": ["a"] * 1 + [str(i) for i in range(20)]}, "subjects"),
        ({"op": "open", "exclude": ["a b"]}, "exclude"),
        ({"op": "open", "headers": ["x"]}, "headers"),
        ({"op": "open", "headers": [{"name": ""}]}, "headers"),
        ({"op": "open", "mode": "some"}, "mode"),
        ({"op": "open", "mode": ["all"]}, "mode"),
        ({"op": "open", "n": True}, "n"),
        ({"op": "open", "payload_contains": 3}, "payload_contains"),
        ({"op": "open", "account": "A"}, "account"),
        ({"op": "ack", "seq": "1"}, "seq"),
        ({"op": "dance"}, "op"),
        ({}, "op"),
    ],
)
async def test_a_faulty_message_is_answered_by_the_fields_name(
    cast: Cast, namespace: Namespace, bus: "Redis", message: dict[str, Any], field: str
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    await page.socket.send_to(text_data=json.dumps(message))
    answer = await page.hear()
    assert (answer["op"], answer["field"]) == ("error", field)
    assert answer["message"]


async def test_opened_is_said_with_the_brokers_first_frame_and_names_the_open_that_it_answers(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    await page.say(op="open", subjects=["slow"])
    await page.say(op="open", subjects=["a..b"])
    assert (await page.hear())["op"] == "error"
    await page.say(op="open", subjects=["a"])
    assert await page.socket.receive_nothing(0.1)
    async with asyncio.timeout(5):
        while (tap := await tap_of(bus)).spec.subjects != ("a",):
            await asyncio.sleep(0.01)
    answer = await page.hear()
    assert (answer["op"], answer["tail"]) == ("opened", 3)
    assert (await page.hear_frame())[3] == 0
    await tap.publish(2)
    assert (await page.hear_frame())[3] == 2
    late = await sync_to_async(tail)(namespace.id, cast.alice)
    await late.open()
    await late.say(op="open", subjects=["a"])
    assert (await late.hear())["tail"] == 1, "the tap of an equal tail has begun"


async def test_a_socket_that_sends_only_faults_is_closed(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    for _ in range(25):
        await page.socket.send_to(text_data="no json")
    found = await page.hear()
    while not isinstance(found, int):
        found = await page.hear()
    assert found == 1008


async def test_a_removed_member_loses_its_tail_at_once(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(tail)(namespace.id, cast.vera)
    await page.open()
    await opened(page, bus)
    await listening(bus)
    membership = await Membership.objects.select_related("user", "project").aget(
        user=cast.vera, project=cast.project
    )
    await sync_to_async(members.remove)(actor=cast.actor, membership=membership)
    assert await page.hear() == 4404


async def test_signing_out_and_deleting_close_the_tail(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    one = await sync_to_async(tail)(namespace.id, cast.vera)
    other = await sync_to_async(tail)(namespace.id, cast.alice)
    await one.open()
    await other.open()
    await listening(bus)
    await sync_to_async(notices.signed_out)(one.session_key)
    assert await one.hear() == 4401
    await sync_to_async(namespaces.delete)(actor=cast.actor, namespace=namespace)
    assert await other.hear() == 4404


async def test_one_user_has_a_bounded_number_of_tails(
    cast: Cast, namespace: Namespace, bus: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    process.current().tails.per_user_max = 1
    first, second = [await sync_to_async(tail)(namespace.id, cast.vera) for _ in range(2)]
    await first.open()
    await opened(first, bus)
    await second.open()
    assert await second.hear() == 4429
    await first.socket.disconnect()
    third = await sync_to_async(tail)(namespace.id, cast.vera)
    await third.open()
    await third.say(op="nothing")
    assert (await third.hear())["op"] == "error"


async def test_the_control_socket_tells_what_happens_in_ones_own_projects(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    mine = await sync_to_async(Page)("/ws/control", cast.vera)
    theirs = await sync_to_async(Page)("/ws/control", cast.charlie)
    for page in (mine, theirs):
        await page.open()
        assert (await page.hear())["op"] == "hello"
    await listening(bus)
    usage = Usage(1.0, 2, 3, 4, 5, 6, 7, 8, 9)
    await bus.sadd(channels.SERVERS, "S")
    await bus.hset(channels.usage("S"), namespace.id, usage.to_json())
    told = await mine.hear_op("usage")
    assert told["namespaces"][namespace.id]["in_msgs"] == 5
    await sync_to_async(notices.changed)(cast.project.pk, "credentials", namespace.id)
    assert (await mine.hear_op("changed"))["namespace_id"] == namespace.id
    await sync_to_async(notices.events)(cast.project.pk, [{"kind": "connect"}])
    assert (await mine.hear_op("event"))["event"] == {"kind": "connect"}
    heard = [await theirs.hear() for _ in range(2)]
    assert {message["op"] for message in heard} == {"servers"}


async def test_the_control_socket_needs_somebody(cast: Cast, bus: "Redis") -> None:
    page = await sync_to_async(Page)("/ws/control", None)
    await page.open()
    assert await page.hear() == 4401


async def test_a_new_role_and_a_sign_out_reach_the_control_socket(
    cast: Cast, namespace: Namespace, bus: "Redis"
) -> None:
    page = await sync_to_async(Page)("/ws/control", cast.charlie)
    await page.open()
    await page.hear_op("hello")
    await listening(bus)
    await sync_to_async(members.add)(
        actor=cast.actor, project=cast.project, email=cast.charlie.email, role=Role.VIEWER
    )
    async with asyncio.timeout(5):
        while not process.current().switchboard._groups.get(notices.project_group(cast.project.pk)):
            await asyncio.sleep(0.01)
    await sync_to_async(notices.signed_out)(page.session_key)
    await page.hear_op("signed_out")
    assert await page.hear() == 4401


def test_bounds_are_what_the_interface_says() -> None:
    assert sockets.CREDIT == 8


async def listening(bus: "Redis") -> None:
    """Until this process listens to notices."""
    async with asyncio.timeout(5):
        while not (await bus.pubsub_numsub(notices.CHANNEL))[0][1]:
            await asyncio.sleep(0.01)
