"""The embedded Valkey: where its socket goes, what its configuration holds, and that the real one takes it."""

from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.supervisor.child import Child
from console.supervisor.options import Problem
from console.supervisor.valkey import (
    SOCKET_NAME,
    SOCKET_PATH_MAX,
    Valkey,
    remove_socket_directory,
    socket_directory,
)
from tests.console.supervisor.test_child import Lines


def test_the_socket_lives_in_the_data_directory(tmp_path: Path) -> None:
    directory = socket_directory(tmp_path)
    assert directory == tmp_path / "run" and directory.stat().st_mode & 0o777 == 0o700


def test_a_long_path_gets_a_short_private_directory_the_same_each_time(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * SOCKET_PATH_MAX)
    directory = socket_directory(data_dir)
    assert directory == socket_directory(data_dir)
    assert len(str(directory / SOCKET_NAME)) <= SOCKET_PATH_MAX
    assert directory.stat().st_mode & 0o777 == 0o700
    remove_socket_directory(directory, data_dir)
    assert not directory.exists()


def test_a_short_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / ("e" * SOCKET_PATH_MAX)
    directory = socket_directory(data_dir)
    directory.chmod(0o777)
    with pytest.raises(Problem, match="--data-dir"):
        socket_directory(data_dir)
    directory.rmdir()


def test_the_password_is_in_no_argument_and_new_each_time(tmp_path: Path) -> None:
    one, other = Valkey(tmp_path / "s"), Valkey(tmp_path / "s")
    assert one.password != other.password and len(one.password) >= 32
    assert one.password not in " ".join(one.program().argv)
    assert one.password not in repr(one) + repr(one.program())


async def test_the_real_one_runs_with_it_and_comes_back_the_same(tmp_path: Path) -> None:
    directory = tmp_path / 'odd "name" %41'
    directory.mkdir()
    store = Valkey(directory / SOCKET_NAME)
    log = Lines()
    child = Child(store.program(), log)
    try:
        await child.start()
        client = redis.Redis.from_url(store.url)
        assert client.set("a", "b")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(store.socket), retry=Retry(NoBackoff(), 0)).ping()
        client.close()
        child.kill()
        await child.stop()
        child = Child(store.program(), log)
        await child.start()
        with redis.Redis.from_url(store.url) as again:
            assert again.ping() and again.get("a") is None
    finally:
        await child.stop()
    assert store.password not in "\n".join(log.lines)
    assert not list(directory.glob("*.rdb"))
