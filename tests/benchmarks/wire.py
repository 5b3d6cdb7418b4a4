"""Frames and sockets of the load generator: ready-made bytes out, raw bytes in.

A generator that parsed messages would measure itself. So every case sends messages whose delivered form
has one known length, and receivers count bytes. A last message to END_SUBJECT, published when the server has read all
others, arrives behind them, which ends the count exactly, without a timer, and with one thread for each socket.
"""

from __future__ import annotations

import socket
import ssl
import struct

from tests.support.servers import Server, ServerError

END_SUBJECT, END_SID = b"bench.end", b"0"
END = b"MSG bench.end 0 0\r\n\r\n"
PING, PONG = b"PING\r\n", b"PONG\r\n"
CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"bench"}\r\n'
IO_DEADLINE_S = 30
BLOCK_BYTES = 128 * 1024
READ_BYTES = 256 * 1024

Socket = socket.socket  # ssl.SSLSocket is one too


def connect(server: Server, tls: bool = False) -> Socket:
    """A blocking connection that has shaken hands; reads and writes give up after IO_DEADLINE_S."""
    sock = dial(server, tls)
    sock.sendall(CONNECT + PING)
    await_pong(sock)
    return sock


def dial(server: Server, tls: bool = False) -> Socket:
    """A connection on which INFO was read and, with tls, encryption begun; CONNECT is not yet sent."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=IO_DEADLINE_S)
    read_line(sock)
    if tls:
        sock = _client_context().wrap_socket(sock)
    _give_up_after(sock, IO_DEADLINE_S)
    return sock


def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # a throw-away certificate on loopback
    context.verify_mode = ssl.CERT_NONE
    return context


def _give_up_after(sock: Socket, seconds: int) -> None:
    """Kernel timeouts: a Python timeout would cost one poll for every read and write."""
    sock.settimeout(None)
    limit = struct.pack("ll", seconds, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def read_line(sock: Socket) -> bytes:
    """One line and nothing behind it: what follows INFO may be the beginning of TLS."""
    while (end := sock.recv(65536, socket.MSG_PEEK).find(b"\n")) < 0:
        pass
    return receive(sock, end + 1)


def receive(sock: Socket, size: int) -> bytes:
    """What is there, at most size bytes; a closed connection is a ServerError."""
    data = sock.recv(size)
    if not data:
        raise ServerError("the server closed the connection")
    return data


def await_pong(sock: Socket) -> None:
    """Read until PONG; an -ERR on the way fails the case with its text."""
    seen = b""
    while PONG not in seen:
        seen += receive(sock, 65536)
        if b"-ERR" in seen:
            raise ServerError(seen[seen.index(b"-ERR") :].decode(errors="replace").strip())


def publish(subject: bytes, size: int, reply: bytes = b"") -> bytes:
    """PUB <subject> [reply] <size> with a payload of one letter."""
    return publish_payload(subject, b"x" * size, reply)


def publish_payload(subject: bytes, payload: bytes, reply: bytes = b"") -> bytes:
    """PUB <subject> [reply] <size> with this payload."""
    head = b"PUB %b %b %d" if reply else b"PUB %b%b %d"
    return head % (subject, reply, len(payload)) + b"\r\n" + payload + b"\r\n"


def delivered_bytes(subject: bytes, sid: bytes, size: int) -> int:
    """The length of the MSG frame that `publish` becomes."""
    return len(b"MSG %b %b %d\r\n" % (subject, sid, size)) + size + 2


def subscribe(subject: bytes, sid: bytes, queue: bytes = b"") -> bytes:
    """SUB <subject> [queue] <sid>"""
    return (
        b"SUB %b %b %b\r\n" % (subject, queue, sid) if queue else b"SUB %b %b\r\n" % (subject, sid)
    )


def block(frame: bytes) -> tuple[bytes, int]:
    """The frame repeated up to about BLOCK_BYTES, and how many there are."""
    count = max(1, BLOCK_BYTES // len(frame))
    return frame * count, count
