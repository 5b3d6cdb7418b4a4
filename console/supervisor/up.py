"""``manage.py up``: everything in one terminal, from checks to the box, until Ctrl-C.

checks ─▶ Valkey (unless REDIS_URL)  ┐
          prepare: database, keys    ┴─▶ broker ┐
                                         web    ┴─▶ box ─▶ kept running ─▶ web, broker, Valkey stopped in this order
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from console.supervisor import box, checks, guard, health, valkey
from console.supervisor.bootstrap import ROOT
from console.supervisor.child import Child, Program, describe
from console.supervisor.log import Log
from console.supervisor.options import Options, Problem, parse
from console.supervisor.prepare import SENTENCE

#: The broker ends its clients' connections and writes what it holds; the web program has nothing to save.
BROKER_STOP_S = 15.0
WEB_STOP_S = 5.0


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop; the exit status: 0 after a stop, 1 when it could not start or go on."""
    try:
        options = parse(arguments)
        os.umask(0o077)  # whatever any program writes is for this user alone
        checks.data_dir(options.data_dir)
        claim = checks.lock(options.data_dir)
        checks.ports(options)
        if options.redis_url:
            checks.redis(options.redis_url)
        status = asyncio.run(Supervisor(options).run())
        os.close(claim)
    except Problem as problem:
        print(f"manage.py up: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    return status


class Supervisor:
    """The programs of one data directory, started, watched and stopped together."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.log = Log(sys.stdout)
        self.children: list[Child] = []
        self._stop = asyncio.Event()
        self._leftovers: Path | None = None
        self._watcher = None if guard.die_with_parent() else guard.Guard()

    async def run(self) -> int:
        """Start, wait for a signal, stop. Raises Problem when something can't be started."""
        began = time.monotonic()
        self._on_signals()
        stopping = asyncio.create_task(self._stop.wait())
        starting = asyncio.create_task(self._start(began))
        try:
            await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
            return 0
        finally:
            starting.cancel()
            with suppress(asyncio.CancelledError, Problem):
                await starting
            await self._stop_all()

    async def _start(self, began: float) -> None:
        environment = self._environment()
        if self.options.redis_url:
            link = await self._prepare(environment)
        else:
            directory = valkey.socket_directory(self.options.data_dir)
            store = valkey.Valkey(directory / valkey.SOCKET_NAME)
            environment["REDIS_URL"] = store.url
            self._leftovers = directory
            link, _ = await _together(self._prepare(environment), self._child(store.program()))
        await _together(self._child(self._broker(environment)), self._child(self._web(environment)))
        self.log.line("up", f"all ready after {time.monotonic() - began:.1f} s")
        self.log.plain(box.text(self.options, link or "", box.may_show_link(sys.stdout)))

    def _environment(self) -> dict[str, str]:
        """Of every child. Where bytecode isn't wanted beside the sources it is kept in the data directory.

        Without any, each start would compile every module anew, which doubles its time.
        """
        environment = {**os.environ, **self.options.environment(), "PYTHONUNBUFFERED": "1"}
        if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
            environment.setdefault("PYTHONPYCACHEPREFIX", str(self.options.data_dir / "pycache"))
        return environment

    async def _prepare(self, environment: Mapping[str, str]) -> str:
        """Run ``prepare``; the one-time link, or ""."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.supervisor.prepare", str(self._broker_dir()),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment, cwd=ROOT, start_new_session=True, preexec_fn=guard.die_with_parent(),
        )  # fmt: skip
        try:
            output, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        lines = errors.decode("utf-8", "replace").splitlines()
        for line in lines:
            self.log.line("up", f"prepare: {line}")
        if process.returncode != 0:
            last = lines[-1] if lines else "no output"
            known = process.returncode == SENTENCE
            raise Problem(
                last if known else f"the preparation {describe(process.returncode or 0)}: {last}"
            )
        return str(json.loads(output)["link"])

    async def _child(self, program: Program) -> None:
        child = Child(program, self.log, self._watcher)
        self.children.append(child)
        await child.start()

    def _broker(self, environment: Mapping[str, str]) -> Program:
        return Program(
            name="broker",
            argv=(sys.executable, "-m", "broker", "-c", str(self._broker_dir() / "server.conf")),
            environment=environment,
            probe=health.nats_probe(self.options.host, self.options.nats_port),
            stop_s=BROKER_STOP_S,
        )

    def _web(self, environment: Mapping[str, str]) -> Program:
        # Sockets of the console stay open as long as the page does: no daily cut. Requests are not logged.
        argv = (
            sys.executable, "-m", "daphne", "-b", self.options.host, "-p", str(self.options.http_port),
            "-v", "0", "--websocket_timeout", "-1", "--no-server-name", "console.asgi:application",
        )  # fmt: skip
        return Program(
            name="web",
            argv=argv,
            environment=environment,
            probe=health.http_probe(self.options.host, self.options.http_port),
            stop_s=WEB_STOP_S,
        )

    def _broker_dir(self) -> Path:
        return self.options.data_dir / "broker"

    def _on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's SIGHUP stays ignored
                loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        if not self._stop.is_set():
            self.log.line("up", f"{number.name}: stopping; once more to kill")
            self._stop.set()
            for child in self.children:  # all at once: who signals a whole group ends them, too
                child.let_end()
            return
        for child in self.children:
            child.give_up()

    async def _stop_all(self) -> None:
        """The web program first, so that it sees no broker vanish; Valkey last, because both speak to it."""
        order = {"web": 0, "broker": 1, "valkey": 2}
        for child in sorted(self.children, key=lambda child: order[child.program.name]):
            await child.stop()
        if self._watcher is not None:
            self._watcher.close()
        if self._leftovers is not None:
            valkey.remove_socket_directory(self._leftovers, self.options.data_dir)
        self.log.line("up", "stopped")
        self.log.close()


async def _together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Their results; the first to fail cancels the others, and its exception is raised as it is."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
