"""What is checked before anything starts, and the option each sentence names."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from console.supervisor import checks
from console.supervisor.options import Options, Problem, parse
from tests.contract.valkey import Valkey
from tests.support.ports import free_ports


@pytest.fixture
def options(tmp_path: Path) -> Options:
    http, nats, ws, monitor = free_ports(4)
    return replace(
        parse([], {}),
        http_port=http,
        nats_port=nats,
        ws_port=ws,
        monitor_port=monitor,
        data_dir=tmp_path,
    )


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("http_port", "--http-port"),
        ("nats_port", "--nats-port"),
        ("ws_port", "--ws-port"),
        ("monitor_port", "--monitor-port"),
    ],
)
def test_a_taken_port_names_its_option(
    options: Options, field: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_PORT_GRACE_S", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=f"Port {port} is in use.*{option}"):
            checks.ports(replace(options, **{field: port}))


def test_a_port_that_is_freed_in_a_moment_is_waited_for(options: Options) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    times = iter([0.0, 0.1, 0.2])

    def clock() -> float:
        now = next(times)
        if now == 0.2:
            taken.close()
        return now

    checks.ports(replace(options, http_port=taken.getsockname()[1]), clock)


def test_ports_that_are_off_are_not_looked_at(options: Options) -> None:
    checks.ports(replace(options, ws_port=0, monitor_port=0))


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_a_foreign_address_names_the_option(options: Options, host: str) -> None:
    with pytest.raises(Problem, match="--host"):
        checks.ports(replace(options, host=host))


def test_the_data_directory_is_made_for_this_user_alone(tmp_path: Path) -> None:
    checks.data_dir(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_its_place_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Problem, match="--data-dir"):
            checks.data_dir(path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_an_unwritable_directory_names_the_option(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Problem, match=r"can't be written.*--data-dir"):
        checks.data_dir(tmp_path)


def test_a_second_claim_names_the_first_process_and_the_option(tmp_path: Path) -> None:
    descriptor = checks.lock(tmp_path)
    with pytest.raises(Problem, match=rf"process {os.getpid()}\).*--data-dir"):
        checks.lock(tmp_path)
    os.close(descriptor)
    os.close(checks.lock(tmp_path))


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, os; from pathlib import Path; from console.supervisor import checks\n"
        f"checks.lock(Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).resolve().parents[3])
    os.close(checks.lock(tmp_path))


def test_a_redis_that_answers_is_fine() -> None:
    with Valkey() as valkey:
        checks.redis(valkey.url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@127.0.0.1:9/0",
        "http://:hunter2@127.0.0.1",
        "unix://:hunter2@/no/such/socket",
    ],
)
def test_one_that_does_not_is_named_without_its_password(url: str) -> None:
    with pytest.raises(Problem, match="REDIS_URL") as caught:
        checks.redis(url)
    assert "hunter2" not in str(caught.value)
