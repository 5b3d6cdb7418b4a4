"""One server from its first log line to its last: what is started, in which order, and how it ends."""

import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from broker import NATS_VERSION, __version__, builds
from broker.app import build, files, logs
from broker.app.system import System
from broker.config.flags import Flags
from broker.config.load import Loaded
from broker.config.options import DEFAULT_HOST, PeerConfig, TlsConfig
from broker.core.account import Account
from broker.core.server import Server
from broker.identity import nkeys
from broker.net import client_log
from broker.net.connection import Connection
from broker.net.flusher import Flusher
from broker.net.sockets import ListenError, open_listener, port_of, show, urls
from broker.protocol.errors import Reason
from broker.system.requests import ReloadRefused

if TYPE_CHECKING:
    import ssl

    from broker.app.jetstream import JetStreamService
    from broker.app.operator import Operation
    from broker.net.tls import TlsRules

log = logging.getLogger("broker")

_SIGNAL_NAMES = {
    signal.SIGINT: "interrupt", signal.SIGTERM: "terminated", signal.SIGHUP: "hangup",
    signal.SIGUSR1: "user defined signal 1", signal.SIGUSR2: "user defined signal 2",
}  # fmt: skip
#: How long the end waits for coordination and for closing connections.
_END_S = 2.0


class StartError(Exception):
    """The server can't start; the sentence is for the log."""


def serve(flags: Flags, loaded: Loaded, listening: dict[str, socket.socket | None]) -> int:
    """Runs until a signal ends it; the exit status. ``listening``: sockets that are open already, by listener."""
    config = loaded.config
    try:
        logs.set_up(
            file=config.log_file, debug=config.debug, trace=config.trace, times=config.logtime,
            utc=config.logtime_utc, size_limit=config.log_size_limit, kept=config.log_max_num,
        )  # fmt: skip
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
        self._listening = listening
        self.config = loaded.config
        self._warnings = loaded.warnings
        self.server = Server(build.server_options(self.config), _server_id())
        self.tasks: set[asyncio.Task[None]] = set()
        #: None outside operator mode.
        self.operation: Operation | None = None
        self._listeners: list[_Listener] = []
        self._client_listeners: list[_Listener] = []
        self._addresses: dict[str, list[str]] = {}
        #: In use by listeners; a reload reads their certificates anew.
        self.contexts: list[tuple[ssl.SSLContext, TlsRules]] = []
        self._end: asyncio.Event = asyncio.Event()
        self._flusher: Flusher | None = None
        #: None where JetStream is off.
        self.jetstream: JetStreamService | None = None
        self.system = System(self.server, self.config)

    async def run(self) -> None:
        self._say_hello()
        loop = asyncio.get_running_loop()
        self._flusher = Flusher(self.server, loop)
        self._handle_signals(loop)
        client_log.attach(self.server)
        self._identify()
        try:
            self._start_jetstream()
            await self._start_listeners()
            self.system.start(self.config, self.operation, self._reload_or_refuse, self._spawn)
            self._write_files()
            log.info("Server is ready")
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

    async def _start_listeners(self) -> None:
        config = self.config
        if config.http_port or config.https_port:
            await self._listen_monitoring()
        if config.websocket.port:
            await self._listen_websocket()
        for peer in config.peers.values():
            if peer.port is not None:
                await self._listen_peer(peer)
        await self._listen_clients()

    async def _listen_monitoring(self) -> None:
        from broker.net.monitoring import MonitorConnection, Pages

        config = self.config
        secure = config.tls if config.https_port else None
        host, port = config.http_host or DEFAULT_HOST, config.http_port or config.https_port
        sock = self._open("Can't start monitoring: can't listen to the monitor port", host, port)
        config.http_host = host
        if secure is None:
            config.http_port = port_of(sock)
        scheme, loop = "https" if secure else "http", asyncio.get_running_loop()
        log.info("Starting %s monitor on %s", scheme, show(host, port_of(sock)))
        factory = partial(MonitorConnection, Pages(self.system.monitor), loop)
        context = self._context(secure) if secure else None
        self._listeners.append(await loop.create_server(factory, sock=sock, ssl=context))
        self._addresses["monitoring"] = urls(scheme, host, port_of(sock))

    async def _listen_websocket(self) -> None:
        from broker.net.websocket import WebsocketConnection, WebsocketRules

        config, loop = self.config.websocket, asyncio.get_running_loop()
        sock = self._listening.get("websocket") or self._open(
            "Unable to listen for websocket connections", config.host, config.port
        )
        config.port = port_of(sock)
        rules = WebsocketRules(
            same_origin=config.same_origin,
            allowed_origins=frozenset(config.allowed_origins),
            compression=config.compression,
            handshake_timeout_s=config.handshake_timeout,
            cookies=build.cookies(config),
            headers=tuple(config.headers.items()),
            tls=config.tls is not None,
        )
        factory = partial(WebsocketConnection, self.server, loop, rules)
        context = self._context(config.tls) if config.tls is not None else None
        self._listeners.append(await loop.create_server(factory, sock=sock, ssl=context))
        scheme = "wss" if context is not None else "ws"
        log.info(
            "Listening for websocket clients on %s://%s", scheme, show(config.host, port_of(sock))
        )
        if context is None:
            log.warning("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!")
        self._addresses["websocket"] = urls(scheme, config.host, port_of(sock))

    async def _listen_peer(self, peer: PeerConfig) -> None:
        """Launchers wait for these ports; whoever connects is turned away."""
        assert peer.port is not None  # the caller looked
        sock = self._open(f"Error listening on {peer.kind} port", peer.host, peer.port)
        listener = await asyncio.get_running_loop().create_server(
            partial(_Refusal, peer.kind), sock=sock
        )
        self._listeners.append(listener)
        kind = {"leafnodes": "leafnode", "cluster": "route"}.get(peer.kind, peer.kind)
        log.info("Listening for %s connections on %s", kind, show(peer.host, port_of(sock)))
        if peer.kind == "cluster":
            self._addresses["cluster"] = urls("nats", peer.host, port_of(sock))

    def _start_coordination(self) -> None:
        url = self.config.coordination.url
        if not url:
            return
        from broker.app import coordination

        self._spawn(coordination.run(self.server, self.operation, self.config), "coordination")

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
            for listener in self._client_listeners:
                listener.close()
            self.system.lame_duck()
            self.server.begin_lame_duck()
            self._spawn(self._evict(), "lame duck mode")

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
        from broker.app.reload import ReloadError, reload

        try:
            for line in reload(self):
                log.info("Reloaded: %s", line)
        except ReloadError as error:
            log.error("Failed to reload server configuration: %s", error)
            raise ReloadRefused(str(error)) from error
        self.system.configured(self.config)
        log.info("Reloaded server configuration")

    # Beginning, in detail ----------------------------------------------------------------------------

    async def _listen_clients(self) -> None:
        config, loop = self.config, asyncio.get_running_loop()
        sock = self._listening.get("clients") or self._open(
            "Error listening on port", config.host, config.port
        )
        self.server.options.port = port_of(sock)
        tls = config.tls
        first = tls is not None and tls.handshake_first
        if tls is None:
            factory = partial(Connection, self.server, loop)
            listener: _Listener = await loop.create_server(factory, sock=sock)
        else:
            listener = await self._listen_tls(tls, sock)
        self._client_listeners.append(listener)
        log.info("Listening for client connections on %s", show(config.host, port_of(sock)))
        if tls is not None:
            optional = config.allow_non_tls and not first
            log.info("TLS %s for client connections", "available" if optional else "required")
        if first:
            log.warning(
                'Clients that are not using "TLS Handshake First" option will fail to connect'
            )
        scheme = "tls" if tls is not None else "nats"
        self._addresses["nats"] = urls(scheme, config.host, port_of(sock))

    async def _listen_tls(self, config: TlsConfig, sock: socket.socket) -> "_Listener":
        """Handshake first, or INFO first, or whichever the client begins with."""
        from broker.net.hello import HelloListener
        from broker.net.tls import TlsConnection

        loop, context = asyncio.get_running_loop(), self._context(config)
        rules = build.tls_rules(config, optional=self.config.allow_non_tls)
        factory = partial(TlsConnection, self.server, loop, rules, context)
        if config.hello_wait:
            wait_s = config.hello_wait
            return HelloListener(loop, sock, factory, context, wait_s, rules.timeout_s)
        if config.handshake_first:
            return await loop.create_server(
                partial(factory, True),
                sock=sock,
                ssl=context,
                ssl_handshake_timeout=rules.timeout_s,
            )
        return await loop.create_server(factory, sock=sock)

    def _context(self, config: TlsConfig) -> "ssl.SSLContext":
        from broker.net import tls

        rules = build.tls_rules(config)
        try:
            context = tls.context_of(rules)
        except tls.TlsError as error:
            raise StartError(str(error)) from error
        self.contexts.append((context, rules))
        return context

    def _open(self, what: str, host: str, port: int) -> socket.socket:
        try:
            return open_listener(host, port)
        except ListenError as error:
            raise StartError(f"{what}: {error}") from error

    def _write_files(self) -> None:
        if self.config.pid_file:
            files.write_pid(self.config.pid_file)
        if self.config.ports_file_dir:
            files.write_ports(self.config.ports_file_dir, self._addresses)

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
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
        for listener in (*self._client_listeners, *self._listeners):
            listener.close()
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


class _Listener(Protocol):
    """An asyncio server, or a ``HelloListener``."""

    def close(self) -> None: ...


class _Refusal(asyncio.Protocol):
    """Turns away another server."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        log.warning(
            "%s connection from %s turned away: this server stands alone",
            self._kind,
            transport.get_extra_info("peername"),
        )
        transport.close()
