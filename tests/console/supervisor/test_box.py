"""The box: what it names, and when the sign-in link may be in it."""

import io
import os
import socket
from dataclasses import replace
from pathlib import Path

from console.supervisor import box
from console.supervisor.options import parse


def test_it_names_what_a_newcomer_needs() -> None:
    text = box.text(parse([], {}), "http://127.0.0.1:8000/sign-in#token=abc", show_link=True)
    for part in ("http://127.0.0.1:8000", "#token=abc", "nats://127.0.0.1:4222", ".data", "Ctrl-C"):
        assert part in text
    top, *_, bottom = text.strip().splitlines()
    assert len(top) == len(bottom) <= 80


def test_a_link_that_may_not_be_shown_is_replaced_by_how_to_get_one() -> None:
    text = box.text(parse([], {}), "http://127.0.0.1:8000/sign-in#token=abc", show_link=False)
    assert "token" not in text and "manage.py login_link" in text


def test_later_starts_offer_the_command_with_what_it_needs() -> None:
    options = replace(parse([], {}), data_dir=Path("/some where"), http_port=8001)
    command = "WIREROOM_DATA_DIR='/some where' WIREROOM_HTTP_PORT=8001 python3 manage.py login_link"
    assert command in box.text(options, "", show_link=True)


def test_addresses_can_be_opened() -> None:
    assert "http://[::1]:8000" in box.text(replace(parse([], {}), host="::"), "", show_link=True)
    assert "http://127.0.0.1:8000" in box.text(
        replace(parse([], {}), host="0.0.0.0"), "", show_link=True
    )


def test_ports_that_are_off_are_not_named() -> None:
    text = box.text(replace(parse([], {}), ws_port=0, monitor_port=0), "", show_link=True)
    assert "WebSocket" not in text and "Monitoring" not in text


def test_the_link_is_for_whoever_started_it_not_for_a_log_daemon(tmp_path: Path) -> None:
    with (tmp_path / "up.log").open("w") as file:
        assert box.may_show_link(file)
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("w") as daemon:
        assert not box.may_show_link(daemon)
    assert not box.may_show_link(io.StringIO())
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        assert box.may_show_link(pipe)
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert box.may_show_link(terminal)
    os.close(master)
