"""One program as a child process: started, its lines logged, restarted with back-off when it dies, stopped in time.

Each child leads a session of its own: a Ctrl-C at the terminal reaches the supervisor alone, which stops the
children in order; and what a child may have started goes with it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from console.supervisor import guard
from console.supervisor.bootstrap import ROOT
from console.supervisor.health import Probe, until_ready
from console.supervisor.log import LINE_CHARS_MAX, Log
from console.supervisor.options import Problem

BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 10.0
#: A child that lived this long has recovered: the next death starts the back-off anew.
SETTLED_S = 20.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to know that it runs. ``environment`` is the whole of it; secrets go there or to stdin."""

    name: str
    argv: tuple[str, ...]
    probe: Probe
    environment: Mapping[str, str] = field(repr=False)
    stdin: bytes = field(default=b"", repr=False)
    #: Seconds to become ready, and to end after SIGTERM before SIGKILL.
    ready_s: float = 60.0
    stop_s: float = 5.0
    #: Lines to leave out of the log.
    is_noise: Callable[[str], bool] = lambda line: False


class Child:
    """A program kept running from ``start`` to ``stop``."""

    def __init__(self, program: Program, log: Log, watcher: guard.Guard | None = None) -> None:
        self.program = program
        self.restarts = 0
        self._log = log
        self._watcher = watcher
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """None while it isn't running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Return once it is ready. Raises Problem when it ends or stays silent before that."""
        began = time.monotonic()
        pumping = await self._spawn()
        ready = asyncio.create_task(until_ready(self.program.probe))
        ended = asyncio.create_task(self._wait(pumping))
        try:
            await asyncio.wait(
                {ready, ended}, timeout=self.program.ready_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not ready.done():
                self._cannot_start(ended)
            ready.result()
        except BaseException:
            ended.cancel()
            raise
        finally:
            ready.cancel()
        self._say(f"ready after {time.monotonic() - began:.1f} s (process {self.pid})")
        self._keeper = asyncio.create_task(self._keep(ended, began))

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after ``stop_s``; harmless when it doesn't run."""
        self.let_end()
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(self.program.stop_s):
                    await process.wait()
            except TimeoutError:
                self._say(f"did not end within {self.program.stop_s:.0f} s; killing it")
                self.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    def let_end(self) -> None:
        """From now on its end is no failure: it isn't started again."""
        self._stopping = True

    def _may_end(self) -> bool:
        return self._stopping

    def give_up(self) -> None:
        """Kill it, and don't start it again."""
        self.let_end()
        self.kill()

    def kill(self) -> None:
        """SIGKILL, to whatever it has started too."""
        if self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _keep(self, ended: "asyncio.Task[int]", began: float) -> None:
        backoff = BACKOFF_FIRST_S
        while True:
            status = await ended
            if self._may_end():
                return
            if time.monotonic() - began > SETTLED_S:
                backoff = BACKOFF_FIRST_S
            self._say(f"{describe(status)}; starting it again in {backoff:.1f} s")
            await asyncio.sleep(backoff)
            if self._may_end():
                return
            backoff = min(backoff * 2, BACKOFF_MAX_S)
            began = time.monotonic()
            ended = await self._again(began)

    async def _again(self, began: float) -> "asyncio.Task[int]":
        self.restarts += 1
        try:
            pumping = await self._spawn()
        except OSError as error:  # out of processes or memory: as if it had ended at once
            self._say(f"can't be started: {error}")
            return asyncio.create_task(_ended(1))
        ended = asyncio.create_task(self._wait(pumping))
        ready = asyncio.create_task(until_ready(self.program.probe))
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            self._say(f"ready again after {time.monotonic() - began:.1f} s (process {self.pid})")
        ready.cancel()
        return ended

    async def _spawn(self) -> "asyncio.Task[None]":
        self._process = process = await asyncio.create_subprocess_exec(
            *self.program.argv,
            stdin=asyncio.subprocess.PIPE if self.program.stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.program.environment),
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=guard.die_with_parent(),
        )
        if self._watcher is not None:
            self._watcher.began(process.pid)
        if process.stdin is not None:
            process.stdin.write(self.program.stdin)
            process.stdin.close()
        return asyncio.create_task(self._pump(process))

    async def _wait(self, pumping: "asyncio.Task[None]") -> int:
        assert self._process is not None
        process = self._process
        status = await process.wait()
        with suppress(TimeoutError):  # its last lines; a grandchild may hold the pipe open
            async with asyncio.timeout(0.5):
                await pumping
        if self._watcher is not None:
            self._watcher.ended(process.pid)
        return status

    async def _pump(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := await process.stdout.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_CHARS_MAX:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._line(line)
        if rest:
            self._line(rest)

    def _line(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip()
        if line and not self.program.is_noise(line):
            self._log.line(self.program.name, line)

    def _cannot_start(self, ended: "asyncio.Task[int]") -> None:
        name = self.program.name
        if ended.done():
            raise Problem(
                f"{name} {describe(ended.result())} before it was ready: its last lines say why."
            )
        raise Problem(f"{name} did not become ready within {self.program.ready_s:.0f} s.")

    def _say(self, text: str) -> None:
        self._log.line("up", f"{self.program.name}: {text}")


async def _ended(status: int) -> int:
    return status


def describe(status: int) -> str:
    """``-9`` → ``was killed by SIGKILL``; ``1`` → ``ended with status 1``."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
