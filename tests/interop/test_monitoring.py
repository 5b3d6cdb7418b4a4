"""Monitoring over HTTP: every answer has nats-server's keys in its order, every error its sentence."""

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
from nats.aio.client import Client

from tests.support.ports import free_ports
from tests.support.servers import NATS_SERVER, OURS, Server, running
from tests.support.shapes import shape
from tests.support.wait import wait_until

CONFIG = """
http: 127.0.0.1:{port}
server_name: twin
server_tags: [blue, "az:1"]
accounts {{
  SYS {{ users: [ {{user: sys, pass: sys}} ] }}
  A {{ users: [ {{user: a, pass: a}} ] }}
}}
system_account: SYS
"""
#: Without a counterpart here: Go's build, and what depends on the server's own subscriptions.
HIDDEN = frozenset(
    ("git_commit", "go", "wireroom_build", "config_digest", "imports", "exports", "mappings")
)

PATHS = [
    "/varz", "/connz", "/connz?auth=1&subs=1", "/connz?subs=detail&limit=1", "/connz?offset=1", "/connz?offset=9",
    "/connz?state=closed", "/connz?state=all&sort=cid", "/connz?acc=A", "/connz?acc=NONE", "/connz?cid=99",
    "/connz?sort=foo", "/connz?sort=stop", "/connz?limit=x", "/connz?limit=99999999999999999999", "/connz?state=foo",
    "/connz?auth=z", "/connz?cid=-1", "/connz?user=a&auth=true", "/connz?mqtt_client=m", "/subsz", "/subsz?test=a.*",
    "/subscriptionsz", "/routez", "/routez?subs=detail", "/gatewayz", "/leafz", "/leafz?subs=q", "/accountz",
    "/accountz?acc=A", "/accountz?acc=NONE", "/accstatz", "/accstatz?unused=1", "/accstatz?unused=maybe", "/jsz",
    "/jsz?accounts=1&streams=true", "/jsz?leader-only=1", "/jsz?limit=a", "/healthz", "/healthz?js-enabled-only=1",
    "/healthz?js-server-only=1&details=true", "/healthz?stream=s", "/healthz?consumer=c&details=1",
    "/healthz?account=A", "/healthz?details=2", "/ipqueuesz", "/raftz", "/raftz?acc=A", "/nothing", "/varz/",
]  # fmt: skip


class Watched:
    """A server with a client in each account, and one that was refused."""

    def __init__(self, server: Server, monitor: int) -> None:
        self.server = server
        self.monitor = monitor
        self.clients: list[Client] = []

    async def meet(self) -> None:
        for name in ("sys", "a"):
            client = await nats.connect(self.server.url, user=name, password=name, name=name)
            self.clients.append(client)
            await client.subscribe("work.*", queue="crew")
            await client.flush()
        with pytest.raises(nats.errors.Error):
            await nats.connect(
                self.server.url, user="a", password="no", allow_reconnect=False, error_cb=_quiet
            )
        wait_until(
            lambda: self.get("/connz?state=closed")[2]["total"] == 2,
            "the records of the probe and of the refused client",
        )

    def get(self, path: str) -> tuple[int, str, Any]:
        """Status, content type, and the body: JSON where it is some."""
        url = f"http://127.0.0.1:{self.monitor}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                body = answer.read().decode()
        except urllib.error.HTTPError as error:
            answer, body = error, error.read().decode()
        kind = answer.headers["Content-Type"]
        return answer.status, kind, json.loads(body) if kind == "application/json" else body


async def _quiet(_error: Exception) -> None:
    """Refusals are expected."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twins() -> AsyncIterator[tuple[Watched, Watched]]:
    """Ours and nats-server, with the same clients."""
    if not NATS_SERVER.available():
        pytest.skip("nats-server is not installed")
    with ExitStack() as stack:
        both = []
        for contender in (OURS, NATS_SERVER):
            (port,) = free_ports(1)
            server = stack.enter_context(running(contender, CONFIG.format(port=port)))
            both.append(Watched(server, port))
        for watched in both:
            await watched.meet()
        yield both[0], both[1]
        for watched in both:
            for client in watched.clients:
                await client.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PATHS)
async def test_answers_are_alike(twins: tuple[Watched, Watched], path: str) -> None:
    ours, theirs = [await asyncio.to_thread(watched.get, path) for watched in twins]
    assert ours[:2] == theirs[:2]
    assert shape(_sorted(ours[2]), HIDDEN) == shape(_sorted(theirs[2]), HIDDEN)


def _sorted(body: Any) -> Any:
    """Accounts come in the order of a map there."""
    for key in ("accounts", "account_statz"):
        if isinstance(body, dict) and isinstance(body.get(key), list):
            body[key].sort(key=str)
    return body


@pytest.mark.asyncio(loop_scope="module")
async def test_root_page_leads_to_every_endpoint(twins: tuple[Watched, Watched]) -> None:
    ours = twins[0]
    status, kind, page = await asyncio.to_thread(ours.get, "/")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    for path in ("/varz", "/connz", "/jsz", "/healthz", "/metrics"):
        assert f'href=".{path}"' in page
        assert (await asyncio.to_thread(ours.get, path))[0] == 200
