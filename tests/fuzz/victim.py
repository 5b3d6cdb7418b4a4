"""Hold conversations with a server, beside a bystander whose own messages must go on arriving."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fuzz import frames
from tests.fuzz.conversations import Conversation
from tests.support.servers import Server
from tests.support.wait import wait_until

DEADLINE_S = 5
_RESET = struct.pack("ii", 1, 0)


class Bystander:
    """A well-behaved connection: what it publishes on its own subject comes back, and nothing else."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
        self._buffer = b""
        self._number = 0
        self._socket.sendall(b'CONNECT {"verbose":false}\r\nSUB bystander.only 1\r\nPING\r\n')
        self._read_past(b"PONG\r\n")

    def exchange(self) -> None:
        """Publish and receive one message; a PING of the server is answered."""
        self._number += 1
        payload = b"%010d" % self._number
        self._socket.sendall(b"PUB bystander.only 10\r\n%b\r\n" % payload)
        before = self._read_past(b"MSG bystander.only 1 10\r\n%b\r\n" % payload)
        assert before.replace(b"PING\r\n", b"") == b"", f"the bystander was told {before!r}"
        if before:
            self._socket.sendall(b"PONG\r\n")

    def close(self) -> None:
        self._socket.close()

    def _read_past(self, wanted: bytes) -> bytes:
        while wanted not in self._buffer:
            data = self._socket.recv(65536)
            assert data, f"the bystander was closed: {self._buffer!r}"
            self._buffer += data
        before, _, self._buffer = self._buffer.partition(wanted)
        return before


@contextmanager
def bystander(server: Server) -> Iterator[Bystander]:
    """A bystander, closed at the end."""
    one = Bystander(server)
    try:
        yield one
    finally:
        one.close()


def hold(server: Server, conversation: Conversation) -> None:
    """Send every piece; after a half close the server has to end the connection in time, mid-frame or not."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _send(sock, conversation.pieces)
        if conversation.end == "half":
            frames.check(_read_to_end(sock), complete=False)
        elif conversation.end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _send(sock: socket.socket, pieces: tuple[bytes, ...]) -> None:
    try:
        for piece in pieces:
            sock.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused before all was said


def _read_to_end(sock: socket.socket) -> bytes:
    """All that the server says; raises TimeoutError when it neither speaks nor closes."""
    received = b""
    try:
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            received += data
    except (BrokenPipeError, ConnectionResetError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
    return received


def descriptors(server: Server) -> int:
    """Open files of the server."""
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def assert_nothing_left(server: Server, before: int) -> None:
    """Every connection that strangers opened is gone again."""
    wait_until(lambda: descriptors(server) <= before, f"descriptors back at {before}", DEADLINE_S)
