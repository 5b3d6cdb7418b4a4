"""One server from its first log line to its last: what is started, in which order, and how it ends."""

import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from broker import NATS_VERSION, __version__, builds
from broker.app import build, files, logs
from broker.app.listeners import Listeners, StartError
from broker.app.system import System
from broker.config.flags import Flags
from broker.config.load import Loaded
from broker.core.account import Account
from broker.core.server import Server
from broker.identity import nkeys
from broker.net import client_log
from broker.net.flusher import Flusher
from broker.protocol.errors import Reason
from broker.system.requests import ReloadRefused

if TYPE_CHECKING:
    from broker.app.jetstream import JetStreamService
    from broker.app.operator import Operation

log = logging.getLogger("broker")

_SIGNAL_NAMES = {
    signal.SIGINT: "interrupt", signal.SIGTERM: "terminated", signal.SIGHUP: "hangup",
    signal.SIGUSR1: "user defined signal 1", signal.SIGUSR2: "user defined signal 2",
}  # fmt: skip
#: How long the end waits for coordination and for closing connections.
_END_S = 2.0


def serve(flags: Flags, loaded: Loaded, listening: dict[str, socket.socket | None]) -> int:
    """Runs until a signal ends it; the exit status. ``listening``: sockets that are open already, by listener."""
    config = loaded.config
    try:
        logs.set_up(config)
    except OSError as error:
        logs.set_up()
        log.critical("error opening file: open %s: %s", config.log_file, error.strerror)
        return 1
    try:
        _run(Service(flags, loaded, listening))
    except (StartError, files.FileError) as error:
        log.critical("%s", error)
        return 1
    except KeyboardInterrupt:  # before the loop took over the signals
        return 0
    return 0


def _run(service: "Service") -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(service.run())
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service.run())


class Service:
    """A running server. ``config`` is what holds now, after reloads too."""

    def __init__(
        self, flags: Flags, loaded: Loaded, listening: dict[str, socket.socket | None]
    ) -> None:
        self.flags = flags
        self.config = loaded.config
        self._warnings = loaded.warnings
        self.server = Server(build.server_options(self.config), _server_id())
        self.tasks: set[asyncio.Task[None]] = set()
        #: None outside operator mode.
        self.operation: Operation | None = None
        self._end: asyncio.Event = asyncio.Event()
        self._flusher: Flusher | None = None
        #: None where JetStream is off.
        self.jetstream: JetStreamService | None = None
        self.system = System(self.server, self.config)
        self.listeners = Listeners(self.server, self.system.monitor, self.config, listening)

    async def run(self) -> None:
        self._say_hello()
        loop = asyncio.get_running_loop()
        self._flusher = Flusher(self.server, loop)
        self._handle_signals(loop)
        client_log.attach(self.server)
        self._identify()
        try:
            self._start_jetstream()
            await self.listeners.start()
            self.system.start(self.config, self.operation, self._reload_or_refuse, self.spawn)
            self._write_files()
            log.info("Server is ready")
            gc.enable()
            gc.freeze()  # what the start has made stays: no collection need look at it again
            self._start_coordination()
            await self._end.wait()
        finally:
            await self._stop()

    def end(self) -> None:
        """Begins the clean end."""
        self._end.set()

    # Beginning ---------------------------------------------------------------------------------------

    def _say_hello(self) -> None:
        log.info("Starting nats-server")
        log.info("  Version:  %s", NATS_VERSION)
        log.info("  Git:      [%s]", f"wireroom {__version__}")
        log.info("  Build:    %s", builds.description)
        log.info("  Name:     %s", self.config.server_name or self.server.server_id)
        log.info("  ID:       %s", self.server.server_id)
        if build.has_plain_passwords(self.config):
            log.warning("Plaintext passwords detected, use nkeys or bcrypt")
        if self.config.config_file:
            log.info(
                "Using configuration file: %s (%s)",
                self.config.config_file,
                self.config.config_digest,
            )
        for warning in self._warnings:
            log.warning("%s", warning)

    def _identify(self) -> None:
        """Accounts and who may use them."""
        config, server = self.config, self.server
        if build.operator_mode(config):
            from broker.app import operator

            try:
                self.operation = operator.install(server, config)
            except operator.OperatorError as error:
                raise StartError(str(error)) from error
            return
        build.add_accounts(server, config)
        server.authenticator = build.authenticator(server, config)

    def _start_jetstream(self) -> None:
        """Before anybody can connect: recovered streams take what is published."""
        if not self.config.jetstream.enabled:
            return
        from broker.app.jetstream import JetStreamService

        try:
            self.jetstream = JetStreamService(
                self.server, self.config, self._find_account, self._is_deleted
            )
        except OSError as error:
            raise StartError(f"Can't start JetStream: {error}") from error
        self.system.monitor.facts.jetstream = self.jetstream

    def _find_account(self, name: str) -> Account | None:
        if self.operation is None:
            return self.server.accounts.get(name)
        return self.operation.accounts.account(name, self.server.clock.wall_s())

    def _is_deleted(self, name: str) -> bool:
        return self.operation is not None and self.operation.accounts.is_deleted(name)

    def _start_coordination(self) -> None:
        url = self.config.coordination.url
        if not url:
            return
        from broker.app import coordination

        self.spawn(coordination.run(self.server, self.operation, self.config), "coordination")

    # Signals -----------------------------------------------------------------------------------------

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        actions = {
            signal.SIGINT: self.end,
            signal.SIGTERM: self.end,
            signal.SIGHUP: self.reload,
            signal.SIGUSR1: logs.reopen,
            signal.SIGUSR2: self.lame_duck,
        }
        for number, action in actions.items():
            loop.add_signal_handler(number, self._trapped, number, action)

    def _trapped(self, number: signal.Signals, action: Callable[[], None]) -> None:
        log.info('Trapped "%s" signal', _SIGNAL_NAMES[number])
        action()

    def lame_duck(self) -> None:
        """Take no new clients, tell those that are here, close them one by one, end."""
        if not self.server.lame_duck:
            log.info("Entering lame duck mode, stop accepting new clients")
            self.listeners.close_clients()
            self.system.lame_duck()
            self.server.begin_lame_duck()
            self.spawn(self._evict(), "lame duck mode")

    async def _evict(self) -> None:
        options = self.server.options
        if self.server.clients:
            await asyncio.sleep(options.lame_duck_grace_period_s)
        clients = list(self.server.clients.values())
        left_s = options.lame_duck_duration_s - options.lame_duck_grace_period_s
        pause_s = left_s / max(len(clients), 1)
        log.info("Closing existing clients")
        for client in clients:
            self.server.close_client(client, Reason.SERVER_SHUTDOWN)
            await asyncio.sleep(min(pause_s, 1.0) if len(clients) > 1 else 0)
        self.end()

    def reload(self) -> None:
        """SIGHUP: the file read anew; what can't change while running is refused as a whole."""
        with contextlib.suppress(ReloadRefused):
            self._reload_or_refuse()

    def _reload_or_refuse(self) -> None:
        """Raises ReloadRefused, after it was logged."""
        from broker.app.reload import reload
        from broker.app.reload_rules import ReloadError

        try:
            reload(self)
        except ReloadError as error:
            log.error("Failed to reload server configuration: %s", error)
            raise ReloadRefused(str(error)) from error

    # Beginning, in detail ----------------------------------------------------------------------------

    def _write_files(self) -> None:
        if self.config.pid_file:
            files.write_pid(self.config.pid_file)
        if self.config.ports_file_dir:
            files.write_ports(self.config.ports_file_dir, self.listeners.addresses)

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s ended: %r", task.get_name(), error, exc_info=error)

    # Ending ------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        log.info("Initiating Shutdown...")
        self.listeners.close()
        for task in tuple(self.tasks):
            task.cancel()
        if self.jetstream is not None:
            await self.jetstream.stop()
        self.system.shutdown()
        self.server.close_all(Reason.SERVER_SHUTDOWN)
        self.server.flush()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=_END_S)
        if self._flusher is not None:
            self._flusher.stop()
        files.remove(self.config.pid_file, self.config.ports_file_dir)
        log.info("Server Exiting..")


def _server_id() -> str:
    """A name in the form of a server's public key; nothing is ever signed with it, so there is no private one."""
    return nkeys.encode_public("server", secrets.token_bytes(32))
