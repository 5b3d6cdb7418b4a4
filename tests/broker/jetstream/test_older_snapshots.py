"""Snapshots of nats-server 2.10 to 2.14, made by ``tests.support.older_snapshots``, are restored as there."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from typing import Any

import nats
import pytest

from broker import builds
from broker.jetstream import archive, s2, tar_archive
from tests.support.older_snapshots import DIRECTORY, said
from tests.support.servers import Server
from tests.support.side_by_side import differences
from tests.support.twins import Party

VERSIONS = sorted(path.stem for path in DIRECTORY.glob("*.s2"))
SIZE_MAX = 1 << 20


def snapshot(version: str) -> tuple[bytes, dict[str, Any]]:
    content = json.loads((DIRECTORY / f"{version}.json").read_text())
    return (DIRECTORY / f"{version}.s2").read_bytes(), content


def without(name: str, data: bytes) -> bytes:
    """The snapshot without one of its files."""
    plain = s2.Decoder().feed(data)
    found = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as before,
        tarfile.open(fileobj=found, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in before:
            if member.name != name:
                after.addfile(member, before.extractfile(member))
    return s2.BEGIN + s2.encode(found.getvalue())


async def put_back(party: Party, content: dict[str, Any], data: bytes, step: int) -> dict[str, Any]:
    told = content["told"]
    answer = await party.api("STREAM.RESTORE.S", {"config": told["config"], "state": told["state"]})
    assert "error" not in answer, answer
    for at in range(0, len(data) + step, step):
        said_ = await party.client.request(
            answer["deliver_subject"], data[at : at + step], timeout=10
        )
        if said_.data:
            return dict(json.loads(said_.data))
    said_ = await party.client.request(answer["deliver_subject"], b"", timeout=10)
    return dict(json.loads(said_.data))


async def messages(party: Party, last: int) -> list[Any]:
    found = []
    for seq in range(1, last + 1):
        answer = await party.client.request("$JS.API.STREAM.MSG.GET.S", b'{"seq":%d}' % seq)
        found.append(json.loads(answer.data).get("message"))
    return found


async def on_both(
    servers: tuple[Server, Server], content: dict[str, Any], data: bytes
) -> list[tuple[dict[str, Any], Any]]:
    """What ours and nats-server make of it: what they say, and all messages."""
    found = []
    for server in servers:
        party = Party(await nats.connect(server.url))
        try:
            answer = await put_back(party, content, data, 5000)
            if "error" in answer:
                found.append((answer["error"], None))
                continue
            after = await said(party)
            for name in ("spent", "push"):
                # Up to where nothing is awaited, ours has its own floor: older servers left it behind.
                del after["consumers"][name]["ack_floor"]
            found.append((after, await messages(party, after["state"]["last_seq"])))
            published = await party.publish("s.more", b"x")
            assert published["seq"] == after["state"]["last_seq"] + 1
        finally:
            await party.api("STREAM.DELETE.S")
            await party.client.close()
    return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_older_snapshot_restores_what_there_was(
    both_servers: tuple[Server, Server], version: str
) -> None:
    data, content = snapshot(version)
    ours, theirs = await on_both(both_servers, content, data)
    assert differences("", theirs[0], ours[0]) == []
    assert ours[1] == theirs[1]
    assert ours[0]["state"] == content["state"]
    assert sum(message is not None for message in ours[1]) == content["state"]["messages"]
    waiting = content["consumers"]["pull"]["num_ack_pending"]
    assert ours[0]["consumers"]["pull"]["num_ack_pending"] == waiting == 3


async def test_without_an_index_the_records_say_what_was_deleted(
    both_servers: tuple[Server, Server],
) -> None:
    data, content = snapshot(VERSIONS[-1])
    ours, theirs = await on_both(both_servers, content, without("msgs/index.db", data))
    assert differences("", theirs[0], ours[0]) == []
    assert ours[1] == theirs[1]
    assert ours[1] is not None


@pytest.mark.parametrize(
    "change", [lambda data: data[:-40], lambda data: without("meta.inf", data)], ids=["cut", "bare"]
)
async def test_what_is_not_whole_leaves_no_stream(
    both_servers: tuple[Server, Server], change: Callable[[bytes], bytes]
) -> None:
    data, content = snapshot(VERSIONS[-1])
    party = Party(await nats.connect(both_servers[0].url))
    try:
        answer = await put_back(party, content, change(data), 5000)
        assert answer["error"]["err_code"] == 10062
        assert (await party.api("STREAM.INFO.S"))["error"]["err_code"] == 10059
    finally:
        await party.client.close()


# The reader -----------------------------------------------------------------------------------------


def read(plain: bytes, step: int) -> tuple[list[archive.Entry], tar_archive.Reader]:
    reader = tar_archive.Reader(SIZE_MAX)
    found = []
    for at in range(0, len(plain), step):
        found += reader.feed(plain[at : at + step])
    return found, reader


@pytest.mark.parametrize("step", [1, 7, 511, 512, 100_000])
def test_it_is_read_in_pieces_of_any_size(step: int) -> None:
    data, content = snapshot(VERSIONS[0])
    found, reader = read(s2.Decoder().feed(data), step)
    held = [entry for entry in found if entry.seq and reader.holds(entry.seq)]
    assert len(held) == content["state"]["messages"]
    assert (reader.first_seq, reader.last()[0]) == (content["state"]["first_seq"], 700)
    assert reader.ended
    assert {entry.name for entry in found if not entry.seq} == {
        b"consumers/" + name.encode() for name in content["consumers"]
    }


def test_damage_is_refused_or_read_but_never_a_surprise() -> None:
    """Bits are flipped and pieces cut out of what is inside of the compression, whose checksums would tell."""
    plain = s2.Decoder().feed(snapshot(VERSIONS[-1])[0])
    pick = random.Random(7)
    refused = 0
    for _ in range(400):
        bent = bytearray(plain)
        for _ in range(pick.choice((1, 1, 3))):
            bent[pick.randrange(len(bent))] ^= 1 << pick.randrange(8)
        if pick.random() < 0.3:
            at = pick.randrange(len(bent))
            del bent[at : at + pick.choice((1, 8, 512, 4096))]
        try:
            found, reader = read(bytes(bent), 50_000)
            reader.last()
            [entry for entry in found if reader.holds(entry.seq)]
        except archive.ArchiveError:
            refused += 1
    assert refused > 40


def blocks(data: bytes) -> list[bytes]:
    """The compressed ones of a stream of chunks, without their checksums."""
    found = []
    while data:
        size = int.from_bytes(data[1:4], "little")
        if data[0] == 0:
            found.append(data[8 : 4 + size])
        data = data[4 + size :]
    return found


def decoded(block: bytes) -> bytes | str:
    try:
        return s2.decode_block(block)
    except s2.S2Error as error:
        return str(error)


@pytest.mark.skipif(builds.speedups is None, reason="nothing compiled: there is no twin to compare")
def test_both_builds_decode_or_refuse_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pick = random.Random(11)
    for block in blocks(snapshot(VERSIONS[0])[0])[:3]:
        bent = [bytearray(block) for _ in range(60)]
        for each in bent[1:]:
            at = pick.choice((pick.randrange(len(each)), pick.randrange(40)))
            each[at] ^= 1 << pick.randrange(8)
            del each[len(each) - pick.choice((0, 0, 1, 30)) :]
        compiled = [decoded(bytes(each)) for each in bent]
        with monkeypatch.context() as plain:
            plain.setattr(builds, "speedups", None)
            assert [decoded(bytes(each)) for each in bent] == compiled
        assert isinstance(compiled[0], bytes)
        assert any(isinstance(each, str) for each in compiled)
        sums = [s2.checksum(bytes(each[:at])) for at, each in enumerate(bent)]
        with monkeypatch.context() as plain:
            plain.setattr(builds, "speedups", None)
            assert [s2.checksum(bytes(each[:at])) for at, each in enumerate(bent)] == sums


def test_what_is_kept_until_the_end_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = s2.Decoder().feed(snapshot(VERSIONS[-1])[0])
    monkeypatch.setattr(tar_archive, "HELD_MAX", 5_000)
    with pytest.raises(archive.ArchiveError, match="too large"):
        read(plain, 1000)
    with pytest.raises(archive.ArchiveError, match="exceeds maximum payload"):
        tar_archive.Reader(64).feed(plain)
