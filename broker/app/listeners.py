"""Everything that a server listens on: clients, WebSocket clients, monitoring, and peers that are turned away."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from broker.app import build
from broker.config.options import Config, PeerConfig, TlsConfig, WebsocketConfig
from broker.core.server import Server
from broker.net.connection import Connection
from broker.net.sockets import ListenError, open_listener, peer_address, port_of, show, urls

if TYPE_CHECKING:
    import ssl

    from broker.monitor.facts import Monitor

log = logging.getLogger("broker")


class StartError(Exception):
    """The server can't start; the sentence is for the log."""


class Listener(Protocol):
    """An asyncio server, or a ``HelloListener``."""

    def close(self) -> None: ...


Start = Callable[[socket.socket], Awaitable[Listener]]


class Door:
    """A listening socket, and the listener behind it, which can be exchanged: who comes meanwhile waits."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._listener: Listener | None = None

    async def open(self, start: Start) -> None:
        self._listener = await start(self._sock.dup())

    def shut(self) -> None:
        """Nobody is let in until it is opened again."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        self.shut()
        self._sock.close()


@dataclass(frozen=True, slots=True)
class Contexts:
    """Certificates as they were when the configuration was read; None where there is no TLS."""

    clients: "ssl.SSLContext | None" = None
    websocket: "ssl.SSLContext | None" = None
    monitoring: "ssl.SSLContext | None" = None


def contexts_of(config: Config) -> Contexts:
    """Raises StartError."""
    clients, websocket = config.tls, config.websocket.tls
    if clients is None and websocket is None:
        return Contexts()
    # Monitoring asks nobody for a certificate.
    open_to_all = replace(clients, verify=False) if clients and config.https_port else None
    return Contexts(_context(clients), _context(websocket), _context(open_to_all))


def _context(config: TlsConfig | None) -> "ssl.SSLContext | None":
    if config is None:
        return None
    from broker.net import tls

    try:
        return tls.context_of(build.tls_rules(config))
    except tls.TlsError as error:
        raise StartError(f"{config.place}: {error}" if config.place else str(error)) from error


class Listeners:
    """``given``: sockets that are open already, by listener. ``addresses``: of each kind, how it can be reached."""

    def __init__(
        self,
        server: Server,
        monitor: "Monitor",
        config: Config,
        given: dict[str, socket.socket | None],
    ) -> None:
        self.addresses: dict[str, list[str]] = {}
        self._server = server
        self._monitor = monitor
        self._config = config
        self._given = given
        self._contexts = Contexts()
        #: By kind, those whose rules a reload may change.
        self._doors: dict[str, tuple[Door, Start]] = {}
        self._peers: list[Door] = []

    async def start(self) -> None:
        """Raises StartError."""
        config = self._config
        self._contexts = contexts_of(config)
        if config.http_port or config.https_port:
            await self._listen_monitoring()
        if config.websocket.port:
            await self._listen_websocket(config.websocket)
        for peer in config.peers.values():
            if peer.port is not None:
                await self._listen_peer(peer)
        await self._listen_clients()

    def renew(self, config: Config, contexts: Contexts) -> None:
        """Whoever comes from now on meets these certificates and rules; ``reopen`` must follow."""
        self._config, self._contexts = config, contexts
        for door, _ in self._doors.values():
            door.shut()

    async def reopen(self) -> None:
        for door, start in self._doors.values():
            await door.open(start)

    def close_clients(self) -> None:
        door, _ = self._doors.pop("clients")
        door.close()

    def close(self) -> None:
        for door, _ in self._doors.values():
            door.close()
        for door in self._peers:
            door.close()

    # Monitoring --------------------------------------------------------------------------------------

    async def _listen_monitoring(self) -> None:
        config = self._config
        scheme = "https" if config.https_port else "http"
        host, port = config.http_host or config.host, config.http_port or config.https_port
        sock = self._open("Can't start monitoring: can't listen to the monitor port", host, port)
        setattr(config, f"{scheme}_port", port_of(sock))
        log.info("Starting %s monitor on %s", scheme, show(host, port_of(sock)))
        await self._add("monitoring", sock, self._serve_monitoring)
        self.addresses["monitoring"] = urls(scheme, host, port_of(sock))

    async def _serve_monitoring(self, sock: socket.socket) -> Listener:
        from broker.net.monitoring import MonitorConnection, Pages

        loop = asyncio.get_running_loop()
        factory = partial(MonitorConnection, Pages(self._monitor), loop)
        return await loop.create_server(factory, sock=sock, ssl=self._contexts.monitoring)

    # WebSocket ---------------------------------------------------------------------------------------

    async def _listen_websocket(self, config: WebsocketConfig) -> None:
        sock = self._given.get("websocket") or self._open(
            "Unable to listen for websocket connections", config.host, config.port
        )
        config.port = port_of(sock)
        await self._add("websocket", sock, self._serve_websocket)
        scheme = "ws" if config.tls is None else "wss"
        log.info(
            "Listening for websocket clients on %s://%s", scheme, show(config.host, config.port)
        )
        if config.tls is None:
            log.warning("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!")
        self.addresses["websocket"] = urls(scheme, config.host, config.port)

    async def _serve_websocket(self, sock: socket.socket) -> Listener:
        from broker.net.websocket import WebsocketConnection, WebsocketRules

        config, loop = self._config.websocket, asyncio.get_running_loop()
        rules = WebsocketRules(
            same_origin=config.same_origin,
            allowed_origins=frozenset(config.allowed_origins),
            compression=config.compression,
            handshake_timeout_s=config.handshake_timeout,
            cookies=build.cookies(config),
            headers=tuple(config.headers.items()),
            tls=config.tls is not None,
        )
        factory = partial(WebsocketConnection, self._server, loop, rules)
        return await loop.create_server(factory, sock=sock, ssl=self._contexts.websocket)

    # Peers -------------------------------------------------------------------------------------------

    async def _listen_peer(self, peer: PeerConfig) -> None:
        """Launchers wait for these ports; whoever connects is turned away."""
        assert peer.port is not None  # the caller looked
        sock = self._open(f"Error listening on {peer.kind} port", peer.host, peer.port)
        door, loop = Door(sock), asyncio.get_running_loop()
        await door.open(lambda own: loop.create_server(partial(_Refusal, peer.kind), sock=own))
        self._peers.append(door)
        kind = {"leafnodes": "leafnode", "cluster": "route"}.get(peer.kind, peer.kind)
        log.info("Listening for %s connections on %s", kind, show(peer.host, port_of(sock)))
        if peer.kind == "cluster":
            self.addresses["cluster"] = urls("nats", peer.host, port_of(sock))

    # Clients -----------------------------------------------------------------------------------------

    async def _listen_clients(self) -> None:
        config, tls = self._config, self._config.tls
        sock = self._given.get("clients") or self._open(
            "Error listening on port", config.host, config.port
        )
        self._server.options.port = port_of(sock)
        await self._add("clients", sock, self._serve_clients)
        log.info("Listening for client connections on %s", show(config.host, port_of(sock)))
        if tls is not None:
            first = tls.handshake_first and not tls.hello_wait
            optional = config.allow_non_tls and not first
            log.info("TLS %s for client connections", "available" if optional else "required")
            if first:
                log.warning(
                    'Clients that are not using "TLS Handshake First" option will fail to connect'
                )
        scheme = "tls" if tls is not None else "nats"
        self.addresses["nats"] = urls(scheme, config.host, port_of(sock))

    async def _serve_clients(self, sock: socket.socket) -> Listener:
        """In clear; or handshake first, INFO first, or whichever the client begins with."""
        loop, config, context = asyncio.get_running_loop(), self._config.tls, self._contexts.clients
        if config is None or context is None:
            return await loop.create_server(partial(Connection, self._server, loop), sock=sock)
        from broker.net.hello import HelloListener
        from broker.net.tls import TlsConnection

        rules = build.tls_rules(config, optional=self._config.allow_non_tls)
        factory = partial(TlsConnection, self._server, loop, rules, context)
        if config.hello_wait:
            return HelloListener(loop, sock, factory, context, config.hello_wait, rules.timeout_s)
        if config.handshake_first:
            return await loop.create_server(
                partial(factory, True),
                sock=sock,
                ssl=context,
                ssl_handshake_timeout=rules.timeout_s,
            )
        return await loop.create_server(factory, sock=sock)

    # All of them -------------------------------------------------------------------------------------

    async def _add(self, kind: str, sock: socket.socket, start: Start) -> None:
        door = Door(sock)
        self._doors[kind] = door, start
        await door.open(start)

    def _open(self, what: str, host: str, port: int) -> socket.socket:
        try:
            return open_listener(host, port)
        except ListenError as error:
            raise StartError(f"{what}: {error}") from error


class _Refusal(asyncio.Protocol):
    """Turns away another server."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        log.warning(
            "%s connection from %s turned away: this server stands alone",
            self._kind,
            show(*peer_address(transport.get_extra_info("peername"))),
        )
        transport.close()
