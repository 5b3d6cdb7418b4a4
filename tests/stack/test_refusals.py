"""Starts that can't be: one sentence that names what to change, no traceback, a status other than 0."""

import os
import socket
import time
from pathlib import Path

import pytest

from tests.support.stack import Stack


def refused(stack: Stack, *further: str) -> str:
    """What a refused start says."""
    began = time.monotonic()
    stack.spawn(*further)
    assert stack.ended(20) == 1
    assert time.monotonic() - began < 15
    assert "Traceback" not in stack.text
    return stack.output[-1]


@pytest.mark.parametrize("option", ["--http-port", "--nats-port", "--ws-port", "--monitor-port"])
def test_a_taken_port(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = refused(Stack(tmp_path), option, port)
    assert port in sentence and option in sentence


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--http-port", "eight"], "--http-port"),
        (["--host", "203.0.113.9"], "--host"),
        (["--data-dir", "/proc/here"], "--data-dir"),
        (["--data-dir", "/dev/null"], "--data-dir"),
    ],
)
def test_a_bad_value(tmp_path: Path, arguments: list[str], named: str) -> None:
    assert named in refused(Stack(tmp_path), *arguments)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_an_unwritable_data_directory(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.data_dir.mkdir(mode=0o500)
    assert "--data-dir" in refused(stack)


def test_a_redis_that_does_not_answer(tmp_path: Path) -> None:
    sentence = refused(Stack(tmp_path, REDIS_URL="redis://:hunter2@127.0.0.1:9/0"))
    assert "REDIS_URL" in sentence and "hunter2" not in sentence


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "oracle://x"),
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:9/x"),
        ("WIREROOM_SIGN_UP", "maybe"),
    ],
)
def test_a_bad_setting_of_the_console(tmp_path: Path, variable: str, value: str) -> None:
    sentence = refused(Stack(tmp_path, **{variable: value}))
    assert variable in sentence and "hunter2" not in sentence


def test_a_second_start_on_the_same_data(stack: Stack, tmp_path: Path) -> None:
    second = Stack(tmp_path)
    second.data_dir = stack.data_dir
    sentence = refused(second)
    assert "--data-dir" in sentence and str(stack.pid) in sentence
