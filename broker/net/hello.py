"""A listener whose clients begin with a TLS handshake or wait for INFO: the first byte is looked at and left unread.

Wire     ``handshake_first: auto`` or a duration: so long a ClientHello is waited for, then INFO is sent in clear
Source   nats-server ``server.go`` (createClientEx), ``const.go`` (DEFAULT_TLS_HANDSHAKE_FIRST_FALLBACK_DELAY)
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from broker.net.handshake import log_end

log = logging.getLogger(__name__)

#: First byte of a TLS record that carries a handshake.
HANDSHAKE: Final = b"\x16"
#: Accepted in one turn of the loop.
_BATCH: Final = 100
_OUT_OF_FILES: Final = (errno.EMFILE, errno.ENFILE)
#: How long nothing is accepted when there are no file descriptors left.
_REST_S: Final = 1.0


class HelloListener:
    """``factory`` makes the protocol; True when TLS is there already. ``sock`` listens and is closed with this."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        factory: Callable[[bool], asyncio.BaseProtocol],
        context: ssl.SSLContext,
        wait_s: float,
        handshake_s: float,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._factory = factory
        self._context = context
        self._wait_s = wait_s
        self._handshake_s = handshake_s
        self._choosing: set[asyncio.Task[None]] = set()
        sock.setblocking(False)
        loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Nobody is accepted any more; whoever hasn't begun yet is turned away."""
        self._loop.remove_reader(self._sock)
        self._sock.close()
        for task in self._choosing:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                accepted, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                log.error("Temporary Client Accept Error (%s)", error.strerror)
                self._rest()
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._begin(accepted))
            self._choosing.add(task)
            task.add_done_callback(self._choosing.discard)

    def _rest(self) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.call_later(_REST_S, self._go_on)

    def _go_on(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._accept)

    async def _begin(self, accepted: socket.socket) -> None:
        try:
            secure = await hello_comes(self._loop, accepted, self._wait_s)
            await self._loop.connect_accepted_socket(
                lambda: self._factory(secure),
                accepted,
                ssl=self._context if secure else None,
                ssl_handshake_timeout=self._handshake_s if secure else None,
            )
        except (OSError, ssl.SSLError) as error:
            log_end(error)
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()
            raise


async def hello_comes(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, wait_s: float | None
) -> bool:
    """Whether the peer's first byte, which stays unread, begins a handshake; False when none comes in time."""
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await readable.wait()
            return sock.recv(1, socket.MSG_PEEK) == HANDSHAKE
        return False
    finally:
        loop.remove_reader(sock)
