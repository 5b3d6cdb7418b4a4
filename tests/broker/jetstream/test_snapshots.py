"""Snapshots go from our broker to nats-server and back: messages, sequences, times and consumers are kept."""

import json
import random
from pathlib import Path
from typing import Any

import nats
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from broker import builds
from broker.jetstream import archive, s2
from tests.support.servers import Server
from tests.support.twins import Party, jetstream_server

CONFIG: dict[str, Any] = {
    "name": "S", "subjects": ["s.>"], "allow_msg_ttl": True, "max_msgs": 100_000, "description": "d",
    "allow_msg_schedules": True, "metadata": {"a": "b"},
}  # fmt: skip


async def filled(party: Party, messages: int) -> None:
    await party.api("STREAM.CREATE.S", CONFIG)
    pick = random.Random(1)
    for at in range(messages):
        body = pick.choice([b"", b"x" * 100, pick.randbytes(50), b"%d" % at * 300])
        await party.publish(
            f"s.{at % 7}", body, **({"Own": f"h{at}", "Nats_TTL": "1h"} if at % 3 else {})
        )
    for seq in (1, 5, messages):
        await party.api("STREAM.MSG.DELETE.S", {"seq": seq})
    stream = {"stream_name": "S"}
    for name, config in (
        ("pull", {"durable_name": "pull", "ack_policy": "explicit", "filter_subject": "s.2"}),
        ("fresh", {"durable_name": "fresh", "ack_policy": "all", "metadata": {"k": "v"}}),
        ("push", {"durable_name": "push", "deliver_subject": "to", "ack_policy": "none"}),
    ):
        await party.api(f"CONSUMER.CREATE.S.{name}", stream | {"config": config})
    inbox = party.client.new_inbox()
    sub = await party.client.subscribe(inbox)
    await party.client.publish("$JS.API.CONSUMER.MSG.NEXT.S.pull", b'{"batch":6}', reply=inbox)
    for at in range(6):
        message = await sub.next_msg(5)
        if at in (0, 1, 4):
            await party.client.request(message.reply, b"+ACK", timeout=5)


async def back_up(client: Client, chunk_size: int = 1024) -> tuple[dict[str, Any], list[bytes]]:
    inbox = client.new_inbox()
    sub = await client.subscribe(inbox)
    asked = {"deliver_subject": inbox, "chunk_size": chunk_size, "window_size": 4 * chunk_size}
    answer = await client.request(
        "$JS.API.STREAM.SNAPSHOT.S", json.dumps(asked).encode(), timeout=5
    )
    chunks: list[bytes] = []
    while True:
        message = await sub.next_msg(10)
        if not message.data:
            break
        chunks.append(message.data)
        if message.reply:
            await client.publish(message.reply, b"")
    await sub.unsubscribe()
    return json.loads(answer.data), chunks


async def put_back(client: Client, told: dict[str, Any], chunks: list[bytes]) -> dict[str, Any]:
    asked = {"config": told["config"], "state": told["state"]}
    answer = await client.request("$JS.API.STREAM.RESTORE.S", json.dumps(asked).encode(), timeout=5)
    subject = json.loads(answer.data)["deliver_subject"]
    for chunk in (*chunks, b""):
        said = (await client.request(subject, chunk, timeout=10)).data
        if said:
            return dict(json.loads(said))
    raise AssertionError("the end of a snapshot is answered")


async def everything(party: Party) -> list[Any]:
    """All that must survive."""
    party.transcript.clear()
    info = await party.api("STREAM.INFO.S", {"deleted_details": True, "subjects_filter": ">"})
    found: list[Any] = [info["state"]]
    for seq in range(info["state"]["last_seq"] + 1):
        answer = await party.client.request("$JS.API.STREAM.MSG.GET.S", b'{"seq":%d}' % seq)
        found.append(json.loads(answer.data).get("message"))
    for name in (await party.api("CONSUMER.NAMES.S"))["consumers"]:
        await party.api(f"CONSUMER.INFO.S.{name}")
    for entry in party.transcript:
        for part in ("delivered", "ack_floor"):
            if part in entry:
                entry[part].pop("last_active", None)
        entry.get("config", {}).pop("metadata", None)
    return found + party.transcript[1:]


@pytest.mark.parametrize("way", ["ours to theirs", "theirs to ours", "ours to ours"])
async def test_a_snapshot_restores_everything_on_the_other_server(
    both_servers: tuple[Server, Server], way: str
) -> None:
    ours, theirs = both_servers
    from_, to = {
        "ours to theirs": (ours, theirs),
        "theirs to ours": (theirs, ours),
        "ours to ours": (ours, ours),
    }[way]
    source, target = Party(await nats.connect(from_.url)), Party(await nats.connect(to.url))
    try:
        await filled(source, 300)
        wanted = await everything(source)
        told, chunks = await back_up(source.client)
        assert len(chunks) > 4, "the window is used"
        await source.api("STREAM.DELETE.S")
        answer = await put_back(target.client, told, chunks)
        assert "error" not in answer, answer
        restored = await everything(target)
        if to is theirs:  # which dates the end of a stream anew when its last message was deleted
            restored[0]["last_ts"] = wanted[0]["last_ts"]
        assert restored == wanted
        published = await target.publish("s.more", b"x")
        assert published["seq"] == 301
        inbox = target.client.new_inbox()
        sub = await target.client.subscribe(inbox)
        await target.client.publish("$JS.API.CONSUMER.MSG.NEXT.S.pull", b"1", reply=inbox)
        assert (await sub.next_msg(5)).reply.split(".")[5] == "45", (
            "the seventh of its subject is next"
        )
    finally:
        for party in (source, target):
            await party.api("STREAM.DELETE.S")
            await party.client.close()


async def test_who_subscribes_after_the_answer_gets_all_of_it(
    both_servers: tuple[Server, Server],
) -> None:
    """As jsm.go does, while a subscription with a wildcard already takes whatever comes to its inboxes."""
    party = Party(await nats.connect(both_servers[0].url))
    client = party.client
    try:
        await filled(party, 60)
        passed_over = await client.subscribe("late.>")
        asked = b'{"deliver_subject":"late.inbox"}'
        for again in range(3):
            await client.request("$JS.API.STREAM.SNAPSHOT.S", asked, timeout=5)
            sub = await client.subscribe("late.inbox")
            data = b""
            while (message := await sub.next_msg(5)).data:
                data += message.data
                if message.reply:
                    await message.respond(b"")
            entries = archive.Reader(100_000).feed(s2.Decoder().feed(data))
            assert entries[0].name == b"state.json", again
            assert len([each for each in entries if each.seq]) == 57
            await sub.unsubscribe()
        await passed_over.unsubscribe()
        inbox = await client.subscribe("other.*")  # nobody will come who asks for it by name
        asked = b'{"deliver_subject":"other.inbox"}'
        await client.request("$JS.API.STREAM.SNAPSHOT.S", asked, timeout=5)
        assert (await inbox.next_msg(5)).data.startswith(s2.BEGIN)
    finally:
        await party.api("STREAM.DELETE.S")
        await client.close()


async def test_what_can_not_be_restored_leaves_no_stream(
    both_servers: tuple[Server, Server],
) -> None:
    party = Party(await nats.connect(both_servers[0].url))
    try:
        await filled(party, 60)
        told, chunks = await back_up(party.client)
        whole = b"".join(chunks)
        refused = await party.api(
            "STREAM.RESTORE.S", {"config": told["config"], "state": told["state"]}
        )
        assert refused["error"]["err_code"] == 10130
        await party.api("STREAM.DELETE.S")
        damaged = bytearray(whole)
        damaged[len(s2.BEGIN) + 5] ^= (
            0x10  # a checksum; where content repeats, not all else is noticed
        )
        for data in (whole[:-20], b"nonsense" * 100, bytes(damaged), whole[:10]):
            answer = await put_back(party.client, told, [data])
            assert answer["error"]["err_code"] == 10062
            assert (await party.api("STREAM.INFO.S"))["error"]["err_code"] == 10059
        assert "error" not in await put_back(party.client, told, [whole])
    finally:
        await party.api("STREAM.DELETE.S")
        await party.client.close()


async def test_a_stream_that_is_being_restored_is_nobodys_and_goes_with_a_kill(
    tmp_path: Path,
) -> None:
    with jetstream_server(True, tmp_path) as server:
        party = Party(await nats.connect(server.url))
        await filled(party, 60)
        told, chunks = await back_up(party.client)
        await party.api("STREAM.DELETE.S")
        asked = {"config": told["config"], "state": told["state"]}
        subject = (await party.api("STREAM.RESTORE.S", asked))["deliver_subject"]
        for chunk in chunks[: len(chunks) // 2]:
            assert (await party.client.request(subject, chunk, timeout=5)).data == b""
        for operation in ("INFO", "PURGE", "DELETE"):
            assert (await party.api(f"STREAM.{operation}.S"))["error"]["err_code"] == 10059
        assert (await party.api("STREAM.NAMES"))["streams"] is None
        assert (await party.api("STREAM.CREATE.S", CONFIG))["error"]["err_code"] == 10058
        await party.client.close()
        server.kill()
        server.start()
        party = Party(await nats.connect(server.url))
        assert (await party.api("STREAM.INFO.S"))["error"]["err_code"] == 10059
        assert "error" not in await put_back(party.client, told, chunks)
        await party.client.close()


def test_plain_chunks_are_read_whatever_pieces_they_come_in() -> None:
    pick = random.Random(3)
    data = pick.randbytes(200_000)
    stream = s2.BEGIN + s2.encode(data)
    decoder, found, at = s2.Decoder(), b"", 0
    while at < len(stream):
        size = pick.choice([1, 3, 100, 70_000])
        found += decoder.feed(stream[at : at + size])
        at += size
    assert found == data and decoder.is_between_chunks


@given(
    st.lists(
        st.tuples(st.binary(max_size=90), st.integers(1, 3000), st.binary(max_size=70)), max_size=8
    )
)
def test_what_is_compressed_is_decoded_by_both_builds(
    parts: list[tuple[bytes, int, bytes]],
) -> None:
    data = b"".join(piece * times + rest for piece, times, rest in parts)[:300_000]
    chunks = s2.encode(data)
    assert s2.Decoder().feed(s2.BEGIN + chunks) == data
    with pytest.MonkeyPatch.context() as plain:
        plain.setattr(builds, "speedups", None)
        assert s2.Decoder().feed(s2.BEGIN + chunks) == data
    if builds.speedups is not None and len(data) > 100 * sum(len(a) + len(b) for a, _, b in parts):
        assert len(chunks) < len(data) // 4, "what repeats takes little"


def test_a_checksum_is_the_one_that_snappy_masks() -> None:
    assert s2.checksum(b"123456789") == (
        ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    )
    assert s2.checksum(b"12345678") != s2.checksum(b"123456789")


@pytest.mark.parametrize(
    ("block", "plain"),
    [
        (b"\x05\x10hello", b"hello"),
        (b"\x0a\x10hello\x05\x05", b"hellohello"[:10]),
        (b"\x0c\x00a\x1d\x01", b"a" * 12),
        (b"\x0d\x04ab\x1e\x02\x00\x01\x00", None),
        (b"\x05\x10hell", None),
        (b"\x09\x10hello\x01\x09", None),
    ],
)
def test_blocks_are_decoded_or_refused(block: bytes, plain: bytes | None) -> None:
    if plain is None:
        with pytest.raises(s2.S2Error):
            s2.decode_block(block)
    else:
        assert s2.decode_block(block) == plain


def test_an_archive_is_read_entry_by_entry() -> None:
    entries = [
        archive.Entry(b"state.json", 5, 0, b"", b"{}"),
        archive.Entry(b"a.b", -7, 1 << 40, b"NATS/1.0\r\n\r\n", b"x" * 1000),
        archive.Entry(b"c", 0, 3, b"", b""),
    ]
    data = archive.MAGIC + b"".join(map(archive.encode, [*entries, archive.END]))
    reader = archive.Reader(2000)
    found = [entry for at in range(len(data)) for entry in reader.feed(data[at : at + 1])]
    assert found == entries and reader.ended
    with pytest.raises(archive.ArchiveError):
        archive.Reader(500).feed(data)


async def test_advisories_tell_of_snapshots_and_restores_alike(
    both_servers: tuple[Server, Server],
) -> None:
    told: list[list[tuple[str, list[str], list[str]]]] = []
    for server in both_servers:
        party = Party(await nats.connect(server.url))
        sub = await party.client.subscribe("$JS.EVENT.ADVISORY.STREAM.>")
        await filled(party, 60)
        state, chunks = await back_up(party.client)
        await party.api("STREAM.DELETE.S")
        await put_back(party.client, state, chunks)
        await party.api("STREAM.DELETE.S")
        found = []
        for _ in range(8):
            message = await sub.next_msg(5)
            content = json.loads(message.data)
            found.append((message.subject, list(content), list(content.get("client", ()))))
        told.append(found)
        await party.client.close()
    assert told[0] == told[1]
