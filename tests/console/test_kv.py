"""Key-value buckets over HTTP, made and read by nats-py on the other side, before our broker and before nats-server."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.kv import KeyValue

from console.services import credentials
from tests.console.desk import Desk, both

pytestmark = pytest.mark.django_db(transaction=True)


def client(desk: Desk, directory: Path, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """What ``work`` gives with nats-py's JetStream of this namespace."""
    issued = credentials.issue(actor=desk.cast.actor, namespace=desk.namespace, name="kv")
    file = directory / "kv.creds"
    file.write_text(issued.creds)

    async def run() -> Any:
        connection = await nats.connect(desk.engine.url, user_credentials=str(file))
        try:
            return await work(connection.jetstream())
        finally:
            await connection.close()

    return asyncio.run(run())


def values(history: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    return [(one["operation"], base64.b64decode(one["payload_base64"])) for one in history]


@both
def test_what_the_page_puts_a_client_reads_and_the_other_way(desk: Desk, tmp_path: Path) -> None:
    made = desk.ask("post", "kv", {"bucket": "CONF", "history": 5, "ttl": 3600 * 10**9})
    assert made.status_code == 201, made.content
    assert (made.json()["history"], made.json()["bucket"]) == (5, "CONF")
    put = desk.ask("put", "kv/CONF/entry?key=app.size", {"payload": "10"})
    assert put.json() == {"revision": 1}

    async def work(js: Any) -> tuple[bytes, Any]:
        bucket: KeyValue = await js.key_value("CONF")
        assert (await bucket.status()).history == 5
        entry = await bucket.get("app.size")
        await bucket.put("app.size", b"11")
        await bucket.put("other/key=1", b"\xff")
        await bucket.delete("app.size")
        return entry.value, entry.revision

    assert client(desk, tmp_path, work) == (b"10", 1)
    listed = desk.get("kv/CONF")
    assert [(one["key"], one["operation"]) for one in listed["keys"]] == [
        ("app.size", "DEL"), ("other/key=1", "PUT"),
    ]  # fmt: skip
    assert desk.get("kv/CONF?filter=other/*")["total_count"] == 0
    assert desk.get("kv/CONF?filter=*.size")["total_count"] == 1
    history = desk.get("kv/CONF/entry?key=app.size")["history"]
    assert values(history) == [("DEL", b""), ("PUT", b"11"), ("PUT", b"10")]
    (bucket,) = desk.get("kv")["buckets"]
    assert (bucket["bucket"], bucket["keys"], bucket["values"]) == ("CONF", 2, 4)


def test_a_value_is_put_only_over_the_revision_that_was_looked_at(desk: Desk) -> None:
    desk.ask("post", "kv", {"bucket": "CONF"})
    entry = "kv/CONF/entry?key=a"
    assert desk.ask("put", entry, {"payload": "1", "revision": 0}).json() == {"revision": 1}
    stale = desk.ask("put", entry, {"payload": "x", "revision": 0})
    assert (stale.status_code, stale.json()["type"]) == (412, "precondition_failed")
    assert desk.ask("put", entry, {"payload": "2", "revision": 1}).json() == {"revision": 2}
    assert desk.ask("delete", entry + "&purge=1").status_code == 200
    assert values(desk.get(entry)["history"]) == [("PURGE", b"")]


def test_what_is_no_bucket_or_key_is_refused_by_name(desk: Desk) -> None:
    for body, field in (
        ({}, "bucket"),
        ({"bucket": "a.b"}, "bucket"),
        ({"bucket": "b", "history": 65}, "history"),
    ):
        answer = desk.ask("post", "kv", body)
        assert answer.json()["details"][0]["argument_name"] == field
    desk.ask("post", "kv", {"bucket": "b"})
    for key in ("", "a b", ".a", "a.", "a..b", "a>", "*"):
        answer = desk.ask("put", f"kv/b/entry?key={key}", {"payload": "x"})
        assert answer.json()["details"][0]["argument_name"] == "key", key
    assert desk.ask("get", "kv/none").status_code == 404
    assert desk.get("kv/b")["keys"] == []
    assert desk.ask("delete", "kv/b", {"name": "b"}).status_code == 204
    assert desk.get("kv")["total_count"] == 0
