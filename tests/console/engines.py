"""The engines that the console may stand before, with the configuration that it prints: ours and nats-server."""

import asyncio
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nats
import nats.errors
from django.core.management import call_command

from console.models import Namespace
from tests.support.ports import free_ports
from tests.support.servers import REPOSITORY
from tests.support.wait import wait_until

ENGINES = {"broker": (sys.executable, "-m", "broker"), "nats-server": ("nats-server",)}


class Engine:
    """One of ENGINES; it knows accounts from its resolver's directory, so it needs no Redis."""

    def __init__(self, directory: Path, name: str = "nats-server", *further: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"nats://127.0.0.1:{self.port}"
        self._command = ENGINES[name]
        self._directory = directory
        output = io.StringIO()
        options = ("--no-coordination", "--nats-port", str(self.port), "--dir", str(directory))
        options += further
        call_command("nats_config", *options, stdout=output)
        (directory / "jwt").mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_there(name: str) -> bool:
        return shutil.which(ENGINES[name][0]) is not None

    def put(self, namespace: Namespace) -> None:
        namespace.refresh_from_db()
        (self._directory / "jwt" / f"{namespace.id}.jwt").write_text(namespace.claims)

    def start(self) -> None:
        self.stop()
        log = self._directory / "log"
        command = [*self._command, "-c", str(self._directory / "server.conf"), "-l", str(log)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY)
        wait_until(lambda: log.exists() and "Server is ready" in log.read_text(), "a start", 30)

    def without_jetstream(self) -> None:
        """From its next start on."""
        file = self._directory / "server.conf"
        file.write_text(re.sub(r"jetstream \{[^}]*\}", "", file.read_text()))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            (self._directory / "log").unlink()
            self._process = None


def connects(url: str, creds: Path) -> bool:
    """Whether a client gets in with this file."""
    return asyncio.run(_connects(url, creds))


async def _connects(url: str, creds: Path) -> bool:
    async def quiet(_: Exception) -> None: ...

    try:
        client = await nats.connect(
            url, user_credentials=str(creds), allow_reconnect=False, error_cb=quiet
        )
    except nats.errors.Error:
        return False
    await client.close()
    return True
