"""From nothing to signed in, stopped, and started again with everything still there."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import Console, ConsoleError
from tests.support.processes import children, is_alive, processor_s
from tests.support.stack import Stack

#: Seconds of one processor; on a machine with two that does nothing else it takes less than that by the clock.
SECOND_START_S = 10.0


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Started once; the tests below follow one another like a newcomer's first hour."""
    with Stack(tmp_path_factory.mktemp("fresh")) as running:
        yield running


def test_the_box_names_what_a_newcomer_needs(fresh: Stack) -> None:
    assert fresh.link.startswith(fresh.url)
    for part in (fresh.url, fresh.nats_url, str(fresh.data_dir)):
        assert part in fresh.text


def test_keys_are_for_this_user_alone(fresh: Stack) -> None:
    assert stat.S_IMODE(fresh.data_dir.stat().st_mode) == 0o700
    keys = [*fresh.data_dir.glob("*.key")]
    assert fresh.data_dir / "sealing.key" in keys
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_secrets_are_in_no_argument_and_no_file(fresh: Stack) -> None:
    token = fresh.link.split("#token=")[1]
    for line in children(fresh.pid).values():
        assert token not in line and "@" not in line, (
            "an argument carries an address with a password"
        )
    for file in files(fresh.data_dir):
        assert token.encode() not in file.read_bytes(), file


def test_the_link_signs_in_once(fresh: Stack) -> None:
    person = Console(fresh.url)
    session = person.sign_in(fresh.link)
    assert session["user"]["is_admin"] and session["projects"]
    assert person.get("/api/session")["user"]["id"] == session["user"]["id"]
    with pytest.raises(ConsoleError) as caught:
        Console(fresh.url).sign_in(fresh.link)
    assert caught.value.status == 400
    person.create_namespace("kept")


def test_sigterm_stops_all_in_good_time(fresh: Stack) -> None:
    pids = list(children(fresh.pid))
    assert len(pids) >= 3
    assert fresh.stop(15) == 0
    assert [pid for pid in pids if is_alive(pid)] == []
    assert "killing it" not in fresh.text, "each program ended by itself"


def test_a_second_start_is_quick_keeps_all_state_and_shows_no_link(fresh: Stack) -> None:
    fresh.start()
    took = processor_s(fresh.pid)
    assert fresh.link == "" and "manage.py login_link" in fresh.text
    person = Console(fresh.url)
    person.sign_in(fresh.manage("login_link").strip())
    assert [n["name"] for n in person.get("/api/namespaces")["namespaces"]] == ["kept"]
    assert took < SECOND_START_S


def test_ctrl_c_is_a_stop_like_any_other(fresh: Stack) -> None:
    assert fresh.process is not None
    fresh.process.send_signal(2)
    assert fresh.ended(15) == 0


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
