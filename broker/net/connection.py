"""The socket end of one client. Knows asyncio and nothing about NATS.

All connections read into one buffer: on asyncio, on uvloop and under TLS the loop asks for a buffer, fills it and tells
about it without anything in between, and a client keeps no view of it.
"""

import asyncio
import base64
import logging
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from broker import builds
from broker.core.auth import ConnectionType, Peer
from broker.core.client import Client
from broker.core.outbound import Outbound
from broker.core.server import Server
from broker.net import client_log, sockets
from broker.protocol.errors import Reason

if TYPE_CHECKING:
    from broker.net.trace import WireTrace

log = logging.getLogger(__name__)

#: The log's level of traces.
TRACE: Final = 5
#: Bytes read at once. More means fewer turns, less means that others wait less.
READ_SIZE = 256 * 1024
#: The transport reports itself blocked above this.
_WRITE_HIGH = 1024 * 1024
_WRITE_LOW = 256 * 1024
#: Chunks are handed over unjoined when they are on average at least this large.
_JOIN_BELOW = 8 * 1024
#: What waits for a full socket to take more again, so that the rest can be written without another copy.
_WAITING = 16 * 1024
#: How long a closing connection may take to read its last bytes.
_FINISH_S = 2.0

#: Room before what is read, for the part of a message that an earlier read has brought.
_TAIL_ROOM = 128 * 1024
_memory = memoryview(bytearray(_TAIL_ROOM + READ_SIZE))
_shared = _memory[_TAIL_ROOM:]


def nonce() -> bytes:
    """15 characters; the client signs the text. Source   nats-server ``nkey.go``"""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).rstrip(b"=")


class Connection(asyncio.BufferedProtocol):
    """A ``core.client.Wire`` over an asyncio transport.

    Other listeners derive from it: ``begin`` starts the client once the transport carries NATS, ``read`` and ``write``
    are where bytes may be wrapped.
    """

    __slots__ = (
        "_descriptor", "_finishing", "_holds", "client", "loop", "server", "trace", "transport",
    )  # fmt: skip

    connection_type: ConnectionType = "STANDARD"
    #: False where ``read`` and ``write`` do more than to hand the bytes over.
    reads_plainly = writes_plainly = True

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.client: Client | None = None
        self.transport: asyncio.Transport | None = None
        #: The socket that ``outbound`` is written to without the transport; -1 where that isn't possible.
        self._descriptor = -1
        self.trace: WireTrace | None = None
        #: How often ``hold`` was called without a ``release`` yet.
        self._holds = 0
        self._finishing = False

    # Called by the loop -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(cast(asyncio.Transport, transport))
        self.begin()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _shared

    def buffer_updated(self, nbytes: int) -> None:
        try:
            client = self.client
            if client is not None and client.tail and self.reads_plainly and self.trace is None:
                self._read_on(client, nbytes)
            else:
                self.read(_shared[:nbytes])
        except Exception:
            self._fail()

    def _read_on(self, client: Client, nbytes: int) -> None:
        """What was read completes a message: its beginning goes before it, so that the block isn't copied."""
        tail = client.tail
        size = len(tail)
        if size > _TAIL_ROOM or size + nbytes < client.tail_needs:
            self.read(_shared[:nbytes])
            return
        start = _TAIL_ROOM - size
        _memory[start:_TAIL_ROOM] = tail
        client.tail = b""
        client.tail_needs = 0
        self.read(_memory[start : _TAIL_ROOM + nbytes])

    def eof_received(self) -> bool | None:
        if self.client is not None:
            self.client.close(Reason.CLIENT_CLOSED)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        client = self.client
        if client is not None:
            if exc is None:
                reason = Reason.CLIENT_CLOSED
            else:
                reason = (
                    Reason.WRITE_ERROR if isinstance(exc, BrokenPipeError) else Reason.READ_ERROR
                )
            self.server.close_client(client, reason, flush=False)

    def pause_writing(self) -> None:
        client, transport = self.client, self.transport
        if client is not None and transport is not None:
            client.outbound.blocked = True
            client.outbound.set_in_transport(transport.get_write_buffer_size())
            self.server.blocked(client)

    def resume_writing(self) -> None:
        client = self.client
        if client is not None:
            client.outbound.blocked = False
            client.outbound.set_in_transport(0)
            self.flush()

    # For derived listeners --------------------------------------------------------------------------

    def attach(self, transport: asyncio.Transport) -> None:
        """Use this transport from now on."""
        self.transport = transport
        if (
            builds.speedups is None
            or not self.writes_plainly
            or transport.get_extra_info("ssl_object")
        ):
            self._write_through_transport()
        else:
            self._descriptor = transport.get_extra_info("socket").fileno()
            transport.set_write_buffer_limits(high=0)

    def _write_through_transport(self) -> None:
        self._descriptor = -1
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=_WRITE_HIGH, low=_WRITE_LOW)

    def begin(self, *, greet: bool = True) -> None:
        """The transport carries NATS from here on: there is a client, and it is sent INFO."""
        self.client = self.server.accept(self.peer(), self, greet=greet)
        client_log.created(self.client)
        self.retrace()
        self.server.keeps_connection_limit(self.client)

    def retrace(self) -> None:
        """Begin or end to trace, as the log's level now has it."""
        if client_log.log.isEnabledFor(TRACE) and self.client is not None:
            from broker.net.trace import WireTrace

            options = self.server.options
            self.trace = WireTrace(
                self.client, options.max_traced_msg_len, headers_only=options.trace_headers
            )
            self._write_through_transport()
        else:
            self.trace = None

    def peer(self) -> Peer:
        """Who connected, with a nonce where the server wants one signed."""
        assert self.transport is not None  # attached before it begins
        ip, port = sockets.peer_address(self.transport.get_extra_info("peername"))
        authenticator = self.server.authenticator
        wanted = authenticator is not None and authenticator.nonce_required
        return Peer(ip, port, self.connection_type, nonce() if wanted else b"")

    def read(self, block: memoryview) -> None:
        """Bytes from the transport; the view is valid only during the call."""
        if self.client is not None:
            self.receive(self.client, block)

    def receive(self, client: Client, block: memoryview | bytes) -> None:
        """NATS bytes, unwrapped."""
        if self.trace is None:
            client.receive(block)
            return
        for piece in self.trace.received(bytes(block)):
            client.receive(piece)
            self.server.flush()  # so that what follows from an operation is traced after it
            if client.closed:
                return

    def write_chunks(self, transport: asyncio.Transport, chunks: list[bytes]) -> None:
        if chunks:
            if self.trace is not None:
                self.trace.sent(b"".join(chunks))
            self.write(transport, chunks)

    def write(self, transport: asyncio.Transport, chunks: list[bytes]) -> None:
        """Chunks of NATS bytes for the transport."""
        if len(chunks) == 1:
            transport.write(chunks[0])
            return
        size = sum(map(len, chunks))
        if size >= _JOIN_BELOW * len(chunks):
            transport.writelines(chunks)
        else:
            transport.write(b"".join(chunks))

    # core.client.Wire -------------------------------------------------------------------------------

    def flush(self) -> None:
        client, transport = self.client, self.transport
        if client is None or transport is None or self._finishing:
            return
        outbound = client.outbound
        if outbound.blocked:
            outbound.keep()
            return
        if self._descriptor >= 0:
            self._write_directly(transport, outbound)
        else:
            self.write_chunks(transport, outbound.take())
        if outbound.gate is not None:
            outbound.gate.drained()

    def _write_directly(self, transport: asyncio.Transport, outbound: Outbound) -> None:
        """From the compiled buffer to the socket; when that is full, or gone, the transport says when it goes on."""
        while not (outbound.blocked or transport.is_closing()):
            views = outbound.views()
            if not views:
                return
            with suppress(OSError):  # the transport meets it too, and knows whom to tell
                outbound.consume(os.writev(self._descriptor, views))
            for rest in outbound.take(_WAITING):
                transport.write(rest)

    def finish(self) -> None:
        client, transport = self.client, self.transport
        if transport is None:
            return
        if client is not None and not self._finishing:
            self.write_chunks(transport, client.outbound.take())
        self._finishing = True
        transport.close()
        if transport.get_write_buffer_size():
            self.loop.call_later(_FINISH_S, self.abort)

    def abort(self) -> None:
        self._finishing = True
        if self.transport is not None:
            self.transport.abort()

    def hold(self) -> None:
        self._holds += 1
        if self._holds == 1 and self.transport is not None and not self._finishing:
            self.transport.pause_reading()

    def release(self) -> None:
        self._holds -= 1
        if self._holds == 0 and self.transport is not None and not self._finishing:
            self.transport.resume_reading()

    def _fail(self) -> None:
        """A fault of ours ends this connection, not the server."""
        log.exception("fault while serving %s", self.client)
        if self.client is not None:
            self.server.close_client(self.client, Reason.PROTOCOL_VIOLATION, flush=False)
        self.abort()
