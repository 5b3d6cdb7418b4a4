"""What monitoring tells of JetStream: /jsz, /healthz and the blocks of /varz, as nats-server has them."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import nats
import pytest
import pytest_asyncio

from tests.support.ports import free_ports
from tests.support.servers import NATS_SERVER, OURS, running
from tests.support.shapes import shape

CONFIG = """
http: 127.0.0.1:{port}
server_name: twin
jetstream {{ store_dir: "{directory}", max_mem: 1GB, max_file: 1GB, limits: {{max_ack_pending: 5000}} }}
accounts {{
  A {{ jetstream: {{max_mem: 10MB, max_file: 20MB}}, users: [ {{user: a, pass: a}} ] }}
  B {{ jetstream: enabled, users: [ {{user: b, pass: b}} ] }}
  C {{ users: [ {{user: c, pass: c}} ] }}
}}
no_auth_user: a
"""
HIDDEN = frozenset(
    ("git_commit", "go", "wireroom_build", "config_digest", "store_dir", "metadata", "sync_interval", "peer",
     "sync_always")
)  # fmt: skip
PATHS = [
    "/jsz", "/jsz?acc=A", "/jsz?acc=NONE", "/jsz?accounts=1", "/jsz?streams=1", "/jsz?consumers=1",
    "/jsz?consumers=1&config=1", "/jsz?acc=A&streams=1&config=true", "/jsz?accounts=1&limit=1&offset=1",
    "/jsz?leader-only=1", "/jsz?raft=1&streams=1", "/jsz?stream-leader-only=1&streams=1", "/jsz?direct-consumers=1",
    "/healthz", "/healthz?account=A", "/healthz?account=NONE", "/healthz?account=A&stream=S",
    "/healthz?account=A&stream=NONE", "/healthz?account=A&stream=S&consumer=C",
    "/healthz?account=A&stream=S&consumer=NONE", "/healthz?account=A&stream=NONE&details=1",
    "/healthz?js-enabled-only=1", "/healthz?js-server-only=1", "/varz",
    "/accountz?acc=A", "/accountz?acc=C",
]  # fmt: skip


def get(port: int, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            status, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read().decode()
    return status, json.loads(body) if body.startswith("{") else body


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ports(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[int, int]]:
    """Monitoring ports of ours and of nats-server, each with a stream and a consumer."""
    if not NATS_SERVER.available():
        pytest.skip("nats-server is not installed")
    with ExitStack() as stack:
        found = []
        for contender in (OURS, NATS_SERVER):
            (port,) = free_ports(1)
            directory = tmp_path_factory.mktemp("js")
            config = CONFIG.format(port=port, directory=directory)
            server = stack.enter_context(running(contender, config))
            client = await nats.connect(server.url)
            js = client.jetstream()
            await js.add_stream(name="S", subjects=["s.>"])
            await js.publish("s.a", b"1")
            await js.add_consumer("S", durable_name="C", ack_policy="explicit")
            await client.close()
            found.append(port)
        yield found[0], found[1]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PATHS)
async def test_answers_are_alike(ports: tuple[int, int], path: str) -> None:
    ours, theirs = [await asyncio.to_thread(get, port, path) for port in ports]
    assert ours[0] == theirs[0]
    hidden = HIDDEN | ({"imports", "exports"} if path.startswith("/accountz") else set())
    assert shape(ours[1], frozenset(hidden)) == shape(theirs[1], frozenset(hidden))
