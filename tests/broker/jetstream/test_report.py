"""What monitoring hears of JetStream: use, durability, and what isn't well."""

import errno
from typing import Any

import pytest

from broker.core.account import JetStreamTerms
from broker.jetstream.engine import JetStreamOptions
from broker.jetstream.report import Report, Unknown
from tests.broker.jetstream.world import World

_OFF: dict[str, Any] = {
    "account": "", "accounts": False, "streams": False, "consumer": False, "config": False, "offset": 0, "limit": 0,
    "raft": False,
}  # fmt: skip


def test_use_is_summed_up_and_shown_by_account_and_stream() -> None:
    world = World()
    world.create("S", max_bytes=1000)
    world.create("M", storage="memory")
    world.publish("S", b"hello")
    report = Report(world.engine)
    told = report.jsz(_OFF | {"streams": True, "config": True})
    assert (told["streams"], told["messages"], told["bytes"]) == (2, 1, told["storage"])
    assert told["reserved_storage"] == 1000 and told["memory"] == 0
    (account,) = told["account_details"]
    assert [detail["name"] for detail in account["stream_detail"]] == ["M", "S"]
    assert account["stream_detail"][1]["config"]["max_bytes"] == 1000
    assert "account_details" not in report.jsz(_OFF)
    assert report.account_detail("A", _OFF)["storage"] == told["storage"]
    with pytest.raises(Unknown, match="not found"):
        report.account_detail("NONE", _OFF)


def test_how_often_the_disk_is_synced_is_said() -> None:
    always = Report(World().engine).varz()["config"]
    assert always["sync_always"] and "sync_interval" not in always
    relaxed = Report(World(options=JetStreamOptions(sync_interval_s=2)).engine).varz()["config"]
    assert relaxed["sync_interval"] == 2 * 10**9 and "sync_always" not in relaxed


def test_an_account_whose_sync_interval_is_another_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    world = World(terms=JetStreamTerms(sync_interval_s=3))
    assert Report(world.engine).account_detail("A", _OFF)["sync_interval"] == 3 * 10**9
    assert "JetStream of account A: sync interval every 3s" in caplog.messages
    world.account.jetstream = {"": JetStreamTerms()}
    world.engine.account_changed(world.account)
    detail = Report(world.engine).account_detail("A", _OFF)
    assert "sync_interval" not in detail and "sync_always" not in detail
    assert "JetStream of account A: sync interval always" in caplog.messages


def test_a_stream_that_takes_nothing_more_is_a_problem() -> None:
    world = World()
    world.create("S")
    report = Report(world.engine)
    assert not list(report.problems("", "", "")) + list(report.problems("A", "S", ""))
    world.disk.fail_with(errno.EIO)
    world.publish("S")
    for asked in (("", "", ""), ("A", "", ""), ("A", "S", "")):
        (problem,) = report.problems(*asked)
        assert (problem.kind, problem.stream) == ("STREAM", "S") and "EIO" in problem.error


@pytest.mark.parametrize(
    ("asked", "kind"), [(("Z", "", ""), "ACCOUNT"), (("A", "X", ""), "STREAM"), (("A", "S", "C"), "CONSUMER")]
)  # fmt: skip
def test_what_does_not_exist_is_a_problem_when_it_is_asked_for(
    asked: tuple[str, str, str], kind: str
) -> None:
    world = World()
    world.create("S")
    assert [problem.kind for problem in Report(world.engine).problems(*asked)] == [kind]
