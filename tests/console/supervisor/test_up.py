"""The supervisor's order of things, with small programs in place of the real ones."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from console.supervisor import up
from console.supervisor.child import Child, Program
from console.supervisor.options import Options, Problem, parse
from console.supervisor.up import Supervisor
from tests.console.supervisor.test_child import Lines, file_probe
from tests.support.processes import is_alive
from tests.support.wait import until


class Fake(Supervisor):
    """The real Valkey; broker and web are scripts that make a file when they run and write when they stop."""

    def __init__(self, options: Options, **scripts: str) -> None:
        super().__init__(options)
        self.log.close()
        self.log = self.lines = Lines()
        self.scripts = scripts
        self.link = "http://console/sign-in#token=x"

    async def _prepare(self, environment: Mapping[str, str]) -> str:
        assert environment["REDIS_URL"].startswith("unix://:")
        return self.link

    def _script(self, name: str) -> Program:
        file = self.options.data_dir / name
        usual = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: (print('stopping', flush=True), sys.exit(0)))\n"
            f"open({str(file)!r}, 'w').close()\ntime.sleep(60)"
        )
        argv = (sys.executable, "-S", "-c", self.scripts.get(name, usual))
        return Program(name=name, argv=argv, probe=file_probe(file), environment={}, stop_s=5)

    def _broker(self, environment: Mapping[str, str]) -> Program:
        return self._script("broker")

    def _web(self, environment: Mapping[str, str]) -> Program:
        return self._script("web")


class Plain(Lines):
    """Keeps plain text too."""

    def plain(self, text: str) -> None:
        self.lines += text.splitlines()

    def close(self, timeout_s: float = 0) -> None:
        """Nothing to write."""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return replace(parse([], {}), data_dir=tmp_path)


def fake(options: Options, **scripts: str) -> Fake:
    made = Fake(options, **scripts)
    made.log = made.lines = Plain()
    return made


def child(supervisor: Supervisor, name: str) -> Child:
    return next(one for one in supervisor.children if one.program.name == name)


async def running(supervisor: Fake) -> "asyncio.Task[int]":
    task = asyncio.create_task(supervisor.run())

    async def ready() -> bool:
        assert not task.done(), task.exception()
        return any("Wireroom is running" in line for line in supervisor.lines.lines)

    await until(ready, "the box")
    return task


async def test_web_stops_first_and_valkey_last(options: Options) -> None:
    supervisor = fake(options)
    task = await running(supervisor)
    pids = [one.pid for one in supervisor.children]
    supervisor._signalled(signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    said = [line for line in supervisor.lines.lines if line.endswith("stopping")]
    assert said == ["web: stopping", "broker: stopping"]
    assert [one.program.name for one in supervisor.children if one.pid] == []
    assert not any(pid and is_alive(pid) for pid in pids)
    assert list((options.data_dir / "run").iterdir()) == []


async def test_a_second_signal_kills_what_does_not_listen(options: Options) -> None:
    file = str(options.data_dir / "web")
    deaf = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({file!r}, 'w'); time.sleep(60)"
    supervisor = fake(options, web=deaf)
    task = await running(supervisor)
    supervisor._signalled(signal.SIGINT)
    supervisor._signalled(signal.SIGINT)
    assert await asyncio.wait_for(task, 4) == 0
    assert not any("starting it again" in line for line in supervisor.lines.lines)


async def test_a_signal_to_the_whole_group_is_no_failure_of_its_programs(options: Options) -> None:
    """As systemd stops a service; the web program takes its time meanwhile, so the others end before their turn."""
    slow = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.5), sys.exit(0)));"
    slow += " open({file!r}, 'w'); time.sleep(60)"
    supervisor = fake(options, web=slow.format(file=str(options.data_dir / "web")))
    task = await running(supervisor)
    supervisor._signalled(signal.SIGTERM)
    for child in supervisor.children:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert not any("starting it again" in line for line in supervisor.lines.lines)


async def test_one_that_cannot_start_ends_all(options: Options) -> None:
    supervisor = fake(options, broker="print('no port for me'); raise SystemExit(4)")
    with pytest.raises(Problem, match="broker ended with status 4"):
        await supervisor.run()
    assert "broker: no port for me" in supervisor.lines.lines
    assert [one.pid for one in supervisor.children] == [None] * 3


async def test_a_stop_during_the_start_is_obeyed(options: Options) -> None:
    supervisor = fake(options, web="import time; time.sleep(60)")
    task = asyncio.create_task(supervisor.run())

    async def starting() -> bool:
        return any(one.program.name == "web" and one.pid for one in supervisor.children)

    await until(starting, "web's process")
    supervisor._signalled(signal.SIGTERM)
    assert await asyncio.wait_for(task, 10) == 0
    assert [one.pid for one in supervisor.children] == [None] * 3


async def test_the_first_failure_is_raised_as_it_is_and_cancels_the_rest() -> None:
    forever = asyncio.Event()
    ended: list[str] = []

    async def wait() -> None:
        try:
            await forever.wait()
        finally:
            ended.append("wait")

    async def fail() -> None:
        raise Problem("this one")

    with pytest.raises(Problem, match="this one"):
        await up._together(wait(), fail())
    assert ended == ["wait"]


def test_a_preparation_that_fails_is_said_in_its_own_words(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        options.environment() | {"DJANGO_SETTINGS_MODULE": "console.settings"}
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "oracle://x")
    supervisor = Supervisor(options)
    with pytest.raises(Problem, match=r"^DATABASE_URL"):
        asyncio.run(supervisor.run())
