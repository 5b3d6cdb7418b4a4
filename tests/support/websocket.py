"""A small WebSocket client for tests: text and binary messages over asyncio streams (RFC 6455, no extensions)."""

import asyncio
import base64
import json
import os
import struct
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.console import Console

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    """The other side closed; ``code`` is its close code, or the HTTP status when it refused the handshake."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket:
    """One connection; ``receive`` answers pings by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, url: str, headers: dict[str, str] | None = None) -> Self:
        """Raises Closed with the HTTP status when the server does not switch protocols."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
        lines = [
            f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(),
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]  # fmt: skip
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            writer.close()
            raise Closed(status)
        return cls(reader, writer)

    async def send(self, message: str | bytes) -> None:
        raw = message.encode() if isinstance(message, str) else message
        await self._send(TEXT if isinstance(message, str) else BINARY, raw)

    async def receive(self) -> str | bytes:
        """The next message. Raises Closed."""
        parts: list[bytes] = []
        kind = 0
        while True:
            final, opcode, payload = await self._frame()
            if opcode == PING:
                await self._send(PONG, payload)
            elif opcode == CLOSE:
                self._writer.close()
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else 1005)
            elif opcode != PONG:
                kind = kind or opcode
                parts.append(payload)
                if final:
                    whole = b"".join(parts)
                    return whole.decode() if kind == TEXT else whole

    async def close(self) -> None:
        self._writer.close()

    async def _frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 127
            if length >= 126:
                raw = await self._reader.readexactly(2 if length == 126 else 8)
                length = int.from_bytes(raw, "big")
            return bool(first & 128), first & 15, await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(1006) from None

    async def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([128 | opcode])
        if size < 126:
            head += bytes([128 | size])
        else:
            head += (
                bytes([128 | 126]) + struct.pack(">H", size)
                if size < 65536
                else bytes([128 | 127]) + struct.pack(">Q", size)
            )
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
        self._writer.write(head + mask + masked)
        await self._writer.drain()


async def open_socket(console: Console, path: str) -> WebSocket:
    """A socket of the console's, as the page of that session opens it."""
    headers = {"Cookie": console.cookie_header(), "Origin": console.url}
    return await WebSocket.connect(console.url.replace("http", "ws", 1) + path, headers)


async def receive_json(socket: WebSocket) -> dict[str, Any]:
    """The next text message; binary ones before it are dropped."""
    while True:
        message = await socket.receive()
        if isinstance(message, str):
            return dict(json.loads(message))
