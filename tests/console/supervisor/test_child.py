"""One child process: readiness, restarts with back-off, stopping, its lines, its ties to the parent."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.supervisor import child as module
from console.supervisor.child import Child, Program, describe
from console.supervisor.health import NotReady, Probe
from console.supervisor.log import Log
from console.supervisor.options import Problem
from tests.support.processes import is_alive
from tests.support.wait import until, wait_until

ROOT = Path(__file__).resolve().parents[3]


class Lines(Log):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, program: str, text: str) -> None:
        self.lines.append(f"{program}: {text}")


def file_probe(file: Path) -> Probe:
    """Ready once the script has made its file."""

    async def probe() -> None:
        if not file.exists():
            raise NotReady("no file yet")

    return probe


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
async def children() -> AsyncIterator[list[Child]]:
    made: list[Child] = []
    yield made
    for one in made:
        one.kill()
        await one.stop()


def program(tmp_path: Path, script: str, **changes: object) -> Program:
    """``script`` in a Python of its own; ``ready()`` there makes it ready."""
    file = tmp_path / "ready"
    head = f"import os, signal, sys, time\ndef ready(): open({str(file)!r}, 'w').close()\n"
    fields: dict[str, object] = {
        "name": "fake", "argv": (sys.executable, "-S", "-c", head + script), "probe": file_probe(file),
        "environment": {"PYTHONUNBUFFERED": "1"}, "ready_s": 20.0, "stop_s": 5.0,
    }  # fmt: skip
    return Program(**(fields | changes))  # type: ignore[arg-type]


async def alive_again(one: Child, before: int) -> bool:
    return one.pid not in (None, before)


async def test_ready_then_stopped(tmp_path: Path, log: Lines, children: list[Child]) -> None:
    one = Child(program(tmp_path, "print('hello'); ready(); time.sleep(60)"), log)
    children.append(one)
    await one.start()
    assert "fake: hello" in log.lines
    pid = one.pid
    assert pid is not None
    await one.stop()
    assert one.pid is None and not is_alive(pid)
    assert not any("starting it again" in line for line in log.lines)


async def test_a_child_that_ends_before_it_is_ready_is_a_problem(
    tmp_path: Path, log: Lines, children: list[Child]
) -> None:
    one = Child(program(tmp_path, "print('because'); sys.exit(3)"), log)
    children.append(one)
    with pytest.raises(Problem, match="fake ended with status 3 before it was ready"):
        await one.start()
    assert "fake: because" in log.lines


async def test_a_child_that_never_answers_is_a_problem(
    tmp_path: Path, log: Lines, children: list[Child]
) -> None:
    one = Child(program(tmp_path, "time.sleep(60)", ready_s=0.3), log)
    children.append(one)
    with pytest.raises(Problem, match="did not become ready within"):
        await one.start()


async def test_a_killed_child_is_started_again_and_said_so(
    tmp_path: Path, log: Lines, children: list[Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_FIRST_S", 0.01)
    one = Child(program(tmp_path, "ready(); time.sleep(60)"), log)
    children.append(one)
    await one.start()
    for count in (1, 2):
        before = one.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda before=before: alive_again(one, before), "the next process")  # type: ignore[misc]
        assert one.restarts == count
    said = [line for line in log.lines if "SIGKILL" in line]
    assert "starting it again in 0.0 s" in said[0] and len(said) == 2


async def test_the_back_off_grows_while_it_keeps_dying_and_stop_ends_it(
    tmp_path: Path, log: Lines, children: list[Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_FIRST_S", 0.1)
    one = Child(program(tmp_path, "ready(); time.sleep(0.05); sys.exit(1)"), log)
    children.append(one)
    await one.start()

    async def thrice() -> bool:
        return one.restarts >= 3

    await until(thrice, "three restarts", 20)
    await one.stop()
    waits = [line.split(" in ")[1] for line in log.lines if "starting it again" in line]
    assert waits[:3] == ["0.1 s", "0.2 s", "0.4 s"]


async def test_a_child_deaf_to_sigterm_is_killed_in_time(
    tmp_path: Path, log: Lines, children: list[Child]
) -> None:
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(60)"
    one = Child(program(tmp_path, script, stop_s=0.2), log)
    children.append(one)
    await one.start()
    await asyncio.wait_for(one.stop(), 5)
    assert one.pid is None and any("killing it" in line for line in log.lines)


async def test_lines_without_an_end_are_cut_and_noise_is_left_out(
    tmp_path: Path, log: Lines, children: list[Child]
) -> None:
    script = "sys.stdout.write('x' * 300000 + '\\nnoise\\n\\xff\\n'); sys.stdout.flush(); ready(); time.sleep(60)"
    one = Child(
        program(
            tmp_path,
            script,
            is_noise=lambda line: line == "noise",
            environment={"PYTHONIOENCODING": "latin-1"},
        ),
        log,
    )
    children.append(one)
    await one.start()

    async def came() -> bool:
        return "fake: \ufffd" in log.lines

    await until(came, "the last line")
    assert "fake: noise" not in log.lines
    assert max(map(len, log.lines)) <= 80_000, "held in pieces, never whole"


async def test_stdin_reaches_it_and_arguments_do_not_tell(
    tmp_path: Path, log: Lines, children: list[Child]
) -> None:
    one = Child(
        program(tmp_path, "print(sys.stdin.read()); ready(); time.sleep(60)", stdin=b"secret"), log
    )
    children.append(one)
    await one.start()
    assert "fake: secret" in log.lines
    assert "secret" not in repr(one.program)


def test_statuses_are_described() -> None:
    assert describe(1) == "ended with status 1"
    assert describe(-9) == "was killed by SIGKILL"
    assert describe(-200) == "was killed by signal 200"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_no_child_outlives_a_supervisor_that_was_killed() -> None:
    script = (
        "import subprocess, sys, time\nfrom console.supervisor import guard\n"
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True, preexec_fn=guard.die_with_parent())\n"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    assert_child_dies_with(script)


def test_the_watcher_does_the_same_where_the_kernel_does_not() -> None:
    script = (
        "import subprocess, sys, time\nfrom console.supervisor.guard import Guard\n"
        "g = Guard()\n"
        "gone = subprocess.Popen([sys.executable, '-c', ''], start_new_session=True)\n"
        "g.began(gone.pid); gone.wait(); g.ended(gone.pid)\n"
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "g.began(c.pid)\n"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    assert_child_dies_with(script)


def assert_child_dies_with(script: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), "the end of the child")
