"""Our broker and nats-server as child processes, started alike on a free loopback port.

For whatever holds the one beside the other: benchmarks, interop tests, soak runs. A server's log goes to a
temporary directory; it is stopped with SIGTERM and, when that doesn't end it, SIGKILL. CPU and memory
come from /proc, so they cover every thread of the server and nothing of the test.
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
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports

START_DEADLINE_S = 10.0
STOP_DEADLINE_S = 5.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
REPOSITORY = Path(__file__).resolve().parents[2]


class ServerError(Exception):
    """A server did not start, is gone, or did what it must not; the text says which and what."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that can be started: its name in tables and the command."""

    name: str
    command: tuple[str, ...]

    def available(self) -> bool:
        """Whether the program can be found (nats-server is a test dependency)."""
        return shutil.which(self.command[0]) is not None

    def version(self) -> str:
        """What it says to --version, on one line."""
        command = [*self.command, "--version"]
        answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
        return (answer.stdout or answer.stderr).strip().splitlines()[0]


OURS = Contender("ours", (sys.executable, "-m", "broker"))
OURS_IN_PLAIN_PYTHON = Contender("ours", ("env", "WIREROOM_PURE_PYTHON=1", *OURS.command))
NATS_SERVER = Contender("nats-server", ("nats-server",))
CONTENDERS = (OURS, NATS_SERVER)


def kept_store(directory: Path) -> Path:
    """The same directory, as a store whose folder of streams stays when its last stream goes.

    nats-server 2.15 removes that folder, when it is empty, some time after it has answered the deletion; a stream
    made just then is refused (`error creating store for stream`). A file of another name keeps the folder.
    """
    streams = directory / "jetstream" / "$G" / "streams"
    streams.mkdir(parents=True, exist_ok=True)
    (streams / "kept").touch()
    return directory


@dataclass(slots=True)
class Server:
    """One contender on its port, with its directory; `start` after `kill` takes the same port again."""

    contender: Contender
    port: int
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it greets a client."""
        with self._log_path().open("ab") as output:
            self.process = subprocess.Popen(
                [*self.contender.command, "-c", str(self.directory / "server.conf")],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._await_greeting()

    def stop(self) -> None:
        """End it with SIGTERM, or SIGKILL when that takes longer than STOP_DEADLINE_S."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def cpu_s(self) -> float:
        """User and system seconds of all its threads since it started, in steps of one clock tick."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_bytes(self) -> int:
        """Resident memory, shared pages included."""
        return int(self._proc("statm").split()[1]) * _PAGE_BYTES

    def settled_rss_bytes(self, deadline_s: float = 10.0) -> int:
        """Resident memory once two readings half a second apart differ by less than one per cent."""
        end, before = time.monotonic() + deadline_s, self.rss_bytes()
        while True:
            time.sleep(0.5)
            now = self.rss_bytes()
            if abs(now - before) < before / 100 or time.monotonic() > end:
                return now
            before = now

    def log(self) -> str:
        """All that it wrote so far."""
        return self._log_path().read_text(errors="replace")

    def _log_path(self) -> Path:
        return self.directory / "log"

    def _proc(self, name: str) -> str:
        assert self.process is not None
        try:
            return Path(f"/proc/{self.process.pid}/{name}").read_text()
        except OSError as error:
            raise ServerError(f"{self.name} is gone: {self._last_words()}") from error

    def _last_words(self) -> str:
        return " / ".join(self.log().splitlines()[-4:])

    def _await_greeting(self) -> None:
        end = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < end and self.is_running():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    if probe.recv(5) == b"INFO ":
                        return
            except OSError:
                time.sleep(0.02)
        raise ServerError(f"{self.name} did not start: {self._last_words()}")


@contextmanager
def running(contender: Contender, config: str = "") -> Iterator[Server]:
    """Start one contender with further configuration lines; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="server-") as directory:
        server = Server(contender, free_ports(1)[0], Path(directory))
        path = server.directory / "server.conf"
        path.write_text(f"host: 127.0.0.1\nport: {server.port}\n{config}\n")
        try:
            server.start()
            yield server
        finally:
            server.stop()
