"""A PostgreSQL of one's own for a test, from the system's package: on loopback, in a directory that goes away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import free_ports

USER = "wireroom"


def binaries() -> Path | None:
    """Where its programs are: on the path, or where Debian puts them; the newest."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def why_not() -> str:
    """Why it can't be run here, "" if it can."""
    if binaries() is None:
        return "no PostgreSQL: install Debian's package postgresql"
    try:
        pwd.getpwnam(_account() or "root")
    except KeyError:
        return "PostgreSQL refuses to run as root, and there is no user postgres"
    return ""


class Postgres:
    """Running within ``with``; ``url`` is what DATABASE_URL takes."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="wireroom-postgres-"))
        (self._port,) = free_ports(1)
        self.url = f"postgres://{USER}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        account = _account()
        if account is not None:
            shutil.chown(self._directory, account, account)
        self._run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        log = str(self._directory / "log")
        self._run("pg_ctl", "-w", "-l", log, "-o", settings, "start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._directory)

    def _run(self, program: str, *arguments: str) -> None:
        """The server that stays behind must not hold our pipes: nothing is captured."""
        where, account = binaries(), _account()
        assert where is not None
        subprocess.run(
            [where / program, "-D", self._directory / "data", *arguments],
            cwd=self._directory, user=account, group=account, check=True, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _account() -> str | None:
    """Whom to run it as; None for this user."""
    return "postgres" if os.geteuid() == 0 else None
