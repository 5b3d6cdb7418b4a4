"""Each program by itself, with a Redis of the operator's own: what the README says of production."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.valkey import Valkey
from tests.stack.conftest import Tenant
from tests.support import postgres
from tests.support.clients import connect
from tests.support.console import Console
from tests.support.ports import free_ports
from tests.support.stack import ROOT
from tests.support.tail import Tail
from tests.support.wait import until, wait_until


class Production:
    """web and broker as an init system would run them, one after the other, in any order."""

    def __init__(self, directory: Path, redis_url: str, **more: str) -> None:
        self.directory = directory
        self.http_port, self.nats_port = free_ports(2)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("WIREROOM_", "DJANGO_"))} | {
            "WIREROOM_DATA_DIR": str(directory / "data"), "WIREROOM_HTTP_PORT": str(self.http_port),
            "WIREROOM_NATS_PORT": str(self.nats_port), "WIREROOM_WS_PORT": "0", "WIREROOM_MONITOR_PORT": "0",
            "REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "console.settings",
        } | more  # fmt: skip

    def manage(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment,
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip

    def run(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.directory / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def web(self) -> "subprocess.Popen[bytes]":
        return self.run("daphne", "-v", "0", "-p", str(self.http_port), "console.asgi:application")

    def broker(self) -> "subprocess.Popen[bytes]":
        return self.run("broker", "-c", str(self.directory / "conf" / "server.conf"))

    def is_healthy(self) -> bool:
        try:
            return bool(Console(f"http://127.0.0.1:{self.http_port}").get("/healthz"))
        except (OSError, AssertionError):
            return False


@pytest.fixture(params=["SQLite, Redis on a socket", "PostgreSQL, Redis over TCP"])
def production(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Production]:
    apart = request.param.startswith("PostgreSQL")
    if apart and (reason := postgres.why_not()):
        pytest.skip(reason)
    with ExitStack() as running:
        valkey = running.enter_context(Valkey(port=free_ports(1)[0] if apart else 0))
        more = {"DATABASE_URL": running.enter_context(postgres.Postgres()).url} if apart else {}
        made = Production(tmp_path, valkey.url, **more)
        made.manage("bootstrap")
        made.manage("nats_config", "--dir", str(tmp_path / "conf"))
        for process in (made.web(), made.broker()):
            running.callback(process.wait, 20)
            running.callback(process.terminate)
        wait_until(made.is_healthy, "the console's health", 30)
        yield made


async def test_the_whole_path_works(production: Production, tmp_path: Path) -> None:
    console = Console(f"http://127.0.0.1:{production.http_port}")
    console.sign_in(production.manage("login_link").strip())
    namespace = console.create_namespace("alone")
    credential, creds = console.create_credential(namespace, "first", tmp_path)
    tenant = Tenant(console, namespace, credential, creds)
    async with Tail(tenant.console, tenant.namespace, [">"]) as tail:
        client = await connect(f"nats://127.0.0.1:{production.nats_port}", creds)
        await client.publish("hello", b"world")
        await client.flush()

        async def shown() -> bool:
            return tail.payloads == [b"world"]

        await until(shown, "the message in the tail")
        await client.close()
