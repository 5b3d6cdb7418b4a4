"""The whole product as a newcomer starts it: ``manage.py up`` on free ports in a directory of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.console import Console
from tests.support.ports import free_ports
from tests.support.processes import children
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 150.0


class Stack:
    """``manage.py up``; ``output`` is all it printed, in lines, from its first start on."""

    def __init__(self, directory: Path, *options: str, **environment: str) -> None:
        self.data_dir = directory / "data"
        self.http_port, self.nats_port, self.ws_port, self.monitor_port = free_ports(4)
        self.options = options
        self.environment = environment
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._began_at = 0
        self._person: Console | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def nats_url(self) -> str:
        return f"nats://127.0.0.1:{self.nats_port}"

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self.process is not None
        return self.process.pid

    @property
    def link(self) -> str:
        """The one-time sign-in link that the last start printed, "" if none."""
        found = re.findall(r"https?://\S+/sign-in#token=[\w.~:-]+", self.text)
        return str(found[-1]) if found else ""

    @property
    def person(self) -> Console:
        """Signed in once, since links are rationed; whoever needs another person signs in by hand."""
        if self._person is None:
            self._person = Console(self.url)
            self._person.sign_in(self.manage("login_link").strip())
        return self._person

    @property
    def text(self) -> str:
        """What the last start printed."""
        return "\n".join(self.output[self._began_at :])

    def spawn(self, *further: str) -> None:
        """Start it without waiting."""
        self._began_at = len(self.output)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *self.arguments(), *self.options, *further],
            cwd=ROOT, env=self.variables(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def start(self) -> Self:
        """Start it and wait for the box."""
        self.spawn()
        self.wait_for("Wireroom is running", START_S)
        return self

    def wait_for(self, text: str, deadline_s: float = 20.0) -> None:
        """Until the last start has printed ``text``."""

        def printed() -> bool:
            assert self.process is not None
            ended = self.process.poll() is not None
            if ended and self._reader is not None:
                self._reader.join(5)
            assert text in self.text or not ended, f"ended without '{text}':\n{self.text}"
            return text in self.text

        try:
            wait_until(printed, f"'{text}' in the log", deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text[-4000:]}") from None

    def child(self, name: str) -> int:
        """Process id of "broker", "web" or "valkey", once it runs."""
        sign = {"broker": "-m broker ", "web": "daphne", "valkey": "valkey-server"}[name]

        def find() -> int:
            return next((pid for pid, line in children(self.pid).items() if sign in line), 0)

        return wait_until(find, f"a {name} process")

    def stop(self, deadline_s: float = 30.0) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.ended(deadline_s)

    def kill(self) -> None:
        """kill -9 of the supervisor."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ended(self, deadline_s: float = 30.0) -> int:
        """Wait for its end; the exit status. All it printed is in ``output`` then."""
        assert self.process is not None and self._reader is not None
        status = self.process.wait(deadline_s)
        self._reader.join(5)
        return status

    def arguments(self) -> list[str]:
        return [
            "--http-port", str(self.http_port), "--nats-port", str(self.nats_port),
            "--ws-port", str(self.ws_port), "--monitor-port", str(self.monitor_port),
            "--data-dir", str(self.data_dir),
        ]  # fmt: skip

    def variables(self) -> dict[str, str]:
        """This process's environment without what steers Wireroom, and with what this stack was given."""
        ours = ("WIREROOM_", "DJANGO_", "REDIS_URL", "DATABASE_URL")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return kept | self.environment

    def manage(self, *arguments: str) -> str:
        """Run a management command for this stack's data directory; what it printed."""
        environment = self.variables() | {
            "WIREROOM_DATA_DIR": str(self.data_dir), "WIREROOM_HTTP_PORT": str(self.http_port),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=180,
        ).stdout  # fmt: skip

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line.rstrip("\n"))
