"""The contenders: our broker and nats-server, started alike on a free loopback port.

A server is a child process with its log in a temporary directory; it is stopped with SIGTERM and, when
that doesn't end it, SIGKILL. CPU and memory come from /proc, so they cover every thread of the server
and nothing of the load generator.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_DEADLINE_S = 10.0
STOP_DEADLINE_S = 5.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
REPOSITORY = Path(__file__).resolve().parents[2]


class BenchmarkError(Exception):
    """A case could not be measured; the text says which server did what."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that can take part: its name in the table and the command that starts it."""

    name: str
    command: tuple[str, ...]


OURS = Contender("ours", (sys.executable, "-m", "broker"))
NATS_SERVER = Contender("nats-server", ("nats-server",))
CONTENDERS = (OURS, NATS_SERVER)


@dataclass(slots=True)
class Server:
    """One running contender."""

    contender: Contender
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    config: str = field(default="")

    @property
    def name(self) -> str:
        return self.contender.name

    def cpu_s(self) -> float:
        """User and system seconds of all its threads since it started, in steps of one clock tick."""
        fields = _proc(self, "stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_bytes(self) -> int:
        """Resident memory, shared pages included."""
        return int(_proc(self, "statm").split()[1]) * _PAGE_BYTES

    def settled_rss_bytes(self, deadline_s: float = 10.0) -> int:
        """Resident memory once two readings half a second apart differ by less than one per cent."""
        end = time.monotonic() + deadline_s
        before = self.rss_bytes()
        while True:
            time.sleep(0.5)
            now = self.rss_bytes()
            if abs(now - before) < before / 100 or time.monotonic() > end:
                return now
            before = now

    def log_tail(self, lines: int = 5) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _proc(server: Server, name: str) -> str:
    try:
        return Path(f"/proc/{server.process.pid}/{name}").read_text()
    except OSError as error:
        raise BenchmarkError(f"{server.name} is gone: {server.log_tail()}") from error


def available(contender: Contender) -> bool:
    """True when the contender's program can be found (nats-server is a test dependency)."""
    return shutil.which(contender.command[0]) is not None


def version(contender: Contender) -> str:
    """What the contender says to --version, on one line."""
    answer = subprocess.run(
        [*contender.command, "--version"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return (answer.stdout or answer.stderr).strip().splitlines()[0]


@contextmanager
def running(contender: Contender, config: str = "") -> Iterator[Server]:
    """Start one contender with further configuration lines, wait until it greets, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        port, log = _free_port(), Path(directory, "log")
        path = Path(directory, "server.conf")
        path.write_text(f"host: 127.0.0.1\nport: {port}\n{config}\n")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*contender.command, "-c", str(path)],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        server = Server(contender, port, process, log, config)
        try:
            _wait_until_it_greets(server)
            yield server
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_greets(server: Server) -> None:
    end = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=1) as probe:
                if probe.recv(5) == b"INFO ":
                    return
        except OSError:
            time.sleep(0.02)
    raise BenchmarkError(f"{server.name} did not start: {server.log_tail()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
