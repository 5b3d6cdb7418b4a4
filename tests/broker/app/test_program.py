"""The program as launchers see it: flags, files, log lines, signals, exit statuses, ports."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
listen: 127.0.0.1:-1
http: 127.0.0.1:-1
ports_file_dir: {directory}
pid_file: {directory}/pid
websocket {{ listen: "127.0.0.1:-1", no_tls: true, compression: true }}
authorization {{ users = [ {{user: a, pass: "s3cret-a"}} ] }}
"""


class Program:
    """A running broker with its ports file read."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path) -> None:
        self.process = process
        self.directory = directory
        path = directory / f"nats-server_{process.pid}.ports"
        wait_until(path.exists, "the ports file")
        self.ports: dict[str, list[str]] = json.loads(path.read_text())

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.ports["monitoring"][0] + path, timeout=5) as answer:
            return json.loads(answer.read())

    def signal(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "broker", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=20)


@contextmanager
def program(directory: Path, config: str = CONFIG) -> Iterator[Program]:
    path = directory / "server.conf"
    path.write_text(config.format(directory=directory))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command("-c", str(path)), cwd=ROOT, stderr=log)
        try:
            yield Program(process, directory)
        finally:
            process.kill()
            process.wait(10)


def test_version() -> None:
    answer = run("--version")
    assert (answer.stdout, answer.returncode) == ("nats-server: v2.15.1\n", 0)


def test_bad_config_and_unknown_flag_fail(tmp_path: Path) -> None:
    path = tmp_path / "bad.conf"
    path.write_text("port: {")
    answer = run("-c", str(path))
    assert answer.returncode == 1
    assert "Parse error on line 1" in answer.stderr
    assert run("--foo").returncode == 1


def test_a_store_directory_that_is_none_ends_the_start(tmp_path: Path) -> None:
    """In nats-server's sentence, on both programs."""
    (tmp_path / "file").write_text("no directory")
    arguments = ["-js", "-sd", str(tmp_path / "file"), "-a", "127.0.0.1", "-p", "-1"]
    ends = [run(*arguments)]
    if shutil.which("nats-server"):
        program = ["nats-server", *arguments]
        ends.append(subprocess.run(program, capture_output=True, text=True, timeout=20))
    for end in ends:
        assert end.returncode == 1
        assert "Can't start JetStream: storage directory is not a directory" in end.stderr


def test_configuration_can_be_tested(tmp_path: Path) -> None:
    path = tmp_path / "good.conf"
    path.write_text("port: 4222")
    answer = run("-t", "-c", str(path))
    assert answer.returncode == 0
    assert f"configuration file {path} is valid (sha256:" in answer.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_files_log_and_clean_end(tmp_path: Path, number: int) -> None:
    with program(tmp_path) as server:
        assert (tmp_path / "pid").read_text() == str(server.process.pid)
        wait_until(lambda: "Server is ready" in server.log, "the last line of the start")
        assert re.search(
            r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] "
            r"Listening for client connections on 127\.0\.0\.1:\d+$",
            server.log,
            re.MULTILINE,
        )
        assert server.signal(number) == 0
        assert "Server Exiting.." in server.log
        assert "s3cret-a" not in server.log
        assert not (tmp_path / "pid").exists()
        assert not list(tmp_path.glob("*.ports"))


def test_taken_port_is_named(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        port = server.ports["nats"][0].rpartition(":")[2]
        answer = run("-a", "127.0.0.1", "-p", port)
        assert answer.returncode == 1
        assert f"Error listening on port: 127.0.0.1:{port}" in answer.stderr
        assert "address already in use" in answer.stderr


async def test_monitoring_shows_a_client(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        client = await nats.connect(
            server.ports["nats"][0], user="a", password="s3cret-a", name="me"
        )
        await client.subscribe("x.*")
        await client.publish("x.y", b"12345")
        await client.flush()
        varz = await asyncio.to_thread(server.get, "/varz")
        assert (varz["version"], varz["in_msgs"], varz["in_bytes"]) == ("2.15.1", 1, 5)
        connz = await asyncio.to_thread(server.get, "/connz?subs=detail&auth=1")
        (connection,) = connz["connections"]
        assert (connection["name"], connection["authorized_user"], connection["out_msgs"]) == (
            "me",
            "a",
            1,
        )
        assert connection["subscriptions_list_detail"][0]["subject"] == "x.*"
        assert await asyncio.to_thread(server.get, "/healthz") == {"status": "ok"}
        await client.close()


async def test_reload_replaces_users(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        url = server.ports["nats"][0]
        gone = asyncio.Event()

        async def closed() -> None:
            gone.set()

        client = await nats.connect(
            url, user="a", password="s3cret-a", closed_cb=closed, allow_reconnect=False
        )
        path = tmp_path / "server.conf"
        path.write_text(path.read_text().replace("s3cret-a", "other"))
        server.process.send_signal(signal.SIGHUP)
        await asyncio.wait_for(gone.wait(), 5)
        wait_until(lambda: "Reloaded server configuration" in server.log, "the reload")
        fresh = await nats.connect(url, user="a", password="other")
        await fresh.close()
        await client.close()


def test_lame_duck_without_clients_ends(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        assert server.signal(signal.SIGUSR2) == 0
        assert "Entering lame duck mode, stop accepting new clients" in server.log


def test_signal_flag_reaches_a_pid_file(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        answer = run("--signal", f"quit={tmp_path / 'pid'}")
        assert answer.returncode == 0
        assert server.process.wait(10) == 0


def test_signal_flag_takes_a_pattern_of_pids(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        answer = run("--signal", f"quit={server.process.pid}*")
        assert (answer.returncode, answer.stderr) == (0, "")
        assert server.process.wait(10) == 0


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("nonsense=1", 'unknown signal "nonsense"'),
        ("reload=/no/such/file", "invalid pid: /no/such/file"),
        ("reload=x*", "invalid pid: x"),
        ("reload=999999999*", "no nats-server processes running"),
    ],
)
def test_signal_flag_says_what_is_wrong(command: str, sentence: str) -> None:
    answer = run("--signal", command)
    assert (answer.returncode, answer.stderr) == (1, f"nats-server: {sentence}\n")


def test_ended_at_once_can_start_again_on_its_port(tmp_path: Path) -> None:
    with program(tmp_path) as server:
        port = server.ports["nats"][0].rpartition(":")[2]
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
    with program(
        tmp_path, CONFIG.replace("listen: 127.0.0.1:-1", f"listen: 127.0.0.1:{port}", 1)
    ) as again:
        assert again.ports["nats"] == [f"nats://127.0.0.1:{port}"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_shown_as_the_client_would_write_it(
    tmp_path: Path, address: str
) -> None:
    """One socket takes both families; the kernel gives it IPv4 addresses in IPv6's form."""
    config = CONFIG.replace("listen: 127.0.0.1:-1", "listen: 0.0.0.0:-1").replace(
        "authorization", "#"
    )
    with program(tmp_path, config) as running:
        port = int(running.ports["nats"][0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection(address, port)
        info = json.loads((await reader.readline()).removeprefix(b"INFO "))
        assert info["client_ip"] == address
        [shown] = (await asyncio.to_thread(running.get, "/connz"))["connections"]
        assert shown["ip"] == address
        writer.close()
